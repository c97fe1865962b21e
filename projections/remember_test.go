package projections

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// commitAs commits each group of observations as one batch to a new store, and returns the text of its file but for places in
// the log. Before each group, prepare may look at the store.
func commitAs(t *testing.T, prepare func(*Store), groups ...[]lifecycle.Observation) string {
	t.Helper()
	c := testConfig(t)
	s := open(t, c)
	offset := int64(0)
	for _, g := range groups {
		var facts []Fact
		for _, o := range g {
			facts = append(facts, Fact{Offset: offset, Prev: offset, Observations: []lifecycle.Observation{o}})
			offset++
		}
		if prepare != nil {
			s.turn <- struct{}{}
			prepare(s)
			<-s.turn
		}
		require.NoError(t, s.CommitAll(t.Context(), facts))
	}
	require.NoError(t, s.Close())
	return dump(t, c.Path, DumpOptions{WithoutPositions: true})
}

// What a writer remembers of entities' numbers is a guess: where two entities share a key, each still gets its own row.
func TestEntitiesOfOneKey(t *testing.T) {
	other := func(o lifecycle.Observation) lifecycle.Observation {
		o.Entity.ID += "-other"
		return o
	}
	groups := [][]lifecycle.Observation{
		{transfer("e1", "created", 1)},
		{other(transfer("o1", "created", 2)), transfer("e2", "processing", 3)},
		{transfer("e3", "confirmed", 4), other(transfer("o2", "processing", 5))},
	}
	mistaken := 0
	got := commitAs(t, func(s *Store) {
		first := groups[0][0]
		k := s.w.kinds[kindKey{first.Entity.Connection, first.Entity.Kind, "acme"}]
		if k == nil {
			return // nothing is there yet
		}
		at := func(o lifecycle.Observation) numKey { return s.w.numKey(&item{obs: &o, kind: k}) }
		require.NotZero(t, s.w.nums[at(first)])
		s.w.nums[at(other(first))] = s.w.nums[at(first)]
		mistaken++
	}, groups...)
	require.Equal(t, 2, mistaken)
	require.Equal(t, commitAs(t, nil, groups...), got)
}

// Timeline rows are inserted some at a time, and two ids of one hash are told apart by the row, or by its absence.
func TestIDsOfOneHashInOneBatch(t *testing.T) {
	first, second := "", ""
	for seen, i := make(map[uint32]string), 0; first == ""; i++ {
		id := fmt.Sprintf("evt_%d", i)
		if there, twice := seen[hashOf(id)]; twice {
			first, second = there, id
		}
		seen[hashOf(id)] = id
	}
	var all []lifecycle.Observation
	for i := range rowsAtOnce*2 + 3 {
		all = append(all, transfer(fmt.Sprintf("e%02d", i), "processing", 10+i))
	}
	all = append(all, transfer(first, "created", 1), transfer(second, "confirmed", 100))
	var oneByOne [][]lifecycle.Observation
	for i := range all {
		oneByOne = append(oneByOne, all[i:i+1])
	}
	want := commitAs(t, nil, oneByOne...)
	require.Contains(t, want, first)
	require.Contains(t, want, second)
	require.Equal(t, want, commitAs(t, nil, all))
	require.Equal(t, want, commitAs(t, nil, all, all))
}
