package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// TestReconnect restarts the broker twice while messages are published and consumed, after a third
// and after a half. Every message must be published in the end, and be received.
func TestReconnect(t *testing.T) {
	if testing.Short() {
		t.Skip("restarts brokers")
	}
	for _, broker := range suiteBrokers {
		t.Run(broker.name, func(t *testing.T) {
			addrs, restart := broker.start(t)
			for _, kind := range suiteKinds {
				t.Run(kind.name, func(t *testing.T) {
					reconnect(t, kind, addrs, restart)
				})
			}
		})
	}
}

func reconnect(t *testing.T, kind suiteKind, addrs []string, restart func() error) {
	const messages, publishers = 6000, 50
	topic := "reconnect-" + fmt.Sprintf("%x", kind.name)
	pub, sub := kind.pubSub(addrs)(t)
	if err := sub.(message.SubscribeInitializer).SubscribeInitialize(topic); err != nil {
		t.Fatal(err)
	}
	incoming, err := sub.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var sending sync.WaitGroup
	next := make(chan int)
	for range publishers {
		sending.Go(func() {
			for i := range next {
				m := message.NewMessage(fmt.Sprint(i), []byte(fmt.Sprint(i%16)))
				for pub.Publish(topic, m) != nil {
					if ctx.Err() != nil {
						t.Errorf("message %d was never published", i)
						return
					}
				}
			}
		})
	}
	var restarting sync.WaitGroup
	sending.Go(func() {
		defer close(next)
		for i := range messages {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
			if i == messages/3 || i == messages/2 {
				restarting.Wait()
				restarting.Go(func() {
					if err := restart(); err != nil {
						t.Errorf("restart: %v", err)
						cancel()
					}
				})
			}
		}
	})

	received, again := map[string]bool{}, 0
	for len(received) < messages {
		select {
		case m := <-incoming:
			if received[m.UUID] {
				again++
			}
			received[m.UUID] = true
			m.Ack()
		case <-ctx.Done():
			t.Fatalf("only %d of %d messages were received", len(received), messages)
		}
	}
	sending.Wait()
	restarting.Wait()
	// Publications whose answer the restart swallowed are repeated, and so are messages that were not yet
	// committed; all of them again would mean that the place in the log was lost.
	t.Logf("%d messages were received more than once", again)
	if again > messages/2 {
		t.Errorf("%d of %d messages were received more than once", again, messages)
	}
	if err := pub.Close(); err != nil {
		t.Error(err)
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
}
