package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReadersSeeNoGap lets readers open the store's path again and again, as the sqlite3 shell does, while deliveries come,
// hookfold up folds them, and rebuilds switch the store under all of them. Each look must find a store, and no less in
// it than the look before.
func TestReadersSeeNoGap(t *testing.T) {
	const switches = 3
	m := newMillion(t, fewObservations)
	up := m.up(m.quiet)
	m.play.targets, m.play.rate = []string{up.said["url"].(string)}, 300
	var stop context.CancelFunc
	m.play.ctx, stop = context.WithCancel(t.Context())
	defer stop()
	delivered := make(chan error, 1)
	go func() {
		_, err := m.play.deliver()
		delivered <- err
	}()
	up.firstRow(m.store())
	end, readers := make(chan struct{}), sync.WaitGroup{}
	looks, gaps := make([]int, 2), make([]error, 2)
	for i := range looks {
		readers.Go(func() { looks[i], gaps[i] = m.look(end) })
	}
	var held float64
	for range switches {
		r := m.rebuild()
		require.True(t, r.Switched)
		require.Zero(t, r.Comparison.Count)
		held = max(held, r.HeldSeconds)
		require.NoError(t, os.Remove(r.Kept))
	}
	select {
	case err := <-delivered:
		t.Fatalf("the deliveries were over before the switches: %v", err)
	default:
	}
	stop()
	require.Error(t, <-delivered, "there was more to deliver")
	close(end)
	readers.Wait()
	for i := range looks {
		require.NoError(t, gaps[i])
		require.Greater(t, looks[i], switches)
	}
	up.caughtUp(m.store())
	code, stdout, stderr := m.run("verify")
	require.Equal(t, exitDone, code, "%s%s", stdout, stderr)
	up.stop()
	t.Logf("%d switches under deliveries, %v looks; %s records; workers waited at most %.0f ms", switches, looks, m.state().offsets, held*1000)
}

// look opens the store again and again until the end, and says what was less than at the look before.
func (m *million) look(end <-chan struct{}) (looks int, err error) {
	var offsets, observations int
	for tick := time.NewTicker(10 * time.Millisecond); ; looks++ {
		select {
		case <-end:
			return looks, nil
		case <-tick.C:
		}
		text, err := query(m.store(), `select (select sum(next_offset) from progress), (select count(*) from timeline)`)
		if err != nil {
			return looks, err
		}
		var o, n int
		if _, err := fmt.Sscanf(text, "%d|%d", &o, &n); err != nil {
			return looks, fmt.Errorf("%q: %w", text, err)
		}
		if o < offsets || n < observations {
			return looks, fmt.Errorf("a reader that saw %d records and %d observations saw %d and %d", offsets, observations, o, n)
		}
		offsets, observations = o, n
	}
}

// firstRow waits until something is folded.
func (p *upProcess) firstRow(store string) {
	p.t.Helper()
	until(p.t, func() error {
		text, err := query(store, "select count(*) from timeline")
		if err == nil && text == "0" {
			err = fmt.Errorf("nothing is folded: %s", p.stderr)
		}
		return err
	})
}
