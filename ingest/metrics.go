package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the endpoint. Connections are the user's own names, so the labels are bounded by the configuration.
type metrics struct {
	deliveries *prometheus.CounterVec
	bytes      *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookfold_ingest_deliveries_total",
			Help: "Deliveries by how they ended: recorded, refused, too_large, unreadable, unknown_connection, unavailable.",
		}, []string{"connection", "outcome"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookfold_ingest_body_bytes_total",
			Help: "Bytes of the bodies that were recorded.",
		}, []string{"connection"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "hookfold_ingest_seconds",
			Help:    "Seconds from the arrival of a delivery that was recorded to its answer.",
			Buckets: []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .128, .256, .512, 1, 2, 4, 8},
		}, []string{"connection"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.deliveries, m.bytes, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) count(connection string, o outcome) {
	m.deliveries.WithLabelValues(connection, string(o)).Inc()
}

// recordedMetrics are those of one connection's deliveries that were recorded.
type recordedMetrics struct {
	deliveries, bytes prometheus.Counter
	seconds           prometheus.Observer
}

func (m *metrics) recorded(connection string) recordedMetrics {
	return recordedMetrics{
		m.deliveries.WithLabelValues(connection, string(recorded)), m.bytes.WithLabelValues(connection), m.seconds.WithLabelValues(connection),
	}
}

func (m recordedMetrics) observe(size int, took time.Duration) {
	m.deliveries.Inc()
	m.bytes.Add(float64(size))
	m.seconds.Observe(took.Seconds())
}
