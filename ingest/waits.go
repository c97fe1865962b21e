package ingest

import (
	"context"
	"sync"
	"time"
)

// waits gives deliveries the context that ends their wait for the log. Those that come at about the same time share one, since a
// context with a timer of its own costs as much as a verification.
type waits struct {
	most time.Duration

	mu     sync.Mutex
	until  time.Time // a new context is made from here on
	shared context.Context
	cancel context.CancelFunc // of shared; never called: others may wait with it, and its timer ends it
}

// begin returns a context that ends after the time that a wait may take, or up to a hundredth of it sooner. It does not end with the
// given one, of which it keeps the values: a provider that hangs up has still delivered.
func (w *waits) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx != context.Background() {
		return context.WithTimeout(context.WithoutCancel(ctx), w.most)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); w.shared == nil || !now.Before(w.until) {
		w.until = now.Add(w.most / 100)
		w.shared, w.cancel = context.WithDeadline(ctx, now.Add(w.most)) //nolint:govet // see cancel
	}
	return w.shared, func() {}
}
