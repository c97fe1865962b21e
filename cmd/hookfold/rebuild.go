package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
	"github.com/hookfold/hookfold/worker/rebuild"
)

// named is how many entities a report names; it counts the rest.
const named = 50

type rebuildCmd struct {
	Into     string `help:"Build this file, which must not be there, and leave the live store alone." placeholder:"FILE"`
	AsOf     moment `help:"What was true then: leave out what happened later (needs --into)." placeholder:"TIME"`
	KnownAt  moment `help:"What was known then: leave out what was recorded later (needs --into)." placeholder:"TIME"`
	Memory   string `help:"How much memory to use." default:"512MiB" placeholder:"SIZE"`
	Effort   effort `embed:""`
	Restart  bool   `help:"Begin anew where an interrupted rebuild could be continued."`
	Switch   bool   `help:"Switch to what was built even where the live store differs from it, which is kept." xor:"switch"`
	NoSwitch bool   `help:"Build and compare, but leave the live store in its place." xor:"switch"`
}

// moment is a time on the command line.
type moment struct{ time.Time }

// UnmarshalText reads RFC 3339.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is no time: write it as 2026-03-01T12:00:00Z", text)
	}
	return nil
}

// rebuilt is what rebuild says; as JSON with --output json.
type rebuilt struct {
	File        string      `json:"file"`
	Kept        string      `json:"kept,omitempty"`
	Switched    bool        `json:"switched"`
	Resumed     bool        `json:"resumed"`
	Records     int64       `json:"records"`
	Seconds     float64     `json:"seconds"`
	HeldSeconds float64     `json:"held_seconds"`
	Digest      string      `json:"digest"`
	Unreadable  string      `json:"old_store_unreadable,omitempty"`
	Comparison  *comparison `json:"comparison,omitempty"`
}

// Run folds the log from its beginning into a fresh file, while workers go on with the live one, and switches to it:
//
//	log ─▶ decoders ─▶ sorted runs ─▶ folders ─▶ fresh file ─▶ catch up ─▶ compare ─▶ lock, catch up, rename
//
// What is killed goes on where it was when the command is given again. Where the live store says something else than the log,
// it is left in its place and the command exits with 3, until it is told to switch.
func (cmd *rebuildCmd) Run(w *world) (err error) {
	cut := rebuild.Cut{AsOf: cmd.AsOf.Time, KnownAt: cmd.KnownAt.Time}
	if cut != (rebuild.Cut{}) && cmd.Into == "" {
		return &usageError{"a store of a part of the log cannot take the live store's place", "name a file with --into"}
	}
	memory, err := parseMemory(cmd.Memory)
	if err != nil {
		return err
	}
	r, err := w.openRebuild()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	begun, err := cmd.Effort.apply(w)
	if err != nil {
		return err
	}
	limitMemory(memory)
	plan := rebuild.Plan{
		BuilderConfig: projections.BuilderConfig{
			Path: storePath(r.config), Lifecycles: r.lifecycles, Program: program(r.config), Memory: memory, Logger: w.logger, Begun: begun,
		},
		Cut: cut, Progress: w.building(),
	}
	began := time.Now()
	if cmd.Into != "" {
		plan.Path = cmd.Into
		built, err := r.log.Build(w.ctx, plan)
		if err != nil {
			return err
		}
		return w.printRebuilt(&rebuilt{
			File: cmd.Into, Records: built.Records, Resumed: built.Resumed, Digest: built.Digest, Seconds: time.Since(began).Seconds(),
		})
	}
	if err := os.MkdirAll(r.config.Data, 0o750); err != nil {
		return fmt.Errorf("the data directory: %w; choose another with --data", err)
	}
	done, err := r.log.Replace(w.ctx, rebuild.Live{
		Plan: plan, Restart: cmd.Restart, Switch: cmd.when(), Most: named,
		Store: projections.Config{
			Topic: r.config.Topic, Lifecycles: r.lifecycles, History: worker.History(r.log.Reader, r.config.Topic, r.log.Decoder), Logger: w.logger,
		},
	})
	if err != nil {
		return err
	}
	out := &rebuilt{
		File: done.Fresh, Kept: done.Kept, Switched: done.Switched, Records: done.Records, Resumed: done.Resumed, Digest: done.Digest,
		Seconds: time.Since(began).Seconds(), HeldSeconds: done.Held.Seconds(),
	}
	if done.Damaged != nil {
		out.Unreadable = done.Damaged.Error()
	}
	if done.Comparison != nil {
		out.Comparison = describeComparison(done.Comparison)
		out.Digest = done.Comparison.Rebuilt
	}
	if err := w.printRebuilt(out); err != nil || done.Switched || done.Comparison == nil || done.Comparison.Same() {
		return err
	}
	w.say(w.stderr, "hookfold: the live store was left in its place. Look at what differs: hookfold diff %s %s; "+
		"then switch, without building again: hookfold rebuild --switch\n", quote(plan.Path), quote(done.Fresh))
	return different{errors.New(count(done.Comparison.Count, "difference"))}
}

func (cmd *rebuildCmd) when() rebuild.Switch {
	switch {
	case cmd.Switch:
		return rebuild.SwitchAnyway
	case cmd.NoSwitch:
		return rebuild.SwitchNever
	default:
		return rebuild.SwitchSame
	}
}

func (w *world) printRebuilt(r *rebuilt) error {
	if w.json {
		return json.NewEncoder(w.stdout).Encode(r)
	}
	if r.Resumed && r.Records == 0 {
		w.say(w.stdout, "Went on with %s, which was built before, in %.1f s.\n", r.File, r.Seconds)
	} else {
		w.say(w.stdout, "Folded %s into %s in %.1f s.\n", count(int(r.Records), "record"), r.File, r.Seconds)
	}
	switch {
	case r.Unreadable != "":
		w.say(w.stdout, "The old store could not be read, so nothing was compared: %s\n", r.Unreadable)
	case r.Comparison != nil:
		w.printComparison(r.Comparison, "the old store", "the log")
	}
	if r.Switched {
		w.say(w.stdout, "It has taken the place of the live store; workers waited for %.2f s.\n", r.HeldSeconds)
	}
	if r.Kept != "" {
		w.say(w.stdout, "The old file is kept as %s.\n", r.Kept)
	}
	return nil
}

// limitMemory holds the process to an amount of memory, of which a third is left to SQLite and the system, and lets it
// use that: what is not needed is collected late.
func limitMemory(memory int64) {
	debug.SetMemoryLimit(memory / 3 * 2)
	debug.SetGCPercent(400)
}

// fetchBytes bounds what one fetch brings; several are in memory at once, and the embedded log serves nobody else meanwhile.
const fetchBytes = 256 << 10

// rebuilding is what commands that fold the log are built of.
type rebuilding struct {
	config     *config.Config
	log        *rebuild.Log
	lifecycles []*lifecycle.Lifecycle
	closers    []func() error
}

// openRebuild opens the log.
func (w *world) openRebuild() (*rebuilding, error) {
	c, err := w.loadBeside()
	if err != nil {
		return nil, err
	}
	r := &rebuilding{config: c}
	if r.lifecycles, err = compile(c.Providers); err != nil {
		return nil, err
	}
	kc, closeLog, err := w.openLog(c)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, closeLog)
	reader, err := kafka.NewReader(kafka.ReaderConfig{Config: kc, MaxBytes: fetchBytes})
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.closers = append(r.closers, reader.Close)
	r.log = &rebuild.Log{Reader: reader, Topic: c.Topic, Decoder: newDecoder(c)}
	return r, nil
}

func (r *rebuilding) close() error {
	var errs []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	return errors.Join(errs...)
}

// program names this program and what of the configuration decides what records become, so that what another one left
// unfinished is not continued.
func program(c *config.Config) string {
	h := sha256.New()
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			//nolint:errcheck // a hash takes everything
			fmt.Fprintln(h, info.Size(), info.ModTime().UnixNano())
		}
	}
	//nolint:errcheck // see above
	fmt.Fprintln(h, c.Topic)
	for _, conn := range c.Connections {
		//nolint:errcheck // see above
		fmt.Fprintln(h, conn.Name, conn.Provider, conn.Mode)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// parseMemory reads a size with its unit.
func parseMemory(s string) (int64, error) {
	var n int64
	var unit string
	if _, err := fmt.Sscanf(s, "%d%s", &n, &unit); err == nil && n > 0 && n < 1<<20 {
		switch unit {
		case "MiB":
			if n < 32 {
				return 0, &usageError{s + " is too little memory", "give at least 32MiB"}
			}
			return n << 20, nil
		case "GiB":
			return n << 30, nil
		}
	}
	return 0, &usageError{fmt.Sprintf("%q is no amount of memory", s), "write it as 512MiB or 2GiB"}
}

// building shows how far a build is: a bar on a terminal, a line every ten seconds elsewhere.
func (w *world) building() func(rebuild.Progress) {
	f, ok := w.stderr.(*os.File)
	terminal := false
	if ok {
		info, err := f.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	var last time.Time
	return func(p rebuild.Progress) {
		done := p.Done >= p.Total
		switch {
		case terminal:
			const width = 30
			full := width
			if p.Total > 0 {
				full = int(p.Done * width / p.Total)
			}
			w.say(w.stderr, "\r\x1b[K%-8s [%s%s] %s ", p.Phase, strings.Repeat("#", full), strings.Repeat(".", width-full), figures(p))
			if done {
				w.say(w.stderr, "\n")
			}
		case time.Since(last) >= progressEvery:
			last = time.Now()
			w.say(w.stderr, "%s: %s\n", p.Phase, figures(p))
		}
	}
}

// progressEvery is how often a line tells of progress where there is no terminal.
const progressEvery = 10 * time.Second

func figures(p rebuild.Progress) string {
	s := fmt.Sprintf("%d of %d", p.Done, p.Total)
	switch {
	case p.Rate > 0 && p.Done >= p.Total:
		s += fmt.Sprintf(", %.0f/s", p.Rate)
	case p.Rate > 0:
		s += fmt.Sprintf(", %.0f/s, %v left", p.Rate, p.Left.Round(time.Second))
	}
	return s
}

// typicalRate is how many records a second a rebuild folds on a small machine; it only serves to say how long one takes.
const typicalRate = 50_000

// staleStore explains to whoever starts a worker that the store is another version's, and how long a rebuild takes.
func staleStore(ctx context.Context, r *kafka.Reader, topic string, err error) error {
	if !errors.As(err, new(*projections.VersionError)) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	start, end, e := r.Offsets(ctx, topic)
	if e != nil {
		return err // the log's length is not known
	}
	var n int64
	for p := range end {
		n += end[p] - start[p]
	}
	took := (time.Duration(n/typicalRate+1) * time.Second).Round(time.Second)
	return fmt.Errorf("%w; the log holds %s, for which hookfold rebuild takes about %v; the old file is kept", err, count(int(n), "record"), took)
}
