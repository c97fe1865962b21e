package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hookfold/hookfold/pkg/simulator"
)

// play is one performance of a plan.
type play struct {
	*world
	plan    *simulator.Plan
	targets []string // none to deliver nothing
	audited string   // the store, empty for no audit
	settle  time.Duration

	speed, rate float64
	parallel    int

	persist, skew time.Duration
	journal       string // where attempts are written to, empty for nowhere

	began    time.Time
	progress atomic.Int64 // the latest simulated time that was delivered, where time does not run by itself
}

// now is simulated time. It runs by the speed; as fast as it goes, it is where the deliveries are, and runs on from their end.
func (p *play) now() time.Time {
	since := time.Since(p.began)
	if p.speed > 0 {
		return p.plan.Epoch.Add(time.Duration(float64(since) * p.speed))
	}
	at := time.Duration(p.progress.Load())
	if len(p.targets) == 0 {
		at = p.plan.Span
	}
	return p.plan.Epoch.Add(at + since)
}

// run serves the APIs on a listener while it delivers, and audits what came of it. Without a target it serves until it is told to
// stop.
func (p *play) run(ln net.Listener) error {
	p.began = time.Now()
	api := simulator.NewAPI(simulator.APIConfig{Plan: p.plan, Now: p.now})
	server := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	p.note("Playing %s with seed %d: %s of %s, %d more dropped. The providers' APIs are at http://%s/NAME.\n", names(p.plan), p.plan.Seed,
		count(len(p.plan.Deliveries), "delivery"), count(len(p.plan.Entities), "entity"), p.plan.Dropped, ln.Addr())
	err := p.announceServing(ln)
	var sent *simulator.Sent
	if err == nil {
		sent, err = p.deliver()
	}
	if err == nil {
		err = p.report(sent, api)
	}
	if e := server.Close(); err == nil {
		err = e
	}
	if e := <-served; err == nil && !errors.Is(e, http.ErrServerClosed) {
		err = e
	}
	return err
}

// announceServing says that the APIs are up, where serving them is all there is to do.
func (p *play) announceServing(ln net.Listener) error {
	if len(p.targets) > 0 {
		return nil
	}
	if p.json {
		return json.NewEncoder(p.stdout).Encode(map[string]any{"url": "http://" + ln.Addr().String(), "seed": p.plan.Seed})
	}
	p.say(p.stdout, "\nCtrl-C stops.\n")
	return nil
}

// deliver makes the deliveries; nil where there is no target.
func (p *play) deliver() (*simulator.Sent, error) {
	if len(p.targets) == 0 {
		<-p.ctx.Done()
		return nil, nil //nolint:nilnil // serving is all that was asked for, and it was stopped as it should be
	}
	view := newView(p)
	journal, err := openJournal(p.journal)
	if err != nil {
		return nil, err
	}
	sender := simulator.Sender{
		Plan: p.plan, Targets: p.targets, Speed: p.speed, Rate: p.rate, Concurrency: p.parallel, Persist: p.persist, Skew: p.skew,
		Attempted: func(a simulator.Attempt) {
			p.progress.Store(max(p.progress.Load(), int64(a.Delivery.At)))
			view.attempted(&a)
			journal.note(&a)
		},
	}
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); view.run(ctx) }()
	sent, err := sender.Run(p.ctx)
	stop()
	<-done
	if e := journal.close(); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, interrupted(p.ctx)
	}
	p.progress.Store(max(p.progress.Load(), int64(p.plan.Span)))
	return &sent, nil
}

// note says something to people; programs get the outcome alone.
func (p *play) note(format string, args ...any) {
	if !p.json {
		p.say(p.stdout, format, args...)
	}
}

func names(plan *simulator.Plan) string {
	text := ""
	for i, c := range plan.Connections {
		switch {
		case i > 0 && i == len(plan.Connections)-1:
			text += " and "
		case i > 0:
			text += ", "
		}
		text += c.Provider
	}
	return text
}
