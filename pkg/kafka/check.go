package kafka

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Finding is one setting of a topic that can lose data.
type Finding struct {
	// Setting is the topic's configuration key, or "replication.factor", and Value what it is.
	Setting, Value string
	// Fatal: records that were confirmed disappear in normal operation. Otherwise it takes the failure of a broker.
	Fatal bool
	// Why says what would be lost, and Mend what to do.
	Why, Mend string
}

// String gives the finding on one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s=%s: %s; %s", f.Setting, f.Value, f.Why, f.Mend)
}

// CheckTopic names each setting of an existing topic that would lose data, fatal ones first. An error means that the topic could not be
// looked at, or does not exist.
func CheckTopic(ctx context.Context, cfg Config, topic string) ([]Finding, error) {
	var findings []Finding
	err := withClient(cfg, "topics", func(cl *kgo.Client) error {
		replicas, err := replication(ctx, cl, topic)
		if err != nil {
			return fmt.Errorf("kafka: check topic: %w", err)
		}
		configs, err := topicConfigs(ctx, cl, topic)
		if err != nil {
			return fmt.Errorf("kafka: check topic %s: %w", topic, err)
		}
		findings = judge(topic, replicas, configs)
		return nil
	})
	return findings, err
}

// judge holds a topic's settings against what keeps every confirmed record. Settings that the brokers do not tell are passed over.
func judge(topic string, replicas int, configs map[string]string) []Finding {
	var fatal, warn []Finding
	alter := func(k, v string) string {
		return fmt.Sprintf("kafka-configs.sh --alter --topic %s --add-config %s=%s", topic, k, v)
	}
	if v, ok := configs["cleanup.policy"]; ok {
		for policy := range strings.SplitSeq(v, ",") {
			if strings.TrimSpace(policy) == "compact" {
				fatal = append(fatal, Finding{Setting: "cleanup.policy", Value: v, Fatal: true,
					Why: "of each key only the newest record is kept", Mend: alter("cleanup.policy", "delete")})
			}
		}
	}
	for _, k := range []string{"retention.ms", "retention.bytes"} {
		if v, ok := configs[k]; ok && v != "-1" && strings.Contains(configs["cleanup.policy"]+"delete", "delete") {
			fatal = append(fatal, Finding{Setting: k, Value: v, Fatal: true,
				Why: "old records are deleted", Mend: alter(k, "-1")})
		}
	}
	if replicas > 0 && replicas < 3 {
		warn = append(warn, Finding{Setting: "replication.factor", Value: strconv.Itoa(replicas),
			Why: "the failure of " + map[bool]string{true: "one broker", false: "two brokers"}[replicas == 1] + " can lose the topic", Mend: "raise it to 3 with kafka-reassign-partitions.sh"})
	}
	if v, ok := configs["min.insync.replicas"]; ok && replicas >= 3 {
		if n, err := strconv.Atoi(v); err == nil && n < 2 {
			warn = append(warn, Finding{Setting: "min.insync.replicas", Value: v,
				Why: "a record counts as confirmed when only one broker has it", Mend: alter("min.insync.replicas", "2")})
		}
	}
	if configs["unclean.leader.election.enable"] == "true" {
		warn = append(warn, Finding{Setting: "unclean.leader.election.enable", Value: "true",
			Why: "a replica that is behind may become leader, and the records it lacks are gone", Mend: alter("unclean.leader.election.enable", "false")})
	}
	return append(fatal, warn...)
}

// replication gives the smallest number of replicas of the topic's partitions.
func replication(ctx context.Context, cl *kgo.Client, topic string) (int, error) {
	resp, err := topicMetadata(ctx, cl, topic)
	if err != nil {
		return 0, err
	}
	least := 0
	for _, p := range resp.Partitions {
		if least == 0 || len(p.Replicas) < least {
			least = len(p.Replicas)
		}
	}
	return least, nil
}

func topicConfigs(ctx context.Context, cl *kgo.Client, topic string) (map[string]string, error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	res := kmsg.NewDescribeConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, res := range resp.Resources {
		if err := kerr.ErrorForCode(res.ErrorCode); err != nil {
			return nil, fmt.Errorf("describe its configuration: %w", err)
		}
		for _, c := range res.Configs {
			if c.Value != nil {
				configs[c.Name] = *c.Value
			}
		}
	}
	return configs, nil
}
