package kafka_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// BenchmarkConsume reads 900-byte messages and acknowledges them at once; the broker shares the process.
func BenchmarkConsume(b *testing.B) {
	const n = 200_000
	cfg := broker(b, "events", 6)
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: cfg, MaxBufferedRecords: n})
	require.NoError(b, err)
	for i := 0; i < n; i += 1000 {
		msgs := make([]*message.Message, 1000)
		for j := range msgs {
			msgs[j] = message.NewMessage(fmt.Sprint(i+j), make([]byte, 900))
		}
		require.NoError(b, pub.Publish("events", msgs...))
	}
	require.NoError(b, pub.Close())
	for _, window := range []int{1, 1000} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{Config: cfg, Window: window})
				require.NoError(b, err)
				msgs, err := sub.Subscribe(context.Background(), "events")
				require.NoError(b, err)
				for range n {
					(<-msgs).Ack()
				}
				b.StopTimer()
				require.NoError(b, sub.Close())
				b.StartTimer()
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*b.N), "ns/msg")
		})
	}
}
