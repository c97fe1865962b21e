package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
)

const topic = "hookfold.events"

// circumstances are what must not change the result.
type circumstances struct {
	name       string
	partitions int32
	window     int
	carry      int // records of a message
	batch      int
	workers    int
	// restart stops the worker after so many commits and starts another; 0 is never.
	restart int
	// seed orders the log; the same events come in another order for another seed.
	seed uint64
}

// TestTheSameHistoryThroughOtherCircumstances folds the deliveries of all fixtures, some twice, some with other bodies
// under their id, and compares the text of the whole database.
func TestTheSameHistoryThroughOtherCircumstances(t *testing.T) {
	events := fixtures(t)
	var want string
	for _, c := range []circumstances{
		{"plain", 1, 1000, 1, 1000, 1, 0, 1},
		{"one by one", 1, 1, 1, 1, 1, 0, 2},
		{"eight partitions", 8, 4, 256, 1000, 1, 0, 3},
		{"three workers on one file", 8, 10, 10, 50, 3, 0, 4},
		{"a restart after every commit", 4, 16, 1, 16, 1, 1, 5},
		{"a restart after every third commit, small batches", 2, 2, 7, 4, 1, 3, 6},
		{"another order", 1, 3, 100, 1000, 1, 0, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.partitions)
			w.publish(shuffled(events, c.seed))
			path := filepath.Join(t.TempDir(), "projections.db")
			w.fold(path, c)
			got := dump(t, path, true)
			if want == "" {
				want = got
				require.Contains(t, got, "differing_bodies", "the history must hold what is hard")
				require.Contains(t, got, "not_json")
			}
			require.Equal(t, want, got)
		})
	}
}

// TestStoreFromZero deletes the store and folds the log again: every byte is the same, positions included.
func TestStoreFromZero(t *testing.T) {
	w := newWorld(t, 3)
	w.publish(shuffled(fixtures(t), 1))
	first, second := filepath.Join(t.TempDir(), "a.db"), filepath.Join(t.TempDir(), "b.db")
	w.fold(first, circumstances{partitions: 3, window: 7, carry: 3, batch: 5, workers: 1})
	w.fold(second, circumstances{partitions: 3, window: 1000, carry: 1, batch: 1000, workers: 1})
	require.Equal(t, dump(t, first, false), dump(t, second, false))
}

// fixtures are the samples of all providers as events of the log: each once, every fifth delivered again later, every
// seventh with another body under the same id, and a few that nobody can read.
func fixtures(t *testing.T) []event.Event {
	t.Helper()
	var out []event.Event
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, p := range builtin.Providers() {
		conn, samples := providertest.Load(t, filepath.Join("../testdata/deliveries", p.Name()))
		v, err := p.Verifier(conn)
		require.NoError(t, err)
		for i, s := range samples {
			evidence, err := v.Verify(&s.Delivery)
			require.NoError(t, err, s.Name)
			e := providertest.Record(p, &s.Delivery, evidence)
			at = at.Add(time.Second)
			e.Recorded = at
			out = append(out, e)
			if i%5 == 0 {
				again := e.Clone()
				again.Recorded = at.Add(time.Hour)
				out = append(out, again)
			}
			if i%7 == 0 {
				other := e.Clone()
				other.Body = append(bytes.Clone(e.Body), ' ')
				other.Recorded = at.Add(time.Duration(i-20) * time.Minute) // some before, some after
				out = append(out, other)
			}
		}
	}
	for i := range 5 {
		out = append(out, event.Event{
			ID: fmt.Sprintf("noise-%d", i), Connection: "devengo-test", Type: "devengo.unknown", Recorded: at, Body: []byte("\x00not json"),
		})
	}
	return out
}

func shuffled(events []event.Event, seed uint64) []event.Event {
	out := append([]event.Event(nil), events...)
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// world is a broker with the topic on it.
type world struct {
	t       *testing.T
	brokers []string
	reader  *kafka.Reader
}

func newWorld(t *testing.T, partitions int32) *world {
	t.Helper()
	b, err := embedded.Start(embedded.Config{Partitions: map[string]int32{topic: partitions}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: b.Addrs()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return &world{t, b.Addrs(), r}
}

func (w *world) publish(events []event.Event) {
	w.t.Helper()
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: w.brokers}, Marshaler: worker.Marshaler()})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, p.Close()) }()
	for i := range events {
		m, err := events[i].Message()
		require.NoError(w.t, err)
		require.NoError(w.t, p.Publish(topic, m))
	}
}

// fold runs workers on the file until they have committed the whole log.
func (w *world) fold(path string, c circumstances) {
	w.t.Helper()
	for !w.caughtUp(path) {
		ctx, stop := context.WithCancel(w.t.Context())
		ended := make(chan struct{}, c.workers)
		commits := make(chan struct{})
		for range c.workers {
			w.start(ctx, path, c, commits, ended)
		}
		for n := 1; ; n++ {
			select {
			case <-commits:
			case <-time.After(30 * time.Second):
				w.t.Fatal("nothing was committed for 30 s")
			}
			if n == c.restart || w.caughtUp(path) {
				break
			}
		}
		stop()
		for left := c.workers; left > 0; {
			select {
			case <-commits:
			case <-ended:
				left--
			}
		}
	}
}

func (w *world) start(ctx context.Context, path string, c circumstances, commits, ended chan struct{}) {
	w.t.Helper()
	var lifecycles []*lifecycle.Lifecycle
	for _, p := range builtin.Providers() {
		for _, d := range p.Lifecycles() {
			l, err := lifecycle.New(d)
			require.NoError(w.t, err)
			lifecycles = append(lifecycles, l)
		}
	}
	decoder := worker.NewDecoder(builtin.Providers(), []provider.Connection{{Name: "devengo-test", Mode: lifecycle.ModeTest}})
	store, err := projections.Open(ctx, projections.Config{
		Path: path, Topic: topic, Lifecycles: lifecycles, MaxBatch: c.batch,
		History: worker.History(w.reader, topic, decoder),
		Signals: projections.TestSignals{BatchCommitted: func(int) { commits <- struct{}{} }},
	})
	require.NoError(w.t, err)
	sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Config: kafka.Config{Brokers: w.brokers}, Group: "fold-" + w.t.Name(), Marshaler: worker.Marshaler(), Window: c.window, Batch: c.carry,
		StartOffsets: func(ctx context.Context, _ string, partitions []int32) (map[int32]int64, error) {
			return store.Resume(ctx, partitions)
		},
		CommitInterval: 50 * time.Millisecond, HeartbeatInterval: 100 * time.Millisecond,
	})
	require.NoError(w.t, err)
	run, err := worker.New(worker.Config{Subscriber: sub, Store: store, Decoder: decoder, Topic: topic})
	require.NoError(w.t, err)
	go func() {
		defer func() { ended <- struct{}{} }()
		if err := run.Run(ctx); err != nil {
			w.t.Errorf("worker: %v", err)
		}
		if err := sub.Close(); err != nil {
			w.t.Errorf("subscriber: %v", err)
		}
		if err := store.Close(); err != nil {
			w.t.Errorf("store: %v", err)
		}
	}()
}

// caughtUp says whether the file has committed all there is in the log.
func (w *world) caughtUp(path string) bool {
	w.t.Helper()
	_, ends, err := w.reader.Offsets(w.t.Context(), topic)
	require.NoError(w.t, err)
	r, err := projections.OpenReader(path)
	if err != nil {
		return false // not there yet
	}
	defer func() { require.NoError(w.t, r.Close()) }()
	next, err := r.Offsets()
	require.NoError(w.t, err)
	for p, end := range ends {
		if next[p] < end {
			return false
		}
	}
	return true
}

func dump(t *testing.T, path string, withoutPositions bool) string {
	t.Helper()
	r, err := projections.OpenReader(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	var b bytes.Buffer
	require.NoError(t, r.Dump(t.Context(), &b, projections.DumpOptions{WithoutPositions: withoutPositions}))
	return b.String()
}
