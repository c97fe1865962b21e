package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// growing is a log that grows while it is read: what is below an end is in it.
type growing struct {
	log  [][]Fact // by partition
	ends []atomic.Int64
}

func newGrowing(partitions, each int) *growing {
	g := &growing{log: make([][]Fact, partitions), ends: make([]atomic.Int64, partitions)}
	for p := range g.log {
		for i := range each {
			o := transfer(fmt.Sprintf("evt_%d_%d", p, i), []string{"created", "processing", "confirmed"}[i%3], i)
			o.Entity.ID = fmt.Sprintf("t%d", (i/3*7+p)%97)
			g.log[p] = append(g.log[p], Fact{Partition: int32(p), Offset: int64(i), Prev: int64(i), Observations: newLog(1, o)[0].Observations})
		}
	}
	return g
}

// settle brings a store up to the log's end, as it is now.
func (g *growing) settle(t require.TestingT, c Config, path string) {
	c.Path = path
	s, err := Open(context.Background(), c)
	require.NoError(t, err)
	for p := range g.log {
		next, err := s.Resume(context.Background(), []int32{int32(p)})
		require.NoError(t, err)
		if end := g.ends[p].Load(); next[int32(p)] < end {
			require.NoError(t, s.CommitAll(context.Background(), g.log[p][next[int32(p)]:end]))
		}
	}
	require.NoError(t, s.Close())
}

// TestReplaceUnderFire replaces a store again and again while three other Stores commit to it and readers read it. Nothing
// that was acknowledged is lost, and no reader ever sees less than was acknowledged before it looked.
func TestReplaceUnderFire(t *testing.T) {
	c := testConfig(t)
	g := newGrowing(3, 1500)
	dir := filepath.Dir(c.Path)
	var writers, readers sync.WaitGroup
	var acked [3]atomic.Int64
	switched := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	first := open(t, c)
	require.NoError(t, first.Close())
	for p := range g.log {
		s, err := Open(t.Context(), c)
		require.NoError(t, err)
		_, err = s.Resume(t.Context(), []int32{int32(p)})
		require.NoError(t, err)
		writers.Go(func() {
			third := len(g.log[p]) / 9 * 3
			for i := 0; i < len(g.log[p]); i += 3 {
				if i > 0 && i <= 2*third && i%third == 0 {
					<-switched[i/third-1] // however fast this machine writes, there is something left to write at the third switch
				}
				// Three in flight, in any order, as from a subscriber.
				g.ends[p].Store(int64(i + 3))
				var flight sync.WaitGroup
				for _, f := range g.log[p][i : i+3] {
					flight.Go(func() {
						if err := s.Commit(context.Background(), f); err != nil {
							t.Errorf("commit: %v", err)
						}
					})
				}
				flight.Wait()
				acked[p].Store(int64(i + 3))
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	done := make(chan struct{})
	looks := 0
	readers.Go(func() {
		for ; ; looks++ {
			select {
			case <-done:
				return
			default:
			}
			var before [3]int64
			for p := range acked {
				before[p] = acked[p].Load()
			}
			r, err := OpenReader(c.Path)
			if err != nil {
				t.Errorf("a reader met a gap: %v", err)
				return
			}
			next, err := r.Offsets()
			if err = errors.Join(err, r.Close()); err != nil {
				t.Errorf("a reader: %v", err)
				return
			}
			for p := range before {
				if next[int32(p)] < before[p] {
					t.Errorf("partition %d: a reader saw %d of %d acknowledged records", p, next[int32(p)], before[p])
				}
			}
		}
	})
	finished := make(chan struct{})
	go func() { writers.Wait(); close(finished) }()
	switches := 0
	for running := true; running; switches++ {
		select {
		case <-finished:
			running = false
		default:
		}
		successor := filepath.Join(dir, fmt.Sprintf("projections.db.%d", switches))
		g.settle(t, c, successor)
		done, err := Replace(t.Context(), c.Path, successor, func(context.Context) error {
			g.settle(t, c, successor)
			return nil
		})
		require.NoError(t, err)
		require.FileExists(t, done.Kept)
		if switches < len(switched) {
			close(switched[switches])
		}
	}
	close(done)
	readers.Wait()
	t.Logf("%d switches, %d looks", switches, looks)
	require.Greater(t, switches, 2)
	var all logOf
	for _, facts := range g.log {
		all = append(all, facts...)
	}
	want := storeOf(t, t.TempDir(), testLifecycles(t), all, DumpOptions{}, func(s *Store) { require.NoError(t, s.CommitAll(t.Context(), all)) })
	require.Equal(t, want, dump(t, c.Path, DumpOptions{}))
}

// TestReplacementThatDiedIsFinishedByOthers stops a replacement between the mark and the rename.
func TestReplacementThatDiedIsFinishedByOthers(t *testing.T) {
	for _, how := range []string{"by a store that has it open", "by a store that is opened"} {
		t.Run(how, func(t *testing.T) {
			c := testConfig(t)
			g := newGrowing(1, 6)
			s := open(t, c)
			g.ends[0].Store(3)
			require.NoError(t, s.CommitAll(t.Context(), g.log[0][:3]))
			successor := c.Path + ".2"
			g.settle(t, c, successor)
			kept, err := keptName(c.Path)
			require.NoError(t, err)
			lock, _, err := lockForReplacement(c.Path)
			require.NoError(t, err)
			require.NoError(t, retire(lock, retirement{Successor: filepath.Base(successor), Kept: filepath.Base(kept)}))
			require.NoError(t, lock.close())
			if how == "by a store that is opened" {
				require.NoError(t, s.Close())
				s = open(t, c)
			}
			require.NoError(t, s.CommitAll(t.Context(), g.log[0][3:]))
			target, err := os.Readlink(c.Path)
			require.NoError(t, err)
			require.Equal(t, filepath.Base(successor), target)
			require.Contains(t, dump(t, c.Path, DumpOptions{}), "next_offset=6")
			require.Contains(t, dump(t, kept, DumpOptions{}), "next_offset=3", "the old file is kept as it was")
		})
	}
}

func TestReplaceTakesOverWhatWasTried(t *testing.T) {
	c := testConfig(t)
	s := open(t, c)
	check := unsigned(transfer("evt_1", "created", 1))
	check.Entity.Kind = "check"
	facts := []Fact{
		{Offset: 0, Prev: 0, Observations: newLog(1, check)[0].Observations},
		{Offset: 1, Prev: 1, Parked: &Parked{"acme-live", "x", "acme.x", "not_json", "the body is not JSON"}},
	}
	require.NoError(t, s.CommitAll(t.Context(), facts))
	w, err := openConn(c.Path, "rw")
	require.NoError(t, err)
	require.NoError(t, w.script(`UPDATE wanted SET attempts = 4, last_error = 'the API is down', due_at = '2027-01-01T00:00:00Z';
		INSERT INTO wanted (entity, reason, since, due_at, attempts) VALUES (1, 'overdue', '2026-05-01T00:00:00Z', '2026-06-01T00:00:00Z', 2);
		UPDATE set_aside SET attempts = 3`))
	require.NoError(t, w.close())
	before := dump(t, c.Path, DumpOptions{})
	require.Contains(t, before, "overdue")
	r, err := OpenReader(c.Path)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	replaced, err := r.Replaced()
	require.NoError(t, err)
	require.False(t, replaced)
	successor := c.Path + ".2"
	_, err = Replace(t.Context(), c.Path, successor, func(ctx context.Context) error {
		n := c
		n.Path = successor
		fresh, err := Open(ctx, n)
		require.NoError(t, err)
		return errors.Join(fresh.CommitAll(ctx, facts), fresh.Close())
	})
	require.NoError(t, err)
	require.Equal(t, before, dump(t, c.Path, DumpOptions{}))
	replaced, err = r.Replaced()
	require.NoError(t, err)
	require.True(t, replaced)
}

// TestReplaceOfADamagedOrMissingStore needs nothing of what was there.
func TestReplaceOfADamagedOrMissingStore(t *testing.T) {
	for _, text := range []string{"", "this is a text and no database, long enough to have a header of its own"} {
		c := testConfig(t)
		if text != "" {
			require.NoError(t, os.WriteFile(c.Path, []byte(text), 0o600))
		}
		g := newGrowing(1, 3)
		g.ends[0].Store(3)
		successor := c.Path + ".2"
		done, err := Replace(t.Context(), c.Path, successor, func(context.Context) error { g.settle(t, c, successor); return nil })
		require.NoError(t, err)
		require.Contains(t, dump(t, c.Path, DumpOptions{}), "next_offset=3")
		require.Equal(t, text != "", done.Kept != "")
		if text != "" {
			kept, err := os.ReadFile(done.Kept)
			require.NoError(t, err)
			require.Equal(t, text, string(kept))
		}
	}
}

// TestForeignReplacementIsNotAdopted: a file that lacks what was acknowledged would lose it, so nothing is committed to it.
// TestOpeningWhileThePathBecomesALink: a file's path turns into a link, and back, while others open it.
func TestOpeningWhileThePathBecomesALink(t *testing.T) {
	dir := t.TempDir()
	path, file, link := filepath.Join(dir, "projections.db"), filepath.Join(dir, "file.db"), filepath.Join(dir, "link")
	s, err := Open(t.Context(), Config{Path: file, Topic: "t", History: newLog(1).history})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Link(file, path))
	stop, turned := make(chan struct{}), make(chan error, 1)
	go func() {
		turned <- func() error {
			for {
				for _, make := range []func(string, string) error{os.Symlink, os.Link} {
					if err := errors.Join(make(file, link), os.Rename(link, path)); err != nil {
						return err
					}
					// Renaming a name of a file to another of its names does nothing.
					if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
						return err
					}
				}
				select {
				case <-stop:
					return nil
				default:
				}
			}
		}()
	}()
	for range 2000 {
		r, err := OpenReader(path)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
	close(stop)
	require.NoError(t, <-turned)
}

func TestForeignReplacementIsNotAdopted(t *testing.T) {
	c := testConfig(t)
	g := newGrowing(1, 6)
	s := open(t, c)
	require.NoError(t, s.CommitAll(t.Context(), g.log[0][:3]))
	require.NoError(t, os.Remove(c.Path))
	require.ErrorContains(t, s.CommitAll(t.Context(), g.log[0][3:]), "restart this process")
	require.Error(t, s.Ready(t.Context()))
	require.NoError(t, s.Close())
	again := open(t, c)
	next, err := again.Resume(t.Context(), []int32{0})
	require.NoError(t, err)
	require.Zero(t, next[0])
	require.NoError(t, again.CommitAll(t.Context(), g.log[0]))
}
