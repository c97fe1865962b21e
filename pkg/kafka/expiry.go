package kafka

import (
	"context"
	"sync"
	"time"
)

// expiry gives records the context that ends their wait in the client. Records of one second share one, since a context
// with a timer of its own for each would cost more than the rest of a publication.
type expiry struct {
	after time.Duration

	mu     sync.Mutex
	until  time.Time // a new context is made from here on
	shared context.Context
	cancel context.CancelFunc
}

// context ends after the given time, and at most a second later.
func (e *expiry) context() context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); e.shared == nil || !now.Before(e.until) {
		// The one before is left to its timer: records that wait with it still need it.
		e.until = now.Add(time.Second)
		e.shared, e.cancel = context.WithDeadline(context.Background(), e.until.Add(e.after)) //nolint:govet // close and the timer end it
	}
	return e.shared
}

// close ends the newest context; those before end by their timers.
func (e *expiry) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		e.cancel()
	}
}
