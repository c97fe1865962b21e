package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// The modes of look-ups.
const (
	LookupsOff        = "off"
	LookupsWhenNeeded = "when_needed"
	LookupsAlways     = "always"
)

// Lookups say when a connection's provider is asked.
type Lookups struct {
	// Mode is off, when_needed or always. Where the file does not say, it is when_needed if the connection has api settings
	// and its provider can be asked, else off.
	Mode string
	// PerSecond is the user's own budget of requests; 0 is what the provider allows, and more than that is that.
	PerSecond float64
	// Overdue is how long an entity may stay in an unsettled status, by kind or by family; 0 is for ever. A kind that is named
	// neither by itself nor by its family has DefaultOverdue.
	Overdue map[string]time.Duration
	// SweepInterval is how often sweeps are made, 0 for never; Grace how long after a delivery a 404 is not believed. Nil is the
	// default.
	SweepInterval, Grace *time.Duration
}

// DefaultOverdue is how long an entity of a family may stay in an unsettled status: rather longer than one that goes well
// takes. A link has nothing to wait for.
func DefaultOverdue(f lifecycle.Family) time.Duration {
	switch f {
	case lifecycle.Payment:
		return time.Hour
	case lifecycle.Account, lifecycle.Verification, lifecycle.Mandate:
		return 24 * time.Hour
	case lifecycle.Dispute:
		return 72 * time.Hour
	default:
		return 0
	}
}

// OverdueOf is how long an entity of a kind may stay in an unsettled status; 0 is for ever.
func (l Lookups) OverdueOf(kind string, family lifecycle.Family) time.Duration {
	if d, ok := l.Overdue[kind]; ok {
		return d
	}
	if d, ok := l.Overdue[string(family)]; ok {
		return d
	}
	return DefaultOverdue(family)
}

func (d *decoder) lookups(l *Lookups) func(string, *yaml.Node) {
	return d.block(fields{
		"mode": d.lookupMode(&l.Mode),
		"per_second": func(path string, n *yaml.Node) {
			value, ok := d.value(path, n)
			if !ok || value == "" {
				return
			}
			rate, err := strconv.ParseFloat(value, 64)
			if err != nil || rate < 0.001 || rate > 10_000 {
				d.fail(path, n, fmt.Sprintf("%q is no rate", clip(value)), "write requests a second, from 0.001 to 10000; leave it out for what the provider allows")
				return
			}
			l.PerSecond = rate
		},
		"sweep_interval": d.lookupDuration(&l.SweepInterval, time.Minute),
		"grace":          d.lookupDuration(&l.Grace, 0),
		"overdue":        func(path string, n *yaml.Node) { d.overdue(l, path, n) },
	})
}

func (d *decoder) lookupMode(p *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		value, ok := d.value(path, n)
		switch {
		case !ok || value == "":
		case value == LookupsOff || value == "false": // what YAML makes of off
			*p = LookupsOff
		case value == LookupsWhenNeeded || value == LookupsAlways:
			*p = value
		default:
			d.fail(path, n, fmt.Sprintf("%q is no mode of look-ups", clip(value)), "use off, when_needed or always")
		}
	}
}

// lookupDuration reads a duration that is 0 or no less than least.
func (d *decoder) lookupDuration(p **time.Duration, least time.Duration) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		before := *p
		if d.tolerance(p)(path, n); *p != before && **p != 0 && **p < least {
			d.fail(path, n, "is shorter than "+least.String(), "give a longer one, or 0 for never")
		}
	}
}

// overdue reads durations by kinds and families, which only the provider knows; see checkLookups.
func (d *decoder) overdue(l *Lookups, path string, n *yaml.Node) {
	l.Overdue = map[string]time.Duration{}
	n = resolved(n)
	known := fields{}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		kind := n.Content[i].Value
		known[kind] = func(path string, n *yaml.Node) {
			var limit *time.Duration
			if d.lookupDuration(&limit, time.Minute)(path, n); limit != nil {
				l.Overdue[kind] = *limit
			}
		}
	}
	d.mapping(path, n, known)
}

// checkLookups sets the mode where the file says none, and holds what it says against what the provider offers.
func (d *decoder) checkLookups(conn *Connection, p provider.Provider, at string) {
	l := &conn.Lookups
	_, asks := p.(provider.Asker)
	if l.Mode == "" && !d.brokenAt(at+".lookups.mode") {
		l.Mode = LookupsOff
		if asks && conn.API != (provider.API{}) {
			l.Mode = LookupsWhenNeeded
		}
	}
	if l.Mode != LookupsOff && l.Mode != "" && !asks {
		d.failAt(at+".lookups.mode", "is "+l.Mode+", but "+conn.Provider+" has no API that Hookfold can ask", "set it to off")
	}
	known := map[string]bool{}
	for _, f := range lifecycle.Families() {
		known[string(f)] = true
	}
	for _, def := range p.Lifecycles() {
		known[def.Kind] = true
	}
	names := slices.Sorted(maps.Keys(known))
	for _, kind := range slices.Sorted(maps.Keys(l.Overdue)) {
		if known[kind] {
			continue
		}
		mend := "use one of " + strings.Join(names, ", ")
		if near := nearest(kind, names); near != "" {
			mend = "did you mean " + near + "?"
		}
		d.failAt(at+".lookups.overdue."+kind, fmt.Sprintf("%s has no kind or family %q", conn.Provider, clip(kind)), mend)
	}
}

func (l *Lookups) put(parent *yaml.Node) {
	if l.Mode == "" {
		return
	}
	at := child(parent, "lookups")
	putText(at, "mode", l.Mode)
	if l.PerSecond > 0 {
		put(at, "per_second", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: strconv.FormatFloat(l.PerSecond, 'g', -1, 64)})
	}
	for _, s := range []struct {
		name string
		d    *time.Duration
	}{{"sweep_interval", l.SweepInterval}, {"grace", l.Grace}} {
		if s.d != nil {
			putText(at, s.name, s.d.String())
		}
	}
	if len(l.Overdue) > 0 {
		limits := child(at, "overdue")
		for _, kind := range slices.Sorted(maps.Keys(l.Overdue)) {
			putText(limits, kind, l.Overdue[kind].String())
		}
	}
}
