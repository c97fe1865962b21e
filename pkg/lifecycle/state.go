package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// EntityState is what a summary says of an entity.
type EntityState struct {
	// Status is the common status; Unknown where the current word is not known or there is none.
	Status Status
	// ProviderStatus is the provider's own word, empty where no observation claims one.
	ProviderStatus string
	Mode           Mode
	// CreatedAt is when the provider made the entity, or the oldest time of its observations where it does not say.
	CreatedAt time.Time
	// UpdatedAt is the time of the current observation.
	UpdatedAt time.Time
	// Current is the id of the observation that made the status current, empty where none claims a status.
	Current string
	// Conflict says that claims remain of which none can follow from the other; Conflicting are the words that lost,
	// ascending.
	Conflict    bool
	Conflicting []string
	// Rule says which rule chose the current status.
	Rule       Rule
	Attributes Attributes
	Anomalies  []Anomaly
	Wants      []Want
}

// Rule is how a current status was chosen.
type Rule string

// The rules, from the plainest to the last resort.
const (
	RuleNone   Rule = "none"   // no observation claims a status
	RuleOnly   Rule = "only"   // one status is left that nothing supersedes
	RuleLatest Rule = "latest" // statuses that may follow one another: the latest claim
	RuleLookup Rule = "lookup" // a conflict, decided by the latest look-up
	RuleClaim  Rule = "claim"  // a conflict, decided by the latest claim for want of a look-up
)

// Want is a look-up that the fold says is needed.
type Want struct {
	Reason WantReason
	Since  time.Time
}

// WantReason names why a look-up is needed.
type WantReason string

// The reasons for look-ups. WantOverdue is the runner's to see, since the fold has no clock, and so is WantAlways: a new
// observation of a connection that is configured to be asked about each.
const (
	WantConflict      WantReason = "conflict"
	WantThin          WantReason = "thin"
	WantUnknownStatus WantReason = "unknown_status"
	WantUnsigned      WantReason = "unsigned"
	WantOverdue       WantReason = "overdue"
	WantAlways        WantReason = "always"
)

// Effect is what an observation does for the state of its entity.
type Effect string

// The effects.
const (
	EffectCurrent     Effect = "current"
	EffectSuperseded  Effect = "superseded"
	EffectConflicting Effect = "conflicting"
)

// Effect says what the observation with the given id and provider's word does for the state.
func (s *EntityState) Effect(id, word string) Effect {
	switch {
	case id == s.Current && s.Current != "":
		return EffectCurrent
	case slices.Contains(s.Conflicting, word):
		return EffectConflicting
	default:
		return EffectSuperseded
	}
}

// State reads the state from a summary.
func (l *Lifecycle) State(sum Summary) EntityState {
	out := EntityState{Status: Unknown, Rule: RuleNone}
	classes := l.remaining(sum.claims)
	var current []*claim // the class of the current claim, latest first
	if len(classes) > 0 {
		current, out.Rule = l.choose(&sum, classes)
		c := current[0]
		out.Status, out.ProviderStatus = l.Status(c.word), l.Label(c.word)
		out.Current, out.UpdatedAt = c.latest.id, c.latest.at.time()
	}
	if len(classes) > 1 {
		out.Conflict = true
		for _, class := range classes {
			if class[0] != current[0] {
				for _, c := range class {
					out.Conflicting = append(out.Conflicting, c.word)
				}
			}
		}
		slices.Sort(out.Conflicting)
	}
	merged := l.mergeEntries(sum.claims, current)
	out.Attributes, out.Mode = unflatten(&merged)
	out.CreatedAt = createdAt(sum.claims, &out.Attributes)
	if len(current) == 0 && len(sum.claims) > 0 {
		out.UpdatedAt = sum.claims[0].latest.at.time()
	}
	out.Anomalies = l.anomalies(sum.claims, classes)
	out.Wants = l.wants(sum.claims, current, classes, &out)
	return out
}

// remaining returns the claims that nothing supersedes, in classes of mutually reachable statuses. Claims of a class are
// ordered latest first, classes by their latest claim, latest first.
func (l *Lifecycle) remaining(claims []claim) [][]*claim {
	var classes [][]*claim
	for i := range claims {
		c := &claims[i]
		if c.word == "" || slices.ContainsFunc(claims, func(d claim) bool { return l.superseded(c.word, d.word) }) {
			continue
		}
		// An unknown word can tie two classes together that known words alone would keep apart.
		joined := []*claim{c}
		classes = slices.DeleteFunc(classes, func(class []*claim) bool {
			tied := slices.ContainsFunc(class, func(d *claim) bool {
				return l.Reachable(c.word, d.word) && l.Reachable(d.word, c.word)
			})
			if tied {
				joined = append(joined, class...)
			}
			return tied
		})
		classes = append(classes, joined)
	}
	latestFirst := func(a, b *claim) int { return -l.compareClaims(a, b) }
	for _, class := range classes {
		slices.SortFunc(class, latestFirst)
	}
	slices.SortFunc(classes, func(a, b []*claim) int { return latestFirst(a[0], b[0]) })
	return classes
}

// compareClaims orders claims of different words by their latest observation: provider time, rank, id, word.
func (l *Lifecycle) compareClaims(a, b *claim) int {
	return cmp.Or(
		a.latest.at.compare(b.latest.at),
		cmp.Compare(l.rankOf(a.word), l.rankOf(b.word)),
		a.latest.compare(&b.latest),
		strings.Compare(a.word, b.word),
	)
}

func (l *Lifecycle) choose(sum *Summary, classes [][]*claim) ([]*claim, Rule) {
	if len(classes) == 1 {
		if len(classes[0]) == 1 {
			return classes[0], RuleOnly
		}
		return classes[0], RuleLatest
	}
	for _, class := range classes {
		if slices.ContainsFunc(class, func(c *claim) bool { return c.word == sum.lookupWord }) {
			return class, RuleLookup
		}
	}
	return classes[0], RuleClaim
}

// mergeEntries gives of each group the latest writing by the current class, else the latest of all that are left.
func (l *Lifecycle) mergeEntries(claims []claim, current []*claim) [groups]value {
	var out [groups]value
	var best [groups]*entry
	var by [groups]*claim
	later := func(c *claim) {
		for i := range c.entries {
			e := &c.entries[i]
			if b := best[e.group]; b == nil || cmp.Or(
				e.stamp.at.compare(b.stamp.at),
				cmp.Compare(l.rankOf(c.word), l.rankOf(by[e.group].word)),
				e.stamp.compare(&b.stamp),
				strings.Compare(c.word, by[e.group].word),
			) > 0 {
				best[e.group], by[e.group] = e, c
			}
		}
	}
	take := func() {
		for g, e := range best {
			if e != nil && out[g] == nil {
				out[g] = e.value
			}
		}
	}
	for _, c := range current {
		later(c)
	}
	take()
	best, by = [groups]*entry{}, [groups]*claim{}
	for i := range claims {
		later(&claims[i])
	}
	take()
	return out
}

func createdAt(claims []claim, a *Attributes) time.Time {
	if a.Origin != nil && !a.Origin.Created.IsZero() {
		return a.Origin.Created
	}
	var oldest instant
	for i := range claims {
		if i == 0 || claims[i].first.compare(oldest) < 0 {
			oldest = claims[i].first
		}
	}
	if len(claims) == 0 {
		return time.Time{}
	}
	return oldest.time()
}

func (l *Lifecycle) wants(claims []claim, current []*claim, classes [][]*claim, state *EntityState) []Want {
	var out []Want
	if len(current) == 0 {
		// The entity is known by name only, and nobody has asked for more yet.
		if len(claims) > 0 && !claims[0].asked {
			out = append(out, Want{WantThin, claims[0].firstRecorded.time()})
		}
		return out
	}
	c := current[0]
	if len(classes) > 1 && state.Rule != RuleLookup {
		for _, a := range state.Anomalies {
			if a.Reason == AnomalyConflict {
				out = append(out, Want{WantConflict, a.FirstSeen})
			}
		}
	}
	if state.Attributes.Object == nil {
		out = append(out, Want{WantThin, c.firstRecorded.time()})
	}
	if _, known := l.index[c.word]; !known && !c.asked {
		out = append(out, Want{WantUnknownStatus, c.firstRecorded.time()})
	}
	if l.WantsSigned && !c.signed {
		out = append(out, Want{WantUnsigned, c.firstRecorded.time()})
	}
	return out
}
