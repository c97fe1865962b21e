package rebuild_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
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
	"github.com/hookfold/hookfold/worker/rebuild"
)

const topic = "hookfold.events"

// epoch is when the histories of these tests begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a broker with the topic on it, and what reads it.
type world struct {
	t          testing.TB
	brokers    []string
	log        *rebuild.Log
	lifecycles []*lifecycle.Lifecycle
}

func newWorld(t testing.TB, partitions int32) *world {
	t.Helper()
	b, err := embedded.Start(embedded.Config{Partitions: map[string]int32{topic: partitions}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: b.Addrs()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return newReading(t, b.Addrs(), r)
}

func newReading(t testing.TB, brokers []string, r *kafka.Reader) *world {
	t.Helper()
	decoder := worker.NewDecoder(builtin.Providers(), []provider.Connection{{Name: "devengo-test", Mode: lifecycle.ModeTest}})
	w := &world{t: t, brokers: brokers, log: &rebuild.Log{Reader: r, Topic: topic, Decoder: decoder}}
	for _, p := range builtin.Providers() {
		for _, d := range p.Lifecycles() {
			l, err := lifecycle.New(d)
			require.NoError(t, err)
			w.lifecycles = append(w.lifecycles, l)
		}
	}
	return w
}

// samples are the fixtures of all providers, as events of the log.
func samples(t testing.TB) []event.Event {
	t.Helper()
	var out []event.Event
	for _, p := range builtin.Providers() {
		conn, deliveries := providertest.Load(t.(*testing.T), filepath.Join("../../testdata/deliveries", p.Name()))
		v, err := p.Verifier(conn)
		require.NoError(t, err)
		for _, s := range deliveries {
			evidence, err := v.Verify(&s.Delivery)
			require.NoError(t, err, s.Name)
			out = append(out, providertest.Record(p, &s.Delivery, evidence))
		}
	}
	return out
}

// publish writes n events to the log: the fixtures over and over, for other entities each time, in a random order within
// a few hundred; some twice, some with another body under their id, some that nobody can read.
func (w *world) publish(n int, seed uint64) {
	w.t.Helper()
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: w.brokers}, Marshaler: worker.Marshaler()})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, p.Close()) }()
	events := samples(w.t)
	r := rand.New(rand.NewPCG(seed, 1))
	var held []*message.Message
	send := func(all bool) {
		r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
		keep := 500
		if all {
			keep = 0
		}
		require.NoError(w.t, p.Publish(topic, held[keep:]...))
		held = held[:keep]
	}
	for i := 0; i < n; i++ {
		e := another(&events[i%len(events)], i/len(events), seed)
		e.Recorded = epoch.Add(time.Duration(i) * time.Millisecond)
		switch {
		case i%97 == 0:
			e.Recorded = e.Recorded.Add(-time.Hour)
		case i%89 == 0:
			e.Body = append(bytes.Clone(e.Body), ' ')
		case i%83 == 0:
			e.Body = []byte("\x00not json")
		}
		m, err := e.Message()
		require.NoError(w.t, err)
		if held = append(held, m); i%41 == 0 {
			held = append(held, m.Copy())
			i++
		}
		if len(held) >= 2000 {
			send(false)
		}
	}
	send(true)
}

// another is the same event of another entity; the zeroth is the event itself, delivered by others too.
func another(e *event.Event, round int, seed uint64) event.Event {
	out := e.Clone()
	suffix := fmt.Sprintf("%x-%d", seed, round)
	if e.Entity != "" {
		fresh := e.Entity + suffix
		out.Body = bytes.ReplaceAll(e.Body, []byte(`"`+e.Entity+`"`), []byte(`"`+fresh+`"`))
		out.Entity = fresh
	}
	out.Body = bytes.ReplaceAll(out.Body, []byte(`"`+e.ID+`"`), []byte(`"`+e.ID+suffix+`"`))
	out.ID = e.ID + suffix
	return out
}

// live folds the log as a worker's store does, in batches, and returns the file.
func (w *world) live(dir string) string {
	w.t.Helper()
	path := filepath.Join(dir, "projections.db")
	w.catchUp(path)
	return path
}

// catchUp folds into a store what it has not yet seen of the log.
func (w *world) catchUp(path string) {
	w.t.Helper()
	s, err := projections.Open(w.t.Context(), w.config(path))
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, s.Close()) }()
	require.NoError(w.t, w.log.CatchUp(w.t.Context(), s, nil))
}

func (w *world) config(path string) projections.Config {
	return projections.Config{
		Path: path, Topic: topic, Lifecycles: w.lifecycles, History: worker.History(w.log.Reader, topic, w.log.Decoder),
	}
}

func (w *world) plan(path string) rebuild.Plan {
	return rebuild.Plan{BuilderConfig: projections.BuilderConfig{Path: path, Lifecycles: w.lifecycles}}
}

func dump(t require.TestingT, path string) string {
	r, err := projections.OpenReader(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	var b bytes.Buffer
	require.NoError(t, r.Dump(context.Background(), &b, projections.DumpOptions{}))
	return b.String()
}
