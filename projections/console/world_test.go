package console_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/ingest"
	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/projections/console"
	"github.com/hookfold/hookfold/worker"
)

// published is a log that keeps the messages that it is given.
type published struct{ messages []*message.Message }

func (p *published) Publish(_ string, m ...*message.Message) error {
	p.messages = append(p.messages, m...)
	return nil
}

func (*published) Close() error { return nil }

// lifecycles are those of the built-in providers.
func lifecycles(t testing.TB) (out []*lifecycle.Lifecycle) {
	t.Helper()
	for _, p := range builtin.Providers() {
		for _, d := range p.Lifecycles() {
			l, err := lifecycle.New(d)
			require.NoError(t, err)
			out = append(out, l)
		}
	}
	return out
}

// world is a store of the providers' own samples, which came through the endpoint, the log's envelope and the fold.
type world struct {
	t     testing.TB
	path  string
	facts []projections.Fact
}

func newWorld(t testing.TB) *world {
	t.Helper()
	log, now := &published{}, time.Time{}
	var connections []provider.Connection
	for _, p := range builtin.Providers() {
		conn, samples := providertest.Load(t, filepath.Join("../../testdata/deliveries", p.Name()))
		connections = append(connections, conn)
		h, err := ingest.New(ingest.Config{
			Connections: []ingest.Connection{{Connection: conn, Provider: p}}, Publisher: log, Topic: "events", Now: func() time.Time { return now },
		})
		require.NoError(t, err)
		for _, s := range samples {
			now = s.Delivery.Received
			path := "/webhooks/" + conn.Name
			if s.Delivery.EventType != "" {
				path += "/" + s.Delivery.EventType
			}
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(s.Delivery.Body))
			r.Header = s.Delivery.Header
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			require.Equal(t, http.StatusOK, answer.Code, "%s: %s", s.Name, answer.Body)
		}
	}
	w := &world{t: t, path: filepath.Join(t.TempDir(), "projections.db")}
	decoder := worker.NewDecoder(builtin.Providers(), connections)
	for _, m := range log.messages {
		w.add(decoder.Decode(m))
	}
	w.fold(w.path, w.facts)
	return w
}

// add gives a fact its place in the log.
func (w *world) add(f projections.Fact) {
	f.Offset = int64(len(w.facts))
	f.Prev = f.Offset
	w.facts = append(w.facts, f)
}

// observe is one more observation at the end of the log.
func (w *world) observe(o lifecycle.Observation) []projections.Fact {
	if o.ID == "" {
		o.ID = fmt.Sprintf("made_%d", len(w.facts))
	}
	o.Source, o.Recorded = lifecycle.SourceWebhook, time.Date(2026, 4, 1, 0, 0, len(w.facts), 0, time.UTC)
	w.add(projections.Fact{Observations: []lifecycle.Observation{o}})
	return w.facts[len(w.facts)-1:]
}

// fold commits facts to a store.
func (w *world) fold(path string, facts []projections.Fact) {
	w.t.Helper()
	s, err := projections.Open(w.t.Context(), projections.Config{
		Path: path, Topic: "events", Lifecycles: lifecycles(w.t), History: worker.History(nil, "events", nil), // never needed: nothing comes twice
	})
	require.NoError(w.t, err)
	require.NoError(w.t, s.CommitAll(w.t.Context(), facts))
	require.NoError(w.t, s.Close())
}

func (w *world) console() http.Handler {
	w.t.Helper()
	h, err := console.New(console.Config{Path: w.path, Lifecycles: lifecycles(w.t), LocalOnly: true})
	require.NoError(w.t, err)
	return h
}

// get asks for a page as a browser on this machine would.
func get(h http.Handler, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "127.0.0.1:9090"
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

// page is the text of a page that must be there.
func page(t testing.TB, h http.Handler, target string) string {
	t.Helper()
	answer := get(h, target)
	require.Equal(t, http.StatusOK, answer.Code, "%s: %s", target, answer.Body)
	return answer.Body.String()
}
