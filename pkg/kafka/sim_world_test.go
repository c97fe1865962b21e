//go:build synctests

package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/hookfold/hookfold/pkg/kafka"
)

const (
	topic = "events"
	group = "fold"

	// settleLimit is how long, in virtual time, a world without faults may take to acknowledge everything.
	settleLimit = 10 * time.Minute
)

// world is one history under way: a cluster, the processes that consume from it, and what happened.
type world struct {
	t       *testing.T
	plan    plan
	stack   *kfake.VirtualNetwork
	cluster *kfake.Cluster
	history *history
	calm    atomic.Bool // no more trouble: handlers acknowledge, faults are gone

	// Only the goroutine that plays the plan uses these.
	faults  []fault
	members []*member
	joined  int
	stuck   bool // the broker itself never finished a rebalance

	publisher *kafka.Publisher
	published int
	sending   sync.WaitGroup // publications
	busy      sync.WaitGroup // handlers, closings

	mu        sync.Mutex
	attempts  map[string]int
	confirmed []string
	broken    []string // promises found broken on the way
}

// blame notes a broken promise. A failure of the test itself would end the bubble before anything can be told.
func (w *world) blame(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

func newWorld(t *testing.T, p plan) *world {
	w := &world{t: t, plan: p, stack: new(kfake.VirtualNetwork), history: newHistory(), attempts: map[string]int{}}
	ports := []int{9092, 9093, 9094}[:p.brokers]
	var err error
	w.cluster, err = kfake.NewCluster(
		kfake.Ports(ports...), kfake.ListenFn(w.stack.Listen), kfake.SeedTopics(int32(p.partitions), topic),
		kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "1000", "group.consumer.session.timeout.ms": "10000"}))
	if err != nil {
		t.Fatalf("start the cluster: %v", err)
	}
	// Every commit is seen before the broker judges it: one that is refused was wrong to send, too.
	w.cluster.ControlKey(kmsg.OffsetCommit.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		for _, t := range req.(*kmsg.OffsetCommitRequest).Topics {
			for _, p := range t.Partitions {
				w.history.commit(spot{p.Partition, p.Offset})
			}
		}
		return nil, nil, false
	})
	w.cluster.ControlKey(kmsg.OffsetForLeaderEpoch.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		return keptEverything(req)
	})
	w.publisher, err = kafka.NewPublisher(kafka.PublisherConfig{
		Config:          kafka.Config{Brokers: w.cluster.ListenAddrs(), Options: []kgo.Opt{kgo.Dialer(w.dial)}},
		Marshaler:       marshaler,
		DeliveryTimeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatalf("make the publisher: %v", err)
	}
	return w
}

// keptEverything answers that no leader ever lost a record, which is so: the cluster itself forgets
// where an epoch ended when nothing was produced after it, and clients then take their records for lost.
func keptEverything(req kmsg.Request) (kmsg.Response, error, bool) {
	resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, t := range req.(*kmsg.OffsetForLeaderEpochRequest).Topics {
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			rp.Partition, rp.LeaderEpoch, rp.EndOffset = p.Partition, p.LeaderEpoch, math.MaxInt64
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp, nil, true
}

// marshaler spreads records over the partitions by their UUIDs.
var marshaler = kafka.DefaultMarshaler{Key: func(_ string, m *message.Message) ([]byte, error) { return []byte(m.UUID), nil }}

// play lets the plan happen, then lets the world come to rest and returns its log.
func (w *world) play() [][]string {
	for range w.plan.members {
		w.join()
	}
	w.publish(10)
	for _, s := range w.plan.steps {
		pause(s.after)
		s.trouble.strike(w, rand.New(rand.NewPCG(s.seed, 1)))
	}
	pause(5 * time.Second)

	w.calm.Store(true)
	for _, f := range w.faults {
		f.of.hits.Add(int64(f.handle.Hits()))
		f.handle.Remove()
	}
	for _, m := range w.members {
		m.restore()
	}
	w.fill() // so that somebody is there
	w.publish(5)
	w.sending.Wait()
	if err := w.publisher.Close(); err != nil {
		w.blame("close the publisher: %v", err)
	}
	log := w.readLog()
	for _, records := range log {
		for _, r := range records {
			w.history.expect(r)
		}
	}
	for _, r := range w.confirmed {
		w.history.expect(r)
	}
	w.settle("some records are acknowledged by nobody", func() any { return w.history.missing() })
	w.settle("some acknowledgements are not committed", func() any { return w.uncommitted(log) })
	for _, m := range w.members {
		if !m.over {
			m.close()
		}
	}
	w.busy.Wait()
	w.cluster.Close()
	return log
}

// settle waits until nothing is left, which left returns as an empty slice.
func (w *world) settle(what string, left func() any) {
	for end := time.Now().Add(settleLimit); ; pause(100 * time.Millisecond) {
		rest := fmt.Sprint(left())
		if rest == "[]" {
			return
		}
		if time.Now().After(end) {
			// Whatever members do, a broker ends a rebalance when its time-out has passed. kfake can miss that when
			// static members are killed in the midst of one; no client can go on then.
			if g := w.cluster.GroupInfo(group); g != nil && g.State == "PreparingRebalance" {
				w.stuck = true
				return
			}
			w.blame("%s %v after all trouble ended: %s", what, settleLimit, rest)
			return
		}
	}
}

// dial connects with a little latency: where every answer comes at once, a client that asks again
// without a pause would stop the clock for ever.
func (w *world) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := w.stack.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return slowConn{conn, w.plan.latency}, nil
}

type slowConn struct {
	net.Conn
	latency time.Duration
}

func (c slowConn) Write(b []byte) (int, error) {
	pause(c.latency)
	return c.Conn.Write(b)
}

// publish appends n records in the background.
func (w *world) publish(n int) {
	msgs := make([]*message.Message, n)
	for i := range msgs {
		w.published++
		msgs[i] = message.NewMessage(fmt.Sprintf("r%d", w.published), []byte("x"))
	}
	w.sending.Go(func() {
		err := w.publisher.Publish(topic, msgs...)
		var failed *kafka.PublishError
		if err != nil && !errors.As(err, &failed) {
			w.blame("Publish returned %T, want *kafka.PublishError: %v", err, err)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, m := range msgs {
			if failed == nil || !slices.Contains(failed.Failed, i) {
				w.confirmed = append(w.confirmed, m.UUID)
			}
		}
	})
}

// with does something to one of the members that live, if any does.
func (w *world) with(r *rand.Rand, do func(*member)) {
	var alive []*member
	for _, m := range w.members {
		if !m.over {
			alive = append(alive, m)
		}
	}
	if len(alive) > 0 {
		do(alive[r.IntN(len(alive))])
	}
}

// readLog reads every partition from its start to its end, with a client of its own.
func (w *world) readLog() [][]string {
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.Dialer(w.dial),
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		w.t.Fatalf("make a reader: %v", err)
	}
	defer cl.Close()
	log := make([][]string, w.plan.partitions)
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	for {
		complete := true
		for p := range log {
			complete = complete && int64(len(log[p])) == w.cluster.PartitionInfo(topic, int32(p)).HighWatermark
		}
		if complete {
			return log
		}
		fs := cl.PollFetches(ctx)
		if err := fs.Err0(); err != nil {
			w.t.Fatalf("read the log: %v", err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			uuid := ""
			for _, h := range r.Headers {
				if h.Key == kafka.UUIDHeader {
					uuid = string(h.Value)
				}
			}
			log[r.Partition] = append(log[r.Partition], uuid)
		})
	}
}

// uncommitted names the partitions whose committed offset is not their end.
func (w *world) uncommitted(log [][]string) []string {
	committed := map[int32]int64{}
	if g := w.cluster.GroupInfo(group); g != nil {
		for p, c := range g.Commits[topic] {
			committed[p] = c.Offset
		}
	}
	var out []string
	for p, records := range log {
		if n := int64(len(records)); committed[int32(p)] != n {
			out = append(out, fmt.Sprintf("partition %d at %d of %d", p, committed[int32(p)], n))
		}
	}
	return out
}

// pause lets virtual time pass.
func pause(d time.Duration) { <-time.After(d) }
