package lookup_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/worker/lookup"
)

// What is not settled for too long is asked for, ever less often while nothing changes; what is settled never.
func TestOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, s := range []string{"created", "processing", "confirmed", "rejected"} {
			w.deliver("transfer", s, s, false)
		}
		a := &api{fetch: func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
			return answer(kind, id, id), nil
		}}
		_, stop := start(t, w.config(a, overdueAfter(time.Hour), func(c *lookup.Connection) { c.Sweep = 10 * time.Minute }))
		time.Sleep(50 * time.Minute)
		require.Empty(t, a.seen())
		time.Sleep(30 * time.Minute)
		require.Equal(t, map[string]int{"created": 1, "processing": 1}, perEntity(a.seen()))
		w.deliver("transfer", "created", "confirmed", false)
		time.Sleep(64 * time.Hour)
		stop()
		counts := perEntity(a.seen())
		require.Equal(t, 1, counts["created"])
		require.InDelta(t, 6, counts["processing"], 1, "after 1, 2, 4, … hours")
		require.Empty(t, w.wants())
	})
}

// A failure that the provider does not call final is asked about as what is under way is.
func TestOverdueAfterAFailureThatIsNotFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("customer", "c1", "refused", false)
		a := &api{fetch: answers("approved")}
		_, stop := start(t, w.config(a, func(c *lookup.Connection) {
			c.Sweep, c.Overdue = 10*time.Minute, map[string]time.Duration{"customer": 24 * time.Hour}
		}))
		time.Sleep(25 * time.Hour)
		require.Equal(t, "approved", w.status("customer", "c1"))
		time.Sleep(64 * time.Hour)
		stop()
		require.Len(t, a.seen(), 1)
		require.Empty(t, w.wants())
	})
}

// An entity that the provider does not know stays overdue, and is still not asked for at every sweep.
func TestOverdueAndUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "t1", "processing", false)
		a := &api{fetch: func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
			return provider.Answer{Kind: kind, ID: id, Status: 404, Date: time.Now()}, nil
		}}
		_, stop := start(t, w.config(a, overdueAfter(time.Hour), func(c *lookup.Connection) { c.Sweep = 10 * time.Minute }))
		time.Sleep(64 * time.Hour)
		stop()
		require.InDelta(t, 7, len(a.seen()), 1)
	})
}

// pages serves a list of so many transfers, three a page, all confirmed.
func pages(total int, fail func(page int) error) func(provider.ListQuery) (provider.Page, error) {
	return func(q provider.ListQuery) (provider.Page, error) {
		n := 0
		if q.Cursor != "" {
			n, _ = strconv.Atoi(q.Cursor)
		}
		if err := fail(n / 3); err != nil {
			return provider.Page{}, err
		}
		var p provider.Page
		for i := n; i < min(n+3, total); i++ {
			p.Answers = append(p.Answers, answer("transfer", fmt.Sprintf("t%d", i), "confirmed"))
		}
		if n+3 < total {
			p.Next = strconv.Itoa(n + 3)
		}
		return p, nil
	}
}

// A sweep appends what never reached the log and what it knows by another status, nothing else, and goes on where it was cut off.
func TestSweepThroughLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "t0", "confirmed", false)
		w.deliver("transfer", "t1", "processing", false)
		since := time.Now().Add(-time.Hour)
		cut := true
		a := &api{fetch: answers("confirmed"), list: pages(10, func(page int) error {
			if page == 2 && cut {
				return &provider.APIError{Class: provider.Unauthorized, Status: 401}
			}
			return nil
		})}
		r, err := lookup.New(w.config(a))
		require.NoError(t, err)
		did, err := r.Sweep(context.Background(), conn, &since)
		require.Error(t, err)
		require.Equal(t, 5, did.Missing)
		before := len(a.seen())

		cut = false
		r, err = lookup.New(w.config(a)) // another process
		require.NoError(t, err)
		did, err = r.Sweep(context.Background(), conn, &since)
		require.NoError(t, err)
		require.Equal(t, 4, did.Missing)
		require.Equal(t, []string{"transfer"}, did.Lists)
		require.Equal(t, "list 6", a.seen()[before].id, "it goes on where it was cut off")
		require.Len(t, w.lookups(), 9, "all but t0, which is known as it is")
		for i := range 10 {
			require.Equal(t, "confirmed", w.status("transfer", fmt.Sprintf("t%d", i)))
		}
		did, err = r.Sweep(context.Background(), conn, &since)
		require.NoError(t, err)
		require.Equal(t, 10, did.Listed)
		require.Zero(t, did.Missing)
		held(t, a.seen(), 10, 1)
	})
}

// Sweeps by the runner go back behind the last one, and faults of the API pass.
func TestSweepsGoOnByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var queries []provider.ListQuery
		began := time.Now()
		fine := pages(4, func(int) error { return nil })
		a := &api{fetch: answers("confirmed"), list: func(q provider.ListQuery) (provider.Page, error) {
			if queries = append(queries, q); len(queries) < 4 {
				return provider.Page{}, &provider.APIError{Class: provider.Unavailable, Status: 503}
			}
			return fine(q)
		}}
		_, stop := start(t, w.config(a, func(c *lookup.Connection) { c.Sweep = 6 * time.Hour }))
		time.Sleep(10 * time.Hour)
		stop()
		require.Len(t, w.lookups(), 4)
		require.Len(t, queries, 3+2+2)
		require.WithinDuration(t, began.Add(-24*time.Hour), queries[0].Since, time.Minute)
		require.WithinDuration(t, began.Add(-time.Hour), queries[6].Since, time.Minute)
	})
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.deliver("transfer", "t1", "confirmed", false)
		time.Sleep(time.Hour)
		c := w.config(&api{fetch: answers("confirmed")})
		registry := prometheus.NewRegistry()
		c.Registerer, c.Watched = registry, []string{conn, "never"}
		_, stop := start(t, c)
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		families, err := registry.Gather()
		require.NoError(t, err)
		got := map[string]float64{}
		for _, f := range families {
			if f.GetName() == "hookfold_connection_silent_seconds" {
				for _, m := range f.GetMetric() {
					got[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
				}
			}
		}
		require.Equal(t, map[string]float64{conn: 3660, "never": 60}, got)
	})
}
