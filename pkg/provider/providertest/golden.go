package providertest

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// outcome is what a golden file holds: all that a delivery becomes, short of the rows of a store.
type outcome struct {
	Description  description
	Evidence     provider.Evidence
	Parked       *provider.Parked `json:",omitempty"`
	Observations []observation    `json:",omitempty"`
}

type description struct {
	ID, Type, Kind, Entity string
	Time                   string
}

type observation struct {
	Entity             string
	Status             string
	Mode               lifecycle.Mode
	Occurred, Recorded string
	Unsigned           bool
	Attributes         attributes
	// State is what the fold says of this observation alone.
	State state
}

// attributes are lifecycle.Attributes with the object as JSON.
type attributes struct {
	Origin       *lifecycle.Origin       `json:",omitempty"`
	Profile      *lifecycle.Profile      `json:",omitempty"`
	Balance      *lifecycle.Balance      `json:",omitempty"`
	Money        *lifecycle.Money        `json:",omitempty"`
	Relation     *lifecycle.Relation     `json:",omitempty"`
	Reference    *lifecycle.Reference    `json:",omitempty"`
	Counterparty *lifecycle.Counterparty `json:",omitempty"`
	Failure      *lifecycle.Failure      `json:",omitempty"`
	Subject      *lifecycle.Subject      `json:",omitempty"`
	Object       json.RawMessage         `json:",omitempty"`
}

type state struct {
	Status               lifecycle.Status
	ProviderStatus       string
	CreatedAt, UpdatedAt string
	Anomalies, Wants     []string `json:",omitempty"`
}

// golden holds a sample's outcome against its golden file, or writes it with -update.
func (s *suite) golden(t *testing.T, sample Sample) {
	d := Clone(sample.Delivery)
	evidence := s.accepts(t, s.conn, &d)
	about := s.p.Describe(&d)
	e := Record(s.p, &d, evidence)
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	out := outcome{
		Description: description{about.ID, about.Type, about.Kind, about.Entity, text(about.Time)},
		Evidence:    evidence,
	}
	observations, err := s.p.Decode(&e)
	errors.As(err, &out.Parked)
	for i := range observations {
		o := &observations[i]
		out.Observations = append(out.Observations, observation{
			Entity: o.Entity.Ref(), Status: o.Status, Mode: o.Mode, Occurred: text(o.Occurred), Recorded: text(o.Recorded),
			Unsigned: o.Unsigned, Attributes: attributesOf(&o.Attributes), State: s.state(t, o),
		})
	}
	got := marshal(t, out)
	path := strings.TrimSuffix(sample.Path, ".http") + ".golden.json"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (run with -update to accept): %s", path, diff)
	}
}

func (s *suite) state(t *testing.T, o *lifecycle.Observation) state {
	t.Helper()
	l := s.lifecycles[o.Entity.Kind]
	if l == nil {
		t.Fatalf("kind %q has no lifecycle", o.Entity.Kind)
	}
	st := l.State(l.Observe(o))
	out := state{Status: st.Status, ProviderStatus: st.ProviderStatus, CreatedAt: text(st.CreatedAt), UpdatedAt: text(st.UpdatedAt)}
	for _, a := range st.Anomalies {
		out.Anomalies = append(out.Anomalies, string(a.Reason)+": "+a.Detail)
	}
	for _, w := range st.Wants {
		out.Wants = append(out.Wants, string(w.Reason))
	}
	return out
}

func attributesOf(a *lifecycle.Attributes) attributes {
	return attributes{
		a.Origin, a.Profile, a.Balance, a.Money, a.Relation, a.Reference, a.Counterparty, a.Failure, a.Subject, a.Object,
	}
}

// encode is an outcome as text, for searching.
func encode(t testing.TB, observations []lifecycle.Observation, about provider.Description, err error) string {
	t.Helper()
	var out strings.Builder
	for i := range observations {
		o := &observations[i]
		out.Write(marshal(t, attributesOf(&o.Attributes)))
		out.WriteString(o.Entity.ID + " " + o.Status + " " + o.ID + " ")
	}
	out.Write(marshal(t, about))
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String()
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
