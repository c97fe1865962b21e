package devengo_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/devengo"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

func loadSamples(t testing.TB) (provider.Connection, map[string]*providertest.Sample) {
	t.Helper()
	conn, list := providertest.Load(t, samples)
	all := make(map[string]*providertest.Sample)
	for _, s := range list {
		all[s.Name] = &s
	}
	return conn, all
}

// observe decodes a sample into its one observation.
func observe(t testing.TB, s *providertest.Sample) lifecycle.Observation {
	t.Helper()
	if s == nil {
		t.Fatal("no such sample")
	}
	e := providertest.Record(devengo.New(), &s.Delivery, provider.Evidence{})
	out, err := devengo.New().Decode(&e)
	if err != nil || len(out) != 1 {
		t.Fatalf("%s: %d observations, error %v", s.Name, len(out), err)
	}
	return out[0]
}

// TestEventTypes: every event type of the documentation has a sample, and none of them is parked.
func TestEventTypes(t *testing.T) {
	_, all := loadSamples(t)
	for kind, words := range map[string][]string{
		"account":          {"created", "delayed", "activated", "deactivated", "closed"},
		"incoming_payment": {"created", "confirmed", "rejected"},
		"outgoing_payment": {
			"created", "validating", "blocked", "denied", "delayed", "pending", "processing", "retrying", "confirmed", "rejected", "reversed",
		},
		"verification":        {"created", "delivered", "rejected", "confirmed", "failed", "expired"},
		"access_verification": {"created", "delivered", "rejected", "confirmed", "failed", "expired"},
		"holder_verification": {"created", "pending", "delayed", "processing", "processed", "rejected", "confirmed", "failed"},
		"account_holder":      {"created", "collecting", "validating", "activated", "deactivated", "archived"},
	} {
		for _, word := range words {
			if o := observe(t, all[kind+"."+word]); o.Entity.Kind != kind || o.Type != "devengo."+kind+"."+word {
				t.Errorf("%s.%s is observed as %s of %s", kind, word, o.Type, o.Entity.Kind)
			}
		}
	}
}

// TestStateOfHistories folds samples in every order and reads the state.
func TestStateOfHistories(t *testing.T) {
	_, all := loadSamples(t)
	for _, test := range []struct {
		name     string
		samples  []string
		status   lifecycle.Status
		word     string
		conflict bool
	}{
		{"account.created says active already", []string{"account.created-active", "account.activated"}, lifecycle.Active, "active", false},
		{"account.created alone says active", []string{"account.created-active"}, lifecycle.Active, "active", false},
		{"an account to its end", []string{"account.created", "account.delayed", "account.deactivated", "account.closed"}, lifecycle.Closed, "closed", false},
		{"payment of six seconds", []string{
			"outgoing_payment.created", "outgoing_payment.validating", "outgoing_payment.blocked", "outgoing_payment.delayed",
			"outgoing_payment.pending", "outgoing_payment.processing",
		}, lifecycle.Processing, "processing", false},
		{"retried", []string{"outgoing_payment.processing", "outgoing_payment.retrying", "outgoing_payment.confirmed"}, lifecycle.Succeeded, "confirmed", false},
		{"reversed", []string{"outgoing_payment.confirmed", "outgoing_payment.reversed", "outgoing_payment.retrying"}, lifecycle.Returned, "reversed", false},
		{"code delivered", []string{"verification.created", "verification.delivered", "verification.confirmed"}, lifecycle.Verified, "confirmed", false},
		{"holder", []string{"holder_verification.created", "holder_verification.pending", "holder_verification.delayed", "holder_verification.processing", "holder_verification.confirmed"}, lifecycle.Verified, "confirmed", false},
		{"account holder", []string{"account_holder.created", "account_holder.collecting", "account_holder.validating", "account_holder.activated"}, lifecycle.Active, "active", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var observations []lifecycle.Observation
			for _, name := range test.samples {
				observations = append(observations, observe(t, all[name]))
			}
			l := lifecycleOf(t, observations[0].Entity.Kind)
			permute(observations, func(order []lifecycle.Observation) {
				sum, _ := l.Fold(append(slices.Clone(order), order...))
				got := l.State(sum)
				if got.Status != test.status || got.ProviderStatus != test.word || got.Conflict != test.conflict {
					t.Fatalf("%s (%s), conflict %v", got.Status, got.ProviderStatus, got.Conflict)
				}
			})
		})
	}
}

// TestSameSecond: Devengo's times have whole seconds, so the lifecycle decides between events of one.
func TestSameSecond(t *testing.T) {
	_, all := loadSamples(t)
	l := lifecycleOf(t, "outgoing_payment")
	for _, id := range []string{"evt_0", "evt_z"} {
		earlier := observe(t, all["outgoing_payment.pending"])
		later := observe(t, all["outgoing_payment.processing"])
		later.Occurred, earlier.ID = earlier.Occurred, id
		sum, _ := l.Fold([]lifecycle.Observation{later, earlier})
		if got := l.State(sum).ProviderStatus; got != "processing" {
			t.Errorf("pending as %s and processing in one second give %s", id, got)
		}
	}
}

// TestAttributes: what the two shapes of a payment give, and that null takes back what an earlier event said.
func TestAttributes(t *testing.T) {
	_, all := loadSamples(t)
	old, recent := observe(t, all["outgoing_payment.confirmed"]).Attributes, observe(t, all["outgoing_payment.confirmed-202606"]).Attributes
	for _, a := range []*lifecycle.Attributes{&old, &recent} {
		a.Object, a.Origin = nil, nil
	}
	if diff := cmp.Diff(old, recent); diff != "" {
		t.Errorf("the shapes before and since 202606 differ: %s", diff)
	}
	l := lifecycleOf(t, "outgoing_payment")
	sum, _ := l.Fold([]lifecycle.Observation{observe(t, all["outgoing_payment.retrying"]), observe(t, all["outgoing_payment.confirmed"])})
	if got := l.State(sum).Attributes.Failure; got == nil || *got != (lifecycle.Failure{}) {
		t.Errorf("a payment confirmed after a retry still has failure %+v", got)
	}
	gbp := observe(t, all["account.activated-ukscan"]).Attributes
	if want := (lifecycle.Profile{Name: "Payouts GBP", Currency: "GBP", Identifier: "040099 12345678"}); *gbp.Profile != want {
		t.Errorf("profile %+v, want %+v", *gbp.Profile, want)
	}
	if *gbp.Balance.Available != 9900 || *gbp.Balance.Total != 10050 {
		t.Errorf("balance %d of %d", *gbp.Balance.Available, *gbp.Balance.Total)
	}
}

// TestLookups decodes answers of the API.
func TestLookups(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, kind, id, status, body string
		want                         string // the provider status
		parked                       provider.ParkedReason
	}{
		{"payment", "outgoing_payment", "pyo_1", "200", `{"payment":{"id":"pyo_1","status":"confirmed"}}`, "confirmed", ""},
		{"account", "account", "acc_1", "200", `{"account":{"id":"acc_1","status":"closed"}}`, "closed", ""},
		{"incoming payment", "incoming_payment", "pyi_1", "200", `{"incoming_payment":{"id":"pyi_1","status":"created"}}`, "created", ""},
		{"verification", "verification", "vrf_1", "200", `{"verification":{"id":"vrf_1","status":"expired"}}`, "expired", ""},
		{"account holder", "account_holder", "ach_1", "200", `{"account_holder":{"id":"ach_1","status":"active"}}`, "active", ""},
		{"not found", "outgoing_payment", "pyo_1", "404", `{"error":{"type":"https://errors.devengo.com/not_found"}}`, "", ""},
		{"another entity", "outgoing_payment", "pyo_1", "200", `{"payment":{"id":"pyo_2","status":"confirmed"}}`, "", provider.ParkedShape},
		{"another wrapper", "outgoing_payment", "pyo_1", "200", `{"outgoing_payment":{"id":"pyo_1","status":"confirmed"}}`, "", provider.ParkedShape},
		{"no status", "outgoing_payment", "pyo_1", "200", `{"payment":{"id":"pyo_1"}}`, "", provider.ParkedShape},
		{"no JSON", "outgoing_payment", "pyo_1", "200", `<html>`, "", provider.ParkedBody},
		{"server error", "outgoing_payment", "pyo_1", "500", `{"exception":"x"}`, "", provider.ParkedShape},
		{"another kind", "mandate", "man_1", "200", `{"mandate":{"id":"man_1","status":"active"}}`, "", provider.ParkedType},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := event.Event{
				ID: "lookup-1", Connection: "devengo-test", Type: event.LookupType(devengo.Name), Kind: test.kind, Entity: test.id,
				Time: at, Recorded: at, Headers: map[string]string{event.HeaderStatus: test.status}, Body: []byte(test.body),
			}
			out, err := devengo.New().Decode(&e)
			if test.parked != "" {
				var parked *provider.Parked
				if !errors.As(err, &parked) || parked.Reason != test.parked {
					t.Fatalf("got %v, want parked as %s", err, test.parked)
				}
				return
			}
			if err != nil || len(out) != 1 {
				t.Fatalf("%d observations, error %v", len(out), err)
			}
			o := out[0]
			if o.Status != test.want || o.Source != lifecycle.SourceLookup || o.Entity.ID != test.id || (o.Attributes.Object == nil) != (test.want == "") {
				t.Errorf("got %+v", o)
			}
		})
	}
}

func lifecycleOf(t *testing.T, kind string) *lifecycle.Lifecycle {
	t.Helper()
	for _, d := range devengo.New().Lifecycles() {
		if d.Kind == kind {
			l, err := lifecycle.New(d)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
	}
	t.Fatalf("no lifecycle of %s", kind)
	return nil
}

// permute calls f with every order of the observations.
func permute(list []lifecycle.Observation, f func([]lifecycle.Observation)) {
	var swap func(n int)
	swap = func(n int) {
		if n == len(list) {
			f(list)
			return
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			swap(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	swap(0)
}

func BenchmarkDecode(b *testing.B) {
	_, all := loadSamples(b)
	d := &all["outgoing_payment.rejected"].Delivery
	e := providertest.Record(devengo.New(), d, provider.Evidence{})
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := devengo.New().Decode(&e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDescribe(b *testing.B) {
	_, all := loadSamples(b)
	d := &all["outgoing_payment.rejected"].Delivery
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if devengo.New().Describe(d).ID == "" {
			b.Fatal("not described")
		}
	}
}
