package main

import (
	"bytes"
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/ingest"
	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
)

// offsets is a log of one partition that keeps what it is given, in the records of the real one.
type offsets struct{ records []kafka.Record }

func (l *offsets) append(_ context.Context, e *event.Event) error {
	r, err := worker.Record(e)
	if err != nil {
		return err
	}
	r.Topic, r.Offset = "events", int64(len(l.records))
	l.records = append(l.records, r)
	return nil
}

// TestFixturesBecomeRows sends every sample of every provider through the endpoint, as HTTP, and holds what stands in the
// views in the end against testdata/golden/PROVIDER.txt (go test ./cmd/hookfold -run Fixtures -update). Nothing that the
// providers document is parked, and whatever is parked says why.
func TestFixturesBecomeRows(t *testing.T) {
	for _, p := range builtin.Providers() {
		t.Run(p.Name(), func(t *testing.T) {
			conn, samples := providertest.Load(t, filepath.Join("../../testdata/deliveries", p.Name()))
			log, now := &offsets{}, time.Time{}
			h, err := ingest.New(ingest.Config{
				Connections: []ingest.Connection{{Connection: conn, Provider: p}}, Append: log.append,
				Now: func() time.Time { return now },
			})
			require.NoError(t, err)
			unreadable := 0
			for _, s := range samples {
				now = s.Delivery.Received
				path := "/webhooks/" + conn.Name
				if s.Delivery.EventType != "" {
					path += "/" + s.Delivery.EventType
				}
				r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(s.Delivery.Body))
				r.Header = s.Delivery.Header
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				require.Equal(t, http.StatusOK, w.Code, "%s: %s", s.Name, w.Body)
				if strings.HasPrefix(s.Name, "parked") {
					unreadable++
				}
			}
			rows := fold(t, log, conn)
			_, parked, _ := strings.Cut(rows, "== parked\n")
			parked, _, _ = strings.Cut(parked, "== ")
			require.Equal(t, unreadable, strings.Count(parked, "\n"), "parked:\n%s", parked)
			golden(t, filepath.Join("../../testdata/golden", p.Name()+".txt"), rows)
		})
	}
}

func fold(t *testing.T, log *offsets, conn provider.Connection) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "projections.db")
	byName := map[string]provider.Provider{}
	for _, p := range builtin.Providers() {
		byName[p.Name()] = p
	}
	lifecycles, err := compile(byName)
	require.NoError(t, err)
	decoder := worker.NewDecoder(builtin.Providers(), []provider.Connection{conn})
	store, err := projections.Open(t.Context(), projections.Config{
		Path: path, Topic: "events", Lifecycles: lifecycles, History: worker.History(nil, "events", decoder), // never needed: nothing comes twice
	})
	require.NoError(t, err)
	for _, r := range log.records {
		m, err := worker.Marshaler().Unmarshal(r)
		require.NoError(t, err)
		fact := decoder.Decode(m)
		fact.Offset, fact.Prev = r.Offset, r.Offset
		require.NoError(t, store.Commit(t.Context(), fact))
	}
	require.NoError(t, store.Close())
	reader, err := projections.OpenReader(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	var b bytes.Buffer
	require.NoError(t, reader.Dump(t.Context(), &b, projections.DumpOptions{}))
	return b.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" { // registered by providertest
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
