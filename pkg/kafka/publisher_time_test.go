package kafka_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

// A record's timestamp is the user's: one that lies long back must not count as having waited that long.
func TestPublishOldTimestamps(t *testing.T) {
	b, err := embedded.Start(embedded.Config{Partitions: map[string]int32{"old": 1}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	p, err := kafka.NewPublisher(kafka.PublisherConfig{
		Config: kafka.Config{Brokers: b.Addrs()},
		Marshaler: kafka.HeaderMarshaler{
			UUID:      func(message.Metadata) string { return "" },
			Timestamp: func(*message.Message) time.Time { return time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) },
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	require.NoError(t, p.Publish("old", message.NewMessage("1", []byte("x"))))
}
