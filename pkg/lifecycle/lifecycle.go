package lifecycle

import (
	"errors"
	"fmt"
	"strings"
)

// Version is the version of the fold. It rises whenever the same observations would give another summary or another
// state; a store that was built by another version is built again from the log.
const Version = 1

// maxStates is how many statuses a lifecycle may have: reachability is kept as one bit a status.
const maxStates = 64

// Family is what a kind is to a user, whatever the provider calls it.
type Family string

// The families.
const (
	Account      Family = "account"
	Payment      Family = "payment"
	Verification Family = "verification"
	Mandate      Family = "mandate"
	Dispute      Family = "dispute"
	Link         Family = "link"
)

// Families lists all families in a fixed order.
func Families() []Family {
	return []Family{Account, Payment, Verification, Mandate, Dispute, Link}
}

// Status is Hookfold's word for where an entity stands, the same for all providers.
type Status string

// The statuses of all families; Statuses says which family has which.
const (
	Unknown       Status = "unknown"
	Pending       Status = "pending"
	Active        Status = "active"
	Blocked       Status = "blocked"
	Closed        Status = "closed"
	Processing    Status = "processing"
	Held          Status = "held"
	Succeeded     Status = "succeeded"
	Failed        Status = "failed"
	Canceled      Status = "canceled"
	Expired       Status = "expired"
	Returned      Status = "returned"
	Verified      Status = "verified"
	Open          Status = "open"
	Accepted      Status = "accepted"
	Rejected      Status = "rejected"
	LoginRequired Status = "login_required"
)

// Statuses are the statuses of a family, beside Unknown; nil for a family that does not exist.
func (f Family) Statuses() []Status {
	switch f {
	case Account:
		return []Status{Pending, Active, Blocked, Closed}
	case Payment:
		return []Status{Pending, Processing, Held, Succeeded, Failed, Canceled, Expired, Returned}
	case Verification:
		return []Status{Pending, Verified, Failed, Expired}
	case Mandate:
		return []Status{Pending, Active, Failed, Canceled}
	case Dispute:
		return []Status{Open, Accepted, Rejected, Canceled}
	case Link:
		return []Status{Active, LoginRequired, Closed}
	default:
		return nil
	}
}

// State is one status of a provider's kind.
type State struct {
	// Word is the provider's own word, as observations claim it.
	Word string
	// Label is what users see as the provider status, where a decoder claims a finer word than the provider has; empty
	// means Word.
	Label string
	// Status is what the word becomes.
	Status Status
	// Final says that the entity is at its end unless one of Next happens; a word that the lifecycle does not know cannot follow.
	Final bool
	// Next are the words that may follow directly. What follows from them may follow too: reachability is transitive.
	Next []string
}

// Definition describes the lifecycle of one kind.
type Definition struct {
	Provider string
	Kind     string
	Family   Family
	// States are listed in the order in which an entity usually goes through them; it decides between statuses that may
	// follow each other both ways where their events have the same time.
	States []State
	// WantsSigned says that a status reached by deliveries without a signature wants the API's word (see Want).
	WantsSigned bool
}

// Lifecycle is a compiled Definition: it joins and reads summaries of its kind. It is immutable and safe for concurrent use.
type Lifecycle struct {
	Definition
	index map[string]int
	reach []uint64 // bit t of reach[s]: status t can be reached from s in one step or more
	rank  []int    // by depth in the lifecycle, then by order of definition; no two statuses share one
}

// New compiles a definition. The error names everything that is wrong with it.
func New(d Definition) (*Lifecycle, error) {
	l := &Lifecycle{Definition: d, index: make(map[string]int, len(d.States))}
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("lifecycle of %s %s: "+format, append([]any{d.Provider, d.Kind}, args...)...))
	}
	if d.Provider == "" || d.Kind == "" || strings.Contains(d.Kind, "/") {
		fail("needs a provider and a kind without a slash")
	}
	known := map[Status]bool{Unknown: true}
	for _, s := range d.Family.Statuses() {
		known[s] = true
	}
	if len(known) == 1 {
		fail("family %q does not exist", d.Family)
	}
	if len(d.States) == 0 || len(d.States) > maxStates {
		fail("has %d statuses, want 1 to %d", len(d.States), maxStates)
		return nil, errors.Join(errs...)
	}
	for i, s := range d.States {
		if s.Word == "" {
			fail("status %d has no word", i)
		}
		if _, twice := l.index[s.Word]; twice {
			fail("status %q is defined twice", s.Word)
		}
		if !known[s.Status] {
			fail("status %q becomes %q, which family %s does not have", s.Word, s.Status, d.Family)
		}
		l.index[s.Word] = i
	}
	l.reach = make([]uint64, len(d.States))
	for i, s := range d.States {
		for _, word := range s.Next {
			j, ok := l.index[word]
			if !ok {
				fail("status %q is followed by %q, which is not defined", s.Word, word)
				continue
			}
			l.reach[i] |= 1 << j
		}
	}
	for k := range l.reach { // transitive closure
		for i := range l.reach {
			if l.reach[i]&(1<<k) != 0 {
				l.reach[i] |= l.reach[k]
			}
		}
	}
	// Supersession must be transitive for pruning to be free of order; with unknown words it is so only if nothing that
	// is not final follows what is final.
	for i, s := range d.States {
		for j, t := range d.States {
			if s.Final && l.reach[i]&(1<<j) != 0 && !t.Final {
				fail("status %q is final but is followed by %q, which is not", s.Word, t.Word)
			}
		}
	}
	l.rank = l.ranks()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return l, nil
}

// ranks orders the statuses by the length of the longest way to each, counting mutually reachable statuses as one, and
// those of equal length by their order of definition. So where two events of one second claim statuses that may follow
// each other both ways, the status that is defined later counts, and not the luck of an id.
func (l *Lifecycle) ranks() []int {
	rank := make([]int, len(l.States))
	for range l.States { // as many rounds as the longest way can have steps
		for i := range rank {
			for j := range rank {
				if l.before(i, j) {
					rank[j] = max(rank[j], rank[i]+1)
				}
			}
		}
	}
	for i := range rank {
		rank[i] = rank[i]*len(rank) + i
	}
	return rank
}

// before says whether j can be reached from i and not back.
func (l *Lifecycle) before(i, j int) bool {
	return l.reach[i]&(1<<j) != 0 && l.reach[j]&(1<<i) == 0
}

// Final says whether a provider's word is final; a word that is not known is not.
func (l *Lifecycle) Final(word string) bool {
	i, ok := l.index[word]
	return ok && l.States[i].Final
}

// Status is what a provider's word becomes; Unknown for a word that the lifecycle does not know.
func (l *Lifecycle) Status(word string) Status {
	if i, ok := l.index[word]; ok {
		return l.States[i].Status
	}
	return Unknown
}

// Label is the provider status that users see for a word.
func (l *Lifecycle) Label(word string) string {
	if i, ok := l.index[word]; ok && l.States[i].Label != "" {
		return l.States[i].Label
	}
	return word
}

// Reachable says whether status "to" may follow status "from", in one step or more, by the rules of the fold: a word
// that is not known may follow any that is not final, and be followed by any.
func (l *Lifecycle) Reachable(from, to string) bool {
	i, known := l.index[from]
	j, ok := l.index[to]
	switch {
	case known && ok:
		return l.reach[i]&(1<<j) != 0
	case known:
		return !l.States[i].Final
	default:
		return true
	}
}

// superseded says whether claimed status s gives way to claimed status t.
func (l *Lifecycle) superseded(s, t string) bool {
	switch {
	case s == t || t == "":
		return false
	case s == "":
		return true // an observation without a status never stands against one that has
	default:
		return l.Reachable(s, t) && !l.Reachable(t, s)
	}
}

func (l *Lifecycle) rankOf(word string) int {
	if i, ok := l.index[word]; ok {
		return l.rank[i]
	}
	return 0
}
