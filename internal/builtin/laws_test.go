package builtin_test

import (
	"testing"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/lifecycle/lifecycletest"
)

// Every lifecycle of every provider gives the same state in every order, number and batching of observations.
func TestLaws(t *testing.T) {
	for _, p := range builtin.Providers() {
		for _, d := range p.Lifecycles() {
			t.Run(p.Name()+" "+d.Kind, func(t *testing.T) {
				t.Parallel()
				lifecycletest.Exhaust(t, d)
			})
		}
	}
}
