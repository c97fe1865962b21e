package prove_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/lifecycle/lifecycletest"
	"github.com/hookfold/hookfold/worker/prove"
)

var entity = lifecycle.Entity{Connection: "c", Kind: "payment", ID: "1"}

func compiled(t *testing.T) *lifecycle.Lifecycle {
	t.Helper()
	l, err := lifecycle.New(lifecycle.Definition{
		Provider: "test", Kind: "payment", Family: lifecycle.Payment,
		States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"processing"}},
			{Word: "processing", Status: lifecycle.Processing, Next: []string{"confirmed", "rejected"}},
			{Word: "confirmed", Status: lifecycle.Succeeded, Final: true},
			{Word: "rejected", Status: lifecycle.Failed, Final: true},
		},
	})
	require.NoError(t, err)
	return l
}

// The fold as it is stands every way; and ways are really tried: all 120 orders of five, twice each.
func TestNoCounterexample(t *testing.T) {
	l := compiled(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, a := range lifecycletest.Alphabets(l.Definition) {
		n, found := prove.History(l, entity, a.Observations[:min(5, len(a.Observations))], 100, r, prove.Batches)
		require.Nil(t, found, a.Name)
		if len(a.Observations) >= 5 {
			require.Equal(t, 240, n)
		}
		n, found = prove.History(l, entity, a.Observations, 100, r, prove.Batches)
		require.Nil(t, found, a.Name)
		require.GreaterOrEqual(t, n, 48)
	}
}

// lastWins is the commonest bug of the field: what arrives last is true.
func lastWins(l *lifecycle.Lifecycle, e lifecycle.Entity, batches [][]lifecycle.Observation) lifecycle.Digest {
	last := batches[len(batches)-1]
	return lifecycle.DigestOf(e, []byte(last[len(last)-1].Status))
}

// twice counts deliveries instead of observations.
func twice(l *lifecycle.Lifecycle, e lifecycle.Entity, batches [][]lifecycle.Observation) lifecycle.Digest {
	n := 0
	seen := map[string]bool{}
	for _, b := range batches {
		for _, o := range b {
			if seen[o.ID] {
				n++
			}
			seen[o.ID] = true
		}
	}
	if n < 2 {
		n = 0
	}
	return lifecycle.DigestOf(e, fmt.Append(nil, n))
}

func TestCounterexamplesAreFoundAndMinimal(t *testing.T) {
	l := compiled(t)
	at := func(s int) time.Time { return time.Date(2026, 3, 1, 12, 0, s, 0, time.UTC) }
	var history []lifecycle.Observation
	for i, word := range []string{"created", "processing", "processing", "confirmed"} {
		history = append(history, lifecycle.Observation{Entity: entity, ID: fmt.Sprint("evt_", i), Status: word, Occurred: at(i), Recorded: at(9)})
	}
	_, found := prove.History(l, entity, history, 100, rand.New(rand.NewPCG(1, 2)), lastWins)
	require.NotNil(t, found)
	require.Len(t, slices.Concat(found.Batches...), 2, "two observations in the wrong order are enough")
	require.NotEqual(t, found.Want, found.Got)
}

func TestAWayThatCannotDifferIsNoCounterexample(t *testing.T) {
	l := compiled(t)
	one := []lifecycle.Observation{{Entity: entity, ID: "evt", Status: "created", Recorded: time.Unix(1, 0)}}
	_, found := prove.History(l, entity, one, 10, rand.New(rand.NewPCG(1, 2)), lastWins)
	require.Nil(t, found)
	// What counts deliveries is caught by duplication alone.
	_, found = prove.History(l, entity, one, 10, rand.New(rand.NewPCG(7, 2)), twice)
	for seed := uint64(0); found == nil && seed < 50; seed++ {
		_, found = prove.History(l, entity, one, 10, rand.New(rand.NewPCG(seed, 2)), twice)
	}
	require.NotNil(t, found)
}
