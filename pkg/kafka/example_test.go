package kafka_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

func Example() {
	broker, err := embedded.Start(embedded.Config{Partitions: map[string]int32{"events": 1}})
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	cfg := kafka.Config{Brokers: broker.Addrs()}

	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: cfg})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	if err := pub.Publish("events", message.NewMessage("1", []byte("hello")), message.NewMessage("2", []byte("world"))); err != nil {
		log.Fatal(err) // kafka.Retryable(err) says whether to try again
	}

	sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{Config: cfg, Group: "greeter", Window: 100})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	msgs, err := sub.Subscribe(context.Background(), "events")
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		msg := <-msgs
		pos, _ := kafka.PositionOf(msg)
		fmt.Println(pos.Offset, string(msg.Payload))
		msg.Ack()
	}
	// Output:
	// 0 hello
	// 1 world
}

// A consumer that keeps its own offsets, in one transaction with what it writes, begins where its store says.
func ExampleSubscriberConfig_startOffsets() {
	broker, err := embedded.Start(embedded.Config{Partitions: map[string]int32{"events": 1}})
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	cfg := kafka.Config{Brokers: broker.Addrs()}
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: cfg})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	for i := range 5 {
		if err := pub.Publish("events", message.NewMessage(fmt.Sprint(i), nil)); err != nil {
			log.Fatal(err)
		}
	}

	store := map[int32]int64{0: 3}
	sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{Config: cfg, Group: "projector",
		StartOffsets: func(context.Context, string, []int32) (map[int32]int64, error) { return store, nil }})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	msgs, err := sub.Subscribe(context.Background(), "events")
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		msg := <-msgs
		pos, _ := kafka.PositionOf(msg)
		store[pos.Partition] = pos.Offset + 1
		fmt.Println(msg.UUID, pos.Prev, pos.Offset)
		msg.Ack()
	}
	// Output:
	// 3 3 3
	// 4 4 4
}

func ExampleReader_Read() {
	broker, err := embedded.Start(embedded.Config{Partitions: map[string]int32{"events": 1}})
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	cfg := kafka.Config{Brokers: broker.Addrs()}
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: cfg})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	if err := pub.Publish("events", message.NewMessage("1", []byte("a")), message.NewMessage("2", []byte("b")), message.NewMessage("3", []byte("c"))); err != nil {
		log.Fatal(err)
	}

	r, err := kafka.NewReader(kafka.ReaderConfig{Config: cfg})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	err = r.Read(context.Background(), []kafka.Range{{Topic: "events", From: 1, To: -1}}, func(rec kafka.Record) error {
		fmt.Println(rec.Offset, string(rec.Value))
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 b
	// 2 c
}
