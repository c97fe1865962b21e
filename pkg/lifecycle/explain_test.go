package lifecycle_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name    string
		history []lifecycle.Observation
		rule    string
		why     []string
	}{
		{
			"a line", []lifecycle.Observation{said("created", 1, 1), said("confirmed", 3, 1), said("confirmed", 2, 1), said("processing", 9, 1)},
			`"confirmed" is the only claimed status that nothing else claimed can follow`,
			[]string{
				`superseded: "confirmed" can follow from "created", and not the other way (confirmed3)`,
				`current: "confirmed" is the only claimed status that nothing else claimed can follow`,
				`"confirmed" is claimed by a later observation, confirmed3`,
				`superseded: "confirmed" can follow from "processing", and not the other way (confirmed3)`,
			},
		}, {
			"a circle", []lifecycle.Observation{said("held", 2, 1), said("queued", 1, 1), said("", 5, 1)},
			`"held" and "queued" can follow one another, so the latest claim counts`,
			[]string{
				`current: "held" and "queued" can follow one another, so the latest claim counts`,
				`"queued" and "held" can follow one another, and held2 is the later claim`,
				"claims no status",
			},
		}, {
			"a conflict", []lifecycle.Observation{said("confirmed", 2, 1), said("rejected", 3, 1)},
			`"confirmed" and "rejected" exclude each other and no look-up has decided between them; the latest claim stands in`,
			[]string{
				`conflicting: neither of "confirmed" and "rejected" can follow from the other`,
				`current: "confirmed" and "rejected" exclude each other and no look-up has decided between them; the latest claim stands in`,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule, reasons := explain(payment(t), c.history)
			require.Equal(t, c.rule, rule)
			for i, r := range reasons {
				require.Equal(t, c.why[i], r.Why)
			}
		})
	}
}

func explain(l *lifecycle.Lifecycle, history []lifecycle.Observation) (string, []lifecycle.Reason) {
	sum, _ := l.Fold(history)
	var claimed []lifecycle.Claimed
	for _, o := range history {
		claimed = append(claimed, lifecycle.Claimed{ID: o.ID, Status: o.Status})
	}
	return l.Explain(sum, claimed)
}

// Every observation is explained, and the sentence agrees with the effect.
func TestExplainAgreesWithTheState(t *testing.T) {
	l := payment(t)
	rapid.Check(t, func(t *rapid.T) {
		kept, _ := lifecycle.Dedupe(history(t, 10))
		_, reasons := explain(l, kept)
		for i, r := range reasons {
			begins := map[lifecycle.Effect]string{lifecycle.EffectCurrent: "current: ", lifecycle.EffectConflicting: ""}[r.Effect]
			if r.Why == "" || len(r.Why) < len(begins) || r.Why[:len(begins)] != begins {
				t.Fatalf("%v: %s is explained by %q", kept[i], r.Effect, r.Why)
			}
			if r.Effect != lifecycle.EffectCurrent && len(r.Why) > 8 && r.Why[:8] == "current:" {
				t.Fatalf("%v: %s is explained by %q", kept[i], r.Effect, r.Why)
			}
		}
	})
}
