//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/simulator"
)

const (
	fewObservations = 20_000
	killsOfRebuild  = 10
	millionSeed     = 20260301
)

// TestMillion lets four providers that misbehave deliver to hookfold up, as its built binary and signed over HTTP, until the
// log holds so many observations (HOOKFOLD_MILLION=1000000 for the whole claim; `make million`). Look-ups are made and
// answered meanwhile. Then the state is made in four ways, and must be the same in all: by the worker as the deliveries came,
// by a rebuild, by a worker that finds no store, and by rebuilds that are killed at ten random moments. The auditor, who
// shares no code with any of this, says that it is also the right one.
func TestMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	n := fewObservations
	if text := os.Getenv("HOOKFOLD_MILLION"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
		defer debug.SetGCPercent(debug.SetGCPercent(25)) // the plan of a million fills some gigabytes
	}
	m := newMillion(t, n)
	m.deliver()
	want := m.live()

	r := m.rebuild()
	require.Equal(t, want.digest, r.Digest, "the rebuilt digest is the live one")
	require.Equal(t, want, m.state())
	require.Zero(t, r.Comparison.Count)
	m.row("rebuild", "%d records in %.1f s, %.0f/s; at most %d MiB; workers waited %.2f s", r.Records, r.Seconds, float64(r.Records)/r.Seconds, r.peak>>20, r.HeldSeconds)
	require.Less(t, r.peak, int64(512<<20))

	m.startAnew(want)
	m.kill(want, r.Seconds)
	m.print()
}

// storeState is what must be the same however a store was made.
type storeState struct {
	digest                         string
	offsets, observations, lookups string
	entities, anomalies, parked    string
}

// million is the world of TestMillion.
type million struct {
	t      *testing.T
	n      int
	binary string
	plan   *simulator.Plan
	play   *play
	api    *httptest.Server
	asking string // configuration with the providers' APIs
	quiet  string // and without: nothing is asked, so the log stays as it is
	data   string
	table  []string
}

func newMillion(t *testing.T, n int) *million {
	m := &million{t: t, n: n, binary: buildBinary(t), data: filepath.Join(t.TempDir(), "data")}
	began := time.Now()
	chaos := simulator.Mild()
	chaos.Reorder, chaos.Delay, chaos.Tie, chaos.Rotate = 0.3, 0.1, 0.2, true
	var err error
	// A story makes three observations on average.
	m.plan, err = simulator.NewPlan(simulator.Options{Seed: millionSeed, Stories: n*35/100 + 10, Chaos: chaos})
	require.NoError(t, err)
	kinds := map[string]bool{}
	for _, d := range m.plan.Deliveries {
		kinds[d.Connection+" "+d.Kind] = true
	}
	m.row("plan", "seed %d: %d entities of %d kinds at 4 providers, %d deliveries; made in %.1f s",
		uint64(millionSeed), len(m.plan.Entities), len(kinds), len(m.plan.Deliveries), time.Since(began).Seconds())
	m.play = &play{world: testWorld(t.Context(), &lockedBuffer{}, &lockedBuffer{}), plan: m.plan, parallel: 256, began: time.Now()}
	m.play.json = true
	m.api = httptest.NewServer(simulator.NewAPI(simulator.APIConfig{Plan: m.plan, Now: m.play.now}))
	t.Cleanup(m.api.Close)
	dir := filepath.Dir(m.data)
	m.asking, m.quiet = filepath.Join(dir, "asking.yaml"), filepath.Join(dir, "quiet.yaml")
	require.NoError(t, writeConfig(m.asking, m.plan, m.api.URL))
	require.NoError(t, writeConfig(m.quiet, m.plan, ""))
	return m
}

func (m *million) row(what, format string, args ...any) {
	line := what + "\t" + fmt.Sprintf(format, args...)
	m.table = append(m.table, line)
	m.t.Log(strings.ReplaceAll(line, "\t", ": "))
}

func (m *million) print() {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(m.table, "\n"))
	require.NoError(m.t, w.Flush())
	m.t.Logf("\n%s", b.String())
}

// deliver plays the plan against hookfold up.
func (m *million) deliver() {
	up := m.up(m.asking)
	m.play.targets, m.play.audited = []string{up.said["url"].(string)}, m.store()
	sent, err := m.play.deliver()
	require.NoError(m.t, err)
	require.Empty(m.t, sent.GivenUp)
	require.Empty(m.t, sent.Believed, "what is forged or stale is refused")
	up.stop()
	m.row("delivered", "%d requests in %.0f s, %.0f/s: %d taken, %d forged or stale refused", sent.Attempts, sent.Elapsed.Seconds(),
		float64(sent.Attempts)/sent.Elapsed.Seconds(), len(sent.Acknowledged), sent.Answers[401])
	up = m.up(m.quiet)
	up.caughtUp(m.store())
	up.stop()
	began := time.Now()
	verdict, err := m.play.audit(sent, nil) // of the rows alone
	require.NoError(m.t, err)
	told := map[string]bool{}
	for _, d := range m.plan.Deliveries {
		told[d.Connection+" "+d.Kind+"/"+d.ID] = true
	}
	// Of some in a million no delivery tells: their provider announces none of the statuses that they took. They are for sweeps.
	missing := slices.DeleteFunc(verdict.Missing, func(d simulator.Difference) bool { return !told[d.Connection+" "+d.Kind+"/"+d.ID] })
	require.LessOrEqual(m.t, len(verdict.Missing)-len(missing), m.n/100_000)
	for what, found := range map[string][]simulator.Difference{
		"missing": missing, "wrong": verdict.Wrong, "extra": verdict.Extra, "lost": verdict.Lost, "believed": verdict.Believed,
	} {
		require.Empty(m.t, found[:min(len(found), 5)], "%s: %d", what, len(found))
	}
	m.row("audited", "%d entities as they must be, no acknowledged delivery lost; in %.0f s", verdict.Right, time.Since(began).Seconds())
	m.plan, m.play = nil, nil
	m.api.Close() // which knows the plan
	debug.FreeOSMemory()
}

func (m *million) store() string { return filepath.Join(m.data, "projections.db") }

// state reads the store at its path, as a user would.
func (m *million) state() storeState {
	m.t.Helper()
	text, err := query(m.store(), `select (select max(digest) from progress), (select sum(next_offset) from progress),
		(select count(*) from timeline), (select count(*) from timeline where source = 'lookup'),
		(select count(*) from accounts) + (select count(*) from payments) + (select count(*) from verifications) + (select count(*) from mandates)
			+ (select count(*) from disputes) + (select count(*) from links),
		(select count(*) from anomalies), (select count(*) from parked)`)
	require.NoError(m.t, err)
	f := strings.Split(text, "|")
	return storeState{f[0], f[1], f[2], f[3], f[4], f[5], f[6]}
}

// live is the state that the worker made while deliveries came.
func (m *million) live() storeState {
	s := m.state()
	m.row("live store", "%s records: %s observations of %s entities, %s of them look-ups; %s anomalies, %s parked; digest %s",
		s.offsets, s.observations, s.entities, s.lookups, s.anomalies, s.parked, s.digest)
	observations, err := strconv.Atoi(s.observations)
	require.NoError(m.t, err)
	require.GreaterOrEqual(m.t, observations, m.n)
	require.NotEqual(m.t, "0", s.lookups, "some of the observations are answers to look-ups")
	require.NotEqual(m.t, strings.Repeat("0", 32), s.digest)
	return s
}

// startAnew deletes the store and starts hookfold up.
func (m *million) startAnew(want storeState) {
	files, err := filepath.Glob(m.store() + "*")
	require.NoError(m.t, err)
	for _, f := range files {
		require.NoError(m.t, os.RemoveAll(f))
	}
	began := time.Now()
	up := m.up(m.quiet)
	up.caughtUp(m.store())
	took := time.Since(began).Seconds()
	require.Equal(m.t, want, m.state(), "the worker made the same of the log")
	peak := memoryPeak(up.cmd.Process.Pid)
	up.stop()
	m.row("store deleted", "hookfold up made it again in %.1f s, %s records; at most %d MiB, the broker included", took, want.offsets, peak>>20)
}

// kill starts rebuilds beside hookfold up and kills them at random moments, some of which their ends precede. A reader looks at the
// store through all of it, the switches too.
func (m *million) kill(want storeState, whole float64) {
	up := m.up(m.quiet)
	ctx, cancel := context.WithCancel(m.t.Context())
	watched := make(chan error, 1)
	looks := 0
	go func() { watched <- m.watch(ctx, want, &looks) }()
	r := rand.New(rand.NewPCG(millionSeed, 1))
	var phases []string
	finished, resumed := 0, 0
	count := func(out *rebuiltProcess) {
		require.Equal(m.t, want.digest, out.Digest)
		require.Zero(m.t, out.Comparison.Count)
		if finished++; out.Resumed {
			resumed++
		}
		require.NoError(m.t, os.Remove(out.Kept)) // they would fill the disk
	}
	for len(phases) < killsOfRebuild {
		out := m.rebuildFor(time.Duration(r.Float64() * whole * float64(time.Second)))
		if out != nil {
			count(out)
			continue
		}
		phases = append(phases, m.phase())
		require.Equal(m.t, want, m.state(), "a killed rebuild leaves the live store alone")
	}
	last := m.rebuild()
	count(last)
	cancel()
	require.NoError(m.t, <-watched)
	require.Equal(m.t, want, m.state())
	left, err := filepath.Glob(m.store() + "*.building")
	require.NoError(m.t, err)
	require.Empty(m.t, left)
	up.stop()
	m.row("killed rebuilds", "%d killed while %s", len(phases), strings.Join(phases, ", "))
	m.row("", "%d came to their ends, %d of them going on where one was killed; each with the live digest", finished, resumed)
	m.row("", "%d looks at the store meanwhile, each whole", looks)
}

// watch opens the store's path again and again, as readers do, until it is told to stop.
func (m *million) watch(ctx context.Context, want storeState, looks *int) error {
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		got, err := query(m.store(), `select max(digest), sum(next_offset) from progress`)
		if err == nil && got != want.digest+"|"+want.offsets {
			err = errors.New("a reader saw " + got)
		}
		if err != nil {
			return err
		}
		*looks++
	}
}

// phase is how far a rebuild was that was killed, by what it left.
func (m *million) phase() string {
	state, err := os.ReadFile(m.store() + ".rebuild")
	if err != nil {
		return "not begun"
	}
	_, fresh, _ := strings.Cut(string(state), `"Fresh":"`)
	fresh, _, _ = strings.Cut(fresh, `"`)
	fresh = filepath.Join(m.data, fresh)
	_, building := os.Stat(fresh + ".building")
	runs, err := filepath.Glob(fresh + ".building/*.run")
	require.NoError(m.t, err)
	switch info, err := os.Stat(fresh); {
	case building != nil && err == nil:
		return "comparing or switching"
	case err == nil && info.Size() > 0:
		return "writing"
	default:
		return fmt.Sprintf("reading (%s)", count(len(runs), "sorted run"))
	}
}

// caughtUp waits until the store has all that the log holds.
func (p *upProcess) caughtUp(store string) {
	p.t.Helper()
	reader, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: []string{p.said["broker"].(string)}}})
	require.NoError(p.t, err)
	defer func() { require.NoError(p.t, reader.Close()) }()
	_, ends, err := reader.Offsets(p.t.Context(), "hookfold.events")
	require.NoError(p.t, err)
	var all int64
	for _, end := range ends {
		all += end
	}
	before, moved := "", time.Now()
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		text, err := query(store, "select sum(next_offset) from progress")
		if err == nil && text == strconv.FormatInt(all, 10) {
			return
		}
		if text != before {
			before, moved = text, time.Now()
		}
		if time.Since(moved) > time.Minute {
			p.t.Fatalf("the worker stands at %s of %d: %v\n%s", text, all, err, p.stderr.String())
		}
		select {
		case err := <-p.exited:
			p.t.Fatalf("hookfold up ended: %v\n%s", err, p.stderr.String())
		default:
		}
	}
}
