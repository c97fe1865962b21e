package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/hookfold/hookfold/pkg/kafka"
)

func TestReader(t *testing.T) {
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, 1000)
	var progress []kafka.Progress
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: cfg, Progress: func(p kafka.Progress) { progress = append(progress, p) }})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	ctx := within(t, 20*time.Second)
	start, end, err := r.Offsets(ctx, "events")
	require.NoError(t, err)
	require.Equal(t, map[int32]int64{0: 0}, start)
	require.Equal(t, map[int32]int64{0: 1000}, end)

	read := func(ranges ...kafka.Range) (offsets []int64, err error) {
		err = r.Read(ctx, ranges, func(rec kafka.Record) error {
			offsets = append(offsets, rec.Offset)
			if string(rec.Value) != fmt.Sprint(rec.Offset) {
				return fmt.Errorf("record %d holds %s", rec.Offset, rec.Value)
			}
			return nil
		})
		return offsets, err
	}
	rg := func(from, to int64) kafka.Range { return kafka.Range{Topic: "events", From: from, To: to} }

	got, err := read(rg(-1, -1))
	require.NoError(t, err)
	require.Len(t, got, 1000)
	last := progress[len(progress)-1]
	require.Equal(t, int64(1000), last.Next)
	require.Equal(t, int64(1000), last.Records)

	got, err = read(rg(998, 5000), rg(5, 7), rg(100, 101), rg(100, 100))
	require.NoError(t, err)
	require.Equal(t, []int64{5, 6, 100, 998, 999}, got, "by From, to the end that was there when Read began")

	_, err = read(kafka.Range{Topic: "events", Partition: 9, From: 0, To: 1})
	require.ErrorContains(t, err, "no partition 9")
	_, err = read(kafka.Range{Topic: "none", From: 0, To: 1})
	require.ErrorContains(t, err, "none")

	stop := errors.New("enough")
	require.ErrorIs(t, r.Read(ctx, []kafka.Range{rg(0, -1)}, func(kafka.Record) error { return stop }), stop)
	ended, cancel := context.WithCancel(ctx)
	require.ErrorIs(t, r.Read(ended, []kafka.Range{rg(0, -1)}, func(kafka.Record) error { cancel(); return nil }), context.Canceled)

	truncate(t, cfg, 50)
	_, err = read(rg(0, 10))
	require.ErrorIs(t, err, kafka.ErrGone)
	got, err = read(rg(-1, 51))
	require.NoError(t, err)
	require.Equal(t, []int64{50}, got)

	require.NoError(t, r.Close())
	_, _, err = r.Offsets(ctx, "events")
	require.ErrorIs(t, err, kafka.ErrClosed)
}

// TestReaderEndsBehindAnAbortedTransaction reads to an end at which there is no record to be had.
func TestReaderEndsBehindAnAbortedTransaction(t *testing.T) {
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, 3)
	cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.TransactionalID("t"), kgo.DefaultProduceTopic("events"))
	require.NoError(t, err)
	defer cl.Close()
	ctx := within(t, 20*time.Second)
	require.NoError(t, cl.BeginTransaction())
	require.NoError(t, cl.ProduceSync(ctx, kgo.StringRecord("aborted")).FirstErr())
	require.NoError(t, cl.EndTransaction(ctx, kgo.TryAbort))
	require.Len(t, readAll(t, cfg, "events"), 3)
}

// truncate deletes the records before an offset.
func truncate(t *testing.T, cfg kafka.Config, before int64) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	require.NoError(t, err)
	defer cl.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = "events"
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Offset = before
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	for _, shard := range cl.RequestSharded(within(t, 10*time.Second), req) {
		require.NoError(t, shard.Err)
	}
}
