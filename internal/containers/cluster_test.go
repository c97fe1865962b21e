package containers_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// TestThreeBrokers kills one of three brokers while messages are published: all that was confirmed is there, and publishing
// goes on. With two of three gone nothing is confirmed any more, because two replicas have to have it.
func TestThreeBrokers(t *testing.T) {
	c := startKafka(t, 3, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c.ensure(t, c.config(), kafka.TopicSpec{Name: "events", Partitions: 6, ReplicationFactor: 3})
	findings, err := kafka.CheckTopic(ctx, c.config(), "events")
	require.NoError(t, err)
	require.Empty(t, findings, "a topic on three brokers is as it should be")

	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: c.config(), DeliveryTimeout: 8 * time.Second})
	require.NoError(t, err)
	defer pub.Close() //nolint:errcheck // what was not confirmed is not looked for

	const writers, each = 8, 250
	var mu sync.Mutex
	confirmed, attempts, refused := map[string]bool{}, map[string]int{}, 0
	half := make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				for {
					err := publish(ctx, pub, "events", id, 20*time.Second)
					mu.Lock()
					attempts[id]++
					if err == nil {
						confirmed[id] = true
					} else {
						refused++
					}
					n := len(confirmed)
					mu.Unlock()
					if n >= writers*each/2 {
						once.Do(func() { close(half) })
					}
					if err == nil || ctx.Err() != nil {
						break
					}
				}
			}
		})
	}
	<-half
	kill(t, c, 2)
	wg.Wait()
	require.Len(t, confirmed, writers*each, "publishing went on with one broker less")
	t.Logf("%d confirmed, %d attempts refused meanwhile", len(confirmed), refused)
	// An attempt that was refused may be in the log all the same, so a message may be there as often as it was tried.
	check := func(when string) {
		found := readTopic(ctx, t, c.config(), "events")
		for id := range confirmed {
			require.NotZero(t, found[id], "message %s was confirmed and is not there, %s", id, when)
			require.LessOrEqual(t, found[id], attempts[id], "message %s is there more often than it was tried, %s", id, when)
		}
	}
	check("after one broker was lost")

	kill(t, c, 1)
	require.Error(t, publish(ctx, pub, "events", "alone", 5*time.Second), "one replica of three is not enough")
	require.NoError(t, c.brokers[1].Start(ctx))
	require.NoError(t, c.brokers[2].Start(ctx))
	c.await(ctx, t)
	for publish(ctx, pub, "events", "again", 10*time.Second) != nil {
		require.NoError(t, ctx.Err(), "publishing did not come back")
	}
	check("after two brokers were lost and came back")
}

// kill ends a broker's container at once.
func kill(t *testing.T, c *cluster, broker int) {
	t.Helper()
	zero := time.Duration(0)
	require.NoError(t, c.brokers[broker].Stop(t.Context(), &zero)) // a stop without patience is a kill
}
