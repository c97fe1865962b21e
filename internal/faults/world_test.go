//go:build linux

package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/simulator"
)

// Size and pace of the world. What it tells first comes within one part of its time, what is late, or comes again, within nearly two.
const (
	storiesPerKill = 40
	patience       = 15 * time.Second // the simulator's, for an answer
	tolerance      = 3 * time.Minute  // of signed times, the least of all providers'
	replayed       = 6 * time.Minute  // how old the signatures of replays are
	skew           = 2 * time.Minute  // by which the providers' clocks are off, at most
	chaos          = "wild"
)

// world is hookfold simulate in a process of its own: the four providers, which deliver to a site and answer its look-ups, and the auditor
// of its store. The same plan is made here again, to hold the log against it.
type world struct {
	*child
	plan    *simulator.Plan
	journal string
}

// newWorld plans a world of so many stories.
func newWorld(t *testing.T, seed uint64, stories int) *world {
	t.Helper()
	c, err := simulator.Preset(chaos, seed)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := simulator.NewPlan(simulator.Options{Seed: seed, Stories: stories, Chaos: c})
	if err != nil {
		t.Fatal(err)
	}
	return &world{plan: plan, journal: filepath.Join(t.TempDir(), "journal")}
}

// begin lets it deliver until everything was taken, and then audit the store.
func (w *world) begin(t *testing.T, s *site, part time.Duration) {
	dir := filepath.Dir(w.journal)
	w.child = launch(t, filepath.Join(dir, "verdict"), filepath.Join(dir, "world.log"), s.binary, "simulate", "--seed", fmt.Sprint(w.plan.Seed), "--entities",
		fmt.Sprint(w.plan.Stories), "--chaos", chaos, "--duration", part.String(), "--parallel", "128", "--persist", "1s", "--skew", skew.String(), "--listen", s.apis,
		"--target", strings.Join(s.urls, ","), "--journal", w.journal, "--audit", s.store(), "--settle", settled.String(), "--output", "json")
}

// outcome is what the simulator said in the end.
type outcome struct {
	Answers map[int]int                    `json:"answers"`
	Taken   int                            `json:"acknowledged"`
	API     map[string]simulator.APICounts `json:"api"`
	Verdict *simulator.Verdict             `json:"verdict"`
}

// outcome waits for the end and reports what the simulator's auditor found. What the APIs were asked is for asked.
func (w *world) outcome(t *testing.T, report func(format string, args ...any)) outcome {
	t.Helper()
	<-w.done
	var o outcome
	text, err := os.ReadFile(w.out)
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &o)
	}
	log, _ := os.ReadFile(w.log)
	if err != nil || o.Verdict == nil {
		t.Fatalf("the simulator ended with %d and no verdict (%v): %s", w.code, err, log)
	}
	for _, part := range []struct {
		what string
		all  []simulator.Difference
	}{
		{"missing", o.Verdict.Missing}, {"wrong", o.Verdict.Wrong}, {"extra", o.Verdict.Extra}, {"LOST", o.Verdict.Lost}, {"believed", o.Verdict.Believed},
		{"counted twice", o.Verdict.Twice},
	} {
		for i, d := range part.all {
			if i == 10 {
				report("%s: and %d more", part.what, len(part.all)-i)
				break
			}
			report("%s: %s", part.what, d)
		}
	}
	if w.code != 0 && o.Verdict.OK() {
		report("the simulator ended with %d: %s", w.code, log)
	}
	return o
}

// asked judges what the APIs were asked. Their limits hold for what arrives in a second, and what a link holds up arrives at once: so
// many requests may be beyond them.
func (o *outcome) asked(heldUp int, report func(format string, args ...any)) {
	for name, n := range o.API {
		if n.OverLimit > heldUp || n.Locked {
			report("the API of %s was asked %d times, %d of them beyond its limit (%d can be the link's fault), locked: %v", name, n.Requests, n.OverLimit, heldUp, n.Locked)
		}
	}
}

// attempt is a line of the simulator's journal.
type attempt struct {
	Delivery int             `json:"delivery"`
	At       time.Time       `json:"at"`
	Status   int             `json:"status"`
	Fault    simulator.Fault `json:"fault"`
}

// attempts reads the journal.
func (w *world) attempts(t *testing.T) []attempt {
	t.Helper()
	f, err := os.Open(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	var out []attempt
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var a attempt
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
