package prove

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
)

// chunk is how many entities are held in memory at once; a proof of more of them reads the log once for each chunk.
const chunk = 50_000

// Config is what a proof over a log needs.
type Config struct {
	Log        *kafka.Reader
	Topic      string
	Store      *projections.Reader
	Decoder    *worker.Decoder
	Lifecycles []*lifecycle.Lifecycle
	// Entities is how many are drawn; 0 is all.
	Entities int
	// Samples is how many orders are tried of a history of more than six observations.
	Samples int
	// Seed draws entities, orders, duplications and batches; the same seed does the same on the same log.
	Seed uint64
	// Fold is Batches where it is nil.
	Fold Fold
	// Progress is called as histories are tried; nil is silence.
	Progress func(Report)
}

// Report is the outcome of a proof.
type Report struct {
	// Total is how many entities will be tried, Entities and Observations how many have been, Ways in how many ways.
	Total, Entities, Observations, Ways int
	// Findings are the entities whose state depends on order, or differs from the live store's; none is the proof.
	Findings []Finding
}

// Finding is what is wrong with one entity.
type Finding struct {
	Entity lifecycle.Entity
	// Counterexample is nil where every way gives the same, but the live store has something else.
	Counterexample *Counterexample
	// Store and Log are the digests of the live store and of a fold of the log up to the store's offsets.
	Store, Log lifecycle.Digest
}

// Run draws entities of the store, reads their histories from the log up to the store's offsets, and tries them.
func Run(ctx context.Context, c Config) (Report, error) {
	if c.Fold == nil {
		c.Fold = Batches
	}
	r := rand.New(rand.NewPCG(c.Seed, 0)) //nolint:gosec // a seed that can be repeated is the point
	var drawn []projections.EntityDigest
	var ranges []kafka.Range
	err := c.Store.Snapshot(func() error {
		offsets, err := c.Store.Offsets()
		if err != nil {
			return err
		}
		for p, next := range offsets {
			ranges = append(ranges, kafka.Range{Topic: c.Topic, Partition: p, From: -1, To: next})
		}
		drawn, err = draw(ctx, c, r)
		return err
	})
	if err != nil {
		return Report{}, err
	}
	report := Report{Total: len(drawn)}
	for part := range slices.Chunk(drawn, chunk) {
		if err := c.try(ctx, part, ranges, r, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// draw takes a fair sample of the store's entities, or all.
func draw(ctx context.Context, c Config, r *rand.Rand) ([]projections.EntityDigest, error) {
	var out []projections.EntityDigest
	seen := 0
	for e, err := range c.Store.EntityDigests(ctx) {
		if err != nil {
			return nil, err
		}
		seen++
		if c.Entities == 0 || len(out) < c.Entities {
			out = append(out, e)
		} else if i := r.IntN(seen); i < c.Entities {
			out[i] = e
		}
	}
	return out, nil
}

func (c *Config) try(ctx context.Context, part []projections.EntityDigest, ranges []kafka.Range, r *rand.Rand, report *Report) error {
	histories := make(map[lifecycle.Entity][]lifecycle.Observation, len(part))
	for _, e := range part {
		histories[e.Entity] = nil
	}
	err := c.Log.Read(ctx, ranges, func(record kafka.Record) error {
		m, err := worker.Marshaler().Unmarshal(record)
		if err != nil {
			return nil //nolint:nilerr // a record that is not a message of ours has no observations
		}
		for _, o := range c.Decoder.Decode(m).Observations {
			if h, ok := histories[o.Entity]; ok {
				histories[o.Entity] = append(h, o)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prove: reading the log: %w", err)
	}
	for _, e := range part {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.entity(e, histories[e.Entity], r, report)
		if c.Progress != nil {
			c.Progress(*report)
		}
	}
	return nil
}

func (c *Config) entity(e projections.EntityDigest, history []lifecycle.Observation, r *rand.Rand, report *Report) {
	report.Entities++
	report.Observations += len(history)
	finding := Finding{Entity: e.Entity, Store: e.Digest}
	if len(history) == 0 {
		report.Findings = append(report.Findings, finding) // the store has what the log has not
		return
	}
	l := c.lifecycle(&history[0])
	if l == nil {
		report.Findings = append(report.Findings, finding)
		return
	}
	ways, found := History(l, e.Entity, history, c.Samples, r, c.Fold)
	report.Ways += ways
	finding.Counterexample = found
	finding.Log = c.Fold(l, e.Entity, [][]lifecycle.Observation{history})
	if found != nil || finding.Log != finding.Store {
		report.Findings = append(report.Findings, finding)
	}
}

func (c *Config) lifecycle(o *lifecycle.Observation) *lifecycle.Lifecycle {
	for _, l := range c.Lifecycles {
		if l.Kind == o.Entity.Kind && o.Provider() == l.Provider {
			return l
		}
	}
	return nil
}
