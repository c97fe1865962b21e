package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

type explainCmd struct {
	Connection string `arg:"" help:"Name of the connection."`
	Reference  string `arg:"" name:"kind/id" help:"The entity, as KIND/ID."`
}

// explanation is what explain says of an entity; as JSON with --output json. Times are RFC 3339.
type explanation struct {
	Connection     string                  `json:"connection"`
	Kind           string                  `json:"kind"`
	ID             string                  `json:"id"`
	Status         string                  `json:"status"`
	ProviderStatus string                  `json:"provider_status,omitempty"`
	Conflict       bool                    `json:"conflict"`
	Rule           string                  `json:"rule"`
	Because        string                  `json:"because"`
	Digest         string                  `json:"digest"`
	Observations   []explained             `json:"observations"`
	Anomalies      []anomaly               `json:"anomalies"`
	Wants          []projections.WantEntry `json:"wants"`
}

type explained struct {
	ID             string `json:"observation_id"`
	Type           string `json:"type"`
	Source         string `json:"source"`
	ProviderStatus string `json:"provider_status,omitempty"`
	OccurredAt     string `json:"occurred_at,omitempty"`
	RecordedAt     string `json:"recorded_at"`
	Partition      int32  `json:"log_partition"`
	Offset         int64  `json:"log_offset"`
	Effect         string `json:"effect"`
	Why            string `json:"why"`
}

type anomaly struct {
	Reason      string `json:"reason"`
	Detail      string `json:"detail"`
	FirstSeenAt string `json:"first_seen_at"`
}

// Run reads the store alone: no broker, no provider.
func (cmd *explainCmd) Run(w *world) (err error) {
	kind, id, ok := strings.Cut(cmd.Reference, "/")
	if !ok || kind == "" || id == "" {
		return &usageError{fmt.Sprintf("%q is not an entity", cmd.Reference), "write KIND/ID, as in account/acc_123"}
	}
	c, err := w.loadBeside()
	if err != nil {
		return err
	}
	reader, err := projections.OpenReader(storePath(c))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	record, err := reader.Entity(w.ctx, lifecycle.Entity{Connection: cmd.Connection, Kind: kind, ID: id})
	if err != nil {
		return fmt.Errorf("%s of connection %s: %w", cmd.Reference, cmd.Connection, err)
	}
	p, ok := c.Providers[record.Provider]
	if !ok {
		return fmt.Errorf("%s came from provider %s, which this configuration does not have", cmd.Reference, record.Provider)
	}
	for _, d := range p.Lifecycles() {
		if d.Kind != kind {
			continue
		}
		l, err := lifecycle.New(d)
		if err != nil {
			return err
		}
		e := explainRecord(l, &record)
		if w.json {
			return json.NewEncoder(w.stdout).Encode(e)
		}
		return w.printExplanation(e)
	}
	return fmt.Errorf("provider %s has no lifecycle for kind %s in this version", record.Provider, kind)
}

func explainRecord(l *lifecycle.Lifecycle, r *projections.EntityRecord) explanation {
	state := l.State(r.Summary)
	because, reasons := l.Explain(r.Summary, r.Claims)
	out := explanation{
		Connection: r.Entity.Connection, Kind: r.Entity.Kind, ID: r.Entity.ID,
		Status: string(state.Status), ProviderStatus: state.ProviderStatus, Conflict: state.Conflict,
		Rule: string(state.Rule), Because: because, Digest: r.Digest.String(),
		Observations: []explained{}, Anomalies: []anomaly{}, Wants: append([]projections.WantEntry{}, r.Wants...),
	}
	for i, t := range r.Timeline {
		out.Observations = append(out.Observations, explained{
			ID: t.ObservationID, Type: t.Type, Source: string(t.Source), ProviderStatus: t.ProviderStatus,
			OccurredAt: rfc3339(t.Occurred), RecordedAt: rfc3339(t.Recorded), Partition: t.At.Partition, Offset: t.At.Offset,
			Effect: string(reasons[i].Effect), Why: reasons[i].Why,
		})
	}
	for _, a := range append(state.Anomalies, r.Differing...) {
		out.Anomalies = append(out.Anomalies, anomaly{string(a.Reason), a.Detail, rfc3339(a.FirstSeen)})
	}
	return out
}

func (w *world) printExplanation(e explanation) error {
	w.say(w.stdout, "%s/%s of %s is %s", e.Kind, e.ID, e.Connection, e.Status)
	if e.ProviderStatus != "" {
		w.say(w.stdout, " (the provider says %s)", e.ProviderStatus)
	}
	w.say(w.stdout, "\nbecause %s.\n\n", e.Because)
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	w.say(table, "OCCURRED\tRECORDED\tSOURCE\tSTATUS\tEFFECT\tOBSERVATION\n")
	for _, o := range e.Observations {
		w.say(table, "%s\t%s\t%s\t%s\t%s\t%s\n", or(o.OccurredAt, "-"), o.RecordedAt, o.Source, or(o.ProviderStatus, "-"), o.Effect, o.ID)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	w.say(w.stdout, "\n")
	for _, o := range e.Observations {
		w.say(w.stdout, "%s (%s, partition %d, offset %d)\n    %s\n", o.ID, o.Type, o.Partition, o.Offset, o.Why)
	}
	for _, a := range e.Anomalies {
		w.say(w.stdout, "\nanomaly %s: %s (first seen %s)", a.Reason, a.Detail, a.FirstSeenAt)
	}
	for _, n := range e.Wants {
		w.say(w.stdout, "\nwanted: a look-up for %s, since %s", n.Reason, n.Since)
		if n.Attempts > 0 {
			w.say(w.stdout, ", tried %d times, last: %s", n.Attempts, or(n.LastError, "no error"))
		}
	}
	if len(e.Anomalies)+len(e.Wants) > 0 {
		w.say(w.stdout, "\n")
	}
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// rfc3339 is empty for the zero time.
func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
