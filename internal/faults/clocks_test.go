//go:build linux

package faults

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// clocks notes when the clocks of a site's endpoints were off, since deliveries are rightly refused then.
type clocks struct {
	mu  sync.Mutex
	off [][2]time.Time
}

func (c *clocks) note(from, to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = append(c.off, [2]time.Time{from, to})
}

// wrong says whether a clock may have been off while an attempt was made.
func (c *clocks) wrong(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.off {
		if at.Add(patience).After(w[0]) && at.Before(w[1]) {
			return true
		}
	}
	return false
}

// clockVictim is the clock of a machine: it is set off by what is drawn, and later back.
func clockVictim(name string, c *clock, noted *clocks, by func(r *rand.Rand) time.Duration) victim {
	return victim{name, map[string]strikeFunc{"off": func(ctx context.Context, r *rand.Rand, d time.Duration) (int, error) {
		from := time.Now()
		defer func() { noted.note(from, time.Now()) }()
		if err := c.set(by(r)); err != nil {
			return 0, err
		}
		wait(ctx, 2*d)
		return 0, c.set(0)
	}}}
}

// byLittle is so little that signatures still hold. Where look-ups are made, clocks are not ahead by more than moments: tokens that were
// taken in the future keep the next ones waiting until then, and nothing of look-ups would be tried here.
func byLittle(r *rand.Rand) time.Duration {
	const most = 50 * time.Second
	return 2*time.Second - time.Duration(r.Int64N(int64(most)))
}

// back is by little, or so much that no signature holds. In between lies a time at which old deliveries that somebody replays pass for
// new ones; no receiver can know better than its clock.
func back(r *rand.Rand) time.Duration {
	if r.IntN(2) == 0 {
		return byLittle(r)
	}
	return -replayed - 2*tolerance - skew - time.Duration(r.Int64N(int64(time.Hour)))
}

// anyhow is ahead or back, by little or much.
func anyhow(r *rand.Rand) time.Duration {
	switch r.IntN(3) {
	case 0:
		return -byLittle(r)
	case 1:
		return 2*tolerance + skew + time.Duration(r.Int64N(int64(time.Hour)))
	default:
		return back(r)
	}
}

// wait lets time pass and says whether the context is still alive.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
