package lifecycle

import (
	"fmt"
	"slices"
	"strings"
)

// Reason is why an observation counts as it does.
type Reason struct {
	Effect Effect
	// Why is one sentence for people.
	Why string
}

// Claimed is what an explanation has to know of an observation: its id, and the provider's word as claimed, empty for none.
type Claimed struct{ ID, Status string }

// Explain says of each observation of an entity why it counts or not, in the order given, and of the whole which rule
// chose the current status. The summary must be that of the observations.
func (l *Lifecycle) Explain(sum Summary, observations []Claimed) (rule string, reasons []Reason) {
	state := l.State(sum)
	classes := l.remaining(sum.claims)
	for _, o := range observations {
		reasons = append(reasons, Reason{state.Effect(o.ID, o.Status), l.why(sum, classes, &state, o)})
	}
	return l.ruleText(&state, classes), reasons
}

func (l *Lifecycle) ruleText(state *EntityState, classes [][]*claim) string {
	switch state.Rule {
	case RuleOnly:
		return fmt.Sprintf("%s is the only claimed status that nothing else claimed can follow", quoted(state.ProviderStatus))
	case RuleLatest:
		return fmt.Sprintf("%s can follow one another, so the latest claim counts", wordsOf(classes[0]))
	case RuleLookup:
		return fmt.Sprintf("%s exclude each other; the latest look-up names %s", sides(classes), quoted(state.ProviderStatus))
	case RuleClaim:
		return fmt.Sprintf("%s exclude each other and no look-up has decided between them; the latest claim stands in", sides(classes))
	default:
		return "no observation claims a status"
	}
}

func (l *Lifecycle) why(sum Summary, classes [][]*claim, state *EntityState, o Claimed) string {
	if o.Status == "" {
		return "claims no status"
	}
	if o.ID == state.Current {
		return "current: " + l.ruleText(state, classes)
	}
	for i := range sum.claims {
		if c := &sum.claims[i]; c.word == o.Status && c.latest.id != o.ID {
			return fmt.Sprintf("%s is claimed by a later observation, %s", quoted(o.Status), c.latest.id)
		}
	}
	for i := range sum.claims {
		if c := &sum.claims[i]; l.superseded(o.Status, c.word) {
			return fmt.Sprintf("superseded: %s can follow from %s, and not the other way (%s)", quoted(c.word), quoted(o.Status), c.latest.id)
		}
	}
	for _, class := range classes {
		if !slices.ContainsFunc(class, func(c *claim) bool { return c.word == o.Status }) {
			continue
		}
		if class[0].latest.id == state.Current {
			return fmt.Sprintf("%s and %s can follow one another, and %s is the later claim", quoted(o.Status), quoted(class[0].word), state.Current)
		}
	}
	return fmt.Sprintf("conflicting: neither of %s and %s can follow from the other", quoted(o.Status), quoted(state.ProviderStatus))
}

func sides(classes [][]*claim) string {
	var out []string
	for _, class := range classes {
		out = append(out, quoted(class[0].word))
	}
	slices.Sort(out)
	return strings.Join(out, " and ")
}

func wordsOf(class []*claim) string {
	var out []string
	for _, c := range class {
		out = append(out, quoted(c.word))
	}
	slices.Sort(out)
	return strings.Join(out, " and ")
}

func quoted(word string) string { return fmt.Sprintf("%q", word) }
