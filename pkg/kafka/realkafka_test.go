package kafka_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/kafkatest"
	"github.com/hookfold/hookfold/pkg/kafka"
)

// TestReadyOnApacheKafka holds that a real broker answers the empty batch as Ready expects, and that nothing is appended.
func TestReadyOnApacheKafka(t *testing.T) {
	k := kafkatest.Start(t)
	cfg := kafka.Config{Brokers: k.Addrs()}
	ctx := within(t, 90*time.Second)
	require.NoError(t, kafka.EnsureTopic(ctx, cfg, kafka.TopicSpec{Name: "events", Partitions: 3, ReplicationFactor: 1}))
	findings, err := kafka.CheckTopic(ctx, cfg, "events")
	require.NoError(t, err)
	require.Len(t, findings, 1, "%v", findings)
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg})
	require.NoError(t, pub.Ready(ctx, "events"))
	require.Error(t, pub.Ready(ctx, "other"))
	require.Empty(t, readAll(t, cfg, "events"))
	require.NoError(t, pub.Publish("events", message.NewMessage("1", []byte("x"))))
	require.NoError(t, pub.Ready(ctx, "events"))

	losing := kafka.TopicSpec{Name: "losing", Partitions: 1, ReplicationFactor: 1, Configs: map[string]string{"cleanup.policy": "compact", "retention.ms": "1000"}}
	require.NoError(t, kafka.EnsureTopic(ctx, cfg, losing))
	findings, err = kafka.CheckTopic(ctx, cfg, "losing")
	require.NoError(t, err)
	require.True(t, findings[0].Fatal)
	require.Equal(t, "cleanup.policy", findings[0].Setting)
}
