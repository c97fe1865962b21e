package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/worker/lookup"
)

// sweptReport is what a sweep says of one connection; as JSON with --output json, one line each.
type sweptReport struct {
	Connection string   `json:"connection"`
	Lists      []string `json:"lists"`
	Listed     int      `json:"listed"`
	Missing    int      `json:"missing"`
	Unclear    int      `json:"unclear"`
	Overdue    int      `json:"overdue"`
	Asked      int      `json:"asked"`
	Error      string   `json:"error,omitempty"`
}

// sweep sweeps the connections one after the other. What fails for one does not keep the others from being swept.
func (cmd *lookupCmd) sweep(w *world) (err error) {
	if cmd.Connection != "" {
		return &usageError{"a sweep is not of one entity", "name a connection with --connection, or leave it out for all"}
	}
	since, err := sinceOf(cmd.Since, time.Now())
	if err != nil {
		return err
	}
	c, err := w.loadBeside()
	if err != nil {
		return err
	}
	connections, err := cmd.sweepable(c)
	if err != nil {
		return err
	}
	kc, closeLog, err := w.openLog(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	store, closeStore, err := w.openStore(c, kc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	publisher, err := answerPublisher(kc, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, publisher.Close()) }()
	runner, err := lookup.New(lookup.Config{
		Store: store, Path: storePath(c), Publisher: publisher, Topic: c.Topic, Connections: connections, Logger: w.logger,
	})
	if err != nil {
		return err
	}
	var errs []error
	for i := range connections {
		name := connections[i].Name
		did, err := runner.Sweep(w.ctx, name, since)
		r := sweptReport{name, append([]string{}, did.Lists...), did.Listed, did.Missing, did.Unclear, did.Overdue, did.Asked, ""}
		if err != nil {
			r.Error = err.Error()
			errs = append(errs, fmt.Errorf("sweeping %s: %w; run it again to go on from there", name, err))
		}
		if err := w.saySwept(&r); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

func (w *world) saySwept(r *sweptReport) error {
	if w.json {
		return json.NewEncoder(w.stdout).Encode(r)
	}
	lists := "it has no lists"
	if len(r.Lists) > 0 {
		lists = fmt.Sprintf("%s in the lists of %s, %d of them new", count(r.Listed, "entity"), strings.Join(r.Lists, ", "), r.Missing)
	}
	w.say(w.stdout, "%s: %s; %d overdue; %s\n", r.Connection, lists, r.Overdue, count(r.Asked, "look-up"))
	return nil
}

// sweepable are the connections to sweep: the one that is named, or all that are not off.
func (cmd *lookupCmd) sweepable(c *config.Config) ([]lookup.Connection, error) {
	if cmd.Only != "" {
		conn, err := connection(c, cmd.Only)
		if err != nil {
			return nil, err
		}
		asked, err := lookupOf(c, conn)
		return []lookup.Connection{asked}, err
	}
	all, err := lookups(c)
	if err == nil && len(all) == 0 {
		err = &usageError{"no connection can be asked", "give the api settings of at least one; see docs/lookups.md"}
	}
	return all, err
}

// sinceOf reads a time, or how long ago it was; nil for none.
func sinceOf(text string, now time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return &t, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		t := now.Add(-d).UTC().Truncate(24 * time.Hour) // the same for the whole day, so that a sweep that was cut off goes on
		return &t, nil
	}
	return nil, &usageError{fmt.Sprintf("--since %q is no time", text), "write one as 2026-03-01T00:00:00Z, or how long ago as 48h, which is rounded back to the day"}
}
