package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker/rebuild"
)

type diffCmd struct {
	A string `arg:"" help:"A store."`
	B string `arg:"" help:"Another store."`
}

// comparison is how two stores stand to each other; as JSON with --output json.
type comparison struct {
	A             string       `json:"digest_a"`
	B             string       `json:"digest_b"`
	OtherVersions bool         `json:"other_versions"`
	Ahead         int          `json:"ahead"`
	Count         int          `json:"differ"`
	Differences   []difference `json:"differences"`
}

type difference struct {
	Connection string   `json:"connection"`
	Kind       string   `json:"kind"`
	ID         string   `json:"id"`
	Missing    string   `json:"missing_in,omitempty"`
	Columns    []column `json:"columns,omitempty"`
}

type column struct {
	Name string `json:"name"`
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
}

// Run reads two stores and names each entity in which they differ. No log, no provider.
func (cmd *diffCmd) Run(w *world) (err error) {
	a, err := projections.OpenReader(cmd.A)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	b, err := projections.OpenReader(cmd.B)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	out := &comparison{Differences: []difference{}}
	va, err := a.Versions()
	if err != nil {
		return err
	}
	vb, err := b.Versions()
	if err != nil {
		return err
	}
	out.OtherVersions = va != vb
	da, err := a.Digest()
	if err != nil {
		return err
	}
	db, err := b.Digest()
	if err != nil {
		return err
	}
	out.A, out.B = da.String(), db.String()
	for d, err := range projections.Diff(w.ctx, a, b) {
		if err != nil {
			return err
		}
		out.Count++
		out.Differences = append(out.Differences, describeDifference(d))
	}
	if w.json {
		err = json.NewEncoder(w.stdout).Encode(out)
	} else {
		w.printComparison(out, cmd.A, cmd.B)
	}
	if err == nil && out.Count > 0 {
		err = different{errors.New(count(out.Count, "difference"))}
	}
	return err
}

func describeComparison(c *rebuild.Comparison) *comparison {
	out := &comparison{
		A: c.Digest, B: c.Rebuilt, OtherVersions: c.OtherVersions, Ahead: c.Ahead, Count: c.Count, Differences: []difference{},
	}
	for _, d := range c.Differences {
		out.Differences = append(out.Differences, describeDifference(d))
	}
	return out
}

func describeDifference(d projections.Difference) difference {
	out := difference{Connection: d.Entity.Connection, Kind: d.Entity.Kind, ID: d.Entity.ID, Missing: d.Missing}
	for _, c := range d.Columns {
		out.Columns = append(out.Columns, column(c))
	}
	return out
}

// printComparison says for people how store a, and store or log b, stand to each other.
func (w *world) printComparison(c *comparison, a, b string) {
	if c.OtherVersions {
		w.say(w.stdout, "%s was written by another fold or schema version than %s: differences are to be expected.\n", a, b)
	}
	if c.Ahead > 0 {
		w.say(w.stdout, "%s changed while they were compared; each agrees with the log as far as it was read.\n", count(c.Ahead, "entity"))
	}
	if c.Count == 0 {
		w.say(w.stdout, "No difference between %s and %s; digest %s.\n", a, b, c.B)
		return
	}
	w.say(w.stdout, "%s and %s differ in %s:\n", a, b, count(c.Count, "entity"))
	for _, d := range c.Differences {
		switch {
		case d.Missing == "a":
			w.say(w.stdout, "  %s %s/%s is not in %s\n", d.Connection, d.Kind, d.ID, a)
		case d.Missing == "b":
			w.say(w.stdout, "  %s %s/%s is not in %s\n", d.Connection, d.Kind, d.ID, b)
		case len(d.Columns) == 0:
			w.say(w.stdout, "  %s %s/%s looks the same, but more may be remembered of it\n", d.Connection, d.Kind, d.ID)
		default:
			w.say(w.stdout, "  %s %s/%s\n", d.Connection, d.Kind, d.ID)
		}
		for _, col := range d.Columns {
			if col.A == "" && col.B == "" {
				w.say(w.stdout, "    %s differs\n", col.Name)
				continue
			}
			w.say(w.stdout, "    %s: %s, %s\n", col.Name, orNone(col.A), orNone(col.B))
		}
	}
	if n := c.Count - len(c.Differences); n > 0 {
		w.say(w.stdout, "  and %d more\n", n)
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return fmt.Sprintf("%q", s)
}
