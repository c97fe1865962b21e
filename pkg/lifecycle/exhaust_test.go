package lifecycle_test

import (
	"bytes"
	"testing"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/lifecycle/lifecycletest"
)

func TestEverySetInEveryOrder(t *testing.T) {
	for _, l := range []*lifecycle.Lifecycle{payment(t), account(t)} {
		t.Run(l.Kind+" "+string(l.Family), func(t *testing.T) { lifecycletest.Exhaust(t, l.Definition) })
	}
}

// TestEveryPermutation does by brute force, for sets of up to six, what TestEverySetInEveryOrder concludes by induction:
// every order, and in every order every single and double duplication of the delivery that comes first.
func TestEveryPermutation(t *testing.T) {
	l := payment(t)
	for _, a := range lifecycletest.Alphabets(l.Definition) {
		all := a.Observations
		for from := 0; from+6 <= len(all); from += 3 {
			set := all[from : from+6]
			want := encode(l, set)
			permute(set, len(set), func(order []lifecycle.Observation) {
				var joined lifecycle.Summary
				for i := range order {
					joined = l.Join(joined, l.Observe(&order[i]))
				}
				for range 2 {
					joined = l.Join(joined, l.Observe(&order[0]))
					if !bytes.Equal(want, joined.AppendBinary(nil)) {
						t.Fatalf("%s: another summary in the order %v", a.Name, order)
					}
				}
			})
		}
	}
}

// permute calls do with every order of the first n of set, in place (Heap's algorithm).
func permute(set []lifecycle.Observation, n int, do func([]lifecycle.Observation)) {
	if n == 1 {
		do(set)
		return
	}
	for i := range n {
		permute(set, n-1, do)
		if n%2 == 0 {
			set[i], set[n-1] = set[n-1], set[i]
		} else {
			set[0], set[n-1] = set[n-1], set[0]
		}
	}
}
