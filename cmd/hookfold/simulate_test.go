package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/simulator"
)

// TestClientsAndSimulatorAgree holds the clients of the providers' APIs against the simulator's side of them, which was written
// apart: what can be fetched is there, lists are whole, and webhooks can be managed.
func TestClientsAndSimulatorAgree(t *testing.T) {
	plan, err := simulator.NewPlan(simulator.Options{Seed: 17, Stories: 160})
	require.NoError(t, err)
	wall := time.Now()
	now := plan.End().Add(time.Hour)
	var calls int
	api := simulator.NewAPI(simulator.APIConfig{Plan: plan, Now: func() time.Time { return now }, Wall: func() time.Time {
		calls++ // limits are not the question here: a second goes by between two looks at the clock, near enough to the client's
		return wall.Add(time.Duration(calls%40) * time.Second)
	}})
	server := httptest.NewServer(api)
	defer server.Close()
	for _, p := range builtin.Providers() {
		asker, ok := p.(provider.Asker)
		if !ok {
			continue
		}
		t.Run(p.Name(), func(t *testing.T) {
			c := plan.Connection(p.Name() + "-sim")
			conn := provider.Connection{Name: c.Name, Provider: c.Provider, Mode: lifecycle.ModeLive, Secrets: c.Secrets, API: provider.API{
				BaseURL: simulator.BaseURL(server.URL, p.Name()), KeyID: c.KeyID, Secret: c.APISecret, Token: c.Token,
			}}
			if p.Name() == simulator.Delfinance {
				conn.API.AccountID = c.AccountID
			}
			client, err := asker.Client(conn, server.Client())
			require.NoError(t, err)
			fetch, list := client.Kinds()
			listed := map[string]bool{}
			for _, kind := range list {
				q := provider.ListQuery{Kind: kind}
				for pages := 0; pages < 100; pages++ {
					page, err := client.List(t.Context(), q)
					require.NoError(t, err, kind)
					for _, a := range page.Answers {
						listed[a.Kind+"/"+a.ID] = true
					}
					if q.Cursor = page.Next; q.Cursor == "" {
						break
					}
				}
			}
			known := map[string]bool{}
			for _, e := range plan.Entities {
				if e.Connection != c.Name {
					continue
				}
				known[e.Kind+"/"+e.ID] = true
				unread, unlisted := e.Hidden()
				if slices.Contains(list, e.Kind) && !unlisted && !listed[e.Kind+"/"+e.ID] {
					t.Errorf("%s/%s (%s, %s) is in no list", e.Kind, e.ID, e.Direction, e.Last().Word)
				}
				if !slices.Contains(fetch, e.Kind) || unread {
					continue
				}
				a, err := client.Fetch(t.Context(), e.Kind, e.ID)
				if err != nil {
					t.Errorf("%s/%s: %v", e.Kind, e.ID, err)
				} else if a.Status != http.StatusOK || !a.Date.Equal(now.Truncate(time.Second)) {
					t.Errorf("%s/%s (%s, %s): HTTP %d, dated %v", e.Kind, e.ID, e.Direction, e.Last().Word, a.Status, a.Date)
				}
			}
			for ref := range listed {
				if !known[ref] {
					t.Errorf("%s is listed, and nobody has it", ref)
				}
			}
			manage(t, p, conn, server.Client())
		})
	}
}

func manage(t *testing.T, p provider.Provider, conn provider.Connection, c *http.Client) {
	registrar, ok := p.(provider.Registrar)
	if !ok {
		return
	}
	if p.Name() == simulator.Delfinance {
		conn.Authorization = provider.Authorization{Scheme: "HEADER", Header: "x-webhook-key", Value: "0123456789abcdef0123456789abcdef"}
	}
	api, err := registrar.Webhooks(conn, c)
	require.NoError(t, err)
	spec := provider.WebhookSpec{URL: "https://hooks.example.com/webhooks/" + conn.Name}
	require.Empty(t, api.Check(spec))
	made, err := api.Create(t.Context(), spec)
	require.NoError(t, err)
	require.NotEmpty(t, made)
	all, err := api.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, len(made))
	got, err := api.Get(t.Context(), made[0].ID)
	require.NoError(t, err)
	require.Equal(t, made[0].URL, got.URL)
	require.Empty(t, got.Secret)
	for _, hook := range made {
		require.NoError(t, api.Delete(t.Context(), hook.ID))
	}
	all, err = api.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}
