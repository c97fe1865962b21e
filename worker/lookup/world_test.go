package lookup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker/lookup"
)

const (
	conn  = "acme-live"
	topic = "hookfold.events"
)

// acme sends {"id", "status", "object"}; without an object its webhooks are thin.
type acme struct{ provider.Provider }

func (acme) Name() string { return "acme" }

func (acme) Lifecycles() []lifecycle.Definition {
	states := []lifecycle.State{
		{Word: "created", Status: lifecycle.Pending, Next: []string{"processing"}},
		{Word: "processing", Status: lifecycle.Processing, Next: []string{"confirmed", "rejected"}},
		{Word: "confirmed", Status: lifecycle.Succeeded, Final: true},
		{Word: "rejected", Status: lifecycle.Failed, Final: true},
	}
	return []lifecycle.Definition{
		{Provider: "acme", Kind: "customer", Family: lifecycle.Verification, States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"refused"}},
			{Word: "refused", Status: lifecycle.Failed, Next: []string{"approved"}},
			{Word: "approved", Status: lifecycle.Verified, Final: true},
		}},
		{Provider: "acme", Kind: "transfer", Family: lifecycle.Payment, States: states},
		{Provider: "acme", Kind: "unsigned", Family: lifecycle.Payment, States: states, WantsSigned: true},
		{Provider: "acme", Kind: "wallet", Family: lifecycle.Account, States: []lifecycle.State{
			{Word: "active", Status: lifecycle.Active, Next: []string{"blocked"}},
			{Word: "blocked", Status: lifecycle.Blocked, Next: []string{"active"}},
		}},
	}
}

func (acme) Decode(e *event.Event) ([]lifecycle.Observation, error) {
	o := provider.Observe(e, e.Kind, e.Entity)
	o.Unsigned = e.Kind == "unsigned" && !e.IsLookup()
	if e.Headers[event.HeaderStatus] == "404" {
		return []lifecycle.Observation{o}, nil
	}
	var body struct {
		Status string          `json:"status"`
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return nil, provider.Park(provider.ParkedBody, "no JSON")
	}
	o.Status, o.Attributes.Object = body.Status, body.Object
	return []lifecycle.Observation{o}, nil
}

// log is the log and the worker in one: what is published is kept, and folded into the store unless the fold is held.
type log struct {
	t     testing.TB
	store *projections.Store

	mu     sync.Mutex
	events []event.Event
	folded int
	held   bool
	fail   error
}

func (l *log) Publish(_ string, messages ...*message.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	for _, m := range messages {
		e, err := event.Parse(m)
		if err != nil {
			return err
		}
		l.events = append(l.events, e)
	}
	if !l.held {
		l.fold()
	}
	return nil
}

func (l *log) Close() error { return nil }

func (l *log) fold() {
	for ; l.folded < len(l.events); l.folded++ {
		require.NoError(l.t, l.store.Commit(context.Background(), fact(l.t, l.events, l.folded)))
	}
}

func fact(t testing.TB, events []event.Event, i int) projections.Fact {
	observations, err := acme{}.Decode(&events[i])
	require.NoError(t, err)
	return projections.Fact{Offset: int64(i), Prev: int64(i), Observations: observations}
}

// lookups are the answers in the log.
func (l *log) lookups() (out []event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.IsLookup() {
			out = append(out, e)
		}
	}
	return out
}

// call is a request that the API saw.
type call struct {
	kind, id string
	at       time.Time
}

// api is a provider's API; fetch and list answer in the test's place.
type api struct {
	fetch func(ctx context.Context, n int, kind, id string) (provider.Answer, error)
	list  func(q provider.ListQuery) (provider.Page, error)

	mu    sync.Mutex
	calls []call
}

func (a *api) Fetch(ctx context.Context, kind, id string) (provider.Answer, error) {
	a.mu.Lock()
	a.calls = append(a.calls, call{kind, id, time.Now()})
	n := len(a.calls)
	a.mu.Unlock()
	return a.fetch(ctx, n, kind, id)
}

func (a *api) List(_ context.Context, q provider.ListQuery) (provider.Page, error) {
	a.mu.Lock()
	a.calls = append(a.calls, call{q.Kind, "list " + q.Cursor, time.Now()})
	a.mu.Unlock()
	return a.list(q)
}

func (a *api) Kinds() (fetch, list []string) {
	if a.list != nil {
		list = []string{"transfer"}
	}
	return []string{"transfer", "unsigned", "wallet"}, list
}

func (a *api) Limit() provider.Limit { return provider.Limit{PerSecond: 10, Burst: 5} }

func (a *api) seen() []call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]call(nil), a.calls...)
}

// answers always gives an object of a status.
func answers(status string) func(context.Context, int, string, string) (provider.Answer, error) {
	return func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
		return answer(kind, id, status), nil
	}
}

func answer(kind, id, status string) provider.Answer {
	body := fmt.Sprintf(`{"id":%q,"status":%q,"object":{"id":%q}}`, id, status, id)
	return provider.Answer{Kind: kind, ID: id, Status: http.StatusOK, Date: time.Now().UTC().Truncate(time.Second), ContentType: "application/json", Body: []byte(body)}
}

// world is a store with its log.
type world struct {
	*log
	path string
	n    int
}

func newWorld(t *testing.T) *world {
	w := &world{path: filepath.Join(t.TempDir(), "projections.db")}
	w.log = &log{t: t, store: open(t, w.path)}
	return w
}

func open(t *testing.T, path string) *projections.Store {
	var compiled []*lifecycle.Lifecycle
	for _, d := range (acme{}).Lifecycles() {
		l, err := lifecycle.New(d)
		require.NoError(t, err)
		compiled = append(compiled, l)
	}
	s, err := projections.Open(context.Background(), projections.Config{Path: path, Topic: topic, Lifecycles: compiled,
		History: func(context.Context, []projections.Position) ([]lifecycle.Observation, error) { return nil, nil }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// deliver folds a webhook; thin ones carry no object.
func (w *world) deliver(kind, id, status string, thin bool) {
	w.deliverTo(conn, kind, id, status, thin)
}

func (w *world) deliverTo(connection, kind, id, status string, thin bool) {
	w.n++
	body := fmt.Sprintf(`{"id":%q,"status":%q,"object":{"id":%q}}`, id, status, id)
	if thin {
		body = fmt.Sprintf(`{"id":%q,"status":%q}`, id, status)
	}
	e := event.Event{
		ID: fmt.Sprintf("evt_%d", w.n), Connection: connection, Type: "acme." + status, Kind: kind, Entity: id,
		Time: time.Now().UTC(), Recorded: time.Now().UTC(), Body: []byte(body),
	}
	m, err := e.Message()
	require.NoError(w.t, err)
	require.NoError(w.t, w.Publish(topic, m))
}

// config is a runner's, for one connection.
func (w *world) config(a provider.Client, change ...func(*lookup.Connection)) lookup.Config {
	c := lookup.Connection{Name: conn, Provider: acme{}, Client: a, Mode: lookup.WhenNeeded, Rate: projections.Rate{PerSecond: 10, Burst: 5}}
	for _, f := range change {
		f(&c)
	}
	return lookup.Config{Store: w.store, Path: w.path, Publisher: w.log, Topic: topic, Connections: []lookup.Connection{c}, Watched: []string{conn}}
}

// start runs a runner and returns what ends it.
func start(t *testing.T, c lookup.Config) (*lookup.Runner, func()) {
	r, err := lookup.New(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() { cancel(); require.NoError(t, <-done) }
}

// rows are the wants as text.
func (w *world) wants() (out []string) {
	r, err := projections.OpenReader(w.path)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, r.Close()) }()
	rows, err := r.WantRows()
	require.NoError(w.t, err)
	for _, row := range rows {
		out = append(out, fmt.Sprintf("%s %s attempts=%d error=%q", row.Entity.ID, row.Reason, row.Attempts, row.LastError))
	}
	return out
}

func (w *world) status(kind, id string) string {
	r, err := projections.OpenReader(w.path)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, r.Close()) }()
	b, err := r.Brief(lifecycle.Entity{Connection: conn, Kind: kind, ID: id})
	require.NoError(w.t, err)
	if b == nil {
		return ""
	}
	return b.ProviderStatus
}

func perEntity(calls []call) map[string]int {
	out := map[string]int{}
	for _, c := range calls {
		out[c.id]++
	}
	return out
}
