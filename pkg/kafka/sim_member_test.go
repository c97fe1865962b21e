//go:build synctests

package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// closeLimit is the subscriber's promise, and a little for the machinery around it.
const closeLimit = 6*time.Second + 500*time.Millisecond

// member is one process that consumes: a subscriber, its network, and its handlers.
type member struct {
	w        *world
	id       int
	instance int // place among the static members; 0 for others
	sub      *kafka.Subscriber
	cancel   context.CancelFunc
	dead     chan struct{} // closed when the process was killed: its handlers say nothing any more
	over     bool          // it was closed, killed or cancelled

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	off    bool          // the network does not let it through
	stalls chan struct{} // closed when its handlers read on; nil while they do
}

// join starts a process with as many handlers as the subscriber gives it messages.
func (w *world) join() {
	w.joined++
	m := &member{w: w, id: w.joined, dead: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	conf := kafka.SubscriberConfig{
		Config:            kafka.Config{Brokers: w.cluster.ListenAddrs(), Options: []kgo.Opt{kgo.Dialer(m.dial)}, Logger: w.logger(m.id)},
		Group:             group,
		Marshaler:         marshaler,
		Window:            w.plan.window,
		Batch:             w.plan.batch,
		NackBackoff:       kafka.Backoff{Min: 50 * time.Millisecond, Max: 2 * time.Second},
		SessionTimeout:    10 * time.Second,
		RebalanceTimeout:  15 * time.Second,
		HeartbeatInterval: time.Second,
		RevokeTimeout:     8 * time.Second,
		CloseTimeout:      6 * time.Second,
		CommitInterval:    500 * time.Millisecond,
		KIP848:            w.plan.nextGen,
	}
	if w.plan.static {
		m.instance = w.freeInstance()
		conf.InstanceID = fmt.Sprintf("instance-%d", m.instance)
	}
	var err error
	if m.sub, err = kafka.NewSubscriber(conf); err != nil {
		w.t.Fatalf("make subscriber %d: %v", m.id, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	messages, err := m.sub.Subscribe(ctx, topic)
	if err != nil {
		w.t.Fatalf("subscribe %d: %v", m.id, err)
	}
	w.members = append(w.members, m)
	w.busy.Go(func() { m.read(messages) })
}

// logger is silent unless -sim.log is given. Its times are virtual.
func (w *world) logger(member int) *slog.Logger {
	if !*simLog {
		return nil
	}
	return slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("member", member, "group", group)
}

// freeInstance is the lowest place among the static members that nobody who lives has.
func (w *world) freeInstance() int {
	taken := map[int]bool{}
	for _, m := range w.members {
		taken[m.instance] = taken[m.instance] || !m.over
	}
	n := 1
	for taken[n] {
		n++
	}
	return n
}

// fill brings somebody to every place of a static member that was ever taken. Its partitions wait for it: in
// the classic protocol for the session time-out, and in kfake's version of the new one for ever.
func (w *world) fill() {
	last := 1
	for _, m := range w.members {
		last = max(last, m.instance)
	}
	w.join()
	for w.plan.static && w.freeInstance() <= last {
		w.join()
	}
}

func (m *member) read(messages <-chan *message.Message) {
	for {
		m.mu.Lock()
		stalled := m.stalls
		m.mu.Unlock()
		if stalled != nil {
			<-stalled
			continue
		}
		msg, open := <-messages
		if !open {
			return
		}
		records := recordsOf(msg)
		m.note(handed, records)
		m.w.busy.Go(func() { m.handle(msg, records) })
	}
}

// recordsOf are the UUIDs of a message's records.
func recordsOf(msg *message.Message) (uuids []string) {
	for r := range kafka.RecordsOf(msg) {
		for _, h := range r.Headers {
			if h.Key == kafka.UUIDHeader {
				uuids = append(uuids, string(h.Value))
			}
		}
	}
	return uuids
}

func (m *member) note(d deed, records []string) {
	for _, r := range records {
		m.w.history.note(d, m.id, r)
	}
}

func (m *member) handle(msg *message.Message, records []string) {
	m.w.mu.Lock()
	m.w.attempts[records[0]]++
	o := m.w.plan.outcome(records[0], m.w.attempts[records[0]])
	m.w.mu.Unlock()
	if m.w.calm.Load() {
		o = outcome{end: acked}
	}
	ended := msg.Context().Done()
	if o.stubborn {
		ended = nil
	}
	select {
	case <-time.After(o.wait):
	case <-ended:
		o.end = nacked // as Watermill's router does with an error
	case <-m.dead:
	}
	select {
	case <-m.dead:
		m.note(dropped, records)
		return
	default:
	}
	m.note(o.end, records)
	if o.end == acked {
		msg.Ack()
	} else {
		msg.Nack()
	}
}

// close closes the subscriber as a process does that is told to end.
func (m *member) close() {
	m.over = true
	m.w.busy.Go(func() {
		began := time.Now()
		err := m.sub.Close()
		if err != nil {
			m.w.blame("close member %d: %v", m.id, err)
		}
		if took := time.Since(began); took > closeLimit {
			m.w.blame("closing member %d took %v, the limit is %v", m.id, took, closeLimit)
		}
		m.cancel()
	})
}

// kill is what the others see of a process that ends without a word. Closing only frees its goroutines.
func (m *member) kill() {
	m.block(true)
	close(m.dead)
	m.close()
}

// cancelContext ends the subscription from outside.
func (m *member) cancelContext() {
	m.cancel()
	m.close()
}

// cut breaks all connections; new ones can be made.
func (m *member) cut() {
	m.block(true)
	m.block(false)
}

// isolate takes the network away for a while.
func (m *member) isolate(d time.Duration) {
	m.block(true)
	m.w.busy.Go(func() {
		pause(d)
		if !m.killed() {
			m.block(false)
		}
	})
}

// stall lets the process read no messages for a while; its client goes on.
func (m *member) stall(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stalls != nil {
		return
	}
	again := make(chan struct{})
	m.stalls = again
	m.w.busy.Go(func() {
		pause(d)
		m.mu.Lock()
		m.stalls = nil
		m.mu.Unlock()
		close(again)
	})
}

// restore gives a living member its network back.
func (m *member) restore() {
	if !m.killed() {
		m.block(false)
	}
}

func (m *member) killed() bool {
	select {
	case <-m.dead:
		return true
	default:
		return false
	}
}

func (m *member) block(off bool) {
	m.mu.Lock()
	m.off = off
	var broken []net.Conn
	if off {
		for c := range m.conns {
			broken = append(broken, c)
		}
		clear(m.conns)
	}
	m.mu.Unlock()
	for _, c := range broken {
		c.Close() //nolint:errcheck // it is the accident
	}
}

func (m *member) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := m.w.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		conn.Close() //nolint:errcheck // nobody has used it
		return nil, errors.New("no route to host")
	}
	m.conns[conn] = struct{}{}
	return conn, nil
}
