package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// readyLimit bounds one look at the brokers where the caller sets no bound.
	readyLimit = 5 * time.Second
	// redFor is how long a failed publication counts against readiness, unless one succeeds before.
	redFor = 5 * time.Second
	// minISRFor is how long a topic's min.insync.replicas is taken as known.
	minISRFor = time.Minute
)

// health remembers how the last publication to each topic ended, and what was learnt of the topics.
type health struct {
	mu     sync.Mutex
	failed map[string]failure
	minISR map[string]learnt
}

type failure struct {
	at  time.Time
	err error
}

type learnt struct {
	at time.Time
	n  int
}

// saw notes the end of one publication. What is the message's or the caller's fault says nothing of the brokers.
func (h *health) saw(topic string, err error) {
	if err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.failed, topic)
		return
	}
	var ke *kerr.Error
	if brokers := errors.As(err, &ke) && Retryable(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrRecordRetries); !brokers {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed == nil {
		h.failed = map[string]failure{}
	}
	h.failed[topic] = failure{time.Now(), err}
}

func (h *health) lately(topic string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f, ok := h.failed[topic]; ok && time.Since(f.at) < redFor {
		return f.err
	}
	return nil
}

// Ready says whether a publication to topic would succeed now: nil, or what stands in the way. It asks the brokers each
// time and appends nothing. It holds that
//
//   - the buffer has room, and the last publication, if it was in the last seconds, did not fail by the brokers' fault;
//   - the topic exists, and each of its partitions has a leader and as many replicas in sync as min.insync.replicas
//     demands (where this client may read that setting);
//   - each of the leaders takes a produce request from this client: it is asked to append an empty batch, which it must refuse as
//     malformed, and not for any other reason.
//
// The answer is bounded by ctx, and by 5 s.
func (p *Publisher) Ready(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := p.ready(ctx, topic); err != nil {
		return fmt.Errorf("kafka: not ready: %w", err)
	}
	return nil
}

func (p *Publisher) ready(ctx context.Context, topic string) error {
	p.mu.RLock()
	closed := p.closed
	p.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	if p.client.BufferedProduceRecords() >= int64(p.cfg.MaxBufferedRecords) || p.client.BufferedProduceBytes() >= int64(p.cfg.MaxBufferedBytes) {
		return ErrBufferFull
	}
	if err := p.health.lately(topic); err != nil {
		return fmt.Errorf("the last publication to %s failed: %w", topic, err)
	}
	t, err := topicMetadata(ctx, p.client, topic)
	if err != nil {
		return err
	}
	led, err := leaders(t, topic)
	if err != nil {
		return err
	}
	need := p.minISR(ctx, topic)
	for _, part := range t.Partitions {
		if len(part.ISR) < need {
			return fmt.Errorf("topic %s partition %d: %d replicas in sync, min.insync.replicas is %d", topic, part.Partition, len(part.ISR), need)
		}
	}
	for broker, parts := range led {
		if err := p.probe(ctx, broker, t, topic, parts[0]); err != nil {
			return fmt.Errorf("broker %d does not take records for %s: %w", broker, topic, err)
		}
	}
	return nil
}

// leaders gives the partitions of a topic by the broker that leads them, or an error where any has none.
func leaders(t kmsg.MetadataResponseTopic, topic string) (map[int32][]int32, error) {
	led := map[int32][]int32{}
	for _, p := range t.Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return nil, fmt.Errorf("topic %s partition %d: %w", topic, p.Partition, err)
		}
		led[p.Leader] = append(led[p.Leader], p.Partition)
	}
	if len(led) == 0 {
		return nil, fmt.Errorf("topic %s: the brokers name no partitions", topic)
	}
	return led, nil
}

// probe asks a leader to append an empty batch.
func (p *Publisher) probe(ctx context.Context, broker int32, t kmsg.MetadataResponseTopic, topic string, partition int32) error {
	req := kmsg.NewPtrProduceRequest()
	req.Acks = -1
	req.TimeoutMillis = 1000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.TopicID = topic, t.TopicID
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Partition, rp.Records = partition, []byte{}
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	kresp, err := p.client.Broker(int(broker)).Request(ctx, req)
	if err != nil {
		return err
	}
	for _, t := range kresp.(*kmsg.ProduceResponse).Topics {
		for _, rp := range t.Partitions {
			switch err := kerr.ErrorForCode(rp.ErrorCode); {
			case errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.CorruptMessage):
			case err == nil: // it took the empty batch for nothing to do
			case rp.ErrorMessage != nil:
				return fmt.Errorf("%w (%s)", err, *rp.ErrorMessage)
			default:
				return err
			}
		}
	}
	return nil
}

// minISR gives the topic's min.insync.replicas, or 0 where it cannot be read.
func (p *Publisher) minISR(ctx context.Context, topic string) int {
	h := &p.health
	h.mu.Lock()
	known, ok := h.minISR[topic]
	h.mu.Unlock()
	if ok && time.Since(known.at) < minISRFor {
		return known.n
	}
	n := 0
	if configs, err := topicConfigs(ctx, p.client, topic); err == nil { // a client may be allowed to write only
		if v, err := strconv.Atoi(configs["min.insync.replicas"]); err == nil {
			n = v
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.minISR == nil {
		h.minISR = map[string]learnt{}
	}
	h.minISR[topic] = learnt{time.Now(), n}
	return n
}
