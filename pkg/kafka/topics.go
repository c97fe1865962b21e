package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicSpec describes a topic that keeps everything.
type TopicSpec struct {
	Name string
	// Partitions; -1 takes the broker's default. Required.
	Partitions int32
	// ReplicationFactor; -1 takes the broker's default. Default -1.
	ReplicationFactor int16
	// Configs are set on creation, over the designed ones, which are cleanup.policy=delete, retention.ms=-1,
	// retention.bytes=-1, unclean.leader.election.enable=false, and min.insync.replicas=2 from three replicas on.
	Configs map[string]string
}

func (t TopicSpec) configs() map[string]string {
	all := map[string]string{
		"cleanup.policy":                 "delete",
		"retention.ms":                   "-1",
		"retention.bytes":                "-1",
		"unclean.leader.election.enable": "false",
	}
	if t.ReplicationFactor >= 3 {
		all["min.insync.replicas"] = "2"
	}
	maps.Copy(all, t.Configs)
	return all
}

// EnsureTopic creates the topic with the designed settings where it does not exist. An existing topic is left as it is: use [CheckTopic].
// It returns when all partitions have a leader.
func EnsureTopic(ctx context.Context, cfg Config, spec TopicSpec) error {
	if spec.Name == "" || spec.Partitions == 0 {
		return errors.New("kafka: EnsureTopic needs a name and a number of partitions")
	}
	if spec.ReplicationFactor == 0 {
		spec.ReplicationFactor = -1
	}
	return withClient(cfg, "topics", func(cl *kgo.Client) error {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis = 15_000
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = spec.Name, spec.Partitions, spec.ReplicationFactor
		configs := spec.configs()
		for _, name := range slices.Sorted(maps.Keys(configs)) {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			c.Name, c.Value = name, kmsg.StringPtr(configs[name])
			t.Configs = append(t.Configs, c)
		}
		req.Topics = append(req.Topics, t)
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return fmt.Errorf("kafka: create topic %s: %w", spec.Name, err)
		}
		for _, t := range resp.Topics {
			err := kerr.ErrorForCode(t.ErrorCode)
			if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
				continue
			}
			if t.ErrorMessage != nil && *t.ErrorMessage != "" {
				err = fmt.Errorf("%w (%s)", err, *t.ErrorMessage)
			}
			return fmt.Errorf("kafka: create topic %s: %w", spec.Name, err)
		}
		return awaitLeaders(ctx, cl, spec.Name)
	})
}

func awaitLeaders(ctx context.Context, cl *kgo.Client, topic string) error {
	for n := 1; ; n++ {
		meta, err := topicMetadata(ctx, cl, topic)
		if err == nil {
			_, err = leaders(meta, topic)
		}
		if err == nil {
			return nil
		}
		t := time.NewTimer(backoff(n))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("kafka: topic %s was created but is not usable yet: %w", topic, err)
		}
	}
}

func withClient(cfg Config, role string, do func(*kgo.Client) error) error {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return err
	}
	cfg.Registerer, cfg.TracerProvider = nil, nil
	cl, _, release, err := cfg.client(role)
	if err != nil {
		return err
	}
	defer release()
	defer cl.Close()
	return do(cl)
}
