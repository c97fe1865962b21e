package fintoc_test

import (
	"testing"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// record is the event that a sample becomes in the log.
func record(t testing.TB, s providertest.Sample) event.Event {
	t.Helper()
	d := providertest.Clone(s.Delivery)
	return providertest.Record(fintoc.New(), &d, provider.Evidence{Scheme: fintoc.Scheme})
}
