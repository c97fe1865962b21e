package lookup

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what operators see of look-ups.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	stops    *prometheus.GaugeVec
	breakers *prometheus.GaugeVec
	silent   *silence
}

func newMetrics(reg prometheus.Registerer, watched []string) (*metrics, error) {
	byConnection := []string{"connection"}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookfold_lookups_total",
			Help: "Look-ups by outcome: answered, not_found, missing (an entry of a list that was appended), too_soon (a 404 right after a delivery), " +
				"not_appended, unsupported, or the class of the failure.",
		}, []string{"connection", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hookfold_lookup_seconds", Help: "How long the providers' APIs take to answer.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20},
		}, byConnection),
		stops: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hookfold_lookups_stopped", Help: "1 where the provider refused the credentials and nothing is asked until a restart, else 0.",
		}, byConnection),
		breakers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hookfold_lookups_broken", Help: "1 while the API does not work and is left alone, else 0.",
		}, byConnection),
		silent: newSilence(watched, time.Now()),
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.stops, m.breakers, m.silent} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

// know makes the gauges of a connection show, before anything happens.
func (m *metrics) know(connection string) {
	m.stops.WithLabelValues(connection).Set(0)
	m.breakers.WithLabelValues(connection).Set(0)
}

func (m *metrics) asked(connection, outcome string) {
	m.requests.WithLabelValues(connection, outcome).Inc()
}

func (m *metrics) took(connection string, d time.Duration) {
	m.duration.WithLabelValues(connection).Observe(d.Seconds())
}

func (m *metrics) stop(connection string) { m.stops.WithLabelValues(connection).Set(1) }

func (m *metrics) broken(connection string, open bool) {
	value := 0.0
	if open {
		value = 1
	}
	m.breakers.WithLabelValues(connection).Set(value)
}

func (m *metrics) heard(connection string, at time.Time) { m.silent.heard(connection, at) }

// silence is the age of each connection's latest webhook, counted when it is read.
type silence struct {
	desc *prometheus.Desc

	mu   sync.Mutex
	last map[string]time.Time
}

// newSilence begins to count now for a connection that was never heard of.
func newSilence(watched []string, now time.Time) *silence {
	s := &silence{
		desc: prometheus.NewDesc("hookfold_connection_silent_seconds",
			"Seconds since the latest webhook of a connection was recorded; since the start of the process where there never was one.", []string{"connection"}, nil),
		last: make(map[string]time.Time, len(watched)),
	}
	for _, name := range watched {
		s.last[name] = now
	}
	return s
}

func (s *silence) heard(connection string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[connection] = at
}

// Describe and Collect make it a collector.
func (s *silence) Describe(to chan<- *prometheus.Desc) { to <- s.desc }

// Collect computes the ages.
func (s *silence) Collect(to chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, at := range s.last {
		to <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, max(0, time.Since(at).Seconds()), name)
	}
}
