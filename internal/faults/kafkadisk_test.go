//go:build linux

package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/kafkatest"
	"github.com/hookfold/hookfold/pkg/kafka"
)

// TestKafkaWithAFullDisk: a Kafka that cannot write to its only disk ends by itself. It confirms nothing that it does not hold, and what
// it had confirmed is there when it has room and is started again.
func TestKafkaWithAFullDisk(t *testing.T) {
	s := &site{dir: t.TempDir()}
	logs := filepath.Join(s.dir, "kafka")
	if !s.fileSystem(t, logs, 128<<20) {
		t.Skip("needs the right to mount a small disk")
	}
	k := kafkatest.Start(t, kafkatest.Storage(logs))
	config := kafka.Config{Brokers: k.Addrs()}
	require.NoError(t, kafka.EnsureTopic(t.Context(), config, kafka.TopicSpec{Name: "events", Partitions: 3, ReplicationFactor: 1}))
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Config: config, DeliveryTimeout: 2 * time.Second})
	require.NoError(t, err)
	confirmed := map[string]bool{}
	publish := func(n int) error {
		id := fmt.Sprint(n)
		err := p.Publish("events", message.NewMessage(id, make([]byte, 10_000)))
		if err == nil {
			confirmed[id] = true
		}
		return err
	}
	for n := range 100 {
		require.NoError(t, publish(n))
	}
	empty, err := fill(logs)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began, n := time.Now(), 100
	for ; k.Alive() && ctx.Err() == nil; n++ {
		if err := publish(n); err != nil {
			require.True(t, kafka.Retryable(err), "%v", err)
		}
	}
	require.False(t, k.Alive(), "it goes on without a disk")
	t.Logf("it ended after %v; of %d records sent meanwhile %d were confirmed", time.Since(began).Round(time.Millisecond), n-100, len(confirmed)-100)
	require.Error(t, publish(n+1))

	require.NoError(t, empty())
	require.NoError(t, k.Restart())
	for err = publish(n + 2); err != nil && ctx.Err() == nil; {
		err = publish(n + 2)
	}
	require.NoError(t, err)
	require.NoError(t, p.Close())
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: config})
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // nothing is left to lose
	held := map[string]bool{}
	var ranges []kafka.Range
	for id := range int32(3) {
		ranges = append(ranges, kafka.Range{Topic: "events", Partition: id, From: -1, To: -1})
	}
	require.NoError(t, r.Read(ctx, ranges, func(rec kafka.Record) error {
		for _, h := range rec.Headers {
			if h.Key == kafka.UUIDHeader {
				held[string(h.Value)] = true
			}
		}
		return nil
	}))
	for id := range confirmed {
		require.Contains(t, held, id)
	}
}
