package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	// MaxBufferedRecords and MaxBufferedBytes bound what waits for the brokers; beyond, Publish returns [ErrBufferFull] without waiting for them.
	// Defaults 10,000 records and 64 MiB (keys, values and headers).
	MaxBufferedRecords int
	MaxBufferedBytes   int
	// DeliveryTimeout bounds the wait for the brokers' confirmation, whatever the message's context says. Default 30 s.
	DeliveryTimeout time.Duration
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
	groups *groups
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
		kgo.ProducerLinger(0), // records gather before they are given to the client; see groups
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
	p := &Publisher{cfg: cfg, client: client, release: release, expiry: expiry{after: cfg.DeliveryTimeout}}
	p.groups = newGroups(p.give)
	return p, nil
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
	recs := make([]Record, len(msgs))
	for i, msg := range msgs {
		var err error
		if recs[i], err = p.cfg.Marshaler.Marshal(topic, msg); err != nil {
			return &PublishError{Topic: topic, Total: len(msgs), Failed: indexes(len(msgs)), Err: fmt.Errorf("marshal message %d: %w", i, err)}
		}
	}
	return p.append(topic, recs, func(i int) context.Context { return msgs[i].Context() })
}

// Append is Publish for who has records: no message is made, and no marshaler asked. The context bounds the wait for all of them. The
// records' bytes must not be changed any more, also after it has returned with an error.
func (p *Publisher) Append(ctx context.Context, topic string, recs ...Record) error {
	return p.append(topic, recs, func(int) context.Context { return ctx })
}

func (p *Publisher) append(topic string, recs []Record, contextOf func(int) context.Context) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return &PublishError{Topic: topic, Total: len(recs), Failed: indexes(len(recs)), Err: ErrClosed}
	}
	sends := make([]*send, len(recs))
	begun := time.Now()
	for i, rec := range recs {
		sends[i] = &send{own: rec.toClient(topic), begun: begun, ended: make(chan error, 1)}
		sends[i].rec = &sends[i].own
		if p.cfg.TracerProvider != nil {
			sends[i].rec.Context = context.WithoutCancel(contextOf(i))
		}
	}
	p.groups.add(sends...)
	var failed *PublishError
	for i, s := range sends {
		if err := s.wait(contextOf(i)); err != nil {
			if failed == nil {
				failed = &PublishError{Topic: topic, Total: len(sends), Err: err}
			}
			failed.Failed = append(failed.Failed, i)
		}
	}
	if failed == nil {
		return nil
	}
	return failed
}

// give gives a record to the client. The client does not learn of the message's context: when a record's context ends, it fails
// every record that waits for the same partition, other callers' too. It does the same when a record has waited too long;
// those that have not go into another group.
func (p *Publisher) give(s *send) {
	p.client.TryProduce(p.expiry.context(), s.rec, func(rec *kgo.Record, err error) {
		p.health.saw(rec.Topic, err)
		one := s.group
		switch {
		case err != nil && p.again(s, err):
			s.rec = &kgo.Record{Topic: rec.Topic, Key: rec.Key, Value: rec.Value, Headers: rec.Headers, Timestamp: rec.Timestamp, Context: rec.Context}
			p.groups.add(s)
		case errors.Is(err, kgo.ErrMaxBuffered):
			s.ended <- ErrBufferFull
		default:
			s.ended <- err
		}
		one.ended()
	})
}

func (p *Publisher) again(s *send, err error) bool {
	var ke *kerr.Error
	collateral := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrRecordRetries) || errors.As(err, &ke) && sequenceTrouble(ke)
	return collateral && !s.abandoned.Load() && time.Since(s.begun) < p.cfg.DeliveryTimeout-time.Second && p.client.Context().Err() == nil
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
	p.groups.close()
	p.expiry.close()
	p.release()
	<-locked
	return err
}
