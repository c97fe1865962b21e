package projections

import (
	"bufio"
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// crashLog is a history that parent and child both know.
func crashLog(n int) logOf {
	words := []string{"created", "processing", "confirmed", "rejected"}
	history := make([]lifecycle.Observation, n)
	for i := range history {
		history[i] = transfer(fmt.Sprintf("e%d", i), words[i%len(words)], i%50)
		history[i].Entity.ID = fmt.Sprintf("t%d", i%97)
	}
	return newLog(2, history...)
}

const crashed = 20_000

// TestChild is not a test: it is the process that the tests below start, and kill.
func TestChild(t *testing.T) {
	path, ok := os.LookupEnv("HOOKFOLD_TEST_CHILD")
	if !ok {
		t.Skip("runs only as a child of other tests")
	}
	log := crashLog(crashed)
	s, err := Open(context.Background(), Config{Path: path, Topic: "hookfold.events", Lifecycles: testLifecycles(t), History: log.history})
	require.NoError(t, err)
	next, err := s.Resume(t.Context(), []int32{0, 1})
	require.NoError(t, err)
	work := make(chan Fact)
	var wait sync.WaitGroup
	var mu sync.Mutex // one line at a time
	for range 50 {
		wait.Go(func() {
			for f := range work {
				if err := s.Commit(t.Context(), f); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Printf("\ncommitted %d %d\n", f.Partition, f.Offset)
				mu.Unlock()
			}
		})
	}
	for _, f := range log {
		if f.Offset >= next[f.Partition] {
			work <- f
		}
	}
	close(work)
	wait.Wait()
	require.NoError(t, s.Close())
}

func child(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "HOOKFOLD_TEST_CHILD="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestKilledProcessLosesNothingAndOffsetsAreNeverAhead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "projections.db")
	log := crashLog(crashed)
	for _, after := range []int{1, 40, 700, 3_000} {
		cmd := child(t, path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		acked := make(map[Position]bool)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var p Position
			if _, err := fmt.Sscanf(lines.Text(), "committed %d %d", &p.Partition, &p.Offset); err == nil {
				if acked[p] = true; len(acked) == after {
					require.NoError(t, cmd.Process.Kill())
				}
			}
		}
		require.Error(t, cmd.Wait(), "the child was killed")
		requireConsistent(t, path, acked)
	}
	require.NoError(t, child(t, path).Run())
	want := storeOf(t, t.TempDir(), testLifecycles(t), log, DumpOptions{}, func(s *Store) { inBatches(t, s, log, func() int { return crashed }) })
	require.Equal(t, want, dump(t, path, DumpOptions{}))
}

// requireConsistent holds a file against what was confirmed, and its offsets against its rows.
func requireConsistent(t *testing.T, path string, acked map[Position]bool) {
	t.Helper()
	c, err := openConn(path, "rw")
	require.NoError(t, err)
	defer func() { require.NoError(t, c.close()) }()
	there := make(map[Position]bool)
	require.NoError(t, c.query(`SELECT log_partition, log_offset FROM timeline`, func(row []driver.Value) error {
		there[Position{int32(integer(row[0])), integer(row[1])}] = true
		return nil
	}))
	for p := range acked {
		require.True(t, there[p], "%v was confirmed", p)
	}
	require.NoError(t, c.query(`SELECT log_partition, next_offset FROM progress`, func(row []driver.Value) error {
		for o := range integer(row[1]) {
			require.True(t, there[Position{int32(integer(row[0])), o}], "offset %d is below next_offset", o)
		}
		return nil
	}))
}

func TestTwoProcessesOnOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "projections.db")
	log := crashLog(crashed)
	a, b := child(t, path), child(t, path)
	require.NoError(t, a.Start())
	require.NoError(t, b.Start())
	require.NoError(t, a.Wait())
	require.NoError(t, b.Wait())
	want := storeOf(t, t.TempDir(), testLifecycles(t), log, DumpOptions{}, func(s *Store) { inBatches(t, s, log, func() int { return crashed }) })
	require.Equal(t, want, dump(t, path, DumpOptions{}))
}

func TestStoresOnOneFileShareTheWork(t *testing.T) {
	c := testConfig(t)
	log := crashLog(2_000)
	c.History = log.history
	stores := []*Store{open(t, c), open(t, c), open(t, c)}
	var wait sync.WaitGroup
	for i, s := range stores {
		wait.Go(func() {
			for j, f := range log {
				if j%len(stores) != i && j%7 != 0 {
					continue
				}
				if err := s.Commit(context.Background(), f); err != nil {
					panic(err)
				}
			}
		})
	}
	wait.Wait()
	want := storeOf(t, t.TempDir(), testLifecycles(t), log, DumpOptions{}, func(s *Store) { inBatches(t, s, log, func() int { return 100 }) })
	got := dump(t, c.Path, DumpOptions{})
	cut := func(s string) string { before, _, _ := strings.Cut(s, "== progress"); return before }
	require.Equal(t, cut(want), cut(got))
}

func TestShellReadsWhileStoreWrites(t *testing.T) {
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("no sqlite3 on this machine")
	}
	c := testConfig(t)
	log := crashLog(4_000)
	c.History = log.history
	committed := make(chan struct{}, 1)
	c.Signals.BatchCommitted = func(int) {
		select {
		case committed <- struct{}{}:
		default:
		}
	}
	s := open(t, c)
	done := make(chan error, 1)
	go func() {
		for len(log) > 0 {
			if err := s.CommitAll(context.Background(), log[:20]); err != nil {
				done <- err
				return
			}
			log = log[20:]
		}
		done <- nil
	}()
	<-committed
	for range 5 {
		out, err := exec.Command(shell, c.Path,
			`SELECT (SELECT sum(observations) FROM payments) - (SELECT count(*) FROM timeline), (SELECT min(json_valid(object)) FROM payments)`).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, "0|1\n", string(out))
	}
	require.NoError(t, <-done)
	out, err := exec.Command(shell, c.Path, `SELECT count(*) FROM timeline`).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "4000\n", string(out))
}
