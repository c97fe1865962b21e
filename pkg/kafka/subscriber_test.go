package kafka_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

func broker(t testing.TB, topic string, partitions int32) kafka.Config {
	t.Helper()
	b, err := embedded.Start(embedded.Config{Partitions: map[string]int32{topic: partitions}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return kafka.Config{Brokers: b.Addrs()}
}

func TestSmoke(t *testing.T) {
	for _, group := range []string{"", "g"} {
		for _, window := range []int{1, 100} {
			t.Run(fmt.Sprintf("%s-%d", group, window), func(t *testing.T) {
				cfg := broker(t, "events", 3)
				pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: cfg})
				require.NoError(t, err)
				defer pub.Close()
				sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{Config: cfg, Group: group, Window: window})
				require.NoError(t, err)
				defer sub.Close()
				msgs, err := sub.Subscribe(context.Background(), "events")
				require.NoError(t, err)
				for i := range 1000 {
					require.NoError(t, pub.Publish("events", message.NewMessage(fmt.Sprint(i), []byte("x"))))
				}
				for range 1000 {
					select {
					case m := <-msgs:
						m.Ack()
					case <-time.After(10 * time.Second):
						t.Fatal("no message")
					}
				}
				start := time.Now()
				require.NoError(t, sub.Close())
				t.Log("close", time.Since(start))
				_, open := <-msgs
				require.False(t, open)
			})
		}
	}
}
