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
	// Publications whose answer the restart swallowed are repeated, and so are messages that were not yet committed: how
	// many depends on when the last commit was.
	t.Logf("%d messages were received more than once", again)
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
	if kind.groups {
		goesOn(t, ctx, kind, addrs, topic, pub, messages/2)
	}
	if err := pub.Close(); err != nil {
		t.Error(err)
	}
}

// goesOn checks that the group has not lost its place in the log: whoever comes next reads what is new, and at most so
// many messages before it, which are repeated publications.
func goesOn(t *testing.T, ctx context.Context, kind suiteKind, addrs []string, topic string, pub message.Publisher, most int) {
	t.Helper()
	const last = "the last one"
	if err := pub.Publish(topic, message.NewMessage(last, []byte("0"))); err != nil {
		t.Fatal(err)
	}
	other, sub := kind.pubSub(addrs)(t)
	incoming, err := sub.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		select {
		case m := <-incoming:
			m.Ack()
			if m.UUID != last {
				continue
			}
			if n > most {
				t.Errorf("%d messages were read again by the group's next member", n)
			}
		case <-ctx.Done():
			t.Errorf("the group's next member read %d messages, but not the new one", n)
		}
		break
	}
	for _, end := range []func() error{sub.Close, other.Close} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
}
