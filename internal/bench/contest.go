package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/hookfold/hookfold/pkg/kafka"
)

const (
	franz    = "franz-go alone"
	peer     = "watermill-kafka"
	hookfold = "hookfold"

	publishOne  = "publish, 1 a call"
	publishMany = "publish, 100 a call"
	doNothing   = "consume, doing nothing"
	window1     = "consume, window 1"
	window1000  = "consume, window 1000"
	committed   = "consume, 1 ms a commit"
)

// measures in the order they run; a line is compared only with lines above it. The goals are those
// of the design. "1 ms a commit" is a handler that stores what it is given in transactions, each of
// which holds all messages there are and takes a millisecond: what a window is for.
func measures() []measure {
	return []measure{
		{publishOne, franz, publishFranz(1), nil},
		{publishOne, peer, publishPeer(1), nil},
		{publishOne, hookfold, publishHookfold(1), []goal{{publishOne, peer, 0}, {publishOne, franz, 0}}},
		{publishMany, franz, publishFranz(100), nil},
		{publishMany, peer, publishPeer(100), nil},
		{publishMany, hookfold, publishHookfold(100), []goal{{publishMany, peer, 0}, {publishMany, franz, 0}}},
		{doNothing, franz, consumeFranz, nil},
		{window1, peer, consumePeer(atOnce), []goal{{doNothing, franz, 0}}},
		{window1, hookfold, consumeHookfold(1, atOnce), []goal{{window1, peer, 3}, {doNothing, franz, 0}}},
		{window1000, hookfold, consumeHookfold(1000, atOnce), []goal{{window1, peer, 10}, {doNothing, franz, 0}}},
		{committed + ", window 1", peer, consumePeer(inGroups), nil},
		{committed + ", window 1", hookfold, consumeHookfold(1, inGroups), []goal{{committed + ", window 1", peer, 3}}},
		{committed + ", window 1000", hookfold, consumeHookfold(1000, inGroups), []goal{{committed + ", window 1", peer, 10}}},
	}
}

// handler takes messages until enough were acknowledged.
type handler func(*environment, <-chan *message.Message) (result, error)

func atOnce(e *environment, messages <-chan *message.Message) (result, error) {
	return e.consume(messages)
}

func inGroups(e *environment, messages <-chan *message.Message) (result, error) {
	return e.consumeInGroups(messages)
}

func (e *environment) createTopic(topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(e.addrs...))
	if err != nil {
		return err
	}
	defer cl.Close()
	_, err = kadm.NewClient(cl).CreateTopic(context.Background(), int32(e.partitions), 1, nil, topic)
	return err
}

func (e *environment) group(name string) string {
	e.topics++
	return fmt.Sprintf("bench.%s.%d", name, e.topics)
}

func publishFranz(n int) func(*environment) (result, error) {
	return func(e *environment) (result, error) {
		cl, err := kgo.NewClient(kgo.SeedBrokers(e.addrs...), kgo.ProducerBatchCompression(kgo.NoCompression()))
		if err != nil {
			return result{}, err
		}
		defer cl.Close()
		return e.publish(func(topic string, msgs []*message.Message) error {
			recs := make([]*kgo.Record, len(msgs))
			for i, m := range msgs {
				recs[i] = &kgo.Record{Topic: topic, Value: m.Payload, Headers: []kgo.RecordHeader{{Key: uuidHeader, Value: []byte(m.UUID)}}}
				for k, v := range m.Metadata {
					recs[i].Headers = append(recs[i].Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
				}
			}
			return cl.ProduceSync(context.Background(), recs...).FirstErr()
		}, n)
	}
}

// publishPeer lets watermill-kafka wait for all replicas, as hookfold does; the rest is its default.
func publishPeer(n int) func(*environment) (result, error) {
	return func(e *environment) (r result, err error) {
		conf := wkafka.DefaultSaramaSyncPublisherConfig()
		conf.Producer.RequiredAcks = sarama.WaitForAll
		pub, err := wkafka.NewPublisher(wkafka.PublisherConfig{
			Brokers: e.addrs, Marshaler: wkafka.DefaultMarshaler{}, OverwriteSaramaConfig: conf,
		}, watermill.NopLogger{})
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, pub.Close()) }()
		return e.publish(func(topic string, msgs []*message.Message) error { return pub.Publish(topic, msgs...) }, n)
	}
}

// consumeFranz polls and looks at nothing: the most that any consumer over franz-go can reach.
func consumeFranz(e *environment) (result, error) { return consumeTopic(e, fullTopic) }

func consumeTopic(e *environment, topic string) (result, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(e.addrs...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return result{}, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	var w stopwatch
	n, skipped := 0, 0
	for n+skipped < e.records {
		fs := cl.PollFetches(ctx)
		if err := fs.Err0(); err != nil {
			return result{}, err
		}
		if skipped == 0 { // the first poll only starts the watch
			skipped = fs.NumRecords()
			w = startWatch()
			continue
		}
		n += fs.NumRecords()
		if time.Since(w.at) > e.limit {
			break
		}
	}
	return w.stop(n), nil
}

func consumePeer(handle handler) func(*environment) (result, error) {
	return func(e *environment) (r result, err error) {
		conf := wkafka.DefaultSaramaSubscriberConfig()
		conf.Consumer.Offsets.Initial = sarama.OffsetOldest
		sub, err := wkafka.NewSubscriber(wkafka.SubscriberConfig{
			Brokers: e.addrs, Unmarshaler: wkafka.DefaultMarshaler{},
			OverwriteSaramaConfig: conf, ConsumerGroup: e.group("watermill-kafka"),
		}, watermill.NopLogger{})
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, sub.Close()) }()
		messages, err := sub.Subscribe(context.Background(), fullTopic)
		if err != nil {
			return r, err
		}
		return handle(e, messages)
	}
}

func publishHookfold(n int) func(*environment) (result, error) {
	return func(e *environment) (r result, err error) {
		none := kgo.NoCompression()
		pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: e.addrs}, Compression: &none})
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, pub.Close()) }()
		return e.publish(func(topic string, msgs []*message.Message) error { return pub.Publish(topic, msgs...) }, n)
	}
}

func consumeHookfold(window int, handle handler) func(*environment) (result, error) {
	return func(e *environment) (r result, err error) {
		sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{
			Config: kafka.Config{Brokers: e.addrs}, Group: e.group("hookfold"), Window: window,
		})
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, sub.Close()) }()
		messages, err := sub.Subscribe(context.Background(), fullTopic)
		if err != nil {
			return r, err
		}
		return handle(e, messages)
	}
}
