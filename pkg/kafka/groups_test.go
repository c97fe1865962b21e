package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// twoBrokers is a cluster in which each of two brokers leads one partition of "events". The function judges produce requests by the
// partition that the broker leads.
func twoBrokers(t *testing.T, judge func(*kfake.Cluster, int32, *kmsg.ProduceRequest) kmsg.Response) kafka.Config {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(2, "events"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	led := map[int32]int32{}
	for p := range int32(2) {
		require.NoError(t, c.MoveTopicPartition("events", p, p))
		led[c.LeaderFor("events", p)] = p
	}
	c.ControlKey(kmsg.Produce.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := judge(c, led[c.CurrentNode()], req.(*kmsg.ProduceRequest))
		return resp, nil, resp != nil
	})
	partition := func(string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, _ int) int { return int(r.Key[0] - '0') }
	}
	return kafka.Config{Brokers: c.ListenAddrs(), Options: []kgo.Opt{kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(partition))}}
}

// appendTo appends n records to a partition, each by a call of its own, and gives how the calls end.
func appendTo(ctx context.Context, pub *kafka.Publisher, partition, n int) <-chan error {
	out := make(chan error, n)
	for range n {
		go func() {
			out <- pub.Append(ctx, "events", kafka.Record{Key: fmt.Append(nil, partition), Value: []byte("x")})
		}()
	}
	return out
}

func TestAppendPastASlowPartition(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{}, 100)
	cfg := twoBrokers(t, func(c *kfake.Cluster, partition int32, _ *kmsg.ProduceRequest) kmsg.Response {
		if partition == 0 {
			asked <- struct{}{}
			c.SleepControl(func() { <-release })
		}
		return nil
	})
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg})
	slow := appendTo(within(t, 30*time.Second), pub, 0, 20)
	<-asked
	for range 10 {
		more := appendTo(within(t, 30*time.Second), pub, 0, 1)
		require.NoError(t, <-appendTo(within(t, 10*time.Second), pub, 1, 1))
		select {
		case err := <-more:
			t.Fatalf("the slow partition answered: %v", err)
		default:
		}
	}
	hasty, cancel := context.WithCancel(context.Background())
	gone := appendTo(hasty, pub, 0, 1)
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	select {
	case err := <-slow:
		t.Fatalf("the slow partition answered: %v", err)
	default:
	}
	close(release)
	for range cap(slow) {
		require.NoError(t, <-slow, "also those that were in a group with one that was given up")
	}
}

func TestAppendToAPartitionThatRefuses(t *testing.T) {
	cfg := twoBrokers(t, func(_ *kfake.Cluster, partition int32, req *kmsg.ProduceRequest) kmsg.Response {
		if partition == 0 {
			return nil
		}
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	})
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg})
	ctx := within(t, 30*time.Second)
	good, bad := appendTo(ctx, pub, 0, 50), appendTo(ctx, pub, 1, 50)
	for range 50 {
		require.NoError(t, <-good)
		require.ErrorIs(t, <-bad, kerr.TopicAuthorizationFailed)
	}
	one := func(key string) kafka.Record { return kafka.Record{Key: []byte(key), Value: []byte("x")} }
	var failed *kafka.PublishError
	require.ErrorAs(t, pub.Append(ctx, "events", one("0"), one("1"), one("0"), one("1")), &failed)
	require.Equal(t, []int{1, 3}, failed.Failed)
	require.NoError(t, pub.Append(ctx, "events"), "nothing to do")
	require.Len(t, readAll(t, cfg, "events"), 52)
}

// TestPublisherCloseUnderWay closes while many wait for brokers that do not answer.
func TestPublisherCloseUnderWay(t *testing.T) {
	asked := make(chan struct{}, 1000)
	never := make(chan struct{})
	t.Cleanup(func() { close(never) }) // before the cluster's own clean-up
	cfg := twoBrokers(t, func(c *kfake.Cluster, _ int32, _ *kmsg.ProduceRequest) kmsg.Response {
		asked <- struct{}{}
		c.SleepControl(func() { <-never })
		return nil
	})
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: cfg, CloseTimeout: 200 * time.Millisecond})
	require.NoError(t, err)
	var waiting sync.WaitGroup
	for partition := range 2 {
		ends := appendTo(context.Background(), pub, partition, 100)
		waiting.Go(func() {
			for range cap(ends) {
				if err := <-ends; err == nil {
					t.Error("confirmed, and nobody did")
				}
			}
		})
	}
	<-asked
	began := time.Now()
	require.ErrorContains(t, pub.Close(), "under way")
	require.Less(t, time.Since(began), 3*time.Second)
	waiting.Wait()
}
