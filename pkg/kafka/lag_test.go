package kafka_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// values gives the metrics whose name begins with prefix, by name and partition or client.
func values(t *testing.T, reg *prometheus.Registry, prefix string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	all := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), prefix) {
			continue
		}
		for _, m := range f.GetMetric() {
			key := f.GetName()
			for _, l := range m.GetLabel() {
				if n := l.GetName(); n == "partition" || n == "client" && prefix == "kafka_client" {
					key += "/" + l.GetValue()
				}
			}
			all[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return all
}

func TestLagMetrics(t *testing.T) {
	cfg := broker(t, "events", 1)
	reg := prometheus.NewRegistry()
	cfg.Registerer = reg
	hourAgo := func(*message.Message) time.Time { return time.Now().Add(-time.Hour) }
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg, Marshaler: kafka.HeaderMarshaler{Timestamp: hourAgo}})
	for range 10 {
		require.NoError(t, pub.Publish("events", message.NewMessage("", nil)))
	}
	sub, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", Window: 10, NackBackoff: fast})
	var held []*message.Message
	for range 10 {
		held = append(held, next(t, msgs))
	}
	lag := values(t, reg, "kafka_subscriber_lag")
	require.InDelta(t, 10, lag["kafka_subscriber_lag_records/0"], 0)
	require.InDelta(t, 3600, lag["kafka_subscriber_lag_seconds/0"], 60)
	for _, msg := range held[:9] {
		msg.Ack()
	}
	held[9].Nack()
	next(t, msgs).Ack()
	require.Eventually(t, func() bool {
		lag := values(t, reg, "kafka_subscriber_lag")
		return lag["kafka_subscriber_lag_records/0"] == 0 && lag["kafka_subscriber_lag_seconds/0"] == 0
	}, 5*time.Second, time.Millisecond)
	require.InDelta(t, 1, values(t, reg, "kafka_subscriber_nacks")["kafka_subscriber_nacks_total"], 0)

	second := newPublisher(t, kafka.PublisherConfig{Config: cfg})
	require.Equal(t, map[string]float64{
		"kafka_client_up/watermill-publisher": 1, "kafka_client_up/watermill-publisher-2": 1, "kafka_client_up/watermill-subscriber": 1,
	}, values(t, reg, "kafka_client"), "clients share a registry")
	require.NotEmpty(t, values(t, reg, "kafka_produce_records_total"), "the client library's own metrics stand beside")
	require.NoError(t, second.Close())
	require.NoError(t, pub.Close())
	require.NoError(t, sub.Close())
	require.Empty(t, values(t, reg, "kafka_"), "a closed client leaves nothing behind")
}
