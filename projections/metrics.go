package projections

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	facts, repeated, parked, refolds, failures prometheus.Counter
	size, seconds                              prometheus.Histogram
}

// newMetrics registers the store's metrics; with no registerer they count unseen.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "hookfold_store_" + name + "_total", Help: help})
	}
	m := &metrics{
		facts:    counter("facts", "Records committed."),
		repeated: counter("repeated_observations", "Observations that were there already."),
		parked:   counter("parked", "Records parked, by the decoder or by the fold."),
		refolds:  counter("refolds", "Entities folded again from the log because a delivery recorded earlier came later."),
		failures: counter("failed_transactions", "Transactions that could not be committed."),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hookfold_store_batch_facts", Help: "Records in one transaction.", Buckets: prometheus.ExponentialBuckets(1, 4, 9),
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hookfold_store_commit_seconds", Help: "Time of one transaction.", Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8),
		}),
	}
	if r == nil {
		return m, nil
	}
	for i, c := range m.all() {
		if err := r.Register(c); err != nil {
			for _, done := range m.all()[:i] {
				r.Unregister(done)
			}
			return nil, fmt.Errorf("projections: one store for each registerer: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.facts, m.repeated, m.parked, m.refolds, m.failures, m.size, m.seconds}
}

func (m *metrics) unregister(r prometheus.Registerer) {
	if r == nil {
		return
	}
	for _, c := range m.all() {
		r.Unregister(c)
	}
}
