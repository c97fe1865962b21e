package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hookfold/hookfold/internal/admin"
	"github.com/hookfold/hookfold/projections"
)

// How often a start that wants for space is tried again.
const (
	roomRetryMin = 250 * time.Millisecond
	roomRetryMax = 5 * time.Second
)

// awaitRoom opens a part of the process. While the disk is too full for it, it tries again until there is space or ctx ends, since a
// process that ended would only be started again, into the same. Meanwhile the admin server alone is up: alive, not ready, and it says why.
func (p *process) awaitRoom(ctx context.Context, part string, open func() error) error {
	err := open()
	if !projections.DiskFull(err) {
		return err
	}
	p.log.Error("there is no space on the disk; waiting for it before the start goes on", "part", part, "error", err)
	stop := p.serveWaiting(ctx, part, err)
	began := time.Now()
	for wait := roomRetryMin; projections.DiskFull(err); wait = min(2*wait, roomRetryMax) {
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("stopped while waiting for space on the disk: %w", err), stop())
		case <-time.After(wait):
			err = open()
		}
	}
	if err == nil {
		p.log.Info("there is space on the disk again; the start goes on", "part", part, "waited", time.Since(began).Round(time.Millisecond))
	}
	return errors.Join(err, stop())
}

// serveWaiting serves the admin address until stop is called, as a process that is not ready. Where the address is taken nobody is told;
// the start that goes on will say so.
func (p *process) serveWaiting(ctx context.Context, part string, why error) (stop func() error) {
	ln, err := net.Listen("tcp", p.config.Admin)
	if err != nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	check := admin.Check{Name: part, Ready: func(context.Context) error { return fmt.Errorf("waiting for space on the disk: %w", why) }}
	done := make(chan error, 1)
	go func() { done <- admin.Serve(ctx, ln, admin.Handler([]admin.Check{check}, p.registry), p.log) }()
	return func() error {
		cancel()
		return <-done
	}
}
