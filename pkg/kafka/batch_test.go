package kafka_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
)

func recordsIn(msg *message.Message) (out []kafka.Record) {
	for r := range kafka.RecordsOf(msg) {
		out = append(out, r)
	}
	return out
}

// Messages of many records hold each record once, in order, and their positions tile the partition.
func TestBatchesTileThePartition(t *testing.T) {
	const records, batch = 1000, 64
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, records)
	_, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", Window: 3, Batch: batch, NackBackoff: fast})
	read, largest := int64(0), 0
	for refused := false; read < records; {
		msg := next(t, msgs)
		at, ok := kafka.PositionOf(msg)
		require.True(t, ok)
		if at.Prev != read { // the one that was refused is delivered later
			require.True(t, refused)
			msg.Nack()
			continue
		}
		got := recordsIn(msg)
		require.LessOrEqual(t, len(got), batch)
		require.Empty(t, msg.Payload)
		require.Empty(t, msg.Metadata)
		for i, r := range got {
			require.Equal(t, at.Prev+int64(i), r.Offset)
			require.Equal(t, fmt.Sprint(r.Offset), string(r.Value))
		}
		require.Equal(t, at.Offset, got[len(got)-1].Offset)
		if !refused && read > 0 {
			refused = true
			msg.Nack()
			continue
		}
		msg.Ack()
		read, largest = at.Offset+1, max(largest, len(got))
	}
	require.EqualValues(t, records, read)
	require.Equal(t, batch, largest, "what lies ready fills a batch")
}

// A message's acknowledgement is that of all its records: what is committed ends where one begins that is in hand.
func TestBatchIsCommittedAsOne(t *testing.T) {
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, 40)
	open := func() (*kafka.Subscriber, <-chan *message.Message) {
		return subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", Window: 4, Batch: 10, CloseTimeout: time.Second})
	}
	sub, msgs := open()
	first, second, third := next(t, msgs), next(t, msgs), next(t, msgs)
	first.Ack()
	third.Ack()
	require.NoError(t, sub.Close())
	held, _ := kafka.PositionOf(second)
	require.Equal(t, held.Prev, groupOffsets(t, cfg, "g", 1)[0])

	_, msgs = open()
	again, _ := kafka.PositionOf(next(t, msgs))
	require.Equal(t, held.Prev, again.Prev)
}

// Without batches a message has one record; with them, records that come one by one are not waited for, and a batch ends at the
// partition's share of the bytes.
func TestBatchSizes(t *testing.T) {
	cfg := broker(t, "events", 1)
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg})
	_, plain := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "plain"})
	_, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", Batch: 100, MaxBytes: 100_000})
	for i := range 3 {
		require.NoError(t, pub.Publish("events", message.NewMessage(fmt.Sprint(i), []byte("small"))))
		msg, one := next(t, msgs), next(t, plain)
		require.Len(t, recordsIn(msg), 1)
		require.Len(t, recordsIn(one), 1)
		require.Equal(t, "small", string(recordsIn(one)[0].Value))
		msg.Ack()
		one.Ack()
	}
	large := strings.Repeat("x", 30_000)
	for i := range 20 {
		require.NoError(t, pub.Publish("events", message.NewMessage(fmt.Sprint(i), []byte(large))))
	}
	for got := 0; got < 20; {
		msg := next(t, msgs)
		n := len(recordsIn(msg))
		require.LessOrEqual(t, n, 4, "the fourth reaches the share")
		got += n
		msg.Ack()
	}
	require.Empty(t, recordsIn(message.NewMessage("", nil)), "a message of somebody else's")
}
