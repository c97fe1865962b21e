package kafka_test

import (
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/hookfold/hookfold/internal/kafkatest"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

// suiteBroker is a broker that Watermill's suite runs against and restarts.
type suiteBroker struct {
	name  string
	start func(t *testing.T) (addrs []string, restart func() error)
}

var suiteBrokers = []suiteBroker{
	{"embedded", startEmbedded},
	{"kafka", func(t *testing.T) ([]string, func() error) {
		k := kafkatest.Start(t)
		return k.Addrs(), k.Restart
	}},
}

// startEmbedded runs the embedded broker on a folder, so that a restart finds the log again.
func startEmbedded(t *testing.T) ([]string, func() error) {
	conf := embedded.Config{Dir: t.TempDir()}
	b, err := embedded.Start(conf)
	if err != nil {
		t.Fatal(err)
	}
	conf.Listen = b.Addrs()[0]
	var mu sync.Mutex
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b.Addrs(), func() error {
		mu.Lock()
		defer mu.Unlock()
		if err := b.Close(); err != nil {
			return err
		}
		again, err := embedded.Start(conf)
		if err != nil {
			return err
		}
		b = again
		return nil
	}
}

// suiteKind is one way to use the adapter, with what it promises then.
type suiteKind struct {
	name     string
	window   int
	groups   bool
	features tests.Features
}

var suiteKinds = []suiteKind{
	{"ordered", 1, true, tests.Features{ConsumerGroups: true, GuaranteedOrder: true, Persistent: true}},
	{"pipelined", 100, true, tests.Features{ConsumerGroups: true, Persistent: true}},
	{"without groups", 100, false, tests.Features{Persistent: true, NewSubscriberReceivesOldMessages: true}},
}

// TestSuite is Watermill's universal suite. Its own TestReconnect runs on Apache Kafka only, and without the
// race detector: it shares a slice between goroutines without a lock, and compares what was received with
// what Publish has returned for by then, while a broker may show a record before its confirmation
// arrives. TestReconnect of this package does the same without these flaws, on both brokers.
func TestSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	eachSuite(t, tests.TestPubSub)
}

type suite func(*testing.T, tests.Features, tests.PubSubConstructor, tests.ConsumerGroupPubSubConstructor)

func eachSuite(t *testing.T, run suite) {
	for _, broker := range suiteBrokers {
		t.Run(broker.name, func(t *testing.T) {
			for _, kind := range suiteKinds {
				t.Run(kind.name, func(t *testing.T) {
					addrs, restart := broker.start(t)
					if !raceDetector && broker.name == "kafka" {
						kind.features.RestartServiceCommand = kafkatest.RestartCommand(t, restart)
					}
					run(t, kind.features, kind.pubSub(addrs), kind.pubSubOfGroup(addrs))
				})
			}
		})
	}
}

func (k suiteKind) pubSub(addrs []string) tests.PubSubConstructor {
	return func(t *testing.T) (message.Publisher, message.Subscriber) {
		// One group for each test: a group that all share rebalances with every test that comes and goes.
		return k.pubSubOfGroup(addrs)(t, "group-of-"+t.Name())
	}
}

func (k suiteKind) pubSubOfGroup(addrs []string) tests.ConsumerGroupPubSubConstructor {
	return func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		conf := kafka.Config{Brokers: addrs}
		// The suite's test of order looks at messages with equal payloads.
		marshaler := kafka.DefaultMarshaler{Key: func(_ string, m *message.Message) ([]byte, error) { return m.Payload, nil }}
		if !k.features.GuaranteedOrder {
			marshaler.Key = nil
		}
		pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: conf, Marshaler: marshaler})
		if err != nil {
			t.Fatal(err)
		}
		if !k.groups {
			group = ""
		}
		sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{
			Config: conf, Marshaler: marshaler, Group: group, Window: k.window,
			NackBackoff:    kafka.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}, // the suite refuses one message 300 times
			SessionTimeout: 6 * time.Second, HeartbeatInterval: 500 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		return pub, sub
	}
}
