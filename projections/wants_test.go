package projections

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

func openWants(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Config{Path: path, Topic: "t", Lifecycles: testLifecycles(t), History: noHistory})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// No stretch of time lets more requests pass than the rate allows, whoever asks, urgent or not, held back or not; and where
// the caller waits as told, a token is there.
func TestTokensNeverExceedTheRate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "projections.db")
	stores := []*Store{openWants(t, path), openWants(t, path)}
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		connection := string(rune('a'+run%26)) + time.Duration(run).String()
		rate := Rate{PerSecond: rapid.Float64Range(0.1, 50).Draw(t, "rate"), Burst: rapid.IntRange(1, 20).Draw(t, "burst")}
		now := epoch
		var passed []time.Time
		var heldUntil time.Time
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, int(2*rate.interval())).Draw(t, "pass")))
			s := rapid.SampledFrom(stores).Draw(t, "store")
			var wait time.Duration
			var err error
			take := func() {
				if rapid.Bool().Draw(t, "urgent") {
					err = s.change(context.Background(), "testing", nil, func(w *writer) error {
						wait, err = w.takeToken(connection, rate, now)
						return err
					})
					return
				}
				wait, err = s.TakeToken(context.Background(), connection, rate, now)
			}
			if rapid.IntRange(0, 9).Draw(t, "hold") == 0 {
				heldUntil = now.Add(time.Second)
				require.NoError(t, s.Hold(context.Background(), connection, rate, now, heldUntil))
			}
			take()
			require.NoError(t, err)
			if wait > 0 {
				continue
			}
			require.False(t, now.Before(heldUntil), "a request passed a hold")
			passed = append(passed, now)
		}
		for i := range passed {
			for j := i; j < len(passed); j++ {
				allowed := float64(rate.Burst) + rate.PerSecond*passed[j].Sub(passed[i]).Seconds()
				require.LessOrEqual(t, float64(j-i+1), allowed+1e-3)
			}
		}
		wait, err := stores[0].TakeToken(context.Background(), connection, rate, now)
		require.NoError(t, err)
		if wait > 0 {
			wait, err = stores[1].TakeToken(context.Background(), connection, rate, now.Add(wait))
			require.NoError(t, err)
			require.Zero(t, wait, "waiting as long as told is enough")
		}
	})
}

// deliverThin folds a webhook without an object.
func deliverThin(t *testing.T, s *Store, offset int64, id, word string, at time.Time) {
	t.Helper()
	require.NoError(t, s.Commit(context.Background(), Fact{Offset: offset, Prev: offset, Observations: []lifecycle.Observation{{
		Entity: lifecycle.Entity{Connection: "c", Kind: "transfer", ID: id}, ID: id + word, Type: "acme." + word,
		Source: lifecycle.SourceWebhook, Status: word, Occurred: at, Recorded: at,
	}}}))
}

func lease(t *testing.T, s *Store, owner string, now time.Time) *Lease {
	t.Helper()
	l, _, err := s.LeaseWant(context.Background(), LeaseRequest{
		Connection: "c", Owner: owner, Now: now, TTL: time.Minute, Rate: Rate{PerSecond: 1000, Burst: 1000},
	})
	require.NoError(t, err)
	return l
}

func TestLeases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "projections.db")
	one, two := openWants(t, path), openWants(t, path)
	deliverThin(t, one, 0, "t1", "created", epoch)
	now := epoch.Add(time.Second)
	first := lease(t, one, "one", now)
	require.NotNil(t, first)
	require.Nil(t, lease(t, two, "two", now), "it is leased")

	// The first is too slow: the second takes over, and the first can settle nothing any more.
	now = now.Add(2 * time.Minute)
	second := lease(t, two, "two", now)
	require.NotNil(t, second)
	require.NoError(t, one.SettleWants(context.Background(), first, Settlement{Asked: true, Error: "too late"}))
	require.Nil(t, lease(t, one, "three", now))

	// A newer want comes while the request is under way: the answer does not settle it.
	deliverThin(t, one, 1, "t1", "processing", now)
	require.NoError(t, two.SettleWants(context.Background(), second, Settlement{Asked: true, Answered: true, Again: now.Add(time.Hour)}))
	third := lease(t, one, "four", now.Add(time.Second))
	require.NotNil(t, third)
	require.Equal(t, 0, third.Attempts())
	require.NoError(t, one.SettleWants(context.Background(), third, Settlement{Asked: true, Error: "down", Again: now.Add(time.Hour)}))

	r, err := OpenReader(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	rows, err := r.WantRows()
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, "down", rows[0].LastError)
	require.Equal(t, 1, rows[0].Attempts)
	require.Nil(t, lease(t, one, "five", now.Add(59*time.Minute)))
	require.NotNil(t, lease(t, one, "six", now.Add(61*time.Minute)))
}

func TestClaim(t *testing.T) {
	s := openWants(t, filepath.Join(t.TempDir(), "projections.db"))
	claim := func(owner string, at time.Duration) bool {
		got, err := s.Claim(context.Background(), "sweep", owner, epoch.Add(at), epoch.Add(at+time.Minute))
		require.NoError(t, err)
		return got
	}
	require.True(t, claim("a", 0))
	require.False(t, claim("b", 30*time.Second))
	require.True(t, claim("a", 30*time.Second), "the owner holds on")
	require.False(t, claim("b", 80*time.Second))
	require.True(t, claim("b", 91*time.Second))
}
