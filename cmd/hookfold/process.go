package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/hookfold/hookfold/internal/admin"
	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/projections/console"
)

// stopLimit is how long a process may take to stop. Its stages have limits of their own that fit in: 8.5 s for requests
// under way, 6 s for transactions, then the group is left and the store is closed.
const stopLimit = 10 * time.Second

// A process runs stages until it is told to stop, then stops them together and closes what they were built on, last
// built first:
//
//	signal ─▶ ready turns red ─▶ ingest: no more requests ─┐
//	                             worker: finish the batch ─┴▶ publisher, subscriber, store, broker ─▶ admin ─▶ exit
type process struct {
	config   *config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	checks   []admin.Check
	stages   []stage
	closers  []stage
	console  http.Handler // beside the checks; nil for none
}

// stage is a part of a process, by name: to be run until its context ends, or to be closed.
type stage struct {
	name string
	do   func(context.Context) error
}

func newProcess(c *config.Config, log *slog.Logger) *process {
	p := &process{config: c, log: log, registry: prometheus.NewRegistry()}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return p
}

// closeLater closes something when the process ends, before what was named earlier.
func (p *process) closeLater(name string, closer func() error) {
	p.closers = append(p.closers, stage{name, func(context.Context) error { return closer() }})
}

func (p *process) stage(name string, run func(context.Context) error) {
	p.stages = append(p.stages, stage{name, run})
}

func (p *process) check(name string, ready func(context.Context) error) {
	p.checks = append(p.checks, admin.Check{Name: name, Ready: ready})
}

// listen opens an address now, so that a port that is taken is known before anything runs.
func (p *process) listen(setting, address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, err, config.Flag(setting))
	}
	return ln, nil
}

// run starts everything, calls started, and returns when the context has ended and everything has stopped, or when a
// stage has failed. The admin server outlives the stages, so that readiness can be seen to turn red.
func (p *process) run(ctx context.Context, adminListener net.Listener, started func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopping := ctx
	checks := append([]admin.Check{{Name: "process", Ready: func(context.Context) error {
		if stopping.Err() != nil {
			return errors.New("is stopping")
		}
		return nil
	}}}, p.checks...)

	adminCtx, stopAdmin := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAdmin()
	adminDone := make(chan error, 1)
	go func() { adminDone <- admin.Serve(adminCtx, adminListener, p.adminHandler(checks), p.log) }()

	done := make(chan struct{})
	var watch sync.WaitGroup
	defer watch.Wait()
	defer close(done)
	watch.Go(func() {
		select {
		case <-ctx.Done():
			p.log.Info("stopping")
		case <-done:
			return
		}
		select {
		case <-time.After(stopLimit):
			p.log.Error("could not stop in time; what was not finished is read again at the next start", "limit", stopLimit)
			os.Exit(exitFailed)
		case <-done:
		}
	})

	var wg sync.WaitGroup
	errs := make([]error, len(p.stages)+1)
	spawn := func(i int, name string, do func(context.Context) error) {
		wg.Go(func() {
			if err := do(ctx); err != nil && ctx.Err() == nil {
				errs[i] = fmt.Errorf("%s: %w", name, err)
				cancel(errs[i])
			} else if err != nil && !errors.Is(err, context.Canceled) {
				errs[i] = fmt.Errorf("%s, while stopping: %w", name, err)
			}
		})
	}
	for i, s := range p.stages {
		spawn(i, s.name, s.do)
	}
	spawn(len(p.stages), "start", started)
	wg.Wait()
	err := errors.Join(append(errs, p.close(ctx))...)
	stopAdmin()
	return errors.Join(err, <-adminDone)
}

// adminHandler serves checks and metrics, and the console where there is one.
func (p *process) adminHandler(checks []admin.Check) http.Handler {
	h := admin.Handler(checks, p.registry)
	if p.console == nil {
		return h
	}
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle(console.Prefix, p.console)
	return mux
}

// abandon closes what was built so far, after something else could not be, and gives the errors that are not nil.
func (p *process) abandon(errs ...error) error {
	return errors.Join(append(errs, p.close(context.Background()))...)
}

// close closes what was built, last first.
func (p *process) close(ctx context.Context) error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		c := p.closers[i]
		began := time.Now()
		if err := c.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
		}
		p.log.Debug("closed", "part", c.name, "took", time.Since(began))
	}
	p.closers = nil
	return errors.Join(errs...)
}
