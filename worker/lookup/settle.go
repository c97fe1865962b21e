package lookup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
)

// Back-off after failures, and after answers that do not end a want.
const (
	backoffFirst = 2 * time.Second
	backoffMost  = 10 * time.Minute
	// An answer that leaves a want standing is asked for again after as long as the want is old, within these bounds. The lower one is
	// longer than any fold lags in ordinary operation, so that an answer that is not folded yet is not asked for again.
	recheckLeast = 15 * time.Minute
	recheckMost  = 24 * time.Hour
	// wantMost is how old a want may be that answers leave standing before it is not asked for any more.
	wantMost = 30 * 24 * time.Hour
	// refusedHold keeps a process that is restarted over and over from trying refused credentials more often than this.
	refusedHold = time.Minute
	// limitedHold is how long to wait after being told to wait, where the provider does not say how long.
	limitedHold = 10 * time.Second
)

// settled is what becomes of the wants of an entity whose answer is in the log. The fold ends those that it answers. What it
// leaves, a conflict in which the API takes no side or an entity that it does not know, is asked for again later, and less and less often.
func (a *asker) settled(l *projections.Lease, now time.Time) projections.Settlement {
	s := projections.Settlement{Asked: true, Answered: true}
	var since time.Time
	for _, w := range l.Wants {
		if w.Since.After(since) {
			since = w.Since
		}
	}
	age := now.Sub(since)
	if age > wantMost {
		s.Error = "the API's answers do not settle it; it is not asked for any more"
		return s
	}
	s.Again = now.Add(jitter(min(max(age, recheckLeast), recheckMost)))
	return s
}

// failed is what becomes of the wants of an entity for which there is no answer.
func (a *asker) failed(ctx context.Context, l *projections.Lease, err error, now time.Time) projections.Settlement {
	switch {
	case ctx.Err() != nil: // cut off by stopping
		return projections.Settlement{Again: now}
	case errors.Is(err, errStopped): // not asked at all
		return projections.Settlement{Again: now, Error: "look-ups of the connection are stopped until a restart"}
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return projections.Settlement{Again: now.Add(breakerOpen / 2), Error: "the API does not work; it is left alone for a while"}
	}
	text := describe(err)
	if errors.Is(err, provider.ErrUnsupported) {
		a.runner.metrics.asked(a.conn.Name, "unsupported")
		return projections.Settlement{Asked: true, Error: "the provider's API cannot be asked for a " + l.Entity.Kind + "; it is not asked for"}
	}
	class := classOf(err)
	a.runner.metrics.asked(a.conn.Name, string(class))
	switch class {
	case provider.Unauthorized:
		return projections.Settlement{Asked: true, Error: text + "; look-ups of the connection are stopped until a restart", Again: now}
	case provider.Rejected:
		return projections.Settlement{Asked: true, Error: text + "; it is not asked for again"}
	case provider.RateLimited:
		wait := a.limited(ctx, err, now)
		return projections.Settlement{Error: text, Again: now.Add(wait)}
	default:
		again := backoff(l.Attempts(), now)
		if wait := now.Add(retryAfter(err)); wait.After(again) {
			again = wait
		}
		return projections.Settlement{Asked: true, Error: text, Again: again}
	}
}

// limited holds the connection for as long as the provider says.
func (a *asker) limited(ctx context.Context, err error, now time.Time) time.Duration {
	wait := retryAfter(err)
	if wait <= 0 {
		wait = limitedHold
	}
	a.hold(ctx, now, wait)
	return wait
}

func (a *asker) hold(ctx context.Context, now time.Time, d time.Duration) {
	if err := a.runner.config.Store.Hold(context.WithoutCancel(ctx), a.conn.Name, a.conn.Rate, now, now.Add(d)); err != nil {
		a.runner.complain(ctx, "a connection cannot be held", err)
	}
}

// backoff is when to try again after so many attempts.
func backoff(attempts int, now time.Time) time.Time {
	return now.Add(jitter(min(backoffFirst<<min(attempts, 16), backoffMost)))
}

// jitter spreads what would come at once: between d and one and a half times d.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/2+1) }

func soonest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// classOf says what to do about an error; what is no APIError is taken for an outage. It is empty for ErrUnsupported and nil.
func classOf(err error) provider.ErrorClass {
	switch api := new(provider.APIError); {
	case err == nil, errors.Is(err, provider.ErrUnsupported):
		return ""
	case errors.As(err, &api):
		return api.Class
	default:
		return provider.Unavailable
	}
}

func retryAfter(err error) time.Duration {
	if api := new(provider.APIError); errors.As(err, &api) {
		return min(api.RetryAfter, time.Hour)
	}
	return 0
}

// describe is an error in words that may be stored: causes quote addresses, and addresses hold the ids of persons.
func describe(err error) string {
	api := new(provider.APIError)
	switch {
	case errors.As(err, &api) && api.Status != 0:
		return fmt.Sprintf("%s: %s (HTTP %d)", api.Class, api.Text, api.Status)
	case errors.As(err, &api) && errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("%s: %s: no answer in time", api.Class, api.Text)
	case errors.As(err, &api):
		return fmt.Sprintf("%s: %s", api.Class, api.Text)
	case errors.Is(err, context.DeadlineExceeded):
		return "unavailable: no answer in time"
	default:
		return fmt.Sprintf("unavailable: no answer (%T)", err)
	}
}
