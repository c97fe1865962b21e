package main

import (
	"context"
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
	if p.audited == "" {
		p.countAPI(&out, api)
		return out.print(p.world)
	}
	verdict, err := p.awaitVerdict(sent)
	if err != nil {
		return err
	}
	out.Verdict = verdict
	p.countAPI(&out, api)
	p.pronounce(verdict)
	if err := out.print(p.world); err != nil {
		return err
	}
	if !verdict.OK() {
		return different{reported{fmt.Errorf("the store is not what seed %d must give", p.plan.Seed)}}
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

// awaitVerdict audits the store until it agrees, or until the time to settle is over.
func (p *play) awaitVerdict(sent *simulator.Sent) (*simulator.Verdict, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.settle)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		verdict, err := p.audit(sent)
		if err == nil && verdict.OK() {
			return verdict, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return verdict, err
		}
	}
}

// audit holds the store against the plan, once.
func (p *play) audit(sent *simulator.Sent) (*simulator.Verdict, error) {
	if _, err := os.Stat(p.audited); err != nil {
		return nil, fmt.Errorf("there is no store to audit: %w", err)
	}
	reader, err := projections.OpenReader(p.audited)
	if err != nil {
		return nil, err
	}
	auditor := simulator.NewAuditor(p.plan)
	err = reader.Snapshot(func() error {
		for _, view := range simulator.Views() {
			for row, err := range reader.Rows(p.ctx, view) {
				if err != nil {
					return err
				}
				auditor.Row(view, row)
			}
		}
		return nil
	})
	if e := reader.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	if sent != nil {
		auditor.Sent(sent)
	}
	verdict := auditor.Verdict()
	return &verdict, nil
}

// pronounce tells people the verdict.
func (p *play) pronounce(v *simulator.Verdict) {
	if v.OK() {
		p.note("Verdict: all %d entities are as they must be, and every acknowledged delivery is in the log.\n", v.Entities)
		return
	}
	p.note("Verdict for seed %d: %d of %d entities are as they must be.\n", v.Seed, v.Right, v.Entities)
	for _, part := range []struct {
		name string
		all  []simulator.Difference
	}{
		{"missing", v.Missing}, {"wrong", v.Wrong}, {"extra", v.Extra}, {"acknowledged but lost", v.Lost}, {"believed but false", v.Believed},
	} {
		for i, d := range part.all {
			if i == listing {
				p.note("  %s: and %d more\n", part.name, len(part.all)-listing)
				break
			}
			p.note("  %s: %s\n", part.name, d)
		}
	}
}
