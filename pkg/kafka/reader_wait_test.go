package kafka_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

// alarm is a logger that lets a test know when something is said.
type alarm struct {
	slog.Handler
	text  string
	heard chan struct{}
}

func (a alarm) Enabled(context.Context, slog.Level) bool { return true }

func (a alarm) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, a.text) {
		select {
		case a.heard <- struct{}{}:
		default:
		}
	}
	return nil
}
func (a alarm) WithAttrs([]slog.Attr) slog.Handler { return a }

// A broker that is away for a while is waited for, by a call that begins and by one that is under way.
func TestReaderWaitsForABrokerThatComesBack(t *testing.T) {
	dir := t.TempDir()
	start := func(listen string) (*embedded.Broker, error) {
		return embedded.Start(embedded.Config{Dir: dir, Listen: listen, Partitions: map[string]int32{"events": 1}})
	}
	b, err := start("127.0.0.1:0")
	require.NoError(t, err)
	addr := b.Addrs()[0]
	cfg := kafka.Config{Brokers: []string{addr}}
	send(t, cfg, 0, 100)
	heard := make(chan struct{}, 1)
	cfg.Logger = slog.New(alarm{text: "cannot be reached", heard: heard})
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: cfg, MaxBytes: 4096})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	ctx := within(t, 30*time.Second)

	require.NoError(t, b.Close())
	back := make(chan error, 1)
	go func() {
		<-heard
		var err error
		b, err = start(addr)
		back <- err
	}()
	_, ends, err := r.Offsets(ctx, "events")
	require.NoError(t, err)
	require.Equal(t, map[int32]int64{0: 100}, ends)

	require.NoError(t, <-back)
	var got []int64
	err = r.Read(ctx, []kafka.Range{{Topic: "events", From: 0, To: -1}}, func(rec kafka.Record) error {
		if got = append(got, rec.Offset); len(got) == 1 {
			err := b.Close()
			if err == nil {
				b, err = start(addr)
			}
			return err
		}
		return nil
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	require.Len(t, got, 100)
	require.EqualValues(t, 99, got[99])
}

// One that stays away is not waited for longer than the reader's patience lasts, and not at all where it has none.
func TestReaderGivesUpOnABrokerThatStaysAway(t *testing.T) {
	for _, patience := range []time.Duration{300 * time.Millisecond, -1} {
		r, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: []string{"127.0.0.1:1"}}, Patience: patience})
		require.NoError(t, err)
		began := time.Now()
		_, _, err = r.Offsets(within(t, 10*time.Second), "events")
		require.ErrorContains(t, err, "dial")
		require.Less(t, time.Since(began), 5*time.Second)
		require.Error(t, r.Read(within(t, 10*time.Second), []kafka.Range{{Topic: "events", From: 0, To: 1}}, func(kafka.Record) error { return nil }))
		require.NoError(t, r.Close())
	}
}
