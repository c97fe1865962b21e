package rebuild_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
)

// observations is how long the log of the long tests is: HOOKFOLD_REBUILD_OBSERVATIONS=1000000 for the whole claim.
func observations(t testing.TB) int {
	text := os.Getenv("HOOKFOLD_REBUILD_OBSERVATIONS")
	if text == "" {
		return 100_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// TestRebuiltIsLive folds a long log over all providers in both ways: every view has the same bytes, positions included.
func TestRebuiltIsLive(t *testing.T) {
	w := newWorld(t, 6)
	n := observations(t)
	w.publish(n, 1)
	began := time.Now()
	live := w.live(t.TempDir())
	t.Logf("live: %.0f records/s", float64(n)/time.Since(began).Seconds())

	w.poll()
	path := filepath.Join(t.TempDir(), "fresh.db")
	built, err := w.log.Build(t.Context(), w.plan(path))
	require.NoError(t, err)
	rate := float64(built.Records) / (built.Reading + built.Folding).Seconds()
	t.Logf("rebuilt: %d records, %.0f/s (read %v, folded %v)", built.Records, rate, built.Reading, built.Folding)
	require.GreaterOrEqual(t, built.Records, int64(n))

	if n <= 200_000 {
		require.Equal(t, dump(t, live), dump(t, path))
	}
	r, err := projections.OpenReader(live)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	digest, err := r.Digest()
	require.NoError(t, err)
	require.Equal(t, digest.String(), built.Digest)
	require.NotEqual(t, "00000000000000000000000000000000", built.Digest)
}

// poll reads the log and does nothing, which is what a rebuild is held against.
func (w *world) poll() {
	w.t.Helper()
	_, ends, err := w.log.Reader.Offsets(w.t.Context(), topic)
	require.NoError(w.t, err)
	var ranges []kafka.Range
	for p := range ends {
		ranges = append(ranges, kafka.Range{Topic: topic, Partition: p, From: 0, To: -1})
	}
	runtime.GC()
	began, n := time.Now(), 0
	require.NoError(w.t, w.log.Reader.Read(w.t.Context(), ranges, func(kafka.Record) error { n++; return nil }))
	w.t.Logf("polling alone: %.0f records/s", float64(n)/time.Since(began).Seconds())
}
