package lookup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
)

// The circuit breaker: after so many failures in a row nothing is asked for a while, then one request tries.
const (
	breakerFailures = 5
	breakerOpen     = 30 * time.Second
)

// asker asks for one connection.
type asker struct {
	conn       Connection
	runner     *Runner
	lifecycles map[string]*lifecycle.Lifecycle
	breaker    *gobreaker.CircuitBreaker[any]
	halt       chan struct{} // closed when the credentials were refused
	proving    chan struct{} // held by the one request whose credentials have not proved good

	mu     sync.Mutex
	proved bool   // the credentials were accepted once
	why    string // the refusal; empty for none
}

func newAsker(c Connection, r *Runner) (*asker, error) {
	if c.Rate.PerSecond <= 0 || c.Rate.Burst < 1 {
		return nil, fmt.Errorf("lookup: connection %s: a rate of %v a second, %d at once, allows nothing: give more", c.Name, c.Rate.PerSecond, c.Rate.Burst)
	}
	if c.Concurrency <= 0 {
		c.Concurrency = DefaultConcurrency
	}
	a := &asker{conn: c, runner: r, halt: make(chan struct{}), proving: make(chan struct{}, 1)}
	var err error
	if a.lifecycles, err = lifecycles(c.Provider); err != nil {
		return nil, fmt.Errorf("lookup: connection %s: %w", c.Name, err)
	}
	r.metrics.know(c.Name)
	a.breaker = gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Name: c.Name, Timeout: breakerOpen, MaxRequests: 1,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= breakerFailures },
		IsSuccessful: func(err error) bool {
			return err == nil || errors.Is(err, provider.ErrUnsupported) || classOf(err) != provider.Unavailable
		},
		// Being told to wait says nothing of whether the API works, nor does a process that stops.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) || classOf(err) == provider.RateLimited },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			r.metrics.broken(c.Name, to != gobreaker.StateClosed)
			r.log.Warn("look-ups: the circuit breaker changed", "connection", c.Name, "state", to.String())
		},
	})
	return a, nil
}

// serve leases and asks, as many at once as is allowed.
func (a *asker) serve(ctx context.Context) {
	slots := make(chan struct{}, a.conn.Concurrency)
	for {
		select {
		case slots <- struct{}{}:
		case <-a.halt:
			drain(slots)
			return
		case <-ctx.Done():
			drain(slots)
			return
		}
		began, changed := time.Now(), a.runner.config.Store.Changed()
		lease, next, err := a.next(ctx)
		if lease != nil && !a.careful() {
			go func() {
				defer func() { <-slots }()
				a.handle(ctx, lease)
			}()
			continue
		}
		switch {
		case err != nil:
			a.runner.complain(ctx, "wants cannot be leased", err)
			sleep(ctx, storeRetry)
		case lease != nil:
			a.handle(ctx, lease)
		case next.Due:
			sleep(ctx, next.In)
		default:
			idle(ctx, changed, pause(began), next.In)
		}
		<-slots
	}
}

// drain waits for the requests under way, not forever.
func drain(slots chan struct{}) {
	limit := time.NewTimer(stopTimeout)
	defer limit.Stop()
	for range cap(slots) {
		select {
		case slots <- struct{}{}:
		case <-limit.C:
			return
		}
	}
}

// careful says that requests are to be made one at a time: the credentials have not proved good, or the API has not.
func (a *asker) careful() bool {
	return !a.hasProved() || a.breaker.State() != gobreaker.StateClosed
}

func (a *asker) hasProved() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.proved
}

// next leases what to ask for; nil where there is nothing to do for now.
func (a *asker) next(ctx context.Context) (*projections.Lease, projections.Next, error) {
	if a.stopped() != "" || a.breaker.State() == gobreaker.StateOpen {
		return nil, projections.Next{In: time.Second, Due: true}, nil
	}
	now := time.Now()
	return a.runner.config.Store.LeaseWant(ctx, projections.LeaseRequest{
		Connection: a.conn.Name, Owner: rand.Text(), Now: now, TTL: leaseTTL, Rate: a.conn.Rate,
		Overdue: func(l *projections.Lease) bool {
			return a.overdue(&projections.Waiting{
				Entity: l.Entity, Provider: l.Provider, Status: l.Status, ProviderStatus: l.ProviderStatus,
				CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, Answered: l.Answered,
			}, now)
		},
	})
}

// handle asks for one leased entity, appends the answer, and settles the lease.
func (a *asker) handle(ctx context.Context, l *projections.Lease) {
	var s projections.Settlement
	if l.Done {
		s = a.settled(l, time.Now())
	} else {
		s = a.ask(ctx, l)
	}
	// Settling goes on while the process stops: it is short, and spares the next one the question.
	if err := a.runner.config.Store.SettleWants(context.WithoutCancel(ctx), l, s); err != nil {
		a.runner.log.Warn("look-ups: a lease cannot be settled; it ends by itself", "connection", a.conn.Name, "error", err)
	}
}

func (a *asker) ask(ctx context.Context, l *projections.Lease) projections.Settlement {
	answer, err := a.fetch(ctx, l.Entity.Kind, l.Entity.ID)
	now := time.Now()
	if err != nil {
		return a.failed(ctx, l, err, now)
	}
	if answer.Status == http.StatusNotFound && now.Sub(l.Delivered) < a.conn.Grace {
		a.runner.metrics.asked(a.conn.Name, "too_soon")
		return projections.Settlement{
			Asked: true, Error: "the API does not know it yet, so soon after the delivery; it is asked again", Again: soonest(backoff(l.Attempts(), now), l.Delivered.Add(a.conn.Grace)),
		}
	}
	answer.Kind, answer.ID = l.Entity.Kind, l.Entity.ID
	e := Event(a.conn.Name, a.conn.Provider.Name(), answer, now)
	if err := a.runner.publish(ctx, &e); err != nil {
		a.runner.metrics.asked(a.conn.Name, "not_appended")
		a.runner.complain(ctx, "an answer could not be appended to the log; it is asked for again", err)
		return projections.Settlement{Asked: true, Error: "the answer could not be appended to the log", Again: backoff(l.Attempts(), now)}
	}
	a.runner.metrics.asked(a.conn.Name, outcome(answer.Status))
	return a.settled(l, now)
}

func outcome(status int) string {
	if status == http.StatusOK {
		return "answered"
	}
	return "not_found"
}

// fetch makes one request through the circuit breaker.
func (a *asker) fetch(ctx context.Context, kind, id string) (provider.Answer, error) {
	return through(ctx, a, func(ctx context.Context) (provider.Answer, error) { return a.conn.Client.Fetch(ctx, kind, id) })
}

// errStopped says that nothing is asked, since the credentials were refused before.
var errStopped = errors.New("look-ups of this connection are stopped: the provider refused the credentials")

// through makes one request: in time, guarded against panics, counted by the breaker, and heeding what it says of the credentials.
func through[T any](ctx context.Context, a *asker, request func(context.Context) (T, error)) (answer T, err error) {
	if !a.hasProved() {
		select {
		case a.proving <- struct{}{}:
			defer func() { <-a.proving }()
		case <-ctx.Done():
			return answer, ctx.Err()
		}
	}
	if a.stopped() != "" {
		return answer, errStopped
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	began := time.Now()
	result, err := a.breaker.Execute(func() (result any, err error) {
		defer func() {
			if p := recover(); p != nil { // its text may hold anything
				err = &provider.APIError{Class: provider.Rejected, Text: fmt.Sprintf("asking panicked with a %T", p)}
			}
		}()
		return request(ctx)
	})
	if !errors.Is(err, gobreaker.ErrOpenState) && !errors.Is(err, gobreaker.ErrTooManyRequests) {
		a.runner.metrics.took(a.conn.Name, time.Since(began))
	}
	a.heed(ctx, err)
	answer, _ = result.(T)
	return answer, err
}

// heed notes what an answer says of the credentials, and holds the connection where they are refused.
func (a *asker) heed(ctx context.Context, err error) {
	switch {
	case err == nil || classOf(err) == provider.Rejected:
		a.mu.Lock()
		a.proved = true
		a.mu.Unlock()
	case classOf(err) == provider.Unauthorized:
		a.mu.Lock()
		first := a.why == ""
		if first {
			a.why = describe(err)
			close(a.halt)
		}
		a.mu.Unlock()
		if first {
			a.hold(ctx, time.Now(), refusedHold)
			a.runner.metrics.stop(a.conn.Name)
			a.runner.log.Error("look-ups are stopped: the provider does not accept the credentials; correct api in the configuration and restart",
				"connection", a.conn.Name, "error", describe(err))
		}
	}
}

// stopped is why nothing is asked any more, empty where it is.
func (a *asker) stopped() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.why
}
