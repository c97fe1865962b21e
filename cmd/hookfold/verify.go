package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
	"github.com/hookfold/hookfold/worker/lookup"
	"github.com/hookfold/hookfold/worker/rebuild"
)

type verifyCmd struct {
	Signatures bool   `help:"Also verify the signature of every recorded delivery again."`
	Against    bool   `name:"against-provider" help:"Also ask the providers' APIs, and compare their statuses with the store's."`
	Sample     *int   `help:"How many entities to ask for, drawn at random; 0 takes all (100)." placeholder:"N"`
	Only       string `name:"connection" help:"Ask for entities of this connection only." placeholder:"NAME"`
	Repair     bool   `help:"Append the answers that differ to the log, from which workers fold them into the store."`
	Memory     string `help:"How much memory to use." default:"512MiB" placeholder:"SIZE"`
	Effort     effort `embed:""`
}

// verified is what verify says; as JSON with --output json.
type verified struct {
	Comparison *comparison `json:"comparison"`
	Signatures *signatures `json:"signatures,omitempty"`
	Provider   *asked      `json:"provider,omitempty"`
}

type signatures struct {
	Verified     int64            `json:"verified"`
	Lookups      int64            `json:"lookups"`
	Static       int64            `json:"static_credential"`
	Retired      map[string]int64 `json:"secret_not_configured"`
	Unconfigured map[string]int64 `json:"connection_not_configured"`
	FailedCount  int64            `json:"failed"`
	Failed       []badSignature   `json:"failures"`
}

type badSignature struct {
	Connection    string `json:"connection"`
	ObservationID string `json:"observation_id"`
	Partition     int32  `json:"log_partition"`
	Offset        int64  `json:"log_offset"`
	Reason        string `json:"reason"`
}

// Run folds the log again, up to where the live store stands, and compares:
//
//	log ─▶ fold ─▶ a file that is removed again ─┐
//	DATA/projections.db ─────────────────────────┴▶ the same?
//
// Nothing is written to the store, and to the log only what --repair appends. It exits with 3 where they differ.
func (cmd *verifyCmd) Run(w *world) (err error) {
	if err := cmd.check(); err != nil {
		return err
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
	var connections []lookup.Connection
	if cmd.Against {
		if connections, err = cmd.askable(r.config); err != nil {
			return err
		}
	}
	begun, err := cmd.Effort.apply(w)
	if err != nil {
		return err
	}
	limitMemory(memory)
	most := named
	if cmd.Repair {
		most = math.MaxInt // none of them is to be repaired by an answer
	}
	store := storePath(r.config)
	found, err := r.log.Verify(w.ctx, store, rebuild.Plan{
		BuilderConfig: projections.BuilderConfig{Path: store + ".verify", Lifecycles: r.lifecycles, Memory: memory, Logger: w.logger, Begun: begun},
		Progress:      w.building(),
	}, projections.Config{
		Topic: r.config.Topic, Lifecycles: r.lifecycles, History: worker.History(r.log.Reader, r.config.Topic, r.log.Decoder), Logger: w.logger,
	}, most)
	if err != nil {
		return err
	}
	stale := found.Differences
	found.Differences = stale[:min(len(stale), named)]
	out := &verified{Comparison: describeComparison(found)}
	if cmd.Signatures {
		if out.Signatures, err = r.signatures(w); err != nil {
			return err
		}
	}
	if cmd.Against {
		if out.Provider, err = cmd.ask(w, r.config, connections, stale); err != nil {
			return err
		}
	}
	if w.json {
		err = json.NewEncoder(w.stdout).Encode(out)
	} else {
		w.printComparison(out.Comparison, "the store", "the log")
		w.printSignatures(out.Signatures)
		w.printAsked(out.Provider)
	}
	if cmd.Repair && out.Comparison.Count > 0 {
		w.say(w.stderr, "hookfold: the store is not what the log says: run hookfold rebuild, which nothing that is appended can stand in for\n")
	}
	switch {
	case err != nil:
		return err
	case out.Comparison.Count > 0:
		return different{errors.New(count(out.Comparison.Count, "difference"))}
	case out.Signatures != nil && out.Signatures.FailedCount > 0:
		return different{errors.New(count(int(out.Signatures.FailedCount), "signature") + " did not hold")}
	}
	return out.Provider.verdict()
}

func (r *rebuilding) signatures(w *world) (*signatures, error) {
	var endpoints []rebuild.Endpoint
	for _, c := range r.config.Connections {
		endpoints = append(endpoints, rebuild.Endpoint{Connection: c.Connection, Provider: r.config.Providers[c.Provider]})
	}
	_, ends, err := r.log.Reader.Offsets(w.ctx, r.config.Topic)
	if err != nil {
		return nil, err
	}
	s, err := r.log.VerifySignatures(w.ctx, endpoints, ends, named)
	if err != nil {
		return nil, err
	}
	out := &signatures{
		Verified: s.Verified, Lookups: s.Lookups, Static: s.Static, Retired: s.Retired, Unconfigured: s.Unconfigured,
		FailedCount: s.FailedCount, Failed: []badSignature{},
	}
	for _, f := range s.Failed {
		out.Failed = append(out.Failed, badSignature{f.Connection, f.ID, f.At.Partition, f.At.Offset, f.Reason})
	}
	return out, nil
}

func (w *world) printSignatures(s *signatures) {
	if s == nil {
		return
	}
	w.say(w.stdout, "Signatures: %d hold, %d do not.\n", s.Verified, s.FailedCount)
	for _, f := range s.Failed {
		w.say(w.stdout, "  %s %s at %d/%d: %s\n", f.Connection, f.ObservationID, f.Partition, f.Offset, f.Reason)
	}
	for _, line := range []struct {
		n    int64
		text string
	}{
		{s.Lookups, "answered look-ups, which nobody signs"},
		{s.Static, "came with a static credential, which is not recorded and cannot be verified again"},
	} {
		if line.n > 0 {
			w.say(w.stdout, "  %s %s\n", count(int(line.n), "record"), line.text)
		}
	}
	for _, fingerprint := range slices.Sorted(maps.Keys(s.Retired)) {
		w.say(w.stdout, "  %s under secret %s, which is not configured any more\n", count(int(s.Retired[fingerprint]), "record"), fingerprint)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Unconfigured)) {
		w.say(w.stdout, "  %s of connection %s, which is not configured\n", count(int(s.Unconfigured[name]), "record"), fmt.Sprintf("%q", name))
	}
}
