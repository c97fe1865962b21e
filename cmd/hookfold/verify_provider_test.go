package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker/lookup"
)

// fakeAPI answers for outgoing payments at Devengo; where it refuses, it refuses everything.
type fakeAPI struct {
	status string
	refuse bool
	calls  int
}

func (a *fakeAPI) Fetch(_ context.Context, kind, id string) (provider.Answer, error) {
	a.calls++
	if a.refuse {
		return provider.Answer{}, &provider.APIError{Class: provider.Unauthorized, Status: http.StatusUnauthorized, Text: "GET /payments/{id}"}
	}
	body := fmt.Sprintf(`{"payment":{"id":%q,"status":%q,"amount":{"cents":1,"currency":"EUR"}}}`, id, a.status)
	return provider.Answer{Kind: kind, ID: id, Status: http.StatusOK, Date: time.Now(), ContentType: "application/json", Body: []byte(body)}, nil
}

func (a *fakeAPI) List(context.Context, provider.ListQuery) (provider.Page, error) {
	return provider.Page{}, provider.ErrUnsupported
}

func (a *fakeAPI) Kinds() (fetch, list []string) { return []string{"outgoing_payment"}, nil }

func (a *fakeAPI) Limit() provider.Limit { return provider.Limit{PerSecond: 1, Burst: 1} }

// appended keeps what was published, until it fails.
type appended struct {
	ids  []string
	most int
}

func (p *appended) Publish(_ string, messages ...*message.Message) error {
	for _, m := range messages {
		if len(p.ids) == p.most {
			return errors.New("the log is down")
		}
		p.ids = append(p.ids, m.UUID)
	}
	return nil
}

func (p *appended) Close() error { return nil }

// asksAll asks for 60 payments of each of two connections, of which the first refuses its credentials.
func asksAll(t *testing.T, status string, q *inquiry, p *appended) (refusing, good *fakeAPI, err error) {
	providers := map[string]provider.Provider{}
	for _, one := range builtin.Providers() {
		providers[one.Name()] = one
	}
	lifecycles, err := compile(providers)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "projections.db")
	store, err := projections.Open(t.Context(), projections.Config{Path: path, Topic: "t", Lifecycles: lifecycles,
		History: func(context.Context, []projections.Position) ([]lifecycle.Observation, error) { return nil, nil }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	devengo, offset := providers["devengo"], int64(0)
	for _, name := range []string{"refusing", "good"} {
		for i := range 60 {
			id := fmt.Sprintf("pyo_%02d", i)
			answer := provider.Answer{Kind: "outgoing_payment", ID: id, Status: http.StatusOK, Date: time.Unix(1.7e9, 0),
				Body: fmt.Appendf(nil, `{"payment":{"id":%q,"status":"processing","amount":{"cents":1,"currency":"EUR"}}}`, id)}
			e := lookup.Event(name, "devengo", answer, time.Unix(1.7e9, 0))
			observations, err := devengo.Decode(&e)
			require.NoError(t, err)
			require.NoError(t, store.Commit(t.Context(), projections.Fact{Offset: offset, Prev: offset, Observations: observations}))
			offset++
		}
	}
	refusing, good = &fakeAPI{refuse: true}, &fakeAPI{status: status}
	rate := projections.Rate{PerSecond: 10_000, Burst: 1}
	q.runner, err = lookup.New(lookup.Config{Store: store, Path: path, Topic: "t", Publisher: p, Connections: []lookup.Connection{
		{Name: "refusing", Provider: devengo, Client: refusing, Rate: rate}, {Name: "good", Provider: devengo, Client: good, Rate: rate},
	}})
	require.NoError(t, err)
	q.out = &asked{}
	return refusing, good, q.all(t.Context(), q.runner.Entities(t.Context()))
}

// A connection that refuses its credentials is asked once and does not keep others from being asked; without --repair
// nothing is appended, and of many differences some are named and all are counted.
func TestOneConnectionRefuses(t *testing.T) {
	q, p := &inquiry{}, &appended{most: 100}
	refusing, good, err := asksAll(t, "confirmed", q, p)
	require.NoError(t, err)
	require.Equal(t, 1, refusing.calls)
	require.Equal(t, 60, good.calls)
	require.Empty(t, p.ids)
	require.Len(t, q.out.Findings, named)
	require.Equal(t, "refusing", q.out.Stopped[0].Connection)
	require.Contains(t, q.out.Stopped[0].Why, "unauthorized")
	require.Equal(t, []int{60, 60, 60, 0}, []int{q.out.Asked, q.out.Differ, q.out.Open, q.out.Appended})
	require.ErrorAs(t, q.out.verdict(), new(different))
}

// With --repair all that differs is appended and named, but for entities of which the store is not what the log says.
func TestRepairLeavesStaleEntitiesAlone(t *testing.T) {
	stale := lifecycle.Entity{Connection: "good", Kind: "outgoing_payment", ID: "pyo_07"}
	q, p := &inquiry{repair: true, stale: map[lifecycle.Entity]bool{stale: true}}, &appended{most: 100}
	_, _, err := asksAll(t, "confirmed", q, p)
	require.NoError(t, err)
	require.Len(t, p.ids, 59)
	require.Len(t, q.out.Findings, 60)
	require.Equal(t, []int{60, 1, 59}, []int{q.out.Differ, q.out.Open, q.out.Appended})
	for i, f := range q.out.Findings {
		require.Equal(t, f.ID == stale.ID, f.Rebuild)
		require.Equal(t, f.ID == stale.ID, f.Observation == "", i)
	}
	require.ErrorAs(t, q.out.verdict(), new(different))
}

// A log that goes down ends the repair, and what was appended before is known.
func TestRepairWithoutALog(t *testing.T) {
	q, p := &inquiry{repair: true}, &appended{most: 3}
	_, _, err := asksAll(t, "confirmed", q, p)
	require.ErrorContains(t, err, "the log is down")
	require.Equal(t, 3, q.out.Appended)
	require.Equal(t, p.ids, []string{q.out.Findings[0].Observation, q.out.Findings[1].Observation, q.out.Findings[2].Observation})
}

// What agrees needs no repair, and an answer that is behind gets none.
func TestRepairOfNothing(t *testing.T) {
	for status, behind := range map[string]int{"processing": 0, "created": 60} {
		q, p := &inquiry{repair: true}, &appended{}
		_, _, err := asksAll(t, status, q, p)
		require.NoError(t, err)
		require.Equal(t, []int{60 - behind, behind, 0}, []int{q.out.Agree, q.out.Behind, q.out.Open}, status)
		require.ErrorContains(t, q.out.verdict(), "refusing could not be asked to the end")
	}
}

func TestVerdictOfAsking(t *testing.T) {
	require.NoError(t, (*asked)(nil).verdict())
	require.NoError(t, (&asked{Asked: 3, Agree: 1, Behind: 1, Differ: 1, Appended: 1}).verdict())
	require.ErrorContains(t, (&asked{Unclear: 2}).verdict(), "2 entities could not")
	stopped := []askedStopped{{"c", "down"}}
	require.NotErrorAs(t, (&asked{Stopped: stopped}).verdict(), new(different))
	require.ErrorAs(t, (&asked{Open: 1, Stopped: stopped, Unclear: 1}).verdict(), new(different))
}
