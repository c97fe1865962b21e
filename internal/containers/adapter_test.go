package containers_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// TestAdapter is Watermill's universal suite. (Its restarts of the broker are pkg/kafka's to do, on a process.)
func TestAdapter(t *testing.T) {
	c := startKafka(t, 1, nil)
	for _, kind := range []struct {
		name     string
		window   int
		features tests.Features
	}{
		{"ordered", 1, tests.Features{ConsumerGroups: true, GuaranteedOrder: true, Persistent: true}},
		{"pipelined", 100, tests.Features{ConsumerGroups: true, Persistent: true}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			ofGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
				marshaler := kafka.DefaultMarshaler{Key: func(_ string, m *message.Message) ([]byte, error) { return m.Payload, nil }}
				if !kind.features.GuaranteedOrder {
					marshaler.Key = nil
				}
				pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: c.config(), Marshaler: marshaler})
				require.NoError(t, err)
				sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{
					Config: c.config(), Marshaler: marshaler, Group: group, Window: kind.window,
					NackBackoff:    kafka.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}, // the suite refuses one message 300 times
					SessionTimeout: 6 * time.Second, HeartbeatInterval: 500 * time.Millisecond,
				})
				require.NoError(t, err)
				return pub, sub
			}
			tests.TestPubSub(t, kind.features, func(t *testing.T) (message.Publisher, message.Subscriber) {
				return ofGroup(t, "group-of-"+t.Name()) // one that all share would rebalance with every test
			}, ofGroup)
		})
	}
}

// TestTopics holds that the topic is created as designed, and that what loses records is found.
func TestTopics(t *testing.T) {
	c := startKafka(t, 1, nil)
	c.ensure(t, c.config(), kafka.TopicSpec{Name: "events", Partitions: 6, ReplicationFactor: 1})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	findings, err := kafka.CheckTopic(ctx, c.config(), "events")
	require.NoError(t, err)
	require.Len(t, findings, 1, "%v", findings)
	require.Equal(t, "replication.factor", findings[0].Setting)
	require.False(t, findings[0].Fatal)

	for setting, value := range map[string]string{"cleanup.policy": "compact", "retention.ms": "60000", "retention.bytes": "1000000"} {
		name := "losing-by-" + setting
		require.NoError(t, kafka.EnsureTopic(ctx, c.config(), kafka.TopicSpec{Name: name, Partitions: 1, Configs: map[string]string{setting: value}}))
		findings, err := kafka.CheckTopic(ctx, c.config(), name)
		require.NoError(t, err)
		var fatal []string
		for _, f := range findings {
			if f.Fatal {
				fatal = append(fatal, f.Setting)
			}
		}
		require.Equal(t, []string{setting}, fatal)
	}

	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: c.config()})
	require.NoError(t, err)
	defer pub.Close() //nolint:errcheck // nothing is under way
	require.NoError(t, pub.Ready(ctx, "events"))
	require.Error(t, pub.Ready(ctx, "missing"))
}

// publish sends one message, within a time.
func publish(ctx context.Context, pub *kafka.Publisher, topic, id string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return pub.Publish(topic, message.NewMessageWithContext(ctx, id, []byte(id)))
}

// readTopic counts the records of a topic by their value.
func readTopic(ctx context.Context, t *testing.T, cfg kafka.Config, topic string) map[string]int {
	t.Helper()
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: cfg})
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // it was only read
	_, ends, err := r.Offsets(ctx, topic)
	require.NoError(t, err)
	var ranges []kafka.Range
	for id := range ends {
		ranges = append(ranges, kafka.Range{Topic: topic, Partition: id, From: -1, To: -1})
	}
	found := map[string]int{}
	require.NoError(t, r.Read(ctx, ranges, func(rec kafka.Record) error { found[string(rec.Value)]++; return nil }))
	return found
}

func readAll(r io.Reader) string {
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Sprintf("%s (%v)", b, err)
	}
	return string(b)
}
