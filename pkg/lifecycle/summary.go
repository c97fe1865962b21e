package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Summary is what is remembered of a set of observations of one entity. The zero value is the summary of the empty set.
// Summaries are values: Join and Observe never change their arguments.
//
// Its size is bounded by the number of distinct statuses claimed, times the number of attribute groups.
type Summary struct {
	claims []claim // by word, ascending; each word once
	// lookup is the latest look-up that named a status; its word is empty where there is none.
	lookup     stamp
	lookupWord string
}

// instant is a point in time that orders and encodes exactly over the whole range of time.Time.
type instant struct {
	sec  int64
	nsec int32
}

func instantOf(t time.Time) instant { return instant{t.Unix(), int32(t.Nanosecond())} }

func (i instant) time() time.Time { return time.Unix(i.sec, int64(i.nsec)).UTC() }

func (i instant) compare(j instant) int {
	return cmp.Or(cmp.Compare(i.sec, j.sec), cmp.Compare(i.nsec, j.nsec))
}

// stamp orders the observations that claim one status.
type stamp struct {
	at          instant
	id          string
	fingerprint Fingerprint
}

func (s *stamp) compare(t *stamp) int {
	return cmp.Or(s.at.compare(t.at), strings.Compare(s.id, t.id), slices.Compare(s.fingerprint[:], t.fingerprint[:]))
}

// claim is what is known of one claimed status; word is empty for observations that claim none.
type claim struct {
	word   string
	latest stamp
	// first is the oldest time of the claim. firstHook and lastHook bound the provider's own times of its webhooks, both
	// zero where there is none: the answer to a look-up is dated by when it was asked, not by when it became true.
	first               instant
	firstHook, lastHook instant
	firstRecorded       instant
	signed              bool // by at least one delivery that was signed, or by a look-up
	asked               bool // by at least one look-up
	// entries are by group, ascending, each group once. They are shared between summaries and never changed in place.
	entries []entry
}

// entry is the latest writing of a group by the observations of one claim.
type entry struct {
	group group
	stamp stamp
	value value
}

// entry returns the claim's writing of a group, nil where there is none.
func (c *claim) entry(g group) *entry {
	for i := range c.entries {
		if c.entries[i].group == g {
			return &c.entries[i]
		}
	}
	return nil
}

// Observe is the summary of a single observation.
func (l *Lifecycle) Observe(o *Observation) Summary {
	c := claimOf(o, make([]entry, 0, groups), make([]string, 0, allFields))
	sum := Summary{claims: []claim{c}}
	if o.claimsByLookup() {
		sum.lookup, sum.lookupWord = c.latest, c.word
	}
	return sum
}

// Scratch is memory that AppendObserved uses; its zero value is ready. It is for one goroutine at a time.
type Scratch struct {
	entries [groups]entry
	fields  [allFields]string
}

// AppendObserved appends the encoding of Observe's summary, without making the summary.
func (l *Lifecycle) AppendObserved(b []byte, o *Observation, s *Scratch) []byte {
	c := claimOf(o, s.entries[:0], s.fields[:0])
	word := ""
	if o.claimsByLookup() {
		word = c.word
	}
	return appendClaim(appendHead(b, word, &c.latest, 1), &c)
}

func (o *Observation) claimsByLookup() bool { return o.Source == SourceLookup && o.Status != "" }

// claimOf is what one observation claims. What it writes is put into entries and fields, which are empty and large enough.
func claimOf(o *Observation, entries []entry, fields []string) claim {
	s := stamp{instantOf(o.Time()), o.ID, o.Fingerprint}
	c := claim{
		word: o.Status, latest: s, first: s.at, firstRecorded: instantOf(o.Recorded),
		signed: !o.Unsigned, asked: o.Source == SourceLookup,
	}
	if o.Source != SourceLookup && !o.Occurred.IsZero() {
		c.firstHook, c.lastHook = s.at, s.at
	}
	c.entries = o.flatten(&c.latest, entries, fields)
	return c
}

// Join is the summary of the union of the sets that a and b are summaries of. It is commutative, associative and
// idempotent, and costs O(1) in the number of observations.
func (l *Lifecycle) Join(a, b Summary) Summary {
	if len(a.claims) == 0 {
		return b
	}
	if len(b.claims) == 0 {
		return a
	}
	out := Summary{claims: make([]claim, 0, len(a.claims)+len(b.claims))}
	i, j := 0, 0
	for i < len(a.claims) && j < len(b.claims) {
		switch c, d := &a.claims[i], &b.claims[j]; {
		case c.word < d.word:
			out.claims = append(out.claims, *c)
			i++
		case c.word > d.word:
			out.claims = append(out.claims, *d)
			j++
		default:
			out.claims = append(out.claims, joinClaims(c, d))
			i++
			j++
		}
	}
	out.claims = append(out.claims, a.claims[i:]...)
	out.claims = append(out.claims, b.claims[j:]...)
	out.lookup, out.lookupWord = l.laterLookup(a, b)
	l.prune(out.claims)
	return out
}

// laterLookup is the latest look-up of two summaries that named a status.
func (l *Lifecycle) laterLookup(a, b Summary) (stamp, string) {
	if a.lookupWord == "" || b.lookupWord != "" && l.compareLookups(&a, &b) < 0 {
		return b.lookup, b.lookupWord
	}
	return a.lookup, a.lookupWord
}

func joinClaims(c, d *claim) claim {
	out := *c
	if c.latest.compare(&d.latest) < 0 {
		out.latest = d.latest
	}
	if d.first.compare(c.first) < 0 {
		out.first = d.first
	}
	switch {
	case c.firstHook == instant{}:
		out.firstHook, out.lastHook = d.firstHook, d.lastHook
	case d.firstHook != instant{}:
		if d.firstHook.compare(c.firstHook) < 0 {
			out.firstHook = d.firstHook
		}
		if d.lastHook.compare(c.lastHook) > 0 {
			out.lastHook = d.lastHook
		}
	}
	if d.firstRecorded.compare(c.firstRecorded) < 0 {
		out.firstRecorded = d.firstRecorded
	}
	out.signed = c.signed || d.signed
	out.asked = c.asked || d.asked
	out.entries = joinEntries(c.entries, d.entries)
	return out
}

func joinEntries(c, d []entry) []entry {
	if len(c) == 0 {
		return d
	}
	if len(d) == 0 {
		return c
	}
	out := make([]entry, 0, max(len(c), len(d)))
	for len(c) > 0 && len(d) > 0 {
		switch {
		case c[0].group < d[0].group:
			out, c = append(out, c[0]), c[1:]
		case c[0].group > d[0].group:
			out, d = append(out, d[0]), d[1:]
		case c[0].stamp.compare(&d[0].stamp) < 0:
			out, c, d = append(out, d[0]), c[1:], d[1:]
		default:
			out, c, d = append(out, c[0]), c[1:], d[1:]
		}
	}
	return append(append(out, c...), d...)
}

func (l *Lifecycle) compareLookups(a, b *Summary) int {
	return cmp.Or(
		a.lookup.at.compare(b.lookup.at),
		cmp.Compare(l.rankOf(a.lookupWord), l.rankOf(b.lookupWord)),
		a.lookup.compare(&b.lookup),
		strings.Compare(a.lookupWord, b.lookupWord),
	)
}

// prune forgets what can never count again: the writing of a group by a status that another writer of the group
// supersedes. Since claims are never taken back and supersession is transitive, what is forgotten here is forgotten in
// every union, so pruning does not depend on when it is done.
func (l *Lifecycle) prune(claims []claim) {
	for i := range claims {
		for j := range claims {
			if len(claims[i].entries) == 0 || i == j || !l.superseded(claims[i].word, claims[j].word) {
				continue
			}
			written := func(e entry) bool { return claims[j].entry(e.group) != nil }
			if slices.ContainsFunc(claims[i].entries, written) {
				claims[i].entries = slices.DeleteFunc(slices.Clone(claims[i].entries), written)
			}
		}
	}
}

// Fold is the summary of a set of observations of one entity, given in any order and with any repetitions, and the ids
// under which bodies differed.
func (l *Lifecycle) Fold(observations []Observation) (Summary, []Differing) {
	kept, differing := Dedupe(observations)
	var sum Summary
	for i := range kept {
		sum = l.Join(sum, l.Observe(&kept[i]))
	}
	return sum, differing
}

// Differing is an id under which deliveries with differing bodies came.
type Differing struct {
	ID string
	// FirstSeen is when the first delivery was recorded whose body differs from the one that counts.
	FirstSeen time.Time
}

// Dedupe returns of each observation id the delivery that counts, ordered by id, and the ids whose bodies differ.
func Dedupe(observations []Observation) ([]Observation, []Differing) {
	kept := slices.Clone(observations)
	slices.SortStableFunc(kept, func(a, b Observation) int {
		switch {
		case a.ID != b.ID:
			return strings.Compare(a.ID, b.ID)
		case a.Supersedes(&b):
			return -1
		case b.Supersedes(&a):
			return 1
		default:
			return 0
		}
	})
	var out []Observation
	var differing []Differing
	for _, o := range kept {
		n := len(out)
		switch {
		case n == 0 || out[n-1].ID != o.ID:
			out = append(out, o)
		case out[n-1].Fingerprint != o.Fingerprint && (len(differing) == 0 || differing[len(differing)-1].ID != o.ID):
			differing = append(differing, Differing{o.ID, o.Recorded})
		}
	}
	return out, differing
}
