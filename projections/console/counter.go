package console

import (
	"context"
	"sync"
	"time"

	"github.com/hookfold/hookfold/projections"
)

// counter keeps the counts of the overview. They are made anew only while somebody looks, a little with each request, and are
// kept the longer the more they cost.
type counter struct {
	turn  chan struct{} // held by whoever counts
	under projections.Tally
	spent time.Duration

	mu    sync.Mutex
	shown counted
}

// counted are counts that are done, and what is known of those under way.
type counted struct {
	projections.Tally
	At time.Time // when they were done
	// Pending says that counts are under way: of About entities, So are counted.
	Pending   bool
	So, About int64
	keep      time.Duration
}

const (
	countKeep  = time.Second
	countShare = 20 // counting takes at most one part in so many of the time
)

func newCounter() counter { return counter{turn: make(chan struct{}, 1)} }

// get gives what is counted of a file, the reader's, after counting on for a while. Who counts already is not waited for.
func (c *counter) get(ctx context.Context, r *projections.Reader, file string) (counted, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
		if err := c.goOn(ctx, r, file); err != nil {
			return counted{}, err
		}
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.shown
	out.Pending = out.Pending || !out.Done // the first count may be another request's, which is not through
	return out, nil
}

func (c *counter) goOn(ctx context.Context, r *projections.Reader, file string) error {
	c.mu.Lock()
	fresh := c.shown.Done && c.shown.File == file && time.Since(c.shown.At) < c.shown.keep
	c.mu.Unlock()
	if fresh {
		return nil
	}
	began := time.Now()
	if err := r.Count(ctx, &c.under, began.Add(countTime)); err != nil {
		return err
	}
	c.spent += time.Since(began)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.under.Done {
		c.shown.Pending, c.shown.So, c.shown.About = true, c.under.Counted, c.under.Total
		return nil
	}
	c.shown = counted{Tally: c.under, At: time.Now(), keep: max(countKeep, countShare*c.spent)}
	c.under, c.spent = projections.Tally{}, 0
	return nil
}
