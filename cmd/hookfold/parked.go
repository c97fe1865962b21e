package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
	"github.com/hookfold/hookfold/worker/rebuild"
)

type parkedCmd struct {
	List  parkedListCmd  `cmd:"" help:"List parked records, with the reason of each."`
	Show  parkedShowCmd  `cmd:"" help:"Show the envelope of one, and its body on demand."`
	Retry parkedRetryCmd `cmd:"" help:"Decode them again, and fold those that can be."`
}

// parkedFilter chooses parked records.
type parkedFilter struct {
	Connection string `help:"Of this connection only." placeholder:"NAME"`
	Reason     string `help:"Parked for this reason only." placeholder:"REASON"`
	Type       string `help:"Of this type only, as in devengo.account.activated." placeholder:"TYPE"`
}

func (f parkedFilter) filter() projections.ParkedFilter {
	return projections.ParkedFilter{Connection: f.Connection, Reason: f.Reason, Type: f.Type}
}

// parkedRecord is a parked record; as JSON with --output json.
type parkedRecord struct {
	Record        string `json:"record"` // PARTITION/OFFSET
	Connection    string `json:"connection"`
	ObservationID string `json:"observation_id"`
	Type          string `json:"type"`
	Reason        string `json:"reason"`
	Detail        string `json:"detail"`
	Attempts      int64  `json:"attempts"`
	Outcome       string `json:"outcome,omitempty"`
}

func describeParked(e projections.ParkedEntry) parkedRecord {
	return parkedRecord{
		Record: fmt.Sprintf("%d/%d", e.At.Partition, e.At.Offset), Connection: e.Connection, ObservationID: e.ObservationID,
		Type: e.Type, Reason: e.Reason, Detail: e.Detail, Attempts: e.Attempts,
	}
}

type parkedListCmd struct {
	parkedFilter `embed:""`
}

// Run reads the store alone.
func (cmd *parkedListCmd) Run(w *world) error {
	c, err := w.loadBeside()
	if err != nil {
		return err
	}
	entries, err := parkedEntries(w, storePath(c), cmd.filter())
	if err != nil {
		return err
	}
	out := []parkedRecord{}
	for _, e := range entries {
		out = append(out, describeParked(e))
	}
	return w.printParked(out)
}

func parkedEntries(w *world, path string, f projections.ParkedFilter) (_ []projections.ParkedEntry, err error) {
	r, err := projections.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.Parked(w.ctx, f)
}

func (w *world) printParked(records []parkedRecord) error {
	if w.json {
		return json.NewEncoder(w.stdout).Encode(records)
	}
	if len(records) == 0 {
		w.say(w.stdout, "Nothing is parked.\n")
		return nil
	}
	t := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	w.say(t, "RECORD\tCONNECTION\tTYPE\tREASON\tATTEMPTS\tDETAIL\n")
	for _, r := range records {
		detail := r.Detail
		if r.Outcome != "" {
			detail = r.Outcome
		}
		w.say(t, "%s\t%s\t%s\t%s\t%d\t%s\n", r.Record, r.Connection, r.Type, r.Reason, r.Attempts, detail)
	}
	return t.Flush()
}

type parkedShowCmd struct {
	Record string `arg:"" name:"partition/offset" help:"The record, as list names it."`
	Body   bool   `help:"Print the body too. It may hold personal data."`
}

// shown is a parked record with what the log says of it.
type shown struct {
	parkedRecord
	Headers map[string]string `json:"headers"`
	Size    int               `json:"body_bytes"`
	Body    *string           `json:"body,omitempty"`
}

// Run reads the store for the reason, and the log for the record.
func (cmd *parkedShowCmd) Run(w *world) (err error) {
	at, err := parsePosition(cmd.Record)
	if err != nil {
		return err
	}
	r, err := w.openRebuild()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	entries, err := parkedEntries(w, storePath(r.config), projections.ParkedFilter{})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(entries, func(e projections.ParkedEntry) bool { return e.At == at })
	if i < 0 {
		return fmt.Errorf("record %s is not parked; hookfold parked list names those that are", cmd.Record)
	}
	record, err := r.log.Record(w.ctx, at)
	if err != nil {
		return err
	}
	m, err := worker.Marshaler().Unmarshal(*record)
	if err != nil {
		return err
	}
	out := shown{parkedRecord: describeParked(entries[i]), Headers: map[string]string{}, Size: len(m.Payload)}
	for name, value := range m.Metadata {
		// What verification used is a credential to whoever can replay it within its tolerance.
		if !strings.HasPrefix(name, event.HeaderHTTP) {
			out.Headers[name] = value
		}
	}
	if cmd.Body {
		text := string(m.Payload)
		out.Body = &text
	}
	if w.json {
		return json.NewEncoder(w.stdout).Encode(out)
	}
	w.say(w.stdout, "%s: %s\n%s, tried %s\n\n", out.Record, out.Reason, out.Detail, count(int(out.Attempts), "time"))
	for _, name := range slices.Sorted(maps.Keys(out.Headers)) {
		w.say(w.stdout, "  %s: %q\n", name, out.Headers[name])
	}
	w.say(w.stdout, "  body: %s\n", count(out.Size, "byte"))
	if out.Body != nil {
		w.say(w.stdout, "\n%s\n", *out.Body)
	}
	return nil
}

func parsePosition(s string) (projections.Position, error) {
	p, o, ok := strings.Cut(s, "/")
	partition, err := strconv.ParseInt(p, 10, 32)
	offset, err2 := strconv.ParseInt(o, 10, 64)
	if !ok || errors.Join(err, err2) != nil || partition < 0 || offset < 0 {
		return projections.Position{}, &usageError{fmt.Sprintf("%q is no record of the log", s), "write PARTITION/OFFSET, as hookfold parked list does"}
	}
	return projections.Position{Partition: int32(partition), Offset: offset}, nil
}

type parkedRetryCmd struct {
	parkedFilter `embed:""`
	All          bool `help:"All that are parked."`
	DryRun       bool `help:"Only say what would become of them."`
}

// Run reads parked records at their places in the log, decodes them with this version and configuration, and commits what
// can be folded to the live store, beside its workers.
func (cmd *parkedRetryCmd) Run(w *world) (err error) {
	if cmd.filter() == (projections.ParkedFilter{}) != cmd.All {
		return &usageError{"which records are meant is not clear", "name some with --connection, --reason or --type, or give --all"}
	}
	r, err := w.openRebuild()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	path := storePath(r.config)
	entries, err := parkedEntries(w, path, cmd.filter())
	if err != nil {
		return err
	}
	var store *projections.Store
	if !cmd.DryRun {
		store, err = projections.Open(w.ctx, projections.Config{
			Path: path, Topic: r.config.Topic, Lifecycles: r.lifecycles,
			History: worker.History(r.log.Reader, r.config.Topic, r.log.Decoder), Logger: w.logger,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
	}
	retried, err := r.log.Retry(w.ctx, store, entries)
	if err != nil {
		return err
	}
	out := []parkedRecord{}
	folded := 0
	for _, e := range retried {
		p := describeParked(e.ParkedEntry)
		if p.Outcome = outcomeOf(e, cmd.DryRun); e.Now == nil && !e.Gone {
			folded++
		}
		out = append(out, p)
	}
	if err := w.printParked(out); err != nil || w.json {
		return err
	}
	w.say(w.stdout, "%d of %s can be folded.\n", folded, count(len(out), "record"))
	return nil
}

func outcomeOf(e rebuild.Retried, dry bool) string {
	switch {
	case e.Gone:
		return "the log no longer has it"
	case e.Now != nil:
		return "still " + e.Now.Reason + ": " + e.Now.Detail
	case dry:
		return "would be folded"
	default:
		return "folded"
	}
}
