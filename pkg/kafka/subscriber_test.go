package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

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

func newSubscriber(t *testing.T, cfg kafka.SubscriberConfig) *kafka.Subscriber {
	t.Helper()
	if cfg.CloseTimeout == 0 {
		cfg.CloseTimeout = time.Second // most tests leave messages in hand, and half of this is spent on waiting for them
	}
	sub, err := kafka.NewSubscriber(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	return sub
}

func subscribe(t *testing.T, cfg kafka.SubscriberConfig) (*kafka.Subscriber, <-chan *message.Message) {
	t.Helper()
	sub := newSubscriber(t, cfg)
	msgs, err := sub.Subscribe(context.Background(), "events")
	require.NoError(t, err)
	return sub, msgs
}

// send publishes messages numbered from, to before to.
func send(t *testing.T, cfg kafka.Config, from, to int) {
	t.Helper()
	// Keyed, so that every partition gets its share: without keys whole batches go to one.
	key := func(_ string, m *message.Message) ([]byte, error) { return []byte(m.UUID), nil }
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg, MaxBufferedRecords: 100_000, Marshaler: kafka.DefaultMarshaler{Key: key}})
	var msgs []*message.Message
	for i := from; i < to; i++ {
		msgs = append(msgs, message.NewMessage(fmt.Sprint(i), []byte(fmt.Sprint(i))))
	}
	require.NoError(t, pub.Publish("events", msgs...))
}

func next(t *testing.T, msgs <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case msg := <-msgs:
		require.NotNil(t, msg, "closed")
		return msg
	case <-time.After(15 * time.Second):
		t.Fatal("no message")
		return nil
	}
}

// groupOffsets reads the group's offsets, -1 where there is none.
func groupOffsets(t *testing.T, cfg kafka.Config, group string, partitions int32) []int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	require.NoError(t, err)
	defer cl.Close()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	rt := kmsg.NewOffsetFetchRequestTopic()
	rt.Topic = "events"
	for p := range partitions {
		rt.Partitions = append(rt.Partitions, p)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(within(t, 10*time.Second), cl)
	require.NoError(t, err)
	offsets := make([]int64, partitions)
	for _, p := range resp.Topics[0].Partitions {
		offsets[p.Partition] = p.Offset
	}
	return offsets
}

var fast = kafka.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}

func TestWindowOneKeepsOrder(t *testing.T) {
	cfg := broker(t, "events", 3)
	send(t, cfg, 0, 300)
	_, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", NackBackoff: fast})
	nextOffset := map[int32]int64{}
	for n := 0; n < 300; {
		msg := next(t, msgs)
		pos, ok := kafka.PositionOf(msg)
		require.True(t, ok)
		require.Equal(t, nextOffset[pos.Partition], pos.Offset, "nothing passes an unacknowledged message")
		require.Equal(t, pos.Offset, pos.Prev)
		if (pos.Offset+int64(n))%7 == 3 {
			n++ // else the same message would be refused for ever
			msg.Nack()
			again := nextOf(t, msgs, pos.Partition)
			same, _ := kafka.PositionOf(again)
			require.Equal(t, pos, same, "a redelivery keeps its position")
			require.NotSame(t, msg, again)
			again.Ack()
			nextOffset[pos.Partition]++
			continue
		}
		msg.Ack()
		nextOffset[pos.Partition]++
		n++
	}
}

// nextOf gives the next message of one partition and leaves the others unacknowledged but remembered by redelivery.
func nextOf(t *testing.T, msgs <-chan *message.Message, partition int32) *message.Message {
	t.Helper()
	for {
		msg := next(t, msgs)
		if pos, _ := kafka.PositionOf(msg); pos.Partition == partition {
			return msg
		}
		msg.Nack()
	}
}

func TestNackHoldsUpNoOther(t *testing.T) {
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, 100)
	_, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", Window: 10, NackBackoff: kafka.Backoff{Min: time.Hour, Max: time.Hour}})
	next(t, msgs).Nack()
	for i := 1; i < 100; i++ {
		msg := next(t, msgs)
		require.Equal(t, fmt.Sprint(i), msg.UUID)
		msg.Ack()
	}
}

func TestSlowMessageHoldsUpNoOther(t *testing.T) {
	for _, window := range []int{2, 10, 50} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			cfg := broker(t, "events", 1)
			send(t, cfg, 0, 200)
			_, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", Window: window})
			slow := next(t, msgs)
			var held []*message.Message
			for i := 1; i < window; i++ {
				held = append(held, next(t, msgs))
			}
			select {
			case msg := <-msgs:
				t.Fatalf("message %s is beyond the window", msg.UUID)
			case <-time.After(30 * time.Millisecond):
			}
			slices.Reverse(held)
			for _, msg := range held {
				msg.Ack()
			}
			for i := window; i < 200; i++ {
				msg := next(t, msgs)
				require.Equal(t, fmt.Sprint(i), msg.UUID, "in order")
				msg.Ack()
			}
			slow.Ack()
		})
	}
}

func TestOnlyThePrefixIsCommitted(t *testing.T) {
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, 20)
	sub, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", Window: 20, CommitInterval: 5 * time.Millisecond, CloseTimeout: time.Second})
	var all []*message.Message
	for range 20 {
		all = append(all, next(t, msgs))
	}
	for i, msg := range all {
		if i != 3 && i != 10 {
			msg.Ack()
		}
	}
	is := func(want int64) func() bool { return func() bool { return groupOffsets(t, cfg, "g", 1)[0] == want } }
	require.Eventually(t, is(3), 5*time.Second, 5*time.Millisecond)
	all[3].Ack()
	require.Eventually(t, is(10), 5*time.Second, 5*time.Millisecond)
	require.NoError(t, sub.Close())
	require.Equal(t, int64(10), groupOffsets(t, cfg, "g", 1)[0])

	_, msgs = subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g"})
	require.Equal(t, "10", next(t, msgs).UUID, "the next reader begins with what was not acknowledged")
}

func TestStart(t *testing.T) {
	for _, group := range []string{"", "g"} {
		t.Run("group="+group, func(t *testing.T) {
			cfg := broker(t, "events", 1)
			send(t, cfg, 0, 10)
			_, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: group})
			require.Equal(t, "0", next(t, msgs).UUID, "earliest is the default")

			tries := 0
			_, msgs = subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: group + "own",
				StartOffsets: func(_ context.Context, topic string, ps []int32) (map[int32]int64, error) {
					if tries++; tries == 1 {
						return nil, errors.New("the store is busy")
					}
					return map[int32]int64{ps[0]: 7}, nil
				}})
			if group == "" {
				require.Equal(t, "7", next(t, msgs).UUID)
			} else {
				msg := next(t, msgs)
				pos, _ := kafka.PositionOf(msg)
				require.Equal(t, kafka.Position{Topic: "events", Offset: 7, Prev: 7}, pos)
			}

			sub, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: group + "latest", From: kafka.Latest})
			require.Eventually(t, func() bool { return len(sub.Assigned()["events"]) == 1 && sub.Lag()[0].Records == 0 }, 10*time.Second, time.Millisecond)
			// What is the latest may be found out only now, so there is more and more to come; whatever comes is from here on.
			pub, enough, sent := newPublisher(t, kafka.PublisherConfig{Config: cfg}), make(chan struct{}), make(chan error, 1)
			go func() {
				for i := 10; ; i++ {
					select {
					case <-enough:
						sent <- nil
						return
					default:
					}
					if err := pub.Publish("events", message.NewMessage(fmt.Sprint(i), nil)); err != nil {
						sent <- err
						return
					}
				}
			}()
			msg := next(t, msgs)
			close(enough)
			require.NoError(t, <-sent)
			pos, _ := kafka.PositionOf(msg)
			require.GreaterOrEqual(t, pos.Offset, int64(10))
		})
	}
}

func TestWithoutGroupEachReadsAll(t *testing.T) {
	cfg := broker(t, "events", 3)
	send(t, cfg, 0, 30)
	sub := newSubscriber(t, kafka.SubscriberConfig{Config: cfg, Window: 10})
	for range 2 {
		msgs, err := sub.Subscribe(context.Background(), "events")
		require.NoError(t, err)
		seen := map[string]bool{}
		for len(seen) < 30 {
			msg := next(t, msgs)
			seen[msg.UUID] = true
			msg.Ack()
		}
	}
	require.Equal(t, map[string][]int32{"events": {0, 1, 2}}, sub.Assigned())
}

func TestUndecodable(t *testing.T) {
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, 3)
	refuse := refusing{uuid: "1"}
	_, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "a", Marshaler: refuse})
	for i := range 3 {
		msg := next(t, msgs)
		require.Equal(t, fmt.Sprint(i), string(msg.Payload))
		require.Equal(t, i == 1, msg.Metadata[kafka.UndecodableKey] == "refused", "raw, with the error")
		msg.Ack()
	}
	sub, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "b", Marshaler: refuse,
		OnUndecodable: func(kafka.Record, error) *message.Message { return nil }})
	next(t, msgs).Ack()
	msg := next(t, msgs)
	pos, _ := kafka.PositionOf(msg)
	require.Equal(t, kafka.Position{Topic: "events", Offset: 2, Prev: 1}, pos, "the interval covers what was passed over")
	msg.Ack()
	require.NoError(t, sub.Close())
	require.Equal(t, []int64{3}, groupOffsets(t, cfg, "b", 1))
}

type refusing struct {
	kafka.DefaultMarshaler
	uuid string
}

func (r refusing) Unmarshal(rec kafka.Record) (*message.Message, error) {
	msg, err := r.DefaultMarshaler.Unmarshal(rec)
	if err == nil && msg.UUID == r.uuid {
		return nil, errors.New("refused")
	}
	return msg, err
}

func TestMessageContext(t *testing.T) {
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, 4)
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "value"))
	sub := newSubscriber(t, kafka.SubscriberConfig{Config: cfg, Window: 4, NackBackoff: kafka.Backoff{Min: time.Hour, Max: time.Hour}, CloseTimeout: time.Second})
	msgs, err := sub.Subscribe(ctx, "events")
	require.NoError(t, err)
	acked, nacked, open, late := next(t, msgs), next(t, msgs), next(t, msgs), next(t, msgs)
	require.Equal(t, "value", acked.Context().Value(key{}))
	child, stop := context.WithCancel(acked.Context())
	defer stop()
	done := []<-chan struct{}{acked.Context().Done(), child.Done(), nacked.Context().Done()}
	require.NoError(t, acked.Context().Err())
	acked.Ack()
	nacked.Nack()
	for _, d := range done {
		<-d
	}
	require.ErrorIs(t, acked.Context().Err(), context.Canceled)
	<-acked.Context().Done() // asked for after the end
	require.NoError(t, open.Context().Err())
	cancel()
	<-open.Context().Done()
	require.ErrorIs(t, late.Context().Err(), context.Canceled)
	for range msgs { // closed, with what lay ready
		t.Fatal("a message after the end")
	}
}

func TestBackPressure(t *testing.T) {
	cfg := broker(t, "events", 2)
	send(t, cfg, 0, 20_000)
	sub, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", MaxRecords: 500, MaxBytes: 128 << 10, CloseTimeout: time.Second})
	stuck := next(t, msgs)
	pos, _ := kafka.PositionOf(stuck)
	for n := 0; n < 9_000; n++ { // the other partition goes on
		msg := next(t, msgs)
		other, _ := kafka.PositionOf(msg)
		require.NotEqual(t, pos.Partition, other.Partition)
		for _, l := range sub.Lag() {
			require.LessOrEqual(t, l.Queued, 500, "a share of 250, and one poll")
		}
		msg.Ack()
	}
	stuck.Ack()
}

func TestClose(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	b, err := embedded.Start(embedded.Config{Partitions: map[string]int32{"events": 2}})
	require.NoError(t, err)
	cfg := kafka.Config{Brokers: b.Addrs()}
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: cfg})
	require.NoError(t, err)
	for i := range 10 {
		require.NoError(t, pub.Publish("events", message.NewMessage(fmt.Sprint(i), nil)))
	}
	require.NoError(t, pub.Close())
	sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{Config: cfg, Group: "g", Window: 3, CloseTimeout: time.Second})
	require.NoError(t, err)
	msgs, err := sub.Subscribe(context.Background(), "events")
	require.NoError(t, err)
	next(t, msgs) // never acknowledged
	other, err := kafka.NewSubscriber(kafka.SubscriberConfig{Config: cfg, CloseTimeout: time.Second})
	require.NoError(t, err)
	_, err = other.Subscribe(context.Background(), "events") // nobody listens
	require.NoError(t, err)
	require.NoError(t, b.Close())
	start := time.Now()
	require.NoError(t, sub.Close())
	require.NoError(t, other.Close())
	require.Less(t, time.Since(start), 5*time.Second, "with a handler stuck, nobody listening, and the broker gone")
	_, err = sub.Subscribe(context.Background(), "events")
	require.ErrorIs(t, err, kafka.ErrClosed)
	goleak.VerifyNone(t, ignore)
}

// TestRebalance adds and removes members while messages flow: each message is acknowledged, none is in two handlers at once, and what was
// acknowledged before a partition was handed over is not delivered again.
func TestRebalance(t *testing.T) {
	for _, kip848 := range []bool{false, true} {
		t.Run(fmt.Sprintf("kip848=%v", kip848), func(t *testing.T) { rebalance(t, kip848) })
	}
}

func rebalance(t *testing.T, kip848 bool) {
	cfg := broker(t, "events", 4)
	const n = 2000
	send(t, cfg, 0, n)
	var mu sync.Mutex
	acked, busy := map[string]int{}, map[string]bool{}
	all := make(chan struct{})
	var handlers sync.WaitGroup
	handle := func(msgs <-chan *message.Message) {
		for msg := range msgs {
			mu.Lock()
			if busy[msg.UUID] {
				t.Errorf("message %s is in two handlers", msg.UUID)
			}
			busy[msg.UUID] = true
			mu.Unlock()
			handlers.Go(func() {
				mu.Lock()
				defer mu.Unlock()
				busy[msg.UUID] = false
				if msg.Ack(); acked[msg.UUID] == 0 && len(acked) == n-1 {
					close(all)
				}
				acked[msg.UUID]++
			})
		}
	}
	member := func() *kafka.Subscriber {
		sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{Config: cfg, Group: "g", Window: 5, KIP848: kip848, HeartbeatInterval: 50 * time.Millisecond})
		require.NoError(t, err)
		msgs, err := sub.Subscribe(context.Background(), "events")
		require.NoError(t, err)
		handlers.Go(func() { handle(msgs) })
		return sub
	}
	first := member()
	require.Eventually(t, func() bool { return len(first.Assigned()["events"]) == 4 }, 20*time.Second, time.Millisecond)
	second := member()
	require.Eventually(t, func() bool { return len(first.Assigned()["events"]) == 2 && len(second.Assigned()["events"]) == 2 }, 30*time.Second, time.Millisecond)
	require.NoError(t, first.Close())
	select {
	case <-all:
	case <-time.After(30 * time.Second):
		t.Fatal("messages were skipped")
	}
	require.NoError(t, second.Close())
	handlers.Wait()
	sum := int64(0)
	for _, o := range groupOffsets(t, cfg, "g", 4) {
		sum += max(o, 0)
	}
	require.Equal(t, int64(n), sum, "all is committed")
	for id, times := range acked {
		require.Equal(t, 1, times, "message %s was acknowledged and delivered again", id)
	}
}
