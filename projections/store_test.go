package projections

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

var update = flag.Bool("update", false, "write the golden files anew")

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testLifecycles are one of each family, for a provider that does not exist.
func testLifecycles(t testing.TB) []*lifecycle.Lifecycle {
	t.Helper()
	var out []*lifecycle.Lifecycle
	for _, d := range []lifecycle.Definition{
		{Provider: "acme", Kind: "account", Family: lifecycle.Account, States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"active"}},
			{Word: "active", Status: lifecycle.Active, Next: []string{"blocked", "closed"}},
			{Word: "blocked", Status: lifecycle.Blocked, Next: []string{"active"}},
			{Word: "closed", Status: lifecycle.Closed, Final: true},
		}},
		{Provider: "acme", Kind: "transfer", Family: lifecycle.Payment, States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"processing"}},
			{Word: "processing", Status: lifecycle.Processing, Next: []string{"confirmed", "rejected"}},
			{Word: "confirmed", Status: lifecycle.Succeeded, Final: true, Next: []string{"returned"}},
			{Word: "rejected", Status: lifecycle.Failed, Final: true},
			{Word: "returned", Label: "reversed", Status: lifecycle.Returned, Final: true},
		}},
		{Provider: "acme", Kind: "check", Family: lifecycle.Verification, WantsSigned: true, States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"confirmed", "rejected"}},
			{Word: "confirmed", Status: lifecycle.Verified, Final: true},
			{Word: "rejected", Status: lifecycle.Failed},
		}},
		{Provider: "acme", Kind: "mandate", Family: lifecycle.Mandate, States: []lifecycle.State{{Word: "active", Status: lifecycle.Active}}},
		{Provider: "acme", Kind: "dispute", Family: lifecycle.Dispute, States: []lifecycle.State{{Word: "open", Status: lifecycle.Open}}},
		{Provider: "acme", Kind: "link", Family: lifecycle.Link, States: []lifecycle.State{{Word: "active", Status: lifecycle.Active}}},
	} {
		l, err := lifecycle.New(d)
		require.NoError(t, err)
		out = append(out, l)
	}
	return out
}

// noHistory fails the test where the store reads the log again.
func noHistory(context.Context, []Position) ([]lifecycle.Observation, error) {
	return nil, errUnexpectedHistory
}

type testError string

func (e testError) Error() string { return string(e) }

const errUnexpectedHistory = testError("the store read the log again without need")

func testConfig(t testing.TB) Config {
	t.Helper()
	return Config{
		Path: filepath.Join(t.TempDir(), "projections.db"), Topic: "hookfold.events", Lifecycles: testLifecycles(t), History: noHistory,
	}
}

func open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil && err != ErrClosed {
			t.Error(err)
		}
	})
	return s
}

func dump(t testing.TB, path string, o DumpOptions) string {
	t.Helper()
	r, err := OpenReader(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	var b strings.Builder
	require.NoError(t, r.Dump(context.Background(), &b, o))
	return b.String()
}

// transfer is an observation of the transfer t1, at so many seconds.
func transfer(id, word string, second int) lifecycle.Observation {
	o := lifecycle.Observation{
		Entity: lifecycle.Entity{Connection: "acme-live", Kind: "transfer", ID: "t1"}, ID: id, Type: "acme.transfer." + word,
		Source: lifecycle.SourceWebhook, Mode: lifecycle.ModeLive, Status: word,
		Occurred: epoch.Add(time.Duration(second) * time.Second), Recorded: epoch.Add(time.Duration(second)*time.Second + time.Millisecond),
		Fingerprint: lifecycle.Fingerprint{1, byte(len(id))},
	}
	o.Attributes.Money = &lifecycle.Money{Direction: lifecycle.Out, Amount: lifecycle.Minor(1050), Currency: "EUR"}
	o.Attributes.Object = []byte(`{"id":"t1","status":"` + word + `"}`)
	return o
}

func TestEveryViewShowsWhatTheDesignSays(t *testing.T) {
	c := testConfig(t)
	s := open(t, c)
	next, err := s.Resume(t.Context(), []int32{0})
	require.NoError(t, err)
	require.Equal(t, map[int32]int64{0: 0}, next)
	account := lifecycle.Observation{
		Entity: lifecycle.Entity{Connection: "acme-live", Kind: "account", ID: "a/1"}, ID: "e0", Type: "acme.account.created",
		Source: lifecycle.SourceWebhook, Status: "active", Recorded: epoch, Occurred: epoch.Add(-time.Hour),
	}
	account.Attributes.Profile = &lifecycle.Profile{Name: "Main", Currency: "EUR", Identifier: "XX00"}
	account.Attributes.Balance = &lifecycle.Balance{Available: lifecycle.Minor(-5), Total: lifecycle.Minor(0)}
	account.Attributes.Origin = &lifecycle.Origin{Created: epoch.Add(-48 * time.Hour)}
	strange := transfer("e3", "limbo", 3)
	strange.Entity.ID = "t2"
	unknown := transfer("e4", "created", 4)
	unknown.Entity.Kind = "cheque"
	for i, f := range []Fact{
		{Observations: []lifecycle.Observation{account}},
		{Observations: []lifecycle.Observation{transfer("e1", "confirmed", 1)}},
		{Observations: []lifecycle.Observation{transfer("e2", "rejected", 2)}},
		{Observations: []lifecycle.Observation{strange}},
		{Observations: []lifecycle.Observation{unknown}},
		{Parked: &Parked{"acme-live", "e5", "acme.transfer.created", "not_json", "the body is not JSON"}},
	} {
		f.Offset, f.Prev = int64(i), int64(i)
		require.NoError(t, s.Commit(t.Context(), f))
	}
	d, err := s.Digest(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Ready(t.Context()))
	got := dump(t, c.Path, DumpOptions{})
	golden := filepath.Join("testdata", "views.txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(strings.ReplaceAll(got, d.String(), "DIGEST")), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(want), "DIGEST", d.String()), got)
}
