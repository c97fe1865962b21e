package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Anomaly is something in an entity's observations that should not be.
type Anomaly struct {
	Reason AnomalyReason
	// Detail is the evidence: statuses and observation ids, nothing personal.
	Detail string
	// FirstSeen is when all the statuses that it names were known.
	FirstSeen time.Time
}

// AnomalyReason names a kind of anomaly.
type AnomalyReason string

// The kinds of anomalies.
const (
	// AnomalyConflict: claims remain of which none can follow from the other (confirmed and rejected).
	AnomalyConflict AnomalyReason = "conflict"
	// AnomalyUnknownStatus: a word that the lifecycle does not know.
	AnomalyUnknownStatus AnomalyReason = "unknown_status"
	// AnomalyImpossible: by the provider's own times the entity went back to a status that cannot follow.
	AnomalyImpossible AnomalyReason = "impossible_transition"
	// AnomalyClock: by the provider's own times a later status came before the earlier one ever did.
	AnomalyClock AnomalyReason = "clock_backwards"
	// AnomalyDiffering: deliveries under one id have differing bodies. It is seen where deliveries are deduplicated, not in
	// a summary; see Dedupe.
	AnomalyDiffering AnomalyReason = "differing_bodies"
)

// anomalies reads from the claims, and from the classes of those that remain, what should not be. Sorted by reason and detail.
func (l *Lifecycle) anomalies(claims []claim, classes [][]*claim) []Anomaly {
	var out []Anomaly
	if len(classes) > 1 {
		out = append(out, conflict(classes))
	}
	for i := range claims {
		c := &claims[i]
		if _, known := l.index[c.word]; !known && c.word != "" {
			out = append(out, Anomaly{AnomalyUnknownStatus, fmt.Sprintf("%q", c.word), c.firstRecorded.time()})
		}
		for j := range claims {
			if a, ok := l.backwards(c, &claims[j]); ok {
				out = append(out, a)
			}
		}
	}
	slices.SortFunc(out, func(a, b Anomaly) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Detail, b.Detail))
	})
	return out
}

// conflict is there from the moment at which a second class was known.
func conflict(classes [][]*claim) Anomaly {
	var words []string
	var seen []instant
	for _, class := range classes {
		first := class[0].firstRecorded
		for _, c := range class {
			words = append(words, c.word)
			if c.firstRecorded.compare(first) < 0 {
				first = c.firstRecorded
			}
		}
		seen = append(seen, first)
	}
	slices.Sort(words)
	slices.SortFunc(seen, instant.compare)
	return Anomaly{AnomalyConflict, strings.Join(words, " and "), seen[1].time()}
}

// backwards says whether the provider dated status s after status t although t follows from s and not s from t. Equal
// times say nothing: providers' clocks have steps of a second. Answers to look-ups do not count: APIs lag.
func (l *Lifecycle) backwards(s, t *claim) (Anomaly, bool) {
	none := instant{}
	if s.word == "" || t.word == "" || s.lastHook == none || t.lastHook == none || s.lastHook.compare(t.lastHook) <= 0 ||
		!l.superseded(s.word, t.word) {
		return Anomaly{}, false
	}
	seen := s.firstRecorded
	if seen.compare(t.firstRecorded) < 0 {
		seen = t.firstRecorded
	}
	if s.firstHook.compare(t.lastHook) > 0 {
		return Anomaly{AnomalyClock, fmt.Sprintf("%q dated before %q", t.word, s.word), seen.time()}, true
	}
	return Anomaly{AnomalyImpossible, fmt.Sprintf("%q after %q", s.word, t.word), seen.time()}, true
}
