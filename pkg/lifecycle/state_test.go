package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// said is an observation of the given word, second and amount (negative: it says nothing of money).
func said(word string, second, amount int) lifecycle.Observation {
	o := lifecycle.Observation{
		Entity: lifecycle.Entity{Connection: "c", Kind: "payment", ID: "p1"}, ID: fmt.Sprint(word, second),
		Source: lifecycle.SourceWebhook, Status: word,
		Occurred: start.Add(time.Duration(second) * time.Second), Recorded: start.Add(time.Hour),
	}
	if amount >= 0 {
		o.Attributes.Money = &lifecycle.Money{Amount: lifecycle.Minor(int64(amount))}
		o.Attributes.Object = fmt.Appendf(nil, `{"amount":%d}`, amount)
	}
	return o
}

func state(t *testing.T, observations ...lifecycle.Observation) lifecycle.EntityState {
	t.Helper()
	l := payment(t)
	sum, _ := l.Fold(observations)
	return l.State(sum)
}

func TestAttributes(t *testing.T) {
	for _, c := range []struct {
		name    string
		history []lifecycle.Observation
		want    int64
	}{
		{"the latest writer counts", []lifecycle.Observation{said("held", 5, 2), said("held", 3, 1)}, 2},
		{"whatever came first", []lifecycle.Observation{said("held", 3, 1), said("held", 5, 2)}, 2},
		{"a thin event takes nothing away", []lifecycle.Observation{said("created", 1, 1), said("confirmed", 2, -1)}, 1},
		{"a stale event does not write over a later status", []lifecycle.Observation{said("confirmed", 2, 2), said("processing", 9, 1)}, 2},
		{"nor where the current status itself is thin", []lifecycle.Observation{said("created", 9, 1), said("processing", 5, 2), said("confirmed", 6, -1)}, 2},
		{"in a circle it goes by time, not by status", []lifecycle.Observation{said("held", 5, 2), said("queued", 6, -1), said("queued", 4, 1)}, 2},
		{"in a conflict the side that stands speaks", []lifecycle.Observation{said("confirmed", 9, 2), said("rejected", 3, 1)}, 2},
		{"observations without a status fill in what nobody else says", []lifecycle.Observation{said("", 9, 1), said("created", 1, -1)}, 1},
		{"but never write over one that has a status", []lifecycle.Observation{said("", 9, 1), said("created", 1, 2)}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := state(t, c.history...)
			require.Equal(t, c.want, *s.Attributes.Money.Amount)
			require.JSONEq(t, fmt.Sprintf(`{"amount":%d}`, c.want), string(s.Attributes.Object))
		})
	}
}

func TestAllAttributesSurviveTheSummary(t *testing.T) {
	o := said("created", 1, 1)
	o.Mode = lifecycle.ModeLive
	o.Attributes = lifecycle.Attributes{
		Origin:       &lifecycle.Origin{Created: start.Add(123 * time.Nanosecond)},
		Profile:      &lifecycle.Profile{Name: "n", Currency: "EUR", Identifier: "i"},
		Balance:      &lifecycle.Balance{Available: lifecycle.Minor(-1), Total: nil},
		Money:        &lifecycle.Money{Direction: lifecycle.In, Amount: lifecycle.Minor(0), Currency: "CLP"},
		Relation:     &lifecycle.Relation{AccountID: "a", ParentID: "p"},
		Reference:    &lifecycle.Reference{Text: "r"},
		Counterparty: &lifecycle.Counterparty{Name: "c"},
		Failure:      &lifecycle.Failure{Code: "f", Reason: ""},
		Subject:      &lifecycle.Subject{Text: "s"},
		Object:       []byte(`{}`),
	}
	l := payment(t)
	sum, err := lifecycle.DecodeSummary(l.Observe(&o).AppendBinary(nil))
	require.NoError(t, err)
	s := l.State(sum)
	require.Equal(t, o.Attributes, s.Attributes)
	require.Equal(t, lifecycle.ModeLive, s.Mode)
	require.Equal(t, o.Attributes.Origin.Created, s.CreatedAt)
	require.Equal(t, o.Occurred, s.UpdatedAt)
}

func TestWithinTheSecond(t *testing.T) {
	early, late := said("held", 1, 1), said("queued", 1, 2)
	early.ID, late.ID = "b", "a" // the id would decide otherwise
	late.Occurred = late.Occurred.Add(time.Nanosecond)
	require.Equal(t, "a", state(t, late, early).Current)
}

func TestDedupe(t *testing.T) {
	delivered := func(recorded int, body byte) lifecycle.Observation {
		return lifecycle.Observation{ID: "e", Recorded: start.Add(time.Duration(recorded) * time.Second), Fingerprint: lifecycle.Fingerprint{body}}
	}
	for _, c := range []struct {
		name       string
		deliveries []lifecycle.Observation
		counts     lifecycle.Observation
		differing  int // the second at which a differing body was first seen, -1 for none
	}{
		{"the earliest recorded counts", []lifecycle.Observation{delivered(5, 1), delivered(3, 1), delivered(9, 1)}, delivered(3, 1), -1},
		{"also where its body differs", []lifecycle.Observation{delivered(5, 1), delivered(3, 2), delivered(9, 1)}, delivered(3, 2), 5},
		{"of one instant, the smaller fingerprint", []lifecycle.Observation{delivered(3, 2), delivered(3, 1)}, delivered(3, 1), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			permute(c.deliveries, len(c.deliveries), func(order []lifecycle.Observation) {
				kept, differing := lifecycle.Dedupe(order)
				require.Equal(t, []lifecycle.Observation{c.counts}, kept)
				if c.differing < 0 {
					require.Empty(t, differing)
					return
				}
				require.Equal(t, []lifecycle.Differing{{ID: "e", FirstSeen: start.Add(time.Duration(c.differing) * time.Second)}}, differing)
			})
		})
	}
}

func TestEffects(t *testing.T) {
	s := state(t, said("created", 1, 1), said("confirmed", 2, 1), said("confirmed", 3, 1), said("rejected", 9, 1))
	require.True(t, s.Conflict)
	require.Equal(t, []string{"confirmed"}, s.Conflicting)
	require.Equal(t, lifecycle.EffectCurrent, s.Effect("rejected9", "rejected"))
	require.Equal(t, lifecycle.EffectConflicting, s.Effect("confirmed3", "confirmed"))
	require.Equal(t, lifecycle.EffectSuperseded, s.Effect("created1", "created"))
	s = state(t, said("created", 1, 1), said("confirmed", 2, 1), said("confirmed", 3, 1))
	require.False(t, s.Conflict)
	require.Equal(t, lifecycle.EffectCurrent, s.Effect("confirmed3", "confirmed"))
	require.Equal(t, lifecycle.EffectSuperseded, s.Effect("confirmed2", "confirmed"))
}

func TestWants(t *testing.T) {
	reasons := func(o ...lifecycle.Observation) (out []lifecycle.WantReason) {
		for _, w := range state(t, o...).Wants {
			out = append(out, w.Reason)
		}
		return out
	}
	unsigned := said("confirmed", 2, 1)
	unsigned.Unsigned = true
	asked := said("confirmed", 3, 1)
	asked.Source = lifecycle.SourceLookup
	notFound := said("", 3, -1)
	notFound.Source = lifecycle.SourceLookup

	require.Empty(t, reasons(said("confirmed", 2, 1)))
	require.Equal(t, []lifecycle.WantReason{lifecycle.WantThin}, reasons(said("confirmed", 2, -1)))
	require.Equal(t, []lifecycle.WantReason{lifecycle.WantUnsigned}, reasons(unsigned))
	require.Empty(t, reasons(unsigned, asked))
	require.Equal(t, []lifecycle.WantReason{lifecycle.WantUnsigned}, reasons(unsigned, notFound), "a 404 confirms nothing")
	require.Equal(t, []lifecycle.WantReason{lifecycle.WantUnknownStatus}, reasons(said("melting", 2, 1)))
	require.Equal(t, []lifecycle.WantReason{lifecycle.WantThin}, reasons(said("", 1, 1)), "known by name only")
	require.Empty(t, reasons(said("", 1, 1), notFound), "asked, and not found")
	require.Empty(t, reasons(notFound), "nobody has claimed anything that could be asked after")
}

func TestDefinitionsThatAreRefused(t *testing.T) {
	for name, d := range map[string]lifecycle.Definition{
		"has no statuses":          {Provider: "p", Kind: "k", Family: lifecycle.Payment},
		"family \"\" does not":     {Provider: "p", Kind: "k", States: []lifecycle.State{{Word: "a", Status: lifecycle.Pending}}},
		"which family payment":     {Provider: "p", Kind: "k", Family: lifecycle.Payment, States: []lifecycle.State{{Word: "a", Status: lifecycle.Verified}}},
		"is defined twice":         {Provider: "p", Kind: "k", Family: lifecycle.Payment, States: []lifecycle.State{{Word: "a", Status: lifecycle.Pending}, {Word: "a", Status: lifecycle.Pending}}},
		"which is not defined":     {Provider: "p", Kind: "k", Family: lifecycle.Payment, States: []lifecycle.State{{Word: "a", Status: lifecycle.Pending, Next: []string{"b"}}}},
		"final but is followed by": {Provider: "p", Kind: "k", Family: lifecycle.Payment, States: []lifecycle.State{{Word: "a", Status: lifecycle.Failed, Final: true, Next: []string{"b"}}, {Word: "b", Status: lifecycle.Pending}}},
		"kind without a slash":     {Provider: "p", Kind: "k/l", Family: lifecycle.Payment, States: []lifecycle.State{{Word: "a", Status: lifecycle.Pending}}},
	} {
		_, err := lifecycle.New(d)
		if name == "has no statuses" {
			require.ErrorContains(t, err, "has 0 statuses")
			continue
		}
		require.ErrorContains(t, err, name)
	}
}
