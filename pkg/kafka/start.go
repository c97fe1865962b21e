package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// adjust decides where new partitions of the group begin: StartOffsets' word, else the group's, else From. All of it is
// made exact here, so that the first Position is right.
func (s *subscription) adjust(ctx context.Context, fetched map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	group := fetched[s.topic]
	if len(group) == 0 {
		return fetched, nil
	}
	ids := slices.Sorted(maps.Keys(group))
	committed := map[int32]int64{}
	for id, o := range group {
		if at := o.EpochOffset().Offset; at >= 0 {
			committed[id] = at
		}
	}
	own, err := s.ownOffsets(ctx, ids)
	if err != nil {
		return nil, err
	}
	var open []int32
	for _, id := range ids {
		_, isOwn := own[id]
		_, isCommitted := committed[id]
		if !isOwn && !isCommitted {
			open = append(open, id)
		}
	}
	listed, err := s.listed(ctx, open, s.cfg.From)
	if err != nil {
		return nil, err
	}
	result := make(map[int32]kgo.Offset, len(ids))
	for _, id := range ids {
		at, ok := own[id]
		if ok {
			result[id] = kgo.NewOffset().At(at)
		} else if at, ok = committed[id]; ok {
			result[id] = group[id] // with its epoch
		} else if at, ok = listed[id]; ok {
			result[id] = kgo.NewOffset().At(at)
		} else {
			result[id] = group[id]
			continue
		}
		for _, p := range s.held([]int32{id}) {
			p.start(at)
		}
	}
	fetched[s.topic] = result
	return fetched, nil
}

// ownOffsets asks StartOffsets until it answers.
func (s *subscription) ownOffsets(ctx context.Context, ids []int32) (map[int32]int64, error) {
	if s.cfg.StartOffsets == nil {
		return nil, nil
	}
	ctx, cancel := s.untilClosing(ctx)
	defer cancel()
	var own map[int32]int64
	err := s.insist(ctx, "start offsets", func() (err error) {
		own, err = s.cfg.StartOffsets(ctx, s.topic, ids)
		return err
	})
	return own, err
}

// listed asks the brokers for the first or the end offsets until they answer.
func (s *subscription) listed(ctx context.Context, ids []int32, from From) (map[int32]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := s.untilClosing(ctx)
	defer cancel()
	var listed map[int32]int64
	err := s.insist(ctx, "list offsets", func() (err error) {
		at := int64(-2)
		if from == Latest {
			at = -1
		}
		listed, err = listOffsets(ctx, s.client, s.topic, ids, at)
		return err
	})
	return listed, err
}

func (s *subscription) untilClosing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closingCtx, cancel)
	return ctx, func() { stop(); cancel() }
}

// insist repeats what until it succeeds or the context ends.
func (s *subscription) insist(ctx context.Context, what string, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.cfg.Logger.Warn("kafka: "+what+" failed, trying again; its partitions wait", "topic", s.topic, "error", err)
		t := time.NewTimer(backoff(n))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// listOffsets gives the offsets of partitions at a timestamp: -2 the first, -1 the end.
func listOffsets(ctx context.Context, cl *kgo.Client, topic string, ids []int32, at int64) (map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = 1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for _, id := range ids {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = id, at
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	offsets := make(map[int32]int64, len(ids))
	for _, shard := range cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("offsets of %s partition %d: %w", topic, p.Partition, err)
				}
				offsets[p.Partition] = p.Offset
			}
		}
	}
	for _, id := range ids {
		if _, ok := offsets[id]; !ok {
			return nil, fmt.Errorf("offsets of %s partition %d: not answered", topic, id)
		}
	}
	return offsets, nil
}

// topicMetadata asks the brokers about one topic.
func topicMetadata(ctx context.Context, cl *kgo.Client, topic string) (kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("the brokers do not answer: %w", err)
	}
	if len(resp.Topics) != 1 {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("topic %s: the brokers say nothing of it", topic)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("topic %s: %w", topic, err)
	}
	return resp.Topics[0], nil
}

// partitionsOf gives the partitions of a topic, ascending.
func partitionsOf(ctx context.Context, cl *kgo.Client, topic string) ([]int32, error) {
	t, err := topicMetadata(ctx, cl, topic)
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, p := range t.Partitions {
		ids = append(ids, p.Partition)
	}
	slices.Sort(ids)
	return ids, nil
}

// newPartitionsEvery is how often a subscription without a group looks for partitions that were added.
const newPartitionsEvery = time.Minute

// assignAll reads all partitions, where there is no group; those added later from their beginning.
func (s *subscription) assignAll() {
	ctx, from := s.closingCtx, s.cfg.From
	known := map[int32]bool{}
	for {
		var fresh []int32
		err := s.insist(ctx, "partitions of the topic", func() error {
			ids, err := partitionsOf(ctx, s.client, s.topic)
			fresh = slices.DeleteFunc(ids, func(id int32) bool { return known[id] })
			return err
		})
		if err == nil && len(fresh) > 0 {
			err = s.assignDirect(ctx, fresh, from)
		}
		if err != nil {
			return // closing
		}
		from = Earliest
		for _, id := range fresh {
			known[id] = true
		}
		t := time.NewTimer(newPartitionsEvery)
		select {
		case <-t.C:
		case <-s.closing:
			t.Stop()
			return
		}
	}
}

func (s *subscription) assignDirect(ctx context.Context, ids []int32, from From) error {
	own, err := s.ownOffsets(ctx, ids)
	if err != nil {
		return err
	}
	open := slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { _, ok := own[id]; return ok })
	listed, err := s.listed(ctx, open, from)
	if err != nil {
		return err
	}
	s.assigned(ctx, ids)
	offsets := map[int32]kgo.Offset{}
	for _, p := range s.held(ids) {
		at, ok := own[p.id]
		if !ok {
			at = listed[p.id]
		}
		p.start(at)
		offsets[p.id] = kgo.NewOffset().At(at)
	}
	s.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: offsets})
	return nil
}
