// Package prove looks for an order, a duplication or a batching of recorded histories that would have given another
// state. It takes the histories from the user's own log, folds each in many ways, and holds the results against each
// other and against the live store.
//
// There should never be a counterexample: that a fold is free of order is how it is built. Prove is for those who would
// rather see it on their own data than believe it, and for those who add a lifecycle of their own.
package prove

import (
	"math/rand/v2"
	"slices"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// exhaustive is the largest history of which every order is tried; 720 for six.
const exhaustive = 6

// A Fold gives the digest of a history that arrives in the given batches. Production code uses Batches.
type Fold func(l *lifecycle.Lifecycle, e lifecycle.Entity, batches [][]lifecycle.Observation) lifecycle.Digest

// Batches folds as a worker does: each batch is deduplicated and joined to what is stored, and what is stored is encoded
// and decoded in between. Deliveries of an observation in different batches count as the first of them was recorded,
// as the store sees to it.
func Batches(l *lifecycle.Lifecycle, e lifecycle.Entity, batches [][]lifecycle.Observation) lifecycle.Digest {
	var all []lifecycle.Observation
	for _, b := range batches {
		all = append(all, b...)
	}
	kept, _ := lifecycle.Dedupe(all)
	counts := make(map[string]*lifecycle.Observation, len(kept))
	for i := range kept {
		counts[kept[i].ID] = &kept[i]
	}
	var encoded []byte
	for _, b := range batches {
		var sum lifecycle.Summary
		if encoded != nil {
			var err error
			if sum, err = lifecycle.DecodeSummary(encoded); err != nil {
				return lifecycle.Digest{} // differs from every digest of a summary: a counterexample
			}
		}
		for i := range b {
			sum = l.Join(sum, l.Observe(counts[b[i].ID]))
		}
		encoded = sum.AppendBinary(nil)
	}
	return lifecycle.DigestOf(e, encoded)
}

// Counterexample is a history that gives another result in another way.
type Counterexample struct {
	// Batches is the shortest way that was found.
	Batches [][]lifecycle.Observation
	Got     lifecycle.Digest
	Want    lifecycle.Digest
}

// History tries the orders, duplications and batchings of one entity's observations against the plain fold: every order of
// up to six, else samples of them, each with duplications and batches drawn by r. It returns how many ways were tried, and
// the shortest counterexample, nil if there is none.
func History(l *lifecycle.Lifecycle, e lifecycle.Entity, history []lifecycle.Observation, samples int, r *rand.Rand, fold Fold) (int, *Counterexample) {
	want := func(h []lifecycle.Observation) lifecycle.Digest { return fold(l, e, [][]lifecycle.Observation{h}) }
	tried := 0
	var found *Counterexample
	try := func(order []lifecycle.Observation) bool {
		for _, batches := range [][][]lifecycle.Observation{single(order), batched(duplicated(order, r), r)} {
			tried++
			if got := fold(l, e, batches); got != want(history) {
				found = &Counterexample{Batches: batches}
				return false
			}
		}
		return true
	}
	if len(history) <= exhaustive {
		permute(slices.Clone(history), len(history), try)
	} else {
		order := slices.Clone(history)
		slices.Reverse(order)
		for i := 0; i < samples && try(order); i++ {
			r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
	}
	if found != nil {
		shrink(found, func(b [][]lifecycle.Observation) bool {
			return fold(l, e, b) != want(sorted(b))
		})
		found.Got, found.Want = fold(l, e, found.Batches), want(sorted(found.Batches))
	}
	return tried, found
}

// single has each observation in a batch of its own.
func single(order []lifecycle.Observation) [][]lifecycle.Observation {
	out := make([][]lifecycle.Observation, len(order))
	for i := range order {
		out[i] = []lifecycle.Observation{order[i]}
	}
	return out
}

// duplicated repeats up to two observations, anywhere after they came first.
func duplicated(order []lifecycle.Observation, r *rand.Rand) []lifecycle.Observation {
	out := slices.Clone(order)
	for range r.IntN(3) {
		i := r.IntN(len(out))
		at := i + 1 + r.IntN(len(out)-i)
		out = slices.Insert(out, at, out[i])
	}
	return out
}

// batched cuts an order into batches of random sizes.
func batched(order []lifecycle.Observation, r *rand.Rand) [][]lifecycle.Observation {
	var out [][]lifecycle.Observation
	for len(order) > 0 {
		n := 1 + r.IntN(len(order))
		out = append(out, order[:n])
		order = order[n:]
	}
	return out
}

// sorted are the observations of batches, each delivery once, in the order of their times.
func sorted(batches [][]lifecycle.Observation) []lifecycle.Observation {
	var out []lifecycle.Observation
	for _, b := range batches {
		out = append(out, b...)
	}
	slices.SortFunc(out, func(a, b lifecycle.Observation) int {
		if c := a.Time().Compare(b.Time()); c != 0 {
			return c
		}
		if a.ID != b.ID {
			if a.ID < b.ID {
				return -1
			}
			return 1
		}
		if a.Supersedes(&b) {
			return -1
		}
		return 1
	})
	return out
}

// shrink takes observations out of a counterexample for as long as it stays one, so that what is left is minimal: no
// single observation can be taken out any more.
func shrink(c *Counterexample, fails func([][]lifecycle.Observation) bool) {
	for again := true; again; {
		again = false
		for i := range c.Batches {
			for j := range c.Batches[i] {
				smaller := without(c.Batches, i, j)
				if len(smaller) > 0 && fails(smaller) {
					c.Batches, again = smaller, true
					break
				}
			}
			if again {
				break
			}
		}
	}
}

func without(batches [][]lifecycle.Observation, i, j int) [][]lifecycle.Observation {
	var out [][]lifecycle.Observation
	for k, b := range batches {
		if k == i {
			b = slices.Delete(slices.Clone(b), j, j+1)
		}
		if len(b) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// permute calls do with every order of the first n, in place, until it says no.
func permute(order []lifecycle.Observation, n int, do func([]lifecycle.Observation) bool) bool {
	if n <= 1 {
		return do(order)
	}
	for i := range n {
		if !permute(order, n-1, do) {
			return false
		}
		if k := (1 - n%2) * i; n > 1 {
			order[k], order[n-1] = order[n-1], order[k]
		}
	}
	return true
}
