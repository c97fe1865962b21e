package lookup_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/worker/lookup"
)

// Every way in which an answer can stand to the store, and what becomes of the store once what tells something is appended.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name      string
		kind      string
		delivered []string // statuses, in order
		age       time.Duration
		http      int
		answer    string // its status
		body      string // instead of one with a status
		verdict   lookup.Verdict
		tells     bool
		after     string // the provider status once the answer was appended and folded
	}{
		{"the same", "transfer", []string{"created", "confirmed"}, time.Hour, 200, "confirmed", "", lookup.Agrees, false, ""},
		{"an API that lags", "transfer", []string{"created", "confirmed"}, time.Hour, 200, "processing", "", lookup.Behind, false, ""},
		{"a webhook that was lost", "transfer", []string{"created"}, time.Hour, 200, "confirmed", "", lookup.Differs, true, "confirmed"},
		{"statuses that exclude each other", "transfer", []string{"rejected"}, time.Hour, 200, "confirmed", "", lookup.Differs, true, "confirmed"},
		{"there and back, long ago", "wallet", []string{"active"}, time.Hour, 200, "blocked", "", lookup.Differs, true, "blocked"},
		{"there and back, just now", "wallet", []string{"active"}, time.Minute, 200, "blocked", "", lookup.Behind, false, ""},
		{"a word that nobody knows", "transfer", []string{"processing"}, time.Hour, 200, "levitating", "", lookup.Differs, true, "levitating"},
		{"not known", "transfer", []string{"confirmed"}, time.Hour, 404, "", "", lookup.Missing, true, "confirmed"},
		{"not known yet", "transfer", []string{"confirmed"}, time.Minute, 404, "", "", lookup.Behind, false, ""},
		{"nothing delivered claims a status", "transfer", []string{""}, time.Hour, 200, "confirmed", "", lookup.Differs, true, "confirmed"},
		{"nothing claims a status, nor does the provider", "transfer", []string{""}, time.Hour, 404, "", "", lookup.Agrees, false, ""},
		{"an answer without a status", "transfer", []string{"created"}, time.Hour, 200, "", "", lookup.Unclear, false, ""},
		{"an answer that cannot be read", "transfer", []string{"created"}, time.Hour, 200, "", "<html>", lookup.Unclear, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for _, s := range test.delivered {
					w.deliver(test.kind, "e1", s, false)
				}
				time.Sleep(test.age)
				a := &api{fetch: func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
					out := answer(kind, id, test.answer)
					out.Status = test.http
					if test.body != "" {
						out.Body = []byte(test.body)
					}
					return out, nil
				}}
				c := w.config(a, grace(2*time.Minute))
				r, err := lookup.New(c)
				require.NoError(t, err)
				e := lifecycle.Entity{Connection: conn, Kind: test.kind, ID: "e1"}
				before := digest(t, w.store)
				f, err := r.Check(t.Context(), e)
				require.NoError(t, err)
				require.Equal(t, test.verdict, f.Verdict, f.Why)
				require.Equal(t, test.tells, f.Tells, f.Why)
				require.Equal(t, test.verdict == lookup.Agrees, f.Why == "")
				require.Empty(t, w.lookups(), "checking appends nothing")
				require.Equal(t, before, digest(t, w.store))
				if !test.tells {
					return
				}
				id, err := r.Append(t.Context(), &f)
				require.NoError(t, err)
				require.Equal(t, id, w.lookups()[0].ID)
				require.Equal(t, test.after, w.status(test.kind, "e1"))
				again, err := r.Check(t.Context(), e)
				require.NoError(t, err)
				require.False(t, again.Tells, "what the log has is not appended again: %s", again.Why)
				if test.verdict == lookup.Differs {
					require.Equal(t, lookup.Agrees, again.Verdict)
				} else {
					require.Equal(t, lookup.Missing, again.Verdict, "that the log has the denial does not make it agree")
				}
			})
		})
	}
}

func grace(d time.Duration) func(*lookup.Connection) {
	return func(c *lookup.Connection) { c.Grace = d }
}

// Checks keep to the connection's rate, which all processes share, and leave its burst to what is urgent.
func TestChecksKeepToTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "t1", "confirmed", false)
		a := &api{fetch: answers("confirmed")}
		r, err := lookup.New(w.config(a, grace(0)))
		require.NoError(t, err)
		began := time.Now()
		for range 21 {
			_, err := r.Check(t.Context(), lifecycle.Entity{Connection: conn, Kind: "transfer", ID: "t1"})
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, time.Since(began), 2*time.Second, "ten a second")
	})
}

// Faults pass and are asked again; refused credentials are tried once; what is rejected says nothing of the connection.
func TestChecksThatFail(t *testing.T) {
	unavailable := &provider.APIError{Class: provider.Unavailable, Status: 503, Text: "GET /transfers/{id}"}
	limited := &provider.APIError{Class: provider.RateLimited, Status: 429, Text: "GET /transfers/{id}", RetryAfter: time.Minute}
	unauthorized := &provider.APIError{Class: provider.Unauthorized, Status: 401, Text: "GET /transfers/{id}"}
	rejected := &provider.APIError{Class: provider.Rejected, Status: 400, Text: "GET /transfers/{id}"}
	e := lifecycle.Entity{Connection: conn, Kind: "transfer", ID: "t1"}
	for _, test := range []struct {
		name    string
		errs    []error // one for each request, then an answer
		verdict lookup.Verdict
		failure string
		calls   int // that a second Check has made as well
	}{
		{"a fault that passes", []error{unavailable, limited}, lookup.Agrees, "", 4},
		{"a rejected request", []error{rejected}, lookup.Unclear, "", 2},
		{"a kind that is not offered", []error{provider.ErrUnsupported}, lookup.Unclear, "", 2},
		{"refused credentials", []error{unauthorized, nil}, lookup.Unclear, "unauthorized", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.deliver("transfer", "t1", "confirmed", false)
				a := &api{fetch: func(_ context.Context, n int, kind, id string) (provider.Answer, error) {
					if n <= len(test.errs) && test.errs[n-1] != nil {
						return provider.Answer{}, test.errs[n-1]
					}
					return answer(kind, id, "confirmed"), nil
				}}
				r, err := lookup.New(w.config(a, grace(0)))
				require.NoError(t, err)
				f, err := r.Check(t.Context(), e)
				require.Equal(t, test.verdict, f.Verdict)
				again, other := r.Check(t.Context(), e)
				require.Len(t, a.seen(), test.calls)
				if test.failure == "" {
					require.NoError(t, err)
					require.NoError(t, other)
					require.Equal(t, lookup.Agrees, again.Verdict)
					return
				}
				require.ErrorContains(t, err, test.failure)
				require.ErrorContains(t, other, test.failure)
				require.Contains(t, r.Stopped()[conn], test.failure)
				_, err = r.Append(t.Context(), &f)
				require.ErrorContains(t, err, "no answer")
			})
		})
	}
}

// A decoder that panics over an answer says nothing, and does not quote it.
func TestAnAnswerThatMakesTheDecoderPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "t1", "confirmed", false)
		r, err := lookup.New(w.config(&api{fetch: answers("confirmed")}, grace(0), func(c *lookup.Connection) { c.Provider = fragile{} }))
		require.NoError(t, err)
		f, err := r.Check(t.Context(), lifecycle.Entity{Connection: conn, Kind: "transfer", ID: "t1"})
		require.NoError(t, err)
		require.Equal(t, lookup.Unclear, f.Verdict)
		require.Contains(t, f.Why, "panicked with a string")
		require.NotContains(t, f.Why, "private")
	})
}

type fragile struct{ acme }

func (fragile) Decode(*event.Event) ([]lifecycle.Observation, error) { panic("private words") }

// All entities of the connection, of kinds that can be asked for, over more than one page, and of no other connection.
func TestEntities(t *testing.T) {
	w := newWorld(t)
	const many = 2_500
	for i := range many {
		w.deliver("transfer", fmt.Sprintf("t%04d", i), "created", false)
	}
	w.deliver("wallet", "w1", "active", false)
	w.deliverTo("other", "transfer", "o1", "created", false)
	r, err := lookup.New(w.config(&api{fetch: answers("created")}))
	require.NoError(t, err)
	var all []lifecycle.Entity
	for e, err := range r.Entities(t.Context()) {
		require.NoError(t, err)
		all = append(all, e)
	}
	require.Len(t, all, many+1)
	for i := range many {
		require.Equal(t, lifecycle.Entity{Connection: conn, Kind: "transfer", ID: fmt.Sprintf("t%04d", i)}, all[i])
	}
	require.Equal(t, lifecycle.Entity{Connection: conn, Kind: "wallet", ID: "w1"}, all[many])
	drawn, err := lookup.Sample(r.Entities(t.Context()), 10)
	require.NoError(t, err)
	require.Len(t, drawn, 10)
	require.Subset(t, all, drawn)
}

// Each entity is as likely to be drawn as any other: of 10,000 draws of 3 in 10, each comes 3,000 times, give or take six
// standard deviations.
func TestSampleIsFair(t *testing.T) {
	var ten iter.Seq2[lifecycle.Entity, error] = func(yield func(lifecycle.Entity, error) bool) {
		for i := range 10 {
			if !yield(lifecycle.Entity{ID: fmt.Sprint(i)}, nil) {
				return
			}
		}
	}
	counts := map[string]int{}
	for range 10_000 {
		drawn, err := lookup.Sample(ten, 3)
		require.NoError(t, err)
		require.Len(t, drawn, 3)
		require.Less(t, drawn[0].ID, drawn[1].ID)
		require.Less(t, drawn[1].ID, drawn[2].ID)
		for _, e := range drawn {
			counts[e.ID]++
		}
	}
	require.Len(t, counts, 10)
	for id, n := range counts {
		require.InDelta(t, 3_000, n, 6*46, id)
	}
	all, err := lookup.Sample(ten, 20)
	require.NoError(t, err)
	require.Len(t, all, 10)
}
