// Package lookup asks the providers' APIs for what the fold wants to know, and appends the answers to the log.
//
// # Use
//
// A Runner serves the wants of a store, connection by connection, until its context ends. Event makes the observation of an
// answer, for whoever asks by hand. Sweep looks for what nobody wants yet: entities that are overdue, and entities that the
// provider has but that never reached the log.
//
// # Guarantees
//
// The runner never changes the state of an entity: an answer, a 404 included, reaches it only by being appended and folded. A
// replay therefore calls nobody. One request serves all wants of an entity, and no two processes that share a store ask for one
// entity at the same time: wants are leased, and a lease that was not settled, because its process died, passes to the next. Requests of
// all processes together keep to one rate for each connection, counted in the store. A request that hangs, fails or is refused
// holds up only other look-ups of its connection, and never the fold.
//
// Credentials that are refused stop the look-ups of their connection at once: one request is made with credentials that have not
// proved good in this process, and no more after the first refusal. See Runner.Stopped.
//
// # Duties of the caller
//
// The publisher must confirm a message only when it is durable. Clients must keep to their contexts; one that does not
// takes up a place of its connection until it returns.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
)

// Limits that hang together: a lease outlives the request and the append that it is for, or two would ask at once.
const (
	requestTimeout = 20 * time.Second
	appendTimeout  = 20 * time.Second
	leaseTTL       = 2 * time.Minute // > requestTimeout + appendTimeout, with room for a busy store
	// stopTimeout is how long a stopping runner waits for requests under way; their leases pass to others.
	stopTimeout = 3 * time.Second
	// pollInterval is how far apart the store is looked at while it changes. A look that takes long makes the next ones rarer.
	pollInterval = 200 * time.Millisecond
	// pollIdle is how far apart it is looked at while nothing seems to change: another process may have changed it.
	pollIdle  = 30 * time.Second
	pollShare = 20
	// storeRetry is how long to wait after the store could not be used.
	storeRetry = 2 * time.Second
	// DefaultConcurrency is how many requests of one connection are under way at most.
	DefaultConcurrency = 4
	// DefaultGrace is how long after a delivery a 404 is not believed.
	DefaultGrace = 2 * time.Minute
	// DefaultSweep is how often sweeps are made.
	DefaultSweep = time.Hour
)

// Mode is when a connection is asked.
type Mode string

// The modes.
const (
	Off        Mode = "off"
	WhenNeeded Mode = "when_needed"
	// Always: also once for each new webhook's entity.
	Always Mode = "always"
)

// Connection is a connection that can be asked.
type Connection struct {
	Name string
	// Provider knows how to read answers; Client asks for them.
	Provider provider.Provider
	Client   provider.Client
	// Mode is WhenNeeded or Always; a connection that is Off is not given to a Runner, but see Config.Watched.
	Mode Mode
	// Rate is what the connection may be asked; see RateOf.
	Rate projections.Rate
	// Overdue is how long an entity of a kind may stay in a status that is not settled, for all kinds that can be overdue.
	Overdue map[string]time.Duration
	// Grace is how long after a delivery a 404 is not believed; 0 believes it at once.
	Grace time.Duration
	// Sweep is how often sweeps are made; 0 is never.
	Sweep time.Duration
	// Concurrency is how many requests are under way at most; 0 is DefaultConcurrency.
	Concurrency int
}

// Config is what a Runner needs; Logger and Registerer may be nil.
type Config struct {
	Store *projections.Store
	// Path is the file of the store, to be read beside it.
	Path        string
	Publisher   message.Publisher
	Topic       string
	Connections []Connection
	// Watched are the names of all connections whose silence is measured, those included that are not asked.
	Watched    []string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Runner serves the wants of a store.
type Runner struct {
	config  Config
	log     *slog.Logger
	metrics *metrics
	askers  []*asker
}

// New returns a runner that does not run yet.
func New(c Config) (*Runner, error) {
	r := &Runner{config: c, log: c.Logger}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if r.metrics, err = newMetrics(c.Registerer, c.Watched); err != nil {
		return nil, fmt.Errorf("lookup: %w", err)
	}
	for _, conn := range c.Connections {
		a, err := newAsker(conn, r)
		if err != nil {
			return nil, err
		}
		r.askers = append(r.askers, a)
	}
	return r, nil
}

// RateOf is the rate of a connection: the provider's limit, or the user's budget where that is less. A budget of 0 is none of
// one's own.
func RateOf(l provider.Limit, budget float64) projections.Rate {
	r := projections.Rate{PerSecond: l.PerSecond, Burst: max(l.Burst, 1)}
	if r.PerSecond <= 0 {
		r.PerSecond = 1 // the provider does not say
	}
	if budget > 0 && budget < r.PerSecond {
		r = projections.Rate{PerSecond: budget, Burst: min(r.Burst, max(1, int(budget)))}
	}
	return r
}

// Run serves wants until the context ends, and returns nil then.
func (r *Runner) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, a := range r.askers {
		wg.Go(func() { a.serve(ctx) })
		if a.conn.Sweep > 0 {
			wg.Go(func() { a.sweepAgainAndAgain(ctx) })
		}
	}
	wg.Go(func() { r.always(ctx) })
	wg.Go(func() { r.silence(ctx) })
	wg.Wait()
	return nil
}

// Stopped says of each connection whose look-ups were stopped why; empty where none was. It begins anew with the process.
func (r *Runner) Stopped() map[string]string {
	out := map[string]string{}
	for _, a := range r.askers {
		if why := a.stopped(); why != "" {
			out[a.conn.Name] = why
		}
	}
	return out
}

// Note is Stopped in one line, for people; empty where nothing is stopped.
func (r *Runner) Note() string {
	var out string
	for _, a := range r.askers {
		if why := a.stopped(); why != "" {
			out += fmt.Sprintf("look-ups of %s are stopped: %s; ", a.conn.Name, why)
		}
	}
	return out
}

// always makes the wants of the connections that are asked about each new observation.
func (r *Runner) always(ctx context.Context) {
	var names []string
	for _, a := range r.askers {
		if a.conn.Mode == Always {
			names = append(names, a.conn.Name)
		}
	}
	for len(names) > 0 {
		began, changed := time.Now(), r.config.Store.Changed()
		more, err := r.config.Store.WantAlways(ctx, names, began)
		switch {
		case err != nil:
			r.complain(ctx, "new observations cannot be looked at", err)
			sleep(ctx, storeRetry)
		case !more:
			idle(ctx, changed, pause(began), pollIdle)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// silenceLeast and silenceMost are how far apart the latest webhook of each connection is looked for.
const (
	silenceLeast = 10 * time.Second
	silenceMost  = 5 * time.Minute
)

func (r *Runner) silence(ctx context.Context) {
	for len(r.config.Watched) > 0 && ctx.Err() == nil {
		changed := r.config.Store.Changed()
		if err := r.measureSilence(ctx); err != nil {
			r.complain(ctx, "the latest webhooks cannot be looked for", err)
		}
		idle(ctx, changed, silenceLeast, silenceMost)
	}
}

func (r *Runner) measureSilence(ctx context.Context) error {
	reader, err := projections.OpenReader(r.config.Path)
	if err != nil {
		return err
	}
	last, err := reader.LastDeliveries(ctx, r.config.Watched)
	for name, at := range last {
		r.metrics.heard(name, at)
	}
	return errors.Join(err, reader.Close())
}

// complain logs an error, unless it comes from stopping.
func (r *Runner) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		r.log.Warn("look-ups: "+what, "error", err)
	}
}

// publish appends an answer to the log, and returns once it is durable.
func (r *Runner) publish(ctx context.Context, e *event.Event) error {
	m, err := e.Message()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	m.SetContext(ctx)
	return r.config.Publisher.Publish(r.config.Topic, m)
}

// idle waits until the store changes, but at least and at most so long.
func idle(ctx context.Context, changed <-chan struct{}, least, most time.Duration) {
	if most <= least {
		sleep(ctx, most)
		return
	}
	if !sleep(ctx, least) {
		return
	}
	t := time.NewTimer(most - least)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
	}
}

// pause is how long to wait after a look at the store that began then.
func pause(began time.Time) time.Duration {
	return max(pollInterval, pollShare*time.Since(began))
}

// sleep waits, and says whether the context is still good.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lifecycles compiles those of a provider, by kind.
func lifecycles(p provider.Provider) (map[string]*lifecycle.Lifecycle, error) {
	out := map[string]*lifecycle.Lifecycle{}
	for _, d := range p.Lifecycles() {
		l, err := lifecycle.New(d)
		if err != nil {
			return nil, err
		}
		out[d.Kind] = l
	}
	return out, nil
}
