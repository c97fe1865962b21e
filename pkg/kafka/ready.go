package kafka

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// health remembers how the last produce to each topic ended.
type health struct {
	mu   sync.Mutex
	last map[string]error
}

func (h *health) saw(topic string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.last, topic)
		return
	}
	if h.last == nil {
		h.last = map[string]error{}
	}
	h.last[topic] = err
}

// Ready says whether a publication to topic would succeed now: nil, or what stands in the way.
func (p *Publisher) Ready(ctx context.Context, topic string) error {
	if _, err := leaders(ctx, p.client, topic); err != nil {
		return fmt.Errorf("kafka: not ready: %w", err)
	}
	return nil
}

// leaders gives the partitions of a topic by the broker that leads them, or an error where any has none.
func leaders(ctx context.Context, cl *kgo.Client, topic string) (map[int32][]int32, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, fmt.Errorf("the brokers do not answer: %w", err)
	}
	led := map[int32][]int32{}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
		for _, part := range t.Partitions {
			if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
				return nil, fmt.Errorf("topic %s partition %d: %w", topic, part.Partition, err)
			}
			led[part.Leader] = append(led[part.Leader], part.Partition)
		}
	}
	if len(led) == 0 {
		return nil, fmt.Errorf("topic %s: the brokers name no partitions", topic)
	}
	return led, nil
}
