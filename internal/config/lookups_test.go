package config

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// asked is an acme that has an API.
type asked struct{ acme }

func (asked) Client(provider.Connection, *http.Client) (provider.Client, error) { return nil, nil }

func TestLookups(t *testing.T) {
	s := world(`
connections:
- {name: a, provider: acme, secrets: [acme_1], api: {key_id: k}}
- {name: b, provider: acme, secrets: [acme_1]}
- {name: c, provider: acme, secrets: [acme_1], api: {key_id: k}, lookups: {mode: off}}
- name: d
  provider: acme
  secrets: [acme_1]
  lookups: {mode: always, per_second: 2.5, sweep_interval: 0, grace: 5m, overdue: {transfer: 30m, dispute: 0}}
`, nil, nil)
	s.Providers = []provider.Provider{asked{}}
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	var modes []string
	for i := range c.Connections {
		modes = append(modes, c.Connections[i].Lookups.Mode)
	}
	if diff := cmp.Diff([]string{LookupsWhenNeeded, LookupsOff, LookupsOff, LookupsAlways}, modes); diff != "" {
		t.Error(diff)
	}
	l := c.Connections[3].Lookups
	if l.PerSecond != 2.5 || *l.SweepInterval != 0 || *l.Grace != 5*time.Minute {
		t.Errorf("%+v", l)
	}
	for _, tt := range []struct {
		kind   string
		family lifecycle.Family
		want   time.Duration
	}{
		{"transfer", lifecycle.Payment, 30 * time.Minute},
		{"refund", lifecycle.Payment, time.Hour},
		{"infraction", lifecycle.Dispute, 0},
		{"link", lifecycle.Link, 0},
		{"account", lifecycle.Account, 24 * time.Hour},
	} {
		if got := l.OverdueOf(tt.kind, tt.family); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.kind, got, tt.want)
		}
	}
	var printed strings.Builder
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"mode: always", "per_second: 2.5", "sweep_interval: 0s", "transfer: 30m0s"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("%q is not printed:\n%s", want, printed.String())
		}
	}
}

func TestLookupProblems(t *testing.T) {
	for name, tt := range map[string]struct{ lookups, want string }{
		"mode":    {"mode: sometimes", `connections[0].lookups.mode: "sometimes" is no mode of look-ups; use off, when_needed or always`},
		"rate":    {"per_second: 0", `connections[0].lookups.per_second: "0" is no rate`},
		"sweep":   {"sweep_interval: 5s", `connections[0].lookups.sweep_interval: is shorter than 1m0s`},
		"kind":    {"overdue: {tranfser: 1h}", `did you mean transfer?`},
		"overdue": {"overdue: {transfer: soon}", `connections[0].lookups.overdue.transfer: "soon" is no duration`},
		"no API":  {"mode: always", `connections[0].lookups.mode: is always, but acme has no API`},
		"unknown": {"moed: off", `connections[0].lookups: unknown setting "moed"; did you mean mode?`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(world("connections:\n- name: a\n  provider: acme\n  secrets: [acme_1]\n  lookups: {"+tt.lookups+"}", nil, nil))
			e := new(Error)
			if !errors.As(err, &e) || len(e.Problems) != 1 || !strings.Contains(e.Problems[0].String(), tt.want) {
				t.Errorf("error = %v, want %s", err, tt.want)
			}
		})
	}
}

// What acme needs a secret for can be set up before there is one.
func TestSecretsLater(t *testing.T) {
	s := world("connections:\n- {name: a, provider: acme}", nil, nil)
	s.SecretsLater = true
	if _, err := Load(s); err != nil {
		t.Error(err)
	}
}
