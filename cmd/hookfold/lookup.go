package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
	"github.com/hookfold/hookfold/worker/lookup"
)

// Limits of a look-up by hand.
const (
	askLimit  = 30 * time.Second
	foldLimit = 30 * time.Second
	foldPoll  = 50 * time.Millisecond
)

type lookupCmd struct {
	Connection string `arg:"" optional:"" help:"Name of the connection."`
	Reference  string `arg:"" optional:"" name:"kind/id" help:"The entity, as KIND/ID."`
	Sweep      bool   `help:"Look for what is overdue, and for entities that the provider has and the log has not."`
	Since      string `help:"How far back a sweep goes through lists: a time (RFC 3339) or how long ago (48h); otherwise from where the last one ended." placeholder:"T"`
	Only       string `name:"connection" help:"Sweep this connection only." placeholder:"NAME"`
}

// Run asks for one entity, or sweeps:
//
//	provider's API ─answer─▶ topic ─▶ whichever worker folds it ─▶ store, read here before and after
func (cmd *lookupCmd) Run(w *world) error {
	if cmd.Sweep {
		return cmd.sweep(w)
	}
	kind, id, ok := strings.Cut(cmd.Reference, "/")
	switch {
	case cmd.Since != "" || cmd.Only != "":
		return &usageError{"--since and --connection are for sweeps", "add --sweep, or leave them out"}
	case cmd.Connection == "" || cmd.Reference == "":
		return &usageError{"there is nothing to look up", "name a connection and an entity, as in hookfold lookup devengo-live account/acc_123, or --sweep"}
	case !ok || kind == "" || id == "":
		return &usageError{fmt.Sprintf("%q is not an entity", cmd.Reference), "write KIND/ID, as in account/acc_123"}
	}
	return cmd.one(w, lifecycle.Entity{Connection: cmd.Connection, Kind: kind, ID: id})
}

// standing is where an entity stands, for people and for JSON.
type standing struct {
	Status         string   `json:"status"`
	ProviderStatus string   `json:"provider_status"`
	UpdatedAt      string   `json:"updated_at"`
	Observations   int      `json:"observations"`
	Conflict       bool     `json:"conflict"`
	Wants          []string `json:"wants"`
}

func (s *standing) String() string {
	if s == nil {
		return "not known"
	}
	text := fmt.Sprintf("%s (%s), %s, %s", s.Status, s.ProviderStatus, s.UpdatedAt, count(s.Observations, "observation"))
	if s.Conflict {
		text += ", in conflict"
	}
	if len(s.Wants) > 0 {
		text += ", wanted: " + strings.Join(s.Wants, ", ")
	}
	return text
}

// lookedUp is what a look-up by hand says; as JSON with --output json.
type lookedUp struct {
	Connection  string    `json:"connection"`
	Kind        string    `json:"kind"`
	ID          string    `json:"id"`
	HTTPStatus  int       `json:"http_status"`
	Observation string    `json:"observation_id"`
	Before      *standing `json:"before"`
	After       *standing `json:"after"`
}

func (cmd *lookupCmd) one(w *world, e lifecycle.Entity) (err error) {
	c, asked, err := w.askable(e.Connection)
	if err != nil {
		return err
	}
	if kinds, _ := asked.Client.Kinds(); !slices.Contains(kinds, e.Kind) {
		slices.Sort(kinds)
		return &usageError{fmt.Sprintf("the API of %s cannot be asked for a %s", asked.Provider.Name(), e.Kind), "it can for " + strings.Join(kinds, ", ")}
	}
	kc, closeLog, err := w.openLog(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	before, err := standingOf(c, e)
	if err != nil {
		return err
	}
	if err := w.awaitToken(c, kc, asked); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.ctx, askLimit)
	defer cancel()
	answer, err := asked.Client.Fetch(ctx, e.Kind, e.ID)
	if err != nil {
		return fmt.Errorf("asking %s for %s/%s: %w", e.Connection, e.Kind, e.ID, err)
	}
	answer.Kind, answer.ID = e.Kind, e.ID
	observation := lookup.Event(e.Connection, asked.Provider.Name(), answer, time.Now())
	m, err := observation.Message()
	if err != nil {
		return err
	}
	publisher, err := answerPublisher(kc, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, publisher.Close()) }()
	if err := publisher.Publish(c.Topic, m); err != nil {
		return fmt.Errorf("appending the answer to the log: %w", err)
	}
	if err := w.awaitFold(c, e, observation.ID); err != nil {
		return err
	}
	after, err := standingOf(c, e)
	if err != nil {
		return err
	}
	return w.sayLookedUp(lookedUp{e.Connection, e.Kind, e.ID, answer.Status, observation.ID, before, after})
}

func (w *world) sayLookedUp(r lookedUp) error {
	if w.json {
		return json.NewEncoder(w.stdout).Encode(r)
	}
	w.say(w.stdout, "%s %s/%s: answered with HTTP %d, appended as %s\n", r.Connection, r.Kind, r.ID, r.HTTPStatus, r.Observation)
	w.say(w.stdout, "  before  %s\n  after   %s\n", r.Before, r.After)
	return nil
}

// askable loads the configuration and the connection that is to be asked.
func (w *world) askable(name string) (*config.Config, lookup.Connection, error) {
	c, err := w.loadBeside()
	if err != nil {
		return nil, lookup.Connection{}, err
	}
	conn, err := connection(c, name)
	if err != nil {
		return nil, lookup.Connection{}, err
	}
	asked, err := lookupOf(c, conn)
	return c, asked, err
}

// standingOf reads where an entity stands; nil where neither it nor a store is there.
func standingOf(c *config.Config, e lifecycle.Entity) (s *standing, err error) {
	if _, err := os.Stat(storePath(c)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	reader, err := projections.OpenReader(storePath(c))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	b, err := reader.Brief(e)
	if b == nil || err != nil {
		return nil, err
	}
	return &standing{string(b.Status), b.ProviderStatus, b.UpdatedAt.Format(time.RFC3339Nano), b.Observations, b.Conflict, append([]string{}, b.Wants...)}, nil
}

// openStore opens the store beside the worker that folds into it, to count tokens and to lease wants.
func (w *world) openStore(c *config.Config, kc kafka.Config) (*projections.Store, func() error, error) {
	lifecycles, err := compile(c.Providers)
	if err != nil {
		return nil, nil, err
	}
	reader, err := kafka.NewReader(kafka.ReaderConfig{Config: kc})
	if err != nil {
		return nil, nil, err
	}
	store, err := projections.Open(w.ctx, projections.Config{
		Path: storePath(c), Topic: c.Topic, Lifecycles: lifecycles, History: worker.History(reader, c.Topic, newDecoder(c)), Logger: w.logger,
	})
	if err != nil {
		return nil, nil, errors.Join(err, reader.Close())
	}
	return store, func() error { return errors.Join(store.Close(), reader.Close()) }, nil
}

// awaitToken waits until the connection's rate allows a request; without a store nobody else asks.
func (w *world) awaitToken(c *config.Config, kc kafka.Config, asked lookup.Connection) (err error) {
	if _, err := os.Stat(storePath(c)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	store, closeStore, err := w.openStore(c, kc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	for {
		wait, err := store.TakeToken(w.ctx, asked.Name, asked.Rate, time.Now())
		if wait == 0 || err != nil {
			return err
		}
		if !w.pause(wait) {
			return w.ctx.Err()
		}
	}
}

// awaitFold waits until a worker has folded an observation.
func (w *world) awaitFold(c *config.Config, e lifecycle.Entity, observation string) error {
	for end := time.Now().Add(foldLimit); time.Now().Before(end); {
		folded, parked, err := isFolded(w.ctx, c, e, observation)
		switch {
		case err != nil:
			return err
		case folded:
			return nil
		case parked != "":
			return fmt.Errorf("the answer is in the log as %s, but could not be folded: %s; hookfold parked show tells more", observation, parked)
		}
		if !w.pause(foldPoll) {
			return w.ctx.Err()
		}
	}
	return fmt.Errorf("the answer is in the log as %s, but nobody has folded it within %v: run hookfold up or hookfold worker, which will", observation, foldLimit)
}

func isFolded(ctx context.Context, c *config.Config, e lifecycle.Entity, observation string) (folded bool, parked string, err error) {
	if _, err := os.Stat(storePath(c)); errors.Is(err, fs.ErrNotExist) {
		return false, "", nil
	}
	reader, err := projections.OpenReader(storePath(c))
	if err != nil {
		return false, "", err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return reader.Folded(ctx, e, observation)
}

// pause waits, and says whether the command goes on.
func (w *world) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-w.ctx.Done():
		return false
	}
}
