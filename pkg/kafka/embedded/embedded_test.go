package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

const childDir = "EMBEDDED_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := produceForever(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// produceForever prints each id as soon as it is confirmed.
func produceForever(dir string) error {
	b, err := embedded.Start(embedded.Config{Dir: dir, Partitions: map[string]int32{"events": 3}})
	if err != nil {
		return err
	}
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: b.Addrs()}})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := pub.Publish("events", message.NewMessage(id, make([]byte, 900))); err != nil {
					failed <- err
					return
				}
				fmt.Println(id)
			}
		}()
	}
	return <-failed
}

func TestSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	confirmed := map[string]bool{}
	for range 3 {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			require.NotContains(t, lines.Text(), "error")
			confirmed[lines.Text()] = true
			if n == 200 {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.Error(t, child.Wait(), "it was killed")
	}
	b := start(t, embedded.Config{Dir: dir})
	for _, id := range ids(t, b) {
		delete(confirmed, id)
	}
	require.Empty(t, confirmed, "confirmed records that are not there")
}

func TestRestart(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Partitions: map[string]int32{"events": 3}}
	var id [16]byte
	for n := range 3 {
		b := start(t, cfg)
		publish(t, b, fmt.Sprint("restart-", n))
		require.Len(t, ids(t, b), n+1)
		if now := topicID(t, b); n == 0 {
			id = now
		} else {
			require.Equal(t, id, now)
		}
		require.Equal(t, fmt.Sprint("restart-", n), consumeOne(t, b), "the group goes on where it was")
		require.NoError(t, b.Close())
		require.NoError(t, b.Close(), "twice")
	}
	cfg.Partitions["events"] = 4
	_, err := embedded.Start(cfg)
	require.ErrorContains(t, err, "has 3 partitions, not 4")
	cfg.Partitions = map[string]int32{"events": 3, "more": 1}
	start(t, cfg)
}

func TestSecondBroker(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir()}
	start(t, cfg)
	_, err := embedded.Start(cfg)
	require.ErrorIs(t, err, embedded.ErrInUse)
	require.ErrorContains(t, err, fmt.Sprint(os.Getpid()))
}

func TestTakenPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	_, err = embedded.Start(embedded.Config{Listen: ln.Addr().String()})
	require.ErrorContains(t, err, "address already in use")
	require.ErrorContains(t, err, ln.Addr().String())
}

func TestAdvertise(t *testing.T) {
	b := start(t, embedded.Config{Listen: "0.0.0.0:0", Advertise: "localhost:0", Partitions: map[string]int32{"events": 1}})
	require.True(t, strings.HasPrefix(b.Addrs()[0], "localhost:"), b.Addrs()[0])
	publish(t, b, "advertised")
}

func TestTornTail(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Partitions: map[string]int32{"events": 1}}
	b := start(t, cfg)
	publish(t, b, "one")
	publish(t, b, "two")
	require.NoError(t, b.Close())
	seg := filepath.Join(cfg.Dir, "partitions", "events-0", "0.dat")
	whole, err := os.ReadFile(seg)
	require.NoError(t, err)
	size := len(whole) / 2

	// Half of a third batch is there, and a part of its index entry.
	require.NoError(t, os.WriteFile(seg, append(append([]byte(nil), whole...), whole[:size-7]...), 0o600))
	idx := filepath.Join(cfg.Dir, "partitions", "events-0", "0.idx")
	entries, err := os.ReadFile(idx)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(idx, append(entries, 1, 2, 3), 0o600))
	b = start(t, cfg)
	require.ElementsMatch(t, []string{"one", "two"}, ids(t, b))
	publish(t, b, "three")
	require.NoError(t, b.Close())
	b = start(t, cfg)
	require.ElementsMatch(t, []string{"one", "two", "three"}, ids(t, b))
	require.NoError(t, b.Close())

	// Damage before later records is no torn tail: nothing may be thrown away for it.
	whole, err = os.ReadFile(seg)
	require.NoError(t, err)
	whole[70] ^= 1
	require.NoError(t, os.WriteFile(seg, append(whole, 0), 0o600))
	_, err = embedded.Start(cfg)
	require.ErrorContains(t, err, "is damaged at byte 0")
}

func start(t *testing.T, cfg embedded.Config) *embedded.Broker {
	t.Helper()
	b, err := embedded.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func publisher(t *testing.T, b *embedded.Broker) *kafka.Publisher {
	t.Helper()
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: b.Addrs()}, CloseTimeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pub.Close()) })
	return pub
}

func publish(t *testing.T, b *embedded.Broker, id string) {
	t.Helper()
	require.NoError(t, publisher(t, b).Publish("events", message.NewMessage(id, []byte("payload"))))
}

func topicID(t *testing.T, b *embedded.Broker) [16]byte {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...))
	require.NoError(t, err)
	defer cl.Close()
	topics, err := kadm.NewClient(cl).ListTopics(context.Background(), "events")
	require.NoError(t, err)
	return topics["events"].ID
}

// consumeOne acknowledges the next message of the group.
func consumeOne(t *testing.T, b *embedded.Broker) string {
	t.Helper()
	sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{Config: kafka.Config{Brokers: b.Addrs()}, Group: "g"})
	require.NoError(t, err)
	defer func() { require.NoError(t, sub.Close()) }()
	msgs, err := sub.Subscribe(context.Background(), "events")
	require.NoError(t, err)
	select {
	case msg := <-msgs:
		msg.Ack()
		return msg.UUID
	case <-time.After(20 * time.Second):
		t.Fatal("no message")
		return ""
	}
}

// ids reads the topic through.
func ids(t *testing.T, b *embedded.Broker) []string {
	t.Helper()
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: b.Addrs()}})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	start, _, err := r.Offsets(ctx, "events")
	require.NoError(t, err)
	var ranges []kafka.Range
	for p := range start {
		ranges = append(ranges, kafka.Range{Topic: "events", Partition: p, From: -1, To: -1})
	}
	var all []string
	require.NoError(t, r.Read(ctx, ranges, func(rec kafka.Record) error {
		msg, err := kafka.DefaultMarshaler{}.Unmarshal(rec)
		all = append(all, msg.UUID)
		return err
	}))
	return all
}
