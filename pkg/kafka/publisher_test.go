package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

func newPublisher(t *testing.T, cfg kafka.PublisherConfig) *kafka.Publisher {
	t.Helper()
	pub, err := kafka.NewPublisher(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pub.Close()) })
	return pub
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestPublisherOutage stops the broker under a publisher and starts it again on the same address, twice.
func TestPublisherOutage(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Partitions: map[string]int32{"events": 2}}
	b, err := embedded.Start(cfg)
	require.NoError(t, err)
	cfg.Listen = b.Addrs()[0]
	pub := newPublisher(t, kafka.PublisherConfig{Config: kafka.Config{Brokers: b.Addrs()}})
	confirmed := map[string]bool{}
	send := func(id string, limit time.Duration) error {
		err := pub.Publish("events", message.NewMessageWithContext(within(t, limit), id, []byte("x")))
		if err == nil {
			confirmed[id] = true
		}
		return err
	}
	for round := range 2 {
		require.NoError(t, send(fmt.Sprint("up-", round), 10*time.Second))
		require.NoError(t, pub.Ready(within(t, 5*time.Second), "events"))
		require.NoError(t, b.Close())

		start := time.Now()
		err := send(fmt.Sprint("down-", round), 300*time.Millisecond)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, time.Since(start), 2*time.Second, "the message's deadline holds, also with no broker")
		require.True(t, kafka.Retryable(err))
		require.Error(t, pub.Ready(within(t, time.Second), "events"))

		b, err = embedded.Start(cfg)
		require.NoError(t, err)
		require.NoError(t, send(fmt.Sprint("again-", round), 10*time.Second))
		require.NoError(t, pub.Ready(within(t, 5*time.Second), "events"))
	}
	got := map[string]bool{}
	for _, rec := range readAll(t, kafka.Config{Brokers: b.Addrs()}, "events") {
		msg, err := kafka.DefaultMarshaler{}.Unmarshal(rec)
		require.NoError(t, err)
		got[msg.UUID] = true
	}
	for id := range confirmed {
		require.Contains(t, got, id)
	}
	require.NoError(t, b.Close())
}

func TestPublishBufferFull(t *testing.T) {
	pub := newPublisher(t, kafka.PublisherConfig{Config: kafka.Config{Brokers: []string{"127.0.0.1:1"}}, MaxBufferedRecords: 2, CloseTimeout: time.Second})
	done := make(chan error)
	ctx, cancel := context.WithCancel(context.Background())
	batch := []*message.Message{
		message.NewMessageWithContext(ctx, "1", nil), message.NewMessageWithContext(ctx, "2", nil), message.NewMessageWithContext(ctx, "3", nil),
	}
	go func() { done <- pub.Publish("events", batch...) }()
	require.Eventually(t, func() bool {
		return errors.Is(pub.Ready(within(t, 50*time.Millisecond), "events"), kafka.ErrBufferFull)
	},
		10*time.Second, time.Millisecond)
	require.ErrorIs(t, pub.Publish("events", message.NewMessage("4", nil)), kafka.ErrBufferFull)
	cancel()
	err := <-done
	var perr *kafka.PublishError
	require.ErrorAs(t, err, &perr)
	require.Equal(t, []int{0, 1, 2}, perr.Failed)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, kafka.Retryable(err), "the caller gave up: %v", err)
	require.True(t, kafka.Retryable(kafka.ErrBufferFull))
}

func TestPublishErrors(t *testing.T) {
	cfg := broker(t, "events", 1)
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg, MaxMessageBytes: 2000})
	err := pub.Publish("events", message.NewMessage("small", nil), message.NewMessage("big", make([]byte, 5000)), message.NewMessage("small", nil))
	var perr *kafka.PublishError
	require.ErrorAs(t, err, &perr)
	require.Equal(t, []int{1}, perr.Failed)
	require.False(t, kafka.Retryable(err), "%v", err)
	require.Len(t, readAll(t, cfg, "events"), 2)

	msg := message.NewMessage("x", nil)
	msg.Metadata[kafka.UUIDHeader] = "mine"
	require.ErrorContains(t, pub.Publish("events", msg), "reserved")

	require.NoError(t, pub.Close())
	require.NoError(t, pub.Close())
	err = pub.Publish("events", message.NewMessage("late", nil))
	require.ErrorIs(t, err, kafka.ErrClosed)
	require.False(t, kafka.Retryable(err))
	require.ErrorIs(t, pub.Ready(context.Background(), "events"), kafka.ErrClosed)
}

// TestPublisherClose closes while a publication waits for a broker that is not there.
func TestPublisherClose(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: []string{"127.0.0.1:1"}}, CloseTimeout: 200 * time.Millisecond})
	require.NoError(t, err)
	done := make(chan error)
	begun := make(chan struct{})
	go func() {
		close(begun)
		done <- pub.Publish("events", message.NewMessage("1", nil))
	}()
	<-begun
	start := time.Now()
	closed := pub.Close()
	require.Less(t, time.Since(start), 3*time.Second)
	if err := <-done; closed == nil {
		require.ErrorIs(t, err, kafka.ErrClosed, "Close came first")
	} else {
		require.Error(t, err)
	}
}

func TestReadyUnknownTopic(t *testing.T) {
	cfg := broker(t, "events", 1)
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg})
	require.ErrorContains(t, pub.Ready(within(t, 5*time.Second), "other"), "other")
	require.NoError(t, pub.Ready(within(t, 5*time.Second), "events"))
}

func readAll(t *testing.T, cfg kafka.Config, topic string) []kafka.Record {
	t.Helper()
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: cfg})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	ctx := within(t, 30*time.Second)
	start, _, err := r.Offsets(ctx, topic)
	require.NoError(t, err)
	var ranges []kafka.Range
	for p := range start {
		ranges = append(ranges, kafka.Range{Topic: topic, Partition: p, From: -1, To: -1})
	}
	var all []kafka.Record
	require.NoError(t, r.Read(ctx, ranges, func(rec kafka.Record) error {
		all = append(all, rec)
		return nil
	}))
	return all
}
