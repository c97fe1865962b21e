package rebuild_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
	"github.com/hookfold/hookfold/worker/rebuild"
)

// liveRebuild is a rebuild of a store with little memory, so that a short log makes several runs.
func (w *world) liveRebuild(path string) rebuild.Live {
	plan := w.plan(path)
	plan.Memory, plan.Program = 32<<20, "test"
	return rebuild.Live{Plan: plan, Store: w.config(""), Most: 10}
}

// TestChild is no test: it is the process that TestKilledRebuildsGoOn kills.
func TestChild(t *testing.T) {
	brokers, path := os.Getenv("HOOKFOLD_TEST_BROKERS"), os.Getenv("HOOKFOLD_TEST_STORE")
	if brokers == "" {
		t.Skip("only as a child")
	}
	w := reading(t, strings.Split(brokers, ","))
	if into := os.Getenv("HOOKFOLD_TEST_INTO"); into != "" {
		limit, err := strconv.ParseInt(os.Getenv("HOOKFOLD_TEST_MEMORY"), 10, 64)
		require.NoError(t, err)
		debug.SetMemoryLimit(limit / 3 * 2) // as the command does
		debug.SetGCPercent(400)
		plan := w.plan(into)
		plan.Memory = limit
		built, err := w.log.Build(t.Context(), plan)
		require.NoError(t, err)
		status, err := os.ReadFile("/proc/self/status")
		require.NoError(t, err)
		_, peak, _ := strings.Cut(string(status), "VmHWM:")
		t.Logf("%d records, %.0f/s", built.Records, float64(built.Records)/(built.Reading+built.Folding).Seconds())
		t.Logf("peak %s kB", strings.Fields(peak)[0])
		return
	}
	_, err := w.log.Replace(t.Context(), w.liveRebuild(path))
	require.NoError(t, err)
}

// TestKilledRebuildsGoOn kills a rebuild at ten random moments, and lets the eleventh finish.
func TestKilledRebuildsGoOn(t *testing.T) {
	w := newWorld(t, 3)
	w.publish(60_000, 2)
	path := w.live(t.TempDir())
	want := dump(t, path)
	began := time.Now()
	control, err := w.log.Replace(t.Context(), w.liveRebuild(path))
	require.NoError(t, err)
	whole := time.Since(began)
	require.Zero(t, control.Comparison.Count)
	resumed, r := 0, rand.New(rand.NewPCG(5, 6))
	killed := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond+time.Duration(r.Float64()*float64(whole)))
		defer cancel()
		child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), "HOOKFOLD_TEST_BROKERS="+strings.Join(w.brokers, ","), "HOOKFOLD_TEST_STORE="+path)
		child.Cancel = func() error { return child.Process.Signal(syscall.SIGKILL) }
		out, err := child.CombinedOutput()
		if err != nil && ctx.Err() == nil {
			t.Fatalf("the child failed: %v\n%s", err, out)
		}
		return err != nil
	}
	kills := 0
	for range 10 {
		if killed() {
			kills++
		}
		require.Equal(t, want, dump(t, path), "readers see the whole store at every moment")
	}
	last, err := w.log.Replace(t.Context(), w.liveRebuild(path))
	require.NoError(t, err)
	if last.Resumed {
		resumed++
	}
	t.Logf("%d of 10 killed (a whole one takes %v); the last one went on from an earlier one: %v", kills, whole, resumed > 0)
	require.Zero(t, last.Comparison.Count)
	require.Equal(t, want, dump(t, path))
	left, err := filepath.Glob(path + ".at-*.building")
	require.NoError(t, err)
	require.Empty(t, left)
	w.publish(10, 3)
	w.catchUp(path) // workers go on in the new file
}

// TestDeletedStoreComesBack is a worker that starts without a file.
func TestDeletedStoreComesBack(t *testing.T) {
	w := newWorld(t, 2)
	w.publish(3_000, 4)
	path := w.live(t.TempDir())
	want := dump(t, path)
	_, err := w.log.Replace(t.Context(), w.liveRebuild(path))
	require.NoError(t, err)
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	for _, f := range files {
		require.NoError(t, os.RemoveAll(f))
	}
	w.catchUp(path)
	require.Equal(t, want, dump(t, path))
}

// TestCompareNamesWhatDiffers holds a store that has read less, and then one that says something else, against the log.
func TestCompareNamesWhatDiffers(t *testing.T) {
	w := newWorld(t, 2)
	w.publish(2_000, 5)
	path := w.live(t.TempDir())
	w.publish(500, 6) // the live store lags; no entity is wrong
	verify := func() *rebuild.Comparison {
		found, err := w.log.Verify(t.Context(), path, w.plan(path+".verify"), w.config(""), 10)
		require.NoError(t, err)
		return found
	}
	require.Zero(t, verify().Count)
	out, err := w.log.Replace(t.Context(), rebuild.Live{Plan: w.liveRebuild(path).Plan, Store: w.config(""), Most: 10, Switch: rebuild.SwitchNever})
	require.NoError(t, err)
	require.Zero(t, out.Comparison.Count)
	require.NotZero(t, out.Comparison.Ahead, "the fresh store has read further")
	require.NotEqual(t, out.Comparison.Digest, out.Comparison.Rebuilt)

	// A worker whose decoder does not know a provider.
	poor := filepath.Join(t.TempDir(), "projections.db")
	w.log.Decoder = worker.NewDecoder(builtin.Providers()[1:], nil)
	w.catchUp(poor)
	rich := reading(t, w.brokers)
	found, err := rich.log.Verify(t.Context(), poor, rich.plan(poor+".verify"), rich.config(""), 10)
	require.NoError(t, err)
	require.NotZero(t, found.Count)
	require.Len(t, found.Differences, 10)

	// After an upgrade that can read them, the parked ones fold and vanish.
	r, err := projections.OpenReader(poor)
	require.NoError(t, err)
	entries, err := r.Parked(t.Context(), projections.ParkedFilter{Reason: "unknown_provider"})
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	dry, err := rich.log.Retry(t.Context(), nil, entries)
	require.NoError(t, err)
	require.Len(t, dry, len(entries))
	s, err := projections.Open(t.Context(), rich.config(poor))
	require.NoError(t, err)
	_, err = rich.log.Retry(t.Context(), s, entries)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	entries, err = r.Parked(t.Context(), projections.ParkedFilter{Reason: "unknown_provider"})
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoError(t, r.Close())
	found, err = rich.log.Verify(t.Context(), poor, rich.plan(poor+".verify"), rich.config(""), 10)
	require.NoError(t, err)
	require.Zero(t, found.Count, "%v", found.Differences)
}

// reading is a world whose broker is another's.
func reading(t testing.TB, brokers []string) *world {
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: brokers}, MaxBytes: 4 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return newReading(t, brokers, r)
}

// TestMemoryStaysBounded measures the most memory that a process has held that folded a log into a file. With a log of
// 1,000,000 (HOOKFOLD_REBUILD_OBSERVATIONS) the default limit is far below what the log holds.
func TestMemoryStaysBounded(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes more memory than what is measured")
	}
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	limit, n := int64(projections.DefaultMemory), observations(t)
	if n <= 100_000 {
		limit, n = 256<<20, 100_000
	}
	w := newWorld(t, 6)
	w.publish(n, 7)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
	child.Env = append(os.Environ(), "HOOKFOLD_TEST_BROKERS="+strings.Join(w.brokers, ","),
		"HOOKFOLD_TEST_INTO="+filepath.Join(t.TempDir(), "b.db"), "HOOKFOLD_TEST_MEMORY="+strconv.FormatInt(limit, 10))
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, text, ok := strings.Cut(string(out), "peak ")
	require.True(t, ok, "%s", out)
	peak, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
	require.NoError(t, err)
	t.Logf("%s", out)
	require.Less(t, peak<<10, limit)
}
