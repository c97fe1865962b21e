package rebuild_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
	"github.com/hookfold/hookfold/worker/rebuild"
)

// drawEvent is an event of one of three transfers of Devengo, at one of few moments, so that cuts meet them exactly.
func drawEvent(t *rapid.T) event.Event {
	word := rapid.SampledFrom([]string{"created", "processing", "confirmed", "rejected", "reversed"}).Draw(t, "word")
	e := event.Event{
		ID: fmt.Sprintf("evt_%d", rapid.IntRange(0, 9).Draw(t, "id")), Connection: "devengo-test", Type: "devengo.outgoing_payment." + word,
		Recorded: epoch.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "recorded")) * time.Minute),
	}
	if rapid.IntRange(0, 4).Draw(t, "timed") > 0 {
		e.Time = epoch.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "time")) * time.Minute)
	}
	e.Kind, e.Entity = "outgoing_payment", fmt.Sprintf("out_%d", rapid.IntRange(0, 2).Draw(t, "entity"))
	e.Body = fmt.Appendf(nil, `{"id":%q,"api_version":"v1","type":"outgoing_payment.%s","created_at":"2026-03-01T12:00:00Z","data":{"object":{"id":%q,"status":%q}}}`,
		e.ID, word, e.Entity, word)
	if rapid.IntRange(0, 9).Draw(t, "readable") == 0 {
		e.Body = []byte("not json")
	}
	return e
}

// TestCutsAreFilters holds --as-of and --known-at against a reference that leaves events out of the log and folds the rest
// as a worker does.
func TestCutsAreFilters(t *testing.T) {
	w := newWorld(t, 1)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w.log.Topic = fmt.Sprintf("cut-%d", n)
		require.NoError(rt, kafka.EnsureTopic(t.Context(), kafka.Config{Brokers: w.brokers}, kafka.TopicSpec{Name: w.log.Topic, Partitions: 2, ReplicationFactor: 1}))
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 1, 25).Draw(rt, "events")
		p, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: w.brokers}, Marshaler: worker.Marshaler()})
		require.NoError(rt, err)
		var messages []*message.Message
		for i := range events {
			m, err := events[i].Message()
			require.NoError(rt, err)
			messages = append(messages, m)
		}
		require.NoError(rt, p.Publish(w.log.Topic, messages...))
		require.NoError(rt, p.Close())
		var cut rebuild.Cut
		at := func(name string) time.Time {
			return epoch.Add(time.Duration(rapid.IntRange(-1, 13).Draw(rt, name)) * time.Minute)
		}
		which := rapid.IntRange(0, 2).Draw(rt, "cut")
		if which != 1 {
			cut.AsOf = at("as of")
		}
		if which != 0 {
			cut.KnownAt = at("known at")
		}
		dir, err := os.MkdirTemp("", "cut")
		require.NoError(rt, err)
		defer func() { require.NoError(rt, os.RemoveAll(dir)) }()
		plan := w.plan(filepath.Join(dir, "cut.db"))
		plan.Cut = cut
		_, err = w.log.Build(t.Context(), plan)
		require.NoError(rt, err)
		require.Equal(rt, w.filtered(rt, filepath.Join(dir, "reference.db"), cut), dump(rt, plan.Path))
		c := w.config(plan.Path)
		c.Topic = w.log.Topic
		_, err = projections.Open(t.Context(), c)
		require.ErrorContains(rt, err, "part of the log only")
	})
}

// filtered is the reference: records that are cut off count as read, and say nothing.
func (w *world) filtered(t require.TestingT, path string, cut rebuild.Cut) string {
	c := w.config(path)
	c.Topic = w.log.Topic
	c.History = worker.History(w.log.Reader, w.log.Topic, w.log.Decoder)
	s, err := projections.Open(w.t.Context(), c)
	require.NoError(t, err)
	next := map[int32]int64{}
	err = w.log.Reader.Read(w.t.Context(), []kafka.Range{
		{Topic: w.log.Topic, Partition: 0, From: 0, To: -1}, {Topic: w.log.Topic, Partition: 1, From: 0, To: -1},
	}, func(r kafka.Record) error {
		m, err := worker.Marshaler().Unmarshal(r)
		require.NoError(t, err)
		e, err := event.Parse(m)
		require.NoError(t, err)
		occurred := e.Time
		if occurred.IsZero() {
			occurred = e.Recorded
		}
		var f projections.Fact
		if (cut.AsOf.IsZero() || !occurred.After(cut.AsOf)) && (cut.KnownAt.IsZero() || !e.Recorded.After(cut.KnownAt)) {
			f = w.log.Decoder.Decode(m)
		}
		f.Partition, f.Offset, f.Prev = r.Partition, r.Offset, next[r.Partition]
		next[r.Partition] = r.Offset + 1
		return s.Commit(w.t.Context(), f)
	})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return dump(t, path)
}
