package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// PublisherConfig configures a [Publisher]. Zero values take the defaults.
type PublisherConfig struct {
	Config
	// Marshaler builds the records. Default [DefaultMarshaler].
	Marshaler Marshaler
	// MaxBufferedRecords and MaxBufferedBytes bound what waits for the brokers; beyond, Publish returns [ErrBufferFull] at once.
	// Defaults 10,000 records and 64 MiB (keys, values and headers).
	MaxBufferedRecords int
	MaxBufferedBytes   int
	// DeliveryTimeout bounds the wait for the brokers' confirmation, whatever the message's context says. Default 30 s.
	DeliveryTimeout time.Duration
	// Linger holds a record back for others to join its request. Default 0: while earlier requests are
	// under way, records gather anyway, which is the better batch.
	Linger time.Duration
	// MaxMessageBytes bounds one produce batch. Default 1,000,012, which brokers accept by default.
	MaxMessageBytes int32
	// Compression of batches. Default snappy; [kgo.NoCompression] turns it off.
	Compression *kgo.CompressionCodec
	// CloseTimeout bounds the flush on Close. Default 10 s.
	CloseTimeout time.Duration
}

func (c PublisherConfig) withDefaults() PublisherConfig {
	c.Config = c.Config.withDefaults()
	if c.Marshaler == nil {
		c.Marshaler = DefaultMarshaler{}
	}
	if c.MaxBufferedRecords == 0 {
		c.MaxBufferedRecords = 10_000
	}
	if c.MaxBufferedBytes == 0 {
		c.MaxBufferedBytes = 64 << 20
	}
	if c.DeliveryTimeout == 0 {
		c.DeliveryTimeout = 30 * time.Second
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = 10 * time.Second
	}
	return c
}

func (c PublisherConfig) validate() error {
	if err := c.Config.validate(); err != nil {
		return err
	}
	switch {
	case c.MaxBufferedRecords < 0 || c.MaxBufferedBytes < 0:
		return errors.New("kafka: MaxBufferedRecords and MaxBufferedBytes must not be negative")
	case c.DeliveryTimeout < time.Second:
		return fmt.Errorf("kafka: DeliveryTimeout %s is below 1s, the least the client can hold to", c.DeliveryTimeout)
	case c.Linger < 0 || c.Linger >= c.DeliveryTimeout:
		return fmt.Errorf("kafka: Linger %s must be shorter than DeliveryTimeout %s", c.Linger, c.DeliveryTimeout)
	}
	return nil
}

// Publisher appends messages to Kafka and implements [message.Publisher]. It is safe for concurrent use; callers that publish
// at the same time share produce requests.
type Publisher struct {
	cfg     PublisherConfig
	client  *kgo.Client
	release func()

	mu     sync.RWMutex // held for reading by calls under way
	closed bool
	once   sync.Once
	health health
	expiry expiry
}

// NewPublisher makes a publisher. It does not wait for the brokers: use [Publisher.Ready] to learn whether they answer.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	opts := []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.MaxBufferedRecords(cfg.MaxBufferedRecords),
		kgo.MaxBufferedBytes(cfg.MaxBufferedBytes),
		kgo.ProducerLinger(cfg.Linger),
		// No RecordDeliveryTimeout: the client counts it from the record's own timestamp, which is the user's to set and may lie
		// long back; see expiry. The delivery time-out counts more than the chance of a duplicate; without this, records that were sent and never
		// answered would fill the buffer for as long as an outage lasts.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(500 * time.Millisecond),
	}
	if cfg.MaxMessageBytes > 0 {
		opts = append(opts, kgo.ProducerBatchMaxBytes(cfg.MaxMessageBytes))
	}
	if cfg.Compression != nil {
		opts = append(opts, kgo.ProducerBatchCompression(*cfg.Compression))
	}
	client, _, release, err := cfg.client("publisher", opts...)
	if err != nil {
		return nil, err
	}
	return &Publisher{cfg: cfg, client: client, release: release, expiry: expiry{after: cfg.DeliveryTimeout}}, nil
}

// backoff between retries of the client: short enough that an outage is left behind soon after its end.
func backoff(fails int) time.Duration {
	return min(50*time.Millisecond<<min(fails-1, 6), 2*time.Second)
}

// Publish appends the messages and returns when the brokers have confirmed all of them (acks=all), or when it is
// known that not all will be. It returns a [*PublishError]; [Retryable] says whether a retry can help.
//
// Each message's context bounds the wait for that message. When it ends first, Publish returns with the context's error, and the record
// may or may not be appended later. Messages of one call for one partition are appended in their order.
func (p *Publisher) Publish(topic string, msgs ...*message.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return &PublishError{Topic: topic, Total: len(msgs), Failed: indexes(len(msgs)), Err: ErrClosed}
	}
	recs := make([]*kgo.Record, len(msgs))
	for i, msg := range msgs {
		rec, err := p.cfg.Marshaler.Marshal(topic, msg)
		if err != nil {
			return &PublishError{Topic: topic, Total: len(msgs), Failed: indexes(len(msgs)), Err: fmt.Errorf("marshal message %d: %w", i, err)}
		}
		recs[i] = rec.toClient(topic)
	}
	b := &pending{p: p, begun: time.Now(), slots: make([]slot, len(msgs)), done: make(chan struct{})}
	b.open.Store(int64(len(msgs)))
	for i, msg := range msgs {
		ctx := msg.Context()
		if p.cfg.TracerProvider != nil {
			recs[i].Context = context.WithoutCancel(ctx)
		}
		if ctx.Done() != nil {
			b.slots[i].stop = context.AfterFunc(ctx, func() { b.finish(i, context.Cause(ctx)) })
		}
		b.produce(i, recs[i])
	}
	<-b.done
	return b.result(topic)
}

// pending is one Publish under way.
type pending struct {
	p     *Publisher
	begun time.Time
	slots []slot
	open  atomic.Int64
	done  chan struct{}
}

type slot struct {
	set  atomic.Bool
	err  error
	stop func() bool
}

// produce gives a record to the client. The client does not learn of the message's context: when a record's context ends, it fails
// every record that waits for the same partition, other callers' too. It does the same when a record has waited too long;
// those that have not are given to it again.
func (b *pending) produce(i int, rec *kgo.Record) {
	b.p.client.TryProduce(b.p.expiry.context(), rec, func(rec *kgo.Record, err error) {
		if b.p.health.saw(rec.Topic, err); err != nil && b.again(i, err) {
			b.produce(i, &kgo.Record{Topic: rec.Topic, Key: rec.Key, Value: rec.Value, Headers: rec.Headers, Timestamp: rec.Timestamp, Context: rec.Context})
			return
		}
		if errors.Is(err, kgo.ErrMaxBuffered) {
			err = ErrBufferFull
		}
		b.finish(i, err)
	})
}

func (b *pending) again(i int, err error) bool {
	var ke *kerr.Error
	collateral := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrRecordRetries) || errors.As(err, &ke) && sequenceTrouble(ke)
	return collateral && !b.slots[i].set.Load() && time.Since(b.begun) < b.p.cfg.DeliveryTimeout-time.Second && b.p.client.Context().Err() == nil
}

// finish notes the outcome of one message; the first word counts.
func (b *pending) finish(i int, err error) {
	if !b.slots[i].set.CompareAndSwap(false, true) {
		return
	}
	b.slots[i].err = err
	if b.open.Add(-1) == 0 {
		close(b.done)
	}
}

func (b *pending) result(topic string) error {
	var failed *PublishError
	for i := range b.slots {
		if stop := b.slots[i].stop; stop != nil {
			stop()
		}
		if err := b.slots[i].err; err != nil {
			if failed == nil {
				failed = &PublishError{Topic: topic, Total: len(b.slots), Err: err}
			}
			failed.Failed = append(failed.Failed, i)
		}
	}
	if failed == nil {
		return nil
	}
	return failed
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// Close refuses further publications, waits for those under way up to CloseTimeout, and fails the rest. It always returns within
// that limit and a little more, with every goroutine of the client gone.
func (p *Publisher) Close() error {
	var err error
	p.once.Do(func() { err = p.close() })
	return err
}

func (p *Publisher) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.CloseTimeout)
	defer cancel()
	locked := make(chan struct{})
	go func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		close(locked)
	}()
	var err error
	select {
	case <-locked: // no call is under way: nothing is buffered but what callers gave up on
	case <-ctx.Done():
		err = fmt.Errorf("kafka: publisher closed with publications under way after %s: they fail as not confirmed", p.cfg.CloseTimeout)
	}
	p.client.Close()
	p.expiry.close()
	p.release()
	<-locked
	return err
}
