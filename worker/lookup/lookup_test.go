package lookup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker/lookup"
)

// The answer reaches the state through the log and no other way: held back there it changes nothing, folded it ends the
// want, and a store made of the log alone is the same.
func TestAnswersReachTheStateThroughTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := &api{fetch: answers("confirmed")}
		_, stop := start(t, w.config(a))
		w.deliver("transfer", "t1", "processing", true)
		w.mu.Lock()
		w.held = true
		w.mu.Unlock()
		time.Sleep(time.Minute)
		require.Equal(t, "processing", w.status("transfer", "t1"))
		require.Len(t, w.lookups(), 1)
		require.Len(t, a.seen(), 1, "an answer that is not folded yet is not asked for again")
		w.mu.Lock()
		w.held = false
		w.fold()
		w.mu.Unlock()
		require.Equal(t, "confirmed", w.status("transfer", "t1"))
		require.Empty(t, w.wants())
		time.Sleep(12 * time.Hour)
		require.Len(t, a.seen(), 1)
		stop()

		e := w.lookups()[0]
		require.Equal(t, "acme.lookup", e.Type)
		require.Equal(t, "200", e.Headers["lookup-status"])
		require.Equal(t, "transfer/t1", e.Subject())

		again := open(t, filepath.Join(t.TempDir(), "again.db"))
		for i := range w.events {
			require.NoError(t, again.Commit(context.Background(), fact(t, w.events, len(w.events)-1-i)))
		}
		require.Equal(t, digest(t, w.store), digest(t, again))
	})
}

func digest(t *testing.T, s *projections.Store) lifecycle.Digest {
	d, err := s.Digest(context.Background())
	require.NoError(t, err)
	return d
}

func TestTheSameAnswerIsOneObservation(t *testing.T) {
	a := provider.Answer{Kind: "transfer", ID: "t", Status: 200, Date: time.Unix(1e9, 0), Body: []byte("{}")}
	first := lookup.Event(conn, "acme", a, time.Unix(2e9, 0))
	require.Equal(t, first.ID, lookup.Event(conn, "acme", a, time.Unix(3e9, 0)).ID)
	require.NoError(t, first.Validate())
	require.True(t, first.IsLookup())
	for name, change := range map[string]func(*provider.Answer){
		"date": func(a *provider.Answer) { a.Date = a.Date.Add(time.Second) },
		"body": func(a *provider.Answer) { a.Body = []byte("{ }") },
		"id":   func(a *provider.Answer) { a.ID = "u" },
		"kind": func(a *provider.Answer) { a.Kind = "u" },
		"code": func(a *provider.Answer) { a.Status = 404 },
	} {
		b := a
		change(&b)
		require.NotEqual(t, first.ID, lookup.Event(conn, "acme", b, time.Unix(2e9, 0)).ID, name)
	}
}

// One request serves all that is wanted of an entity.
func TestOneRequestServesAllWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("unsigned", "u1", "confirmed", true)
		w.deliver("unsigned", "u1", "rejected", true)
		require.Len(t, w.wants(), 3, "conflict, thin and unsigned")
		a := &api{fetch: answers("rejected")}
		_, stop := start(t, w.config(a))
		time.Sleep(time.Hour)
		stop()
		require.Len(t, a.seen(), 1)
		require.Empty(t, w.wants())
	})
}

// A conflict that comes while a thousand overdue entities wait is asked for within a second.
func TestConflictsComeBeforeSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var entities []lifecycle.Entity
		for i := range 1000 {
			id := fmt.Sprintf("t%d", i)
			w.deliver("transfer", id, "processing", false)
			entities = append(entities, lifecycle.Entity{Connection: conn, Kind: "transfer", ID: id})
		}
		time.Sleep(2 * time.Hour)
		n, err := w.store.WantOverdue(context.Background(), entities, time.Now())
		require.NoError(t, err)
		require.Equal(t, 1000, n)
		a := &api{fetch: answers("processing")}
		_, stop := start(t, w.config(a, overdueAfter(time.Hour)))
		time.Sleep(10 * time.Second)
		w.deliver("transfer", "c", "confirmed", false)
		w.deliver("transfer", "c", "rejected", false)
		at := time.Now()
		time.Sleep(2 * time.Minute)
		stop()
		counts := perEntity(a.seen())
		require.Len(t, counts, 1001)
		for _, c := range a.seen() {
			require.Equal(t, 1, counts[c.id], "%s was asked for again", c.id)
			if c.id == "c" {
				require.Less(t, c.at.Sub(at), time.Second)
			}
		}
	})
}

func overdueAfter(d time.Duration) func(*lookup.Connection) {
	return func(c *lookup.Connection) { c.Overdue = map[string]time.Duration{"transfer": d} }
}

// Two processes on one file keep to one budget, and ask for no entity twice.
func TestProcessesShareTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 150 {
			w.deliver("transfer", fmt.Sprintf("t%d", i), "processing", true)
		}
		a := &api{fetch: func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
			time.Sleep(700 * time.Millisecond)
			return answer(kind, id, "processing"), nil
		}}
		rate := func(c *lookup.Connection) { c.Rate = projections.Rate{PerSecond: 4, Burst: 3} }
		_, stop := start(t, w.config(a, rate))
		other := w.config(a, rate)
		other.Store = open(t, w.path)
		_, stopOther := start(t, other)
		time.Sleep(2 * time.Minute)
		stop()
		stopOther()
		calls := a.seen()
		require.Len(t, calls, 150)
		require.Len(t, perEntity(calls), 150)
		held(t, calls, 4, 3)
	})
}

// held says that no stretch of time saw more requests than a rate allows.
func held(t *testing.T, calls []call, perSecond float64, burst int) {
	t.Helper()
	for i := range calls {
		for j := i; j < len(calls); j++ {
			span := calls[j].at.Sub(calls[i].at).Seconds()
			require.LessOrEqual(t, float64(j-i+1), float64(burst)+perSecond*span+1e-6, "from %d to %d", i, j)
		}
	}
}

// Credentials that are refused are tried once, whatever waits; a restart tries again.
func TestRefusedCredentialsStopAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 50 {
			w.deliver("transfer", fmt.Sprintf("t%d", i), "processing", true)
		}
		a := &api{
			fetch: func(context.Context, int, string, string) (provider.Answer, error) {
				time.Sleep(3 * time.Second)
				return provider.Answer{}, &provider.APIError{Class: provider.Unauthorized, Status: 401, Text: "GET /transfers/{id}: bad_key"}
			},
			list: func(provider.ListQuery) (provider.Page, error) {
				return provider.Page{}, &provider.APIError{Class: provider.Unauthorized, Status: 401, Text: "GET /transfers: bad_key"}
			},
		}
		sweeping := func(c *lookup.Connection) { c.Sweep = time.Second }
		r, stop := start(t, w.config(a, sweeping))
		time.Sleep(6 * time.Hour)
		require.Len(t, a.seen(), 1)
		require.Contains(t, r.Stopped()[conn], "bad_key")
		require.Contains(t, r.Note(), conn)
		require.Contains(t, fmt.Sprint(w.wants()), "stopped until a restart")
		stop()
		_, stop = start(t, w.config(a, sweeping))
		time.Sleep(time.Hour)
		stop()
		require.Len(t, a.seen(), 2)
		good := &api{fetch: answers("confirmed")}
		_, stop = start(t, w.config(good))
		time.Sleep(time.Hour)
		stop()
		require.Len(t, good.seen(), 50)
		require.Empty(t, w.wants())
	})
}

// A key that is revoked while many requests are under way is refused to those, and to nothing more.
func TestRevokedCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 50 {
			w.deliver("transfer", fmt.Sprintf("t%d", i), "processing", true)
		}
		a := &api{fetch: func(_ context.Context, n int, kind, id string) (provider.Answer, error) {
			time.Sleep(time.Second)
			if n > 10 {
				return provider.Answer{}, &provider.APIError{Class: provider.Unauthorized, Status: 403}
			}
			return answer(kind, id, "confirmed"), nil
		}}
		_, stop := start(t, w.config(a))
		time.Sleep(time.Hour)
		stop()
		require.LessOrEqual(t, len(a.seen()), 10+lookup.DefaultConcurrency)
	})
}

// An API that is down is left alone but for a few tries, and asked for everything once it is back.
func TestTheBreakerLeavesABrokenAPIAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 200 {
			w.deliver("transfer", fmt.Sprintf("t%d", i), "processing", true)
		}
		down := time.Now().Add(10 * time.Minute)
		a := &api{fetch: func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
			if time.Now().Before(down) {
				return provider.Answer{}, errors.New("connection refused by 10.0.0.1 for ES7967130002000000123456")
			}
			return answer(kind, id, "confirmed"), nil
		}}
		_, stop := start(t, w.config(a))
		time.Sleep(10 * time.Minute)
		require.Less(t, len(a.seen()), 40, "6 at first, then one every 30 s")
		require.NotContains(t, fmt.Sprint(w.wants()), "ES79", "an error's text may quote what nobody may see")
		time.Sleep(30 * time.Minute)
		stop()
		require.Empty(t, w.wants())
		require.Len(t, w.lookups(), 200)
		held(t, a.seen(), 10, 5)
	})
}

// A 404 right after a delivery is not believed: it is asked again, and appended only when it stands.
func TestNotFoundRightAfterADelivery(t *testing.T) {
	grace := func(c *lookup.Connection) { c.Grace = 2 * time.Minute }
	notFound := func(kind, id string) (provider.Answer, error) {
		return provider.Answer{Kind: kind, ID: id, Status: http.StatusNotFound, Date: time.Now(), Body: []byte("{}")}, nil
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		late := time.Now().Add(40 * time.Second)
		a := &api{fetch: func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
			if id == "never" || time.Now().Before(late) {
				return notFound(kind, id)
			}
			return answer(kind, id, "processing"), nil
		}}
		_, stop := start(t, w.config(a, grace))
		w.deliver("transfer", "late", "processing", true)
		w.deliver("transfer", "never", "processing", true)
		time.Sleep(119 * time.Second)
		require.Len(t, w.lookups(), 1)
		require.Equal(t, "late", w.lookups()[0].Entity)
		require.Contains(t, fmt.Sprint(w.wants()), "so soon after the delivery")
		time.Sleep(2 * time.Minute)
		require.Len(t, w.lookups(), 2)
		require.Equal(t, "404", w.lookups()[1].Headers["lookup-status"])
		require.Equal(t, "processing", w.status("transfer", "never"), "a 404 claims nothing")
		before := len(a.seen())
		time.Sleep(32 * time.Hour)
		stop()
		require.InDelta(t, 7, len(a.seen())-before, 2, "what a 404 leaves standing is asked for ever less often")
	})
}

// A want that the API's answers have left standing for a month is closed.
func TestWhatAnswersDoNotSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "t1", "processing", true)
		time.Sleep(31 * 24 * time.Hour)
		a := &api{fetch: func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
			return provider.Answer{Kind: kind, ID: id, Status: http.StatusNotFound, Date: time.Now()}, nil
		}}
		_, stop := start(t, w.config(a))
		time.Sleep(25 * time.Hour)
		stop()
		require.Len(t, a.seen(), 1)
		require.Contains(t, fmt.Sprint(w.wants()), "not asked for any more")
	})
}

// A client that never answers holds up its connection and nothing else: neither the fold, nor others, nor the end.
func TestAHangingClientHoldsUpNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		release := make(chan struct{})
		hanging := &api{fetch: func(context.Context, int, string, string) (provider.Answer, error) {
			<-release // deaf to its context
			return provider.Answer{}, errors.New("too late")
		}}
		c := w.config(hanging)
		good := &api{fetch: answers("confirmed")}
		other := c.Connections[0]
		other.Name, other.Client = "acme-test", good
		c.Connections = append(c.Connections, other)
		_, stop := start(t, c)
		began := time.Now()
		for i := range 100 {
			w.deliver("transfer", fmt.Sprintf("t%d", i), "processing", true)
			w.deliverTo("acme-test", "transfer", fmt.Sprintf("t%d", i), "processing", true)
		}
		require.Zero(t, time.Since(began), "the fold waits for nobody")
		time.Sleep(time.Minute)
		require.Len(t, good.seen(), 100)
		require.LessOrEqual(t, len(hanging.seen()), 1)
		began = time.Now()
		go func() { time.Sleep(5 * time.Second); close(release) }()
		stop()
		require.Less(t, time.Since(began), 10*time.Second)
	})
}

// What a process leaves that is killed in the middle of a request is asked for by another, after the lease; what it appended
// before it was killed is not asked for again.
func TestLeasesOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, id := range []string{"asked", "appended"} {
			w.deliver("unsigned", id, "rejected", false)
			w.deliver("unsigned", id, "confirmed", false)
		}
		for range 2 {
			l, _, err := w.store.LeaseWant(context.Background(), projections.LeaseRequest{
				Connection: conn, Owner: fmt.Sprint(time.Now()), Now: time.Now(), TTL: 2 * time.Minute, Rate: projections.Rate{PerSecond: 10, Burst: 5},
			})
			require.NoError(t, err)
			require.NotNil(t, l)
			time.Sleep(time.Second)
			if l.Entity.ID == "appended" { // a third word: the conflict stands, and with it the want
				e := lookup.Event(conn, "acme", answer("unsigned", "appended", "processing"), time.Now())
				m, err := e.Message()
				require.NoError(t, err)
				require.NoError(t, w.Publish(topic, m))
			}
		}
		a := &api{fetch: answers("confirmed")}
		_, stop := start(t, w.config(a))
		time.Sleep(time.Minute)
		require.Empty(t, a.seen(), "the leases hold")
		time.Sleep(2 * time.Minute)
		require.Equal(t, map[string]int{"asked": 1}, perEntity(a.seen()))
		time.Sleep(time.Hour)
		stop()
		require.Equal(t, map[string]int{"asked": 1, "appended": 1}, perEntity(a.seen()), "what an answer left standing is asked for later")
	})
}

// An API that lags does not undo what is known.
func TestAnOlderAnswerChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "t1", "confirmed", true)
		a := &api{fetch: answers("processing")}
		_, stop := start(t, w.config(a))
		time.Sleep(time.Minute)
		stop()
		require.Len(t, w.lookups(), 1)
		require.Equal(t, "confirmed", w.status("transfer", "t1"))
	})
}

func TestWhatIsNotAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"unsupported": {fmt.Errorf("a transfer: %w", provider.ErrUnsupported), "cannot be asked for a transfer"},
		"rejected":    {&provider.APIError{Class: provider.Rejected, Status: 422, Text: "GET /x"}, "rejected: GET /x (HTTP 422)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.deliver("transfer", "t1", "processing", true)
				a := &api{fetch: func(context.Context, int, string, string) (provider.Answer, error) { return provider.Answer{}, c.err }}
				_, stop := start(t, w.config(a))
				time.Sleep(12 * time.Hour)
				require.Len(t, a.seen(), 1)
				require.Contains(t, fmt.Sprint(w.wants()), c.want)
				w.deliver("transfer", "t1", "confirmed", true) // a newer want
				time.Sleep(time.Minute)
				stop()
				require.Len(t, a.seen(), 2)
			})
		})
	}
}

// A provider that says how long to wait is not asked before.
func TestBeingToldToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 20 {
			w.deliver("transfer", fmt.Sprintf("t%d", i), "processing", true)
		}
		a := &api{fetch: func(_ context.Context, n int, kind, id string) (provider.Answer, error) {
			if n == 1 {
				return provider.Answer{}, &provider.APIError{Class: provider.RateLimited, Status: 429, RetryAfter: 90 * time.Second}
			}
			return answer(kind, id, "confirmed"), nil
		}}
		_, stop := start(t, w.config(a))
		time.Sleep(5 * time.Minute)
		stop()
		calls := a.seen()
		require.Len(t, calls, 21)
		require.GreaterOrEqual(t, calls[1].at.Sub(calls[0].at), 90*time.Second)
		require.Empty(t, w.wants())
	})
}

// An answer that the log does not take is asked for again.
func TestALogThatDoesNotTakeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "t1", "processing", true)
		w.mu.Lock()
		w.fail = errors.New("the log is down")
		w.mu.Unlock()
		a := &api{fetch: answers("confirmed")}
		_, stop := start(t, w.config(a))
		time.Sleep(10 * time.Second)
		require.Contains(t, fmt.Sprint(w.wants()), "could not be appended")
		w.mu.Lock()
		w.fail = nil
		w.mu.Unlock()
		time.Sleep(time.Minute)
		stop()
		require.Len(t, w.lookups(), 1)
		require.Empty(t, w.wants())
		require.True(t, bytes.Contains(w.lookups()[0].Body, []byte("confirmed")))
	})
}

// A connection that is always asked is asked once for each new webhook, not for answers, and not for what was there before.
func TestAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "old", "created", false)
		a := &api{fetch: answers("created")}
		always := func(c *lookup.Connection) { c.Mode = lookup.Always }
		_, stop := start(t, w.config(a, always))
		time.Sleep(time.Minute)
		require.Empty(t, a.seen())
		w.deliver("transfer", "new", "created", false)
		time.Sleep(time.Minute)
		require.Equal(t, map[string]int{"new": 1}, perEntity(a.seen()))
		stop()
		w.deliver("transfer", "new", "processing", false)
		_, stop = start(t, w.config(a, always))
		other := w.config(a, always)
		other.Store = open(t, w.path)
		_, stopOther := start(t, other)
		time.Sleep(time.Hour)
		stop()
		stopOther()
		require.Equal(t, map[string]int{"new": 2}, perEntity(a.seen()))
		require.Empty(t, w.wants())
	})
}
