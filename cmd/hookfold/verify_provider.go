package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker/lookup"
)

// sampleDefault is how many entities are asked for where the user does not say.
const sampleDefault = 100

// asked is what asking the providers brought; as JSON with --output json.
type asked struct {
	Asked    int            `json:"asked"`
	Agree    int            `json:"agree"`
	Behind   int            `json:"behind"`
	Differ   int            `json:"differ"`
	Missing  int            `json:"missing"`
	Unclear  int            `json:"unclear"`
	Appended int            `json:"appended"`
	Open     int            `json:"open"` // of those that differ or are missing, how many no appended answer settles
	Findings []askedFinding `json:"findings"`
	Stopped  []askedStopped `json:"stopped"`
}

type askedFinding struct {
	Connection  string `json:"connection"`
	Kind        string `json:"kind"`
	ID          string `json:"id"`
	Verdict     string `json:"verdict"`
	Store       string `json:"store"`
	Provider    string `json:"provider"`
	Why         string `json:"why"`
	Observation string `json:"appended,omitempty"`
	Rebuild     bool   `json:"rebuild,omitempty"`
}

type askedStopped struct {
	Connection string `json:"connection"`
	Why        string `json:"why"`
}

// check says what is wrong with the command line.
func (cmd *verifyCmd) check() error {
	switch {
	case cmd.Repair && !cmd.Against:
		return &usageError{"--repair appends what the providers answer", "add --against-provider; a store that is not what the log says is set right by hookfold rebuild"}
	case !cmd.Against && (cmd.Sample != nil || cmd.Only != ""):
		return &usageError{"--sample and --connection say what to ask the providers for", "add --against-provider, or leave them out"}
	case cmd.Sample != nil && *cmd.Sample < 0:
		return &usageError{fmt.Sprintf("--sample %d is no number of entities", *cmd.Sample), "write 0 for all"}
	}
	return nil
}

// askable are the connections to ask: the one that is named, or all that have api settings, whatever the mode of their look-ups.
func (cmd *verifyCmd) askable(c *config.Config) ([]lookup.Connection, error) {
	if cmd.Only != "" {
		if _, err := connection(c, cmd.Only); err != nil {
			return nil, err
		}
	}
	var out []lookup.Connection
	for i := range c.Connections {
		conn := &c.Connections[i]
		_, asker := c.Providers[conn.Provider].(provider.Asker)
		if conn.Name != cmd.Only && (cmd.Only != "" || !asker || conn.API == (provider.API{})) {
			continue
		}
		one, err := lookupOf(c, conn)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, &usageError{"no connection can be asked", "give the api settings of at least one; see docs/lookups.md"}
	}
	return out, nil
}

// ask asks for the entities, one after the other, within the rate that all processes of a connection share. With --repair it appends
// what differs, but for entities that are stale: what the store has of those is not what the log says, so no answer can be held
// against it.
func (cmd *verifyCmd) ask(w *world, c *config.Config, connections []lookup.Connection, stale []projections.Difference) (out *asked, err error) {
	kc, closeLog, err := w.openLog(c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	store, closeStore, err := w.openStore(c, kc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	asking := lookup.Config{Store: store, Path: storePath(c), Topic: c.Topic, Connections: connections, Logger: w.logger}
	var publisher *kafka.Publisher
	if cmd.Repair {
		if publisher, err = answerPublisher(kc, c); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, publisher.Close()) }()
		asking.Publisher = publisher
	}
	runner, err := lookup.New(asking)
	if err != nil {
		return nil, err
	}
	entities, err := cmd.draw(runner.Entities(w.ctx))
	if err != nil {
		return nil, err
	}
	q := &inquiry{
		repair: cmd.Repair, runner: runner, stale: map[lifecycle.Entity]bool{},
		out: &asked{Findings: []askedFinding{}, Stopped: []askedStopped{}},
	}
	for _, d := range stale {
		q.stale[d.Entity] = true
	}
	if err := q.all(w.ctx, entities); err != nil {
		w.printAppended(w.stderr, q.out)
		return nil, err
	}
	for _, f := range q.out.Findings {
		if f.Observation == "" {
			continue
		}
		if err := w.awaitFold(c, lifecycle.Entity{Connection: f.Connection, Kind: f.Kind, ID: f.ID}, f.Observation); err != nil {
			w.printAppended(w.stderr, q.out)
			return nil, err
		}
	}
	return q.out, nil
}

// draw is which entities are asked for.
func (cmd *verifyCmd) draw(all iter.Seq2[lifecycle.Entity, error]) (iter.Seq2[lifecycle.Entity, error], error) {
	n := sampleDefault
	if cmd.Sample != nil {
		n = *cmd.Sample
	}
	if n == 0 {
		return all, nil
	}
	drawn, err := lookup.Sample(all, n)
	return func(yield func(lifecycle.Entity, error) bool) {
		for _, e := range drawn {
			if !yield(e, nil) {
				return
			}
		}
	}, err
}

// inquiry is the asking of many entities.
type inquiry struct {
	repair bool
	runner *lookup.Runner
	stale  map[lifecycle.Entity]bool
	out    *asked
}

// all asks for entities, one after the other. A connection that cannot be asked is left alone from then on.
func (q *inquiry) all(ctx context.Context, entities iter.Seq2[lifecycle.Entity, error]) error {
	stopped := map[string]bool{}
	for e, err := range entities {
		if err != nil {
			return err
		}
		if stopped[e.Connection] {
			continue
		}
		found, err := q.runner.Check(ctx, e)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			stopped[e.Connection] = true
			q.out.Stopped = append(q.out.Stopped, askedStopped{e.Connection, err.Error()})
			continue
		}
		if err := q.note(ctx, &found); err != nil {
			return err
		}
	}
	return nil
}

// note counts a finding, and repairs it where that is wanted.
func (q *inquiry) note(ctx context.Context, found *lookup.Finding) error {
	e := found.Entity
	f := askedFinding{
		Connection: e.Connection, Kind: e.Kind, ID: e.ID, Verdict: string(found.Verdict), Store: found.Store, Provider: found.Provider, Why: found.Why,
	}
	q.out.Asked++
	switch found.Verdict {
	case lookup.Agrees:
		q.out.Agree++
		return nil
	case lookup.Behind:
		q.out.Behind++
	case lookup.Differs:
		q.out.Differ++
	case lookup.Missing:
		q.out.Missing++
	default:
		q.out.Unclear++
	}
	if found.Verdict == lookup.Differs || found.Verdict == lookup.Missing {
		if f.Rebuild = q.stale[e]; q.repair && found.Tells && !f.Rebuild {
			id, err := q.runner.Append(ctx, found)
			if err != nil {
				return err
			}
			f.Observation = id
			q.out.Appended++
		}
		if f.Observation == "" || found.Verdict == lookup.Missing {
			q.out.Open++
		}
	}
	if f.Observation != "" || len(q.out.Findings) < named {
		q.out.Findings = append(q.out.Findings, f)
	}
	return nil
}

// verdict is what the command ends with: differences that are left first, then that something was not compared.
func (a *asked) verdict() error {
	switch {
	case a == nil:
		return nil
	case a.Open > 0:
		return different{errors.New(count(a.Open, "difference") + " from the providers")}
	case len(a.Stopped) > 0:
		return fmt.Errorf("%s could not be asked to the end: %s", a.Stopped[0].Connection, a.Stopped[0].Why)
	case a.Unclear > 0:
		return fmt.Errorf("%s could not be held against the provider", count(a.Unclear, "entity"))
	}
	return nil
}

func (w *world) printAsked(a *asked) {
	if a == nil {
		return
	}
	w.say(w.stdout, "Providers: asked for %s; %d agree, %d behind the log, %d differ, %d missing at the provider, %d unclear.\n",
		count(a.Asked, "entity"), a.Agree, a.Behind, a.Differ, a.Missing, a.Unclear)
	shown := 0
	for _, f := range a.Findings {
		if f.Verdict == string(lookup.Missing) {
			w.say(w.stdout, "  %s %s/%s: missing at the provider; the store has %s (%s)\n", f.Connection, f.Kind, f.ID, orNone(f.Store), f.Why)
		} else {
			w.say(w.stdout, "  %s %s/%s: %s; the store has %s, the provider %s (%s)\n", f.Connection, f.Kind, f.ID, f.Verdict, orNone(f.Store), orNone(f.Provider), f.Why)
		}
		if f.Rebuild {
			w.say(w.stdout, "    the store's is not what the log says: run hookfold rebuild, then ask again\n")
		}
		shown++
	}
	if n := a.Asked - a.Agree - shown; n > 0 {
		w.say(w.stdout, "  and %d more\n", n)
	}
	for _, s := range a.Stopped {
		w.say(w.stdout, "  %s was not asked to the end: %s\n", s.Connection, s.Why)
	}
	w.printAppended(w.stdout, a)
}

// printAppended says what was appended to the log.
func (w *world) printAppended(to io.Writer, a *asked) {
	for _, f := range a.Findings {
		if f.Observation != "" {
			w.say(to, "Appended %s for %s %s/%s.\n", f.Observation, f.Connection, f.Kind, f.ID)
		}
	}
}
