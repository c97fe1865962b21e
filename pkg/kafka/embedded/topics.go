package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ensureTopics creates the topics that are missing and refuses those that exist with another number of partitions.
func ensureTopics(ctx context.Context, addrs []string, partitions map[string]int32) error {
	if len(partitions) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	defer cl.Close()
	req := kmsg.NewPtrMetadataRequest()
	create := kmsg.NewPtrCreateTopicsRequest()
	create.TimeoutMillis = 10_000
	for _, name := range slices.Sorted(maps.Keys(partitions)) {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("embedded broker: look for topics: %w", err)
	}
	for _, t := range resp.Topics {
		name := *t.Topic
		err := kerr.ErrorForCode(t.ErrorCode)
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			create.Topics = append(create.Topics, topicRequest(name, partitions[name]))
		case err != nil:
			return fmt.Errorf("embedded broker: topic %s: %w", name, err)
		case len(t.Partitions) != int(partitions[name]):
			return fmt.Errorf("embedded broker: topic %s has %d partitions, not %d: with another number, records of one key would be spread over two partitions; configure %d, or begin with a fresh directory",
				name, len(t.Partitions), partitions[name], len(t.Partitions))
		}
	}
	if len(create.Topics) == 0 {
		return nil
	}
	created, err := create.RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("embedded broker: create topics: %w", err)
	}
	for _, t := range created.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("embedded broker: create topic %s: %w", t.Topic, err)
		}
	}
	return nil
}

func topicRequest(name string, partitions int32) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, 1
	for _, c := range [][2]string{{"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = c[0], kmsg.StringPtr(c[1])
		t.Configs = append(t.Configs, config)
	}
	return t
}
