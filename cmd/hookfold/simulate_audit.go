package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hookfold/hookfold/pkg/simulator"
	"github.com/hookfold/hookfold/projections"
)

// look is how often the store is looked at until it agrees.
const look = 250 * time.Millisecond

// listing is how many differences are shown to people.
const listing = 20

// report says what came of it. Without deliveries only the store is audited.
func (p *play) report(sent *simulator.Sent, api *simulator.API) error {
	out := outcome{Seed: p.plan.Seed, Deliveries: len(p.plan.Deliveries), Dropped: p.plan.Dropped}
	if sent != nil {
		out.Attempts, out.Answers, out.Taken = sent.Attempts, sent.Answers, len(sent.Acknowledged)
		out.GivenUp, out.Elapsed = len(sent.GivenUp), sent.Elapsed.Seconds()
		p.note("\n%s in %.1f s: %s taken, %d given up, %d not to be taken.\n", count(sent.Attempts, "request"), sent.Elapsed.Seconds(),
			count(len(sent.Acknowledged), "delivery"), len(sent.GivenUp), len(p.plan.Deliveries)-len(sent.Acknowledged)-len(sent.GivenUp))
	}
	verdict, err := p.awaitVerdict(sent, api)
	if err != nil {
		return err
	}
	if p.audited != "" {
		out.Verdict = verdict
	}
	p.countAPI(&out, api)
	p.pronounce(verdict)
	if err := out.print(p.world); err != nil {
		return err
	}
	if !verdict.OK() {
		return different{reported{fmt.Errorf("the outcome is not what seed %d must give", p.plan.Seed)}}
	}
	return nil
}

// countAPI adds what the APIs were asked.
func (p *play) countAPI(out *outcome, api *simulator.API) {
	if api == nil {
		return
	}
	out.API = api.Counts()
	for _, c := range p.plan.Connections {
		if n := out.API[c.Provider]; n.Requests > 0 {
			p.note("The API of %s was asked %d times: %d over the limit, %d with bad credentials.\n", c.Provider, n.Requests, n.OverLimit, n.Unauthorized)
		}
	}
}

// awaitVerdict audits the store until it agrees, until the time to settle is over, or once where the play was stopped. Where there is no
// store to audit, only what the APIs were asked is judged.
func (p *play) awaitVerdict(sent *simulator.Sent, api *simulator.API) (*simulator.Verdict, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.settle)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		verdict, err := p.audit(sent, api)
		if err == nil && !verdict.CanChange() || p.audited == "" {
			return verdict, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return verdict, err
		}
	}
}

// audit holds the store against the plan, once, and what the APIs were asked against their limits.
func (p *play) audit(sent *simulator.Sent, api *simulator.API) (*simulator.Verdict, error) {
	auditor := simulator.NewAuditor(p.plan)
	if api != nil {
		auditor.Asked(api.Counts())
	}
	if p.audited != "" {
		if err := p.readStore(auditor); err != nil {
			return nil, err
		}
		if sent != nil {
			auditor.Sent(sent)
		}
		verdict := auditor.Verdict()
		return &verdict, nil
	}
	verdict := auditor.Conduct()
	return &verdict, nil
}

// readStore shows the auditor the views of the store.
func (p *play) readStore(auditor *simulator.Auditor) error {
	if _, err := os.Stat(p.audited); err != nil {
		return fmt.Errorf("there is no store to audit: %w", err)
	}
	reader, err := projections.OpenReader(p.audited)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(p.ctx) // who serves until it is stopped is audited when it was
	err = reader.Snapshot(func() error {
		for _, view := range simulator.Views() {
			for row, err := range reader.Rows(ctx, view) {
				if err != nil {
					return err
				}
				auditor.Row(view, row)
			}
		}
		return nil
	})
	return errors.Join(err, reader.Close())
}

// pronounce tells people the verdict.
func (p *play) pronounce(v *simulator.Verdict) {
	if p.audited == "" && v.OK() {
		return
	}
	if v.OK() {
		p.note("Verdict: all %d entities are as they must be, and every acknowledged delivery is in the log.\n", v.Entities)
		return
	}
	if p.audited == "" {
		p.note("Verdict for seed %d: the APIs were not used as they may be.\n", v.Seed)
	} else {
		p.note("Verdict for seed %d: %d of %d entities are as they must be.\n", v.Seed, v.Right, v.Entities)
	}
	for _, part := range []struct {
		name string
		all  []simulator.Difference
	}{
		{"missing", v.Missing}, {"wrong", v.Wrong}, {"extra", v.Extra}, {"acknowledged but lost", v.Lost}, {"believed but false", v.Believed}, {"counted twice", v.Twice},
		{"API", v.Abused},
	} {
		for i, d := range part.all {
			if i == listing {
				p.note("  %s: and %d more\n", part.name, len(part.all)-listing)
				break
			}
			p.note("  %s: %s\n", part.name, d)
		}
	}
	p.note("To play it again, give --seed %d and the same flags.\n", v.Seed)
}
