package simulator

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustPlan(t testing.TB, o Options) *Plan {
	t.Helper()
	p, err := NewPlan(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func dump(t testing.TB, p *Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteConfig(&b, "http://api.example"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSameSeedSameDeliveries(t *testing.T) {
	for _, name := range []string{"none", "mild", "wild", "swarm"} {
		t.Run(name, func(t *testing.T) {
			chaos, err := Preset(name, 7)
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Seed: 7, Stories: 80, Chaos: chaos}
			one, two := dump(t, mustPlan(t, o)), dump(t, mustPlan(t, o))
			if one != two {
				t.Fatalf("the same seed gave two plans:\n%s", cmp.Diff(one, two))
			}
			o.Seed = 8
			if dump(t, mustPlan(t, o)) == one {
				t.Fatal("another seed gave the same plan")
			}
		})
	}
}

// A change to the faults leaves what happens as it is, so that a failing run can be cut down.
func TestFaultsDoNotChangeHistories(t *testing.T) {
	histories := func(c Chaos) map[string]string {
		out := map[string]string{}
		for _, e := range mustPlan(t, Options{Seed: 3, Stories: 60, Chaos: c}).Entities {
			out[e.Kind+"/"+e.ID] = fmt.Sprint(e.Changes)
		}
		return out
	}
	with := Wild()
	with.Tie = 0 // ties are a part of the history
	if diff := cmp.Diff(histories(Chaos{}), histories(with)); diff != "" {
		t.Fatal(diff)
	}
}

func TestRatiosAreHonoured(t *testing.T) {
	const stories = 1200
	events := func(c Chaos) (p *Plan, sound, duplicate, forged, stale int) {
		p = mustPlan(t, Options{Seed: 11, Stories: stories, Chaos: c})
		for _, d := range p.Deliveries {
			switch d.Fault {
			case Sound:
				sound++
			case Duplicate:
				duplicate++
			case Forged:
				forged++
			case Stale:
				stale++
			}
		}
		return p, sound, duplicate, forged, stale
	}
	near := func(what string, got int, want float64) {
		t.Helper()
		if float64(got) < want*0.85 || float64(got) > want*1.15 {
			t.Errorf("%s: %d, want about %.0f", what, got, want)
		}
	}
	_, all, duplicate, forged, stale := events(Chaos{})
	if duplicate+forged+stale != 0 {
		t.Errorf("without chaos: %d duplicates, %d forged, %d stale", duplicate, forged, stale)
	}
	n := float64(all)
	p, sound, duplicate, forged, stale := events(Chaos{Drop: 0.5, Duplicate: 0.4, Forge: 0.2, Stale: 0.2})
	near("delivered", sound, n*0.5)
	near("dropped", p.Dropped, n*0.5)
	near("duplicates", duplicate, n*0.5*0.4*2) // one to three each
	near("forged", forged, n*0.2)
	unsigned := 0
	for _, d := range p.Deliveries {
		if d.Fault == Stale && strings.HasPrefix(d.Connection, Delfinance) {
			unsigned++
		}
	}
	if unsigned > 0 {
		t.Errorf("%d stale deliveries of a provider without timestamps", unsigned)
	}
	if float64(stale) > n*0.2 || stale == 0 {
		t.Errorf("stale: %d of %.0f", stale, n)
	}
	late := func(c Chaos) (count int) {
		base := map[string]time.Duration{}
		for _, d := range mustPlan(t, Options{Seed: 11, Stories: stories}).Deliveries {
			base[d.Fact+d.Connection] = d.At
		}
		for _, d := range mustPlan(t, Options{Seed: 11, Stories: stories, Chaos: c}).Deliveries {
			if d.At > base[d.Fact+d.Connection] {
				count++
			}
		}
		return count
	}
	near("reordered", late(Chaos{Reorder: 0.3}), n*0.3)
	near("delayed", late(Chaos{Delay: 0.2}), n*0.2)
	near("in bursts", late(Chaos{Burst: 0.2}), n*0.2)
}

func TestTies(t *testing.T) {
	tied, steps, circles := 0, 0, 0
	for _, e := range mustPlan(t, Options{Seed: 5, Providers: []string{Devengo}, Stories: 500, Chaos: Chaos{Tie: 0.5}}).Entities {
		for i := 1; i < len(e.Changes); i++ {
			steps++
			before, after := e.Changes[i-1], e.Changes[i]
			if before.At.Equal(after.At) {
				tied++
				if e.kind.circle(before.Word, after.Word) {
					t.Errorf("%s/%s: %s and %s at the same time, and nothing else tells their order", e.Kind, e.ID, before.Word, after.Word)
				}
			}
			if e.kind.circle(before.Word, after.Word) {
				circles++
			}
		}
	}
	if ratio := float64(tied) / float64(steps); ratio < 0.3 || ratio > 0.5 || circles == 0 {
		t.Errorf("%d of %d steps tied, %d in circles", tied, steps, circles)
	}
}

func TestSwarmSwitchesWholeKindsOff(t *testing.T) {
	off, on := 0, 0
	for seed := range uint64(100) {
		c := Swarm(seed)
		if c != Swarm(seed) {
			t.Fatal("one seed, two swarms")
		}
		if c.Duplicate == 0 {
			off++
		} else if c.Duplicate == Wild().Duplicate {
			on++
		}
	}
	if off < 30 || on < 30 || off+on != 100 {
		t.Errorf("duplicates are off in %d and on in %d of 100 swarms", off, on)
	}
}

// Every history ends in a state of its family, every lifecycle is walked through whole, and every event is about an entity.
func TestHistoriesCoverTheLifecycles(t *testing.T) {
	statuses := map[string][]string{
		"account": {"pending", "active", "blocked", "closed"}, "verification": {"pending", "verified", "failed", "expired"},
		"payment": {"pending", "processing", "held", "succeeded", "failed", "canceled", "expired", "returned"},
		"mandate": {"pending", "active", "failed", "canceled"}, "dispute": {"open", "accepted", "rejected", "canceled"},
		"link": {"active", "login_required", "closed"},
	}
	p := mustPlan(t, Options{Seed: 2, Stories: 4000})
	walked := map[string]map[string]bool{}
	kinds := map[string]*kind{}
	for _, e := range p.Entities {
		k := e.Provider + " " + e.Kind
		if walked[k] == nil {
			walked[k] = map[string]bool{}
		}
		if kinds[k] == nil || len(kinds[k].states) < len(e.kind.states) {
			kinds[k] = e.kind
		}
		for i, c := range e.Changes {
			walked[k][c.Word] = true
			if !strings.Contains(" "+strings.Join(statuses[e.Family], " ")+" ", " "+c.Status+" ") {
				t.Errorf("%s: family %s has no status %q", k, e.Family, c.Status)
			}
			if i > 0 && c.At.Before(e.Changes[i-1].At) {
				t.Errorf("%s/%s goes back in time", k, e.ID)
			}
		}
	}
	notAnnounced := map[string]bool{ // what only its own kind of entity or event can be in
		"delfinance pix_receipt PIX_PROCESSING": true, "delfinance pix_receipt PIX_ERROR": true,
	}
	for k, walk := range walked {
		for _, s := range kinds[k].states {
			if !walk[s.word] && !notAnnounced[k+" "+s.word] {
				t.Errorf("%s never is %s", k, s.word)
			}
		}
	}
	if len(walked) != 4+13-1+9+3 { // Fintoc's transfers are two lifecycles of one kind
		t.Errorf("%d kinds: %v", len(walked), walked)
	}
}

func TestBadOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"provider", Options{Providers: []string{"acme"}}, `no provider is called "acme"`},
		{"twice", Options{Providers: []string{Yoco, Yoco}}, "named twice"},
		{"stories", Options{Stories: -1}, "-1 stories"},
		{"span", Options{Span: time.Minute}, "too short"},
		{"ratio", Options{Chaos: Chaos{Drop: 1.5}}, "ratio Drop is 1.5"},
		{"api ratio", Options{Chaos: Chaos{API: APIChaos{Lag: -1}}}, "ratio Lag is -1"},
		{"epoch", Options{Epoch: time.Unix(1, 5)}, "no whole second"},
	} {
		if _, err := NewPlan(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Preset("gentle", 1); err == nil {
		t.Error("a chaos that does not exist")
	}
}

// What is dropped can be found again: by a list, or by asking for what some other delivery told of.
func TestOnlyWhatCanBeFoundIsDropped(t *testing.T) {
	p := mustPlan(t, Options{Seed: 6, Stories: 300, Chaos: Chaos{Drop: 1}})
	if p.Dropped == 0 || len(p.Deliveries) == 0 {
		t.Fatalf("%d dropped, %d delivered", p.Dropped, len(p.Deliveries))
	}
	for _, e := range p.Entities {
		if unread, _ := e.Hidden(); unread && !e.told {
			t.Errorf("%s/%s is in no delivery and in no answer", e.Kind, e.ID)
		}
	}
	missed := NewAuditor(p).Verdict()
	demanded := map[string]bool{}
	for _, d := range missed.Missing {
		demanded[d.Kind] = true
	}
	for kind, want := range map[string]bool{"outgoing_payment": true, "payment": true, "checkout": false, "customer": false, "link": true} {
		if demanded[kind] != want {
			t.Errorf("a %s that nobody was told of is demanded: %v, want %v", kind, demanded[kind], want)
		}
	}
}
