// Package builtin lists the providers that Hookfold is built with, for the program and for the tests that hold all of
// them against the same laws. A provider of a user's own is added to this list in a program of theirs, not here.
package builtin

import (
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/delfinance"
	"github.com/hookfold/hookfold/pkg/provider/devengo"
	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/yoco"
)

// Providers returns the built-in providers, in a fixed order.
func Providers() []provider.Provider {
	return []provider.Provider{devengo.New(), fintoc.New(), yoco.New(), delfinance.New()}
}
