package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// From says where to begin on a partition for which neither the group nor StartOffsets has an offset.
type From int

const (
	// Earliest begins with the oldest record. The default.
	Earliest From = iota
	// Latest begins with what is published after the assignment.
	Latest
)

// Backoff is a growing wait with jitter: the nth wait is drawn between half and all of Min·2ⁿ, at most Max.
type Backoff struct{ Min, Max time.Duration }

// SubscriberConfig configures a [Subscriber]. Zero values take the defaults.
type SubscriberConfig struct {
	Config
	// Group is the consumer group; its members share the partitions. Empty: every subscription reads all
	// partitions, and nothing is committed.
	Group string
	// Marshaler builds the messages. Default [DefaultMarshaler].
	Marshaler Marshaler
	// OnUndecodable decides about a record that Unmarshal refuses: the message to deliver in its stead, or nil to pass over it as
	// if acknowledged. Default: [Undecodable], which delivers the raw record with the error in its metadata. It never blocks the partition.
	OnUndecodable func(Record, error) *message.Message
	// Window is how many messages of one partition may be unacknowledged at once. Default 1: strictly in order.
	Window int
	// Batch is how many records of one partition a message carries at most. Default 1. With more, Marshaler and OnUndecodable are not
	// asked: a message has neither payload nor metadata, [RecordsOf] gives its records, all that lay ready when it was made, and its
	// acknowledgement is theirs, either way. Nothing waits for a batch to fill. A batch ends where it has reached the partition's share of
	// MaxBytes.
	Batch int
	// MaxRecords and MaxBytes bound what one subscription has fetched and not yet handed out: each partition has an equal share, which one
	// poll may exceed by as much again. Beside it the client holds one fetch, of half of MaxBytes, for each broker. Defaults 20,000 records and
	// 32 MiB.
	MaxRecords int
	MaxBytes   int64
	// StartOffsets is asked on assignment where to begin; partitions that it leaves out begin at the group's offset, else at From. An error
	// is logged and the question repeated until the partition is taken away. The context ends when it is.
	StartOffsets func(ctx context.Context, topic string, partitions []int32) (map[int32]int64, error)
	// From applies where there is no offset.
	From From
	// OnAssigned is called before the first message of the partitions, OnRevoking when delivery has stopped and what is in
	// flight is waited for, OnRevoked when that is done and committed, OnLost when the partitions were lost without
	// notice: messages of theirs still in handlers have their context cancelled, and their acknowledgement counts for nothing.
	// All hold up the rebalance while they run.
	OnAssigned, OnRevoking, OnRevoked, OnLost func(ctx context.Context, topic string, partitions []int32)
	// NackBackoff delays redeliveries. Default 100 ms to 30 s.
	NackBackoff Backoff
	// RevokeTimeout bounds the wait for what is in flight when partitions are revoked. Default 20 s; must be below RebalanceTimeout.
	RevokeTimeout time.Duration
	// CloseTimeout bounds Close: half of it waits for what is in flight. Default 10 s.
	CloseTimeout time.Duration
	// CommitInterval is how often the group's offsets are committed. Default 1 s.
	CommitInterval time.Duration
	// SessionTimeout, RebalanceTimeout and HeartbeatInterval are the group's. Defaults 45 s, 60 s, 3 s.
	SessionTimeout, RebalanceTimeout, HeartbeatInterval time.Duration
	// InstanceID makes this a static member: it must be unique in the group, and allows one subscription at a time.
	InstanceID string
	// Rack lets brokers with rack awareness serve fetches from a near replica.
	Rack string
	// KIP848 switches to the group protocol of Kafka 4, where the broker assigns.
	KIP848 bool
}

func (c SubscriberConfig) withDefaults() SubscriberConfig {
	c.Config = c.Config.withDefaults()
	if c.Marshaler == nil {
		c.Marshaler = DefaultMarshaler{}
	}
	if c.OnUndecodable == nil {
		c.OnUndecodable = Undecodable
	}
	if c.Window == 0 {
		c.Window = 1
	}
	if c.Batch == 0 {
		c.Batch = 1
	}
	if c.MaxRecords == 0 {
		c.MaxRecords = 20_000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 32 << 20
	}
	if c.NackBackoff.Min == 0 {
		c.NackBackoff.Min = 100 * time.Millisecond
	}
	if c.NackBackoff.Max == 0 {
		c.NackBackoff.Max = max(30*time.Second, c.NackBackoff.Min)
	}
	if c.RebalanceTimeout == 0 {
		c.RebalanceTimeout = 60 * time.Second
	}
	if c.RevokeTimeout == 0 {
		c.RevokeTimeout = min(20*time.Second, c.RebalanceTimeout/2)
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = 10 * time.Second
	}
	if c.CommitInterval == 0 {
		c.CommitInterval = time.Second
	}
	if c.SessionTimeout == 0 {
		c.SessionTimeout = 45 * time.Second
	}
	if c.HeartbeatInterval == 0 {
		c.HeartbeatInterval = min(3*time.Second, c.SessionTimeout/3)
	}
	return c
}

func (c SubscriberConfig) validate() error {
	if err := c.Config.validate(); err != nil {
		return err
	}
	switch {
	case c.Window < 1:
		return fmt.Errorf("kafka: Window %d must be at least 1", c.Window)
	case c.Batch < 1:
		return fmt.Errorf("kafka: Batch %d must be at least 1", c.Batch)
	case c.MaxRecords < 1 || c.MaxBytes < 1:
		return errors.New("kafka: MaxRecords and MaxBytes must be positive")
	case c.From != Earliest && c.From != Latest:
		return fmt.Errorf("kafka: From %d is neither Earliest nor Latest", c.From)
	case c.NackBackoff.Min < 0 || c.NackBackoff.Max < c.NackBackoff.Min:
		return fmt.Errorf("kafka: NackBackoff from %s to %s is no range", c.NackBackoff.Min, c.NackBackoff.Max)
	case c.RevokeTimeout < 0 || c.RevokeTimeout >= c.RebalanceTimeout:
		return fmt.Errorf("kafka: RevokeTimeout %s must be shorter than RebalanceTimeout %s, or the group gives the partitions away meanwhile", c.RevokeTimeout, c.RebalanceTimeout)
	case c.HeartbeatInterval >= c.SessionTimeout:
		return fmt.Errorf("kafka: HeartbeatInterval %s must be shorter than SessionTimeout %s", c.HeartbeatInterval, c.SessionTimeout)
	case c.CloseTimeout < 0 || c.CommitInterval < 0:
		return errors.New("kafka: CloseTimeout and CommitInterval must be positive")
	case c.Group == "" && (c.InstanceID != "" || c.KIP848):
		return errors.New("kafka: InstanceID and KIP848 need a Group")
	}
	return nil
}

// Subscriber consumes topics and implements [message.Subscriber] and [message.SubscribeInitializer]. Every subscription is a client, and in a
// group a member, of its own.
type Subscriber struct {
	cfg     SubscriberConfig
	handing *handing
	lag     *lagCollector
	meters  *meters

	mu     sync.Mutex
	closed bool
	subs   map[*subscription]struct{}
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
	_ message.Publisher            = (*Publisher)(nil)
)

// NewSubscriber makes a subscriber. It connects on [Subscriber.Subscribe].
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Subscriber{cfg: cfg, meters: &meters{}, handing: &handing{last: map[topicPartition]<-chan struct{}{}}, subs: map[*subscription]struct{}{}}
	if cfg.Registerer != nil {
		lag, err := registerLag(cfg.Registerer, s)
		if err != nil {
			return nil, err
		}
		s.lag = lag
	}
	return s, nil
}

// Subscribe joins the group, or reads all partitions where there is none, and gives the channel of messages. It does not wait for the
// brokers. The channel is closed, and everything let go, when ctx ends or the subscriber closes. A message must be
// acknowledged either way, or its place in the window stays taken.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if topic == "" {
		return nil, errors.New("kafka: Subscribe needs a topic")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	sub, err := newSubscription(ctx, s, topic)
	if err != nil {
		return nil, err
	}
	s.subs[sub] = struct{}{}
	sub.begin()
	return sub.out, nil
}

// SubscribeInitialize creates the topic with the broker's default number of partitions where it does not exist.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return EnsureTopic(ctx, s.cfg.Config, TopicSpec{Name: topic, Partitions: -1, ReplicationFactor: -1})
}

// Assigned gives the partitions held now, by topic, in ascending order.
func (s *Subscriber) Assigned() map[string][]int32 {
	all := map[string][]int32{}
	for _, sub := range s.subscriptions() {
		sub.mu.Lock()
		all[sub.topic] = append(all[sub.topic], slices.Collect(maps.Keys(sub.parts))...)
		sub.mu.Unlock()
	}
	for topic, ps := range all {
		slices.Sort(ps)
		all[topic] = slices.Compact(ps)
		if len(ps) == 0 {
			delete(all, topic)
		}
	}
	return all
}

func (s *Subscriber) subscriptions() []*subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.subs))
}

func (s *Subscriber) forget(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subs, sub)
}

// Close stops delivery, waits for what is in flight, commits, leaves the group and closes the channels: within CloseTimeout, with every
// goroutine gone. What was not acknowledged by then is delivered again to whoever reads next.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	subs := s.subscriptions()
	for _, sub := range subs {
		sub.close()
	}
	for _, sub := range subs {
		<-sub.ended
	}
	if s.lag != nil {
		s.lag.remove(s)
	}
	return nil
}

type topicPartition struct {
	topic string
	id    int32
}

// handing remembers, for each partition of the group, the last of this subscriber's goroutines that delivered it, so that its next owner
// in this process begins only when no handler has messages of it any more.
type handing struct {
	mu   sync.Mutex
	last map[topicPartition]<-chan struct{}
}

// succeed puts gone at the end of the partition's chain and gives what it must wait for.
func (h *handing) succeed(tp topicPartition, gone <-chan struct{}) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.last[tp]
	h.last[tp] = gone
	return before
}
