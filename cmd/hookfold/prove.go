package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker/prove"
)

// exitDifferent says that what was compared is not the same.
const exitDifferent = 3

type proveCmd struct {
	Entities int    `help:"How many entities to draw; 0 takes all." default:"1000" placeholder:"N"`
	Samples  int    `help:"How many orders to try of a history of more than six observations." default:"100" placeholder:"N"`
	Seed     uint64 `help:"What draws entities and orders." default:"1" placeholder:"N"`
}

// proof is what prove says; as JSON with --output json.
type proof struct {
	Entities     int       `json:"entities"`
	Observations int       `json:"observations"`
	Ways         int       `json:"ways"`
	Seconds      float64   `json:"seconds"`
	Findings     []finding `json:"findings"`
}

type finding struct {
	Connection string     `json:"connection"`
	Kind       string     `json:"kind"`
	ID         string     `json:"id"`
	Problem    string     `json:"problem"`
	Store      string     `json:"store_digest"`
	Log        string     `json:"log_digest"`
	Batches    [][]string `json:"shortest_counterexample,omitempty"`
}

// Run reads histories from the log and folds them in other orders, duplications and batchings:
//
//	store ─▶ which entities, and their digests ─┐
//	log ─▶ decoder ─▶ histories ─▶ many folds ──┴▶ the same everywhere?
//
// Nothing is written, and nobody is asked.
func (cmd *proveCmd) Run(w *world) (err error) {
	if cmd.Entities < 0 || cmd.Samples < 1 {
		return &usageError{"--entities and --samples count things", "give --entities 0 for all, and at least one sample"}
	}
	c, err := w.loadBeside()
	if err != nil {
		return err
	}
	store, err := projections.OpenReader(storePath(c))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	kc, closeLog, err := w.openLog(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	reader, err := kafka.NewReader(kafka.ReaderConfig{Config: kc})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	lifecycles, err := compile(c.Providers)
	if err != nil {
		return err
	}
	began := time.Now()
	report, err := prove.Run(w.ctx, prove.Config{
		Log: reader, Topic: c.Topic, Store: store, Decoder: newDecoder(c), Lifecycles: lifecycles,
		Entities: cmd.Entities, Samples: cmd.Samples, Seed: cmd.Seed, Progress: w.proving(),
	})
	if err != nil {
		return err
	}
	return w.printProof(report, time.Since(began))
}

// proving shows on a terminal how far a proof is.
func (w *world) proving() func(prove.Report) {
	f, ok := w.stderr.(*os.File)
	if !ok || w.json {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	var last time.Time
	return func(r prove.Report) {
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond || r.Entities == r.Total {
			last = now
			w.say(f, "\r%d of %d entities, %d ways ", r.Entities, r.Total, r.Ways)
			if r.Entities == r.Total {
				w.say(f, "\n")
			}
		}
	}
}

func (w *world) printProof(r prove.Report, took time.Duration) error {
	p := proof{Entities: r.Entities, Observations: r.Observations, Ways: r.Ways, Seconds: took.Seconds(), Findings: []finding{}}
	for _, f := range r.Findings {
		p.Findings = append(p.Findings, describeFinding(f))
	}
	if w.json {
		if err := json.NewEncoder(w.stdout).Encode(p); err != nil {
			return err
		}
	} else {
		w.say(w.stdout, "%s with %s, folded in %d ways in %.1f s: ", count(p.Entities, "entity"), count(p.Observations, "observation"), p.Ways, p.Seconds)
		if len(p.Findings) == 0 {
			w.say(w.stdout, "every way gives what the store has.\n")
		} else {
			w.say(w.stdout, "%s.\n", count(len(p.Findings), "finding"))
		}
		for _, f := range p.Findings {
			w.say(w.stdout, "\n%s %s/%s: %s\n  store %s\n  log   %s\n", f.Connection, f.Kind, f.ID, f.Problem, f.Store, f.Log)
			for i, b := range f.Batches {
				w.say(w.stdout, "  batch %d: %v\n", i+1, b)
			}
		}
	}
	if len(p.Findings) > 0 {
		return different{fmt.Errorf("%s", count(len(p.Findings), "finding"))}
	}
	return nil
}

func describeFinding(f prove.Finding) finding {
	out := finding{
		Connection: f.Entity.Connection, Kind: f.Entity.Kind, ID: f.Entity.ID,
		Problem: "the live store differs from the log; hookfold rebuild makes it anew", Store: f.Store.String(), Log: f.Log.String(),
	}
	if f.Counterexample != nil {
		out.Problem = "another way of arriving gives another state; please report it with what follows"
		for _, b := range f.Counterexample.Batches {
			var ids []string
			for _, o := range b {
				ids = append(ids, fmt.Sprintf("%s %q", o.ID, o.Status))
			}
			out.Batches = append(out.Batches, ids)
		}
	}
	return out
}

// different is an outcome that was reported: what was compared is not the same.
type different struct{ error }

func (d different) Unwrap() error { return d.error }
