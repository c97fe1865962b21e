package projections

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

func TestOffsetsStopAtTheFirstGap(t *testing.T) {
	c := testConfig(t)
	s := open(t, c)
	at := func() int64 {
		c, err := openConn(c.Path, "rw")
		require.NoError(t, err)
		defer func() { require.NoError(t, c.close()) }()
		n, _, err := c.integer(`SELECT next_offset FROM progress WHERE log_partition = 3`)
		require.NoError(t, err)
		return n
	}
	next, err := s.Resume(t.Context(), []int32{3})
	require.NoError(t, err)
	require.Zero(t, next[3])
	commit := func(prev, offset int64) {
		require.NoError(t, s.Commit(t.Context(), Fact{Partition: 3, Prev: prev, Offset: offset}))
	}
	commit(0, 4) // the log has 0 to 3 no more
	require.EqualValues(t, 5, at())
	commit(8, 9)
	commit(10, 10)
	require.EqualValues(t, 5, at(), "5 to 7 are still in flight")
	commit(5, 5)
	require.EqualValues(t, 6, at())
	commit(6, 7)
	require.EqualValues(t, 11, at())
	commit(0, 4)
	require.EqualValues(t, 11, at(), "never backwards")
	commit(20, 20)
	next, err = s.Resume(t.Context(), []int32{3})
	require.NoError(t, err)
	require.EqualValues(t, 11, next[3])
	commit(11, 19)
	require.EqualValues(t, 20, at(), "what was ahead before Resume is forgotten")
}

func TestAnotherVersionIsRefused(t *testing.T) {
	for key, what := range map[string]string{"schema": "schema version", "fold": "fold version", "topic": "topic", "topic_id": "topic id"} {
		t.Run(key, func(t *testing.T) {
			c := testConfig(t)
			c.TopicID = "id1"
			require.NoError(t, open(t, c).Close())
			raw, err := openConn(c.Path, "rw")
			require.NoError(t, err)
			require.NoError(t, setMeta(raw, key, "other"))
			require.NoError(t, raw.close())
			_, err = Open(t.Context(), c)
			var v *VersionError
			require.ErrorAs(t, err, &v)
			require.Equal(t, what, v.What)
			require.ErrorContains(t, err, "rebuild")
		})
	}
}

func TestTopicIDIsLearntLater(t *testing.T) {
	c := testConfig(t)
	require.NoError(t, open(t, c).Close())
	c.TopicID = "id1"
	require.NoError(t, open(t, c).Close())
	c.TopicID = ""
	require.NoError(t, open(t, c).Close())
	c.TopicID = "id2"
	_, err := Open(t.Context(), c)
	require.ErrorContains(t, err, "topic id")
}

func TestForeignFileIsRefused(t *testing.T) {
	c := testConfig(t)
	require.NoError(t, os.WriteFile(c.Path, []byte("this is a text and no database, long enough to have a header of its own"), 0o600))
	_, err := Open(t.Context(), c)
	require.ErrorContains(t, err, "rebuild the store from the log")
}

// poison makes the fold panic: a lifecycle that was never compiled has no index of ranks.
func poison(t *testing.T) *lifecycle.Lifecycle {
	t.Helper()
	broken := *testLifecycles(t)[1]
	broken.Kind = "poison"
	broken.States = broken.States[:2] // "confirmed" is in the index and has no state
	return &broken
}

func TestFoldThatPanicsIsParkedAlone(t *testing.T) {
	c := testConfig(t)
	c.Lifecycles = append(c.Lifecycles, poison(t))
	s := open(t, c)
	of := func(o lifecycle.Observation, kind string) lifecycle.Observation { o.Entity.Kind = kind; return o }
	good, bad := of(transfer("e1", "created", 1), "poison"), of(transfer("e2", "confirmed", 2), "poison")
	other := transfer("e3", "created", 3)
	require.NoError(t, s.CommitAll(t.Context(), []Fact{
		{Offset: 0, Prev: 0, Observations: []lifecycle.Observation{good}},
		{Offset: 1, Prev: 1, Observations: []lifecycle.Observation{bad, other}},
	}))
	got := dump(t, c.Path, DumpOptions{})
	require.Contains(t, got, `observation_id="e2" type="acme.transfer.confirmed" reason="panic" detail="folding acme.transfer.confirmed into kind poison panicked`)
	require.Contains(t, got, `id="t1" observation_id="e1"`)
	require.Contains(t, got, `id="t1" observation_id="e3"`)
	require.NotContains(t, got, `id="t1" observation_id="e2"`)
	require.Contains(t, got, "next_offset=2")
}

func TestRecordIsParkedUntilItCanBeFolded(t *testing.T) {
	c := testConfig(t)
	all := c.Lifecycles
	c.Lifecycles = all[:1]
	s := open(t, c)
	f := Fact{Observations: []lifecycle.Observation{transfer("e1", "created", 1)}}
	require.NoError(t, s.Commit(t.Context(), f))
	require.NoError(t, s.Commit(t.Context(), f))
	require.Contains(t, dump(t, c.Path, DumpOptions{}), `reason="unknown_kind" detail="no lifecycle for kind \"transfer\" of provider \"acme\"" log_partition=0 log_offset=0 attempts=1`)
	require.NoError(t, s.Close())
	c.Lifecycles = all
	s = open(t, c)
	require.NoError(t, s.Commit(t.Context(), f))
	got := dump(t, c.Path, DumpOptions{})
	require.Contains(t, got, "== parked\n==")
	require.Contains(t, got, `observation_id="e1"`)
}

func TestHistoryThatTheLogLostIsParked(t *testing.T) {
	c := testConfig(t)
	calls := 0
	c.History = func(context.Context, []Position) ([]lifecycle.Observation, error) {
		if calls++; calls == 1 {
			return nil, errors.New("the log is down")
		}
		return nil, nil
	}
	s := open(t, c)
	late, early := timeless(transfer("e1", "created", 5)), timeless(transfer("e1", "created", 1))
	require.NoError(t, s.Commit(t.Context(), Fact{Observations: []lifecycle.Observation{transfer("e0", "created", 0), late}}))
	f := Fact{Offset: 1, Prev: 1, Observations: []lifecycle.Observation{early}}
	require.ErrorContains(t, s.Commit(t.Context(), f), "the log is down")
	require.NoError(t, s.Commit(t.Context(), f))
	require.Contains(t, dump(t, c.Path, DumpOptions{}), `reason="history_missing"`)
}

func TestLongTimelinesSpill(t *testing.T) {
	c := testConfig(t)
	s := open(t, c)
	var log logOf
	for i := range 3 * maxSeen {
		o := transfer("e"+string(rune('A'+i/26))+string(rune('a'+i%26)), "created", i)
		log = append(log, Fact{Offset: int64(i), Prev: int64(i), Observations: []lifecycle.Observation{o}})
	}
	inBatches(t, s, log, func() int { return 10 })
	want := dump(t, c.Path, DumpOptions{})
	require.Contains(t, want, "observations=192")
	inBatches(t, s, log, func() int { return 7 })
	require.Equal(t, want, dump(t, c.Path, DumpOptions{}))
	r, err := OpenReader(c.Path)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	entries, err := r.Timeline(t.Context(), log[0].Observations[0].Entity)
	require.NoError(t, err)
	require.Len(t, entries, len(log))
	require.Equal(t, "eAa", entries[0].ObservationID)
	require.Equal(t, lifecycle.EffectCurrent, entries[len(log)-1].Effect)
	var sum lifecycle.Digest
	for e, err := range r.EntityDigests(t.Context()) {
		require.NoError(t, err)
		sum = sum.Add(e.Digest)
	}
	d, err := r.Digest()
	require.NoError(t, err)
	require.Equal(t, d, sum)
}

// big is a fact that needs room.
func big(offset int64) Fact {
	o := transfer("e", "created", int(offset))
	o.Entity.ID = "t" + formatTime(o.Recorded)
	o.Attributes.Object = append(append([]byte(`{"p":"`), make([]byte, 200_000)...), `"}`...)
	for i := range 200_000 {
		o.Attributes.Object[6+i] = 'x'
	}
	return Fact{Offset: offset, Prev: offset, Observations: []lifecycle.Observation{o}}
}

// requireFullAndBack fills a store, makes room, and sees it go on.
func requireFullAndBack(t *testing.T, c Config, room func()) {
	t.Helper()
	s := open(t, c)
	require.NoError(t, s.Commit(t.Context(), big(0)))
	var err error
	n := int64(1)
	for ; err == nil && n < 1_000; n++ {
		err = s.Commit(t.Context(), big(n))
	}
	require.ErrorContains(t, err, "free space")
	require.Error(t, s.Ready(t.Context()))
	room()
	require.NoError(t, s.Ready(t.Context()))
	for o := n - 1; o < n+5; o++ {
		require.NoError(t, s.Commit(t.Context(), big(o)))
	}
	next, err := s.Resume(t.Context(), []int32{0})
	require.NoError(t, err)
	require.Equal(t, n+5, next[0])
}

func TestFullDiskIsSurvived(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("needs the right to mount a small disk: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 3<<20), 0o600))
	c := testConfig(t)
	c.Path = filepath.Join(dir, "projections.db")
	requireFullAndBack(t, c, func() { require.NoError(t, os.Remove(ballast)) })
}

func TestLockedFileIsAnErrorAndPasses(t *testing.T) {
	c := testConfig(t)
	c.BusyTimeout = 20 * time.Millisecond
	s := open(t, c)
	other, err := openConn(c.Path, "rw")
	require.NoError(t, err)
	defer func() { require.NoError(t, other.close()) }()
	require.NoError(t, other.script("BEGIN IMMEDIATE"))
	require.ErrorContains(t, s.Commit(t.Context(), big(0)), "another process holds the write lock")
	require.Error(t, s.Ready(t.Context()))
	require.NoError(t, other.script("ROLLBACK"))
	require.NoError(t, s.Ready(t.Context()))
	require.NoError(t, s.Commit(t.Context(), big(0)))
}

func TestClosedStoreSaysSo(t *testing.T) {
	s := open(t, testConfig(t))
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Commit(t.Context(), big(0)), ErrClosed)
	require.ErrorIs(t, s.Ready(t.Context()), ErrClosed)
	require.ErrorIs(t, s.Close(), ErrClosed)
	_, err := s.Digest(t.Context())
	require.ErrorIs(t, err, ErrClosed)
}
