package lookup_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
)

// killedWants is how many entities the processes of TestWantsSurviveKills are to ask for.
const killedWants = 24

// A process that asks is killed with SIGKILL again and again: with requests under way, between an append and its fold, and between the
// fold and the settling of the lease. Every want is served in the end; no entity is asked for again once its answer is in the log; and
// one is asked for again without an answer only where the process that asked was killed.
func TestWantsSurviveKills(t *testing.T) {
	dir := t.TempDir()
	asked, answered := map[string]int{}, map[string]int{}
	killedAt := map[string]int{}
	cut := 0 // requests that no answer followed, since their process was killed
	kills := []int{1, 2, 3, 5, 4, 7, 2, 8, 9, 0}
	for life, last := range kills {
		underWay := map[string]bool{}
		said := live(t, dir, life, last)
		for _, line := range said {
			what, id, _ := strings.Cut(line, " ")
			switch what {
			case "asks":
				require.Zero(t, answered[id], "life %d asks for %s, whose answer is in the log", life, id)
				require.False(t, underWay[id], "life %d asks for %s while it is being asked for", life, id)
				asked[id]++
				underWay[id] = true
			case "appended":
				answered[id]++
			}
		}
		answered = answersIn(t, dir) // what was appended counts also where the process was killed before it could say so
		for id := range underWay {
			if answered[id] == 0 {
				cut++
			}
		}
		if last > 0 {
			what, _, _ := strings.Cut(said[last-1], " ")
			killedAt[what]++
		}
	}
	require.Len(t, answered, killedWants)
	total := 0
	for id, n := range asked {
		require.Equal(t, 1, answered[id], id)
		total += n
	}
	require.Positive(t, cut)
	require.Len(t, killedAt, 3, "killed after asking, after appending, after folding: %v", killedAt)
	require.Equal(t, killedWants+cut, total, "nothing was asked for again but what was cut off")

	store := open(t, filepath.Join(dir, "projections.db"))
	w := &world{path: filepath.Join(dir, "projections.db"), log: &log{t: t, store: store}}
	require.Empty(t, w.wants())
}

// answersIn counts the answers that are in the log, by entity.
func answersIn(t *testing.T, dir string) map[string]int {
	f := &fileLog{log: &log{t: t}, path: filepath.Join(dir, "log")}
	out := map[string]int{}
	for _, e := range f.stored() {
		if e.IsLookup() {
			out[e.Entity]++
		}
	}
	return out
}

// live starts a process that asks, lets it say so many lines, and kills it before it can go on from the last; 0 lets it end. It returns what
// the process said.
func live(t *testing.T, dir string, life, last int) (said []string) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	cmd.Env = append(os.Environ(), "HOOKFOLD_TEST_LIFE="+strconv.Itoa(life), "HOOKFOLD_TEST_DIR="+dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), "life: ")
		if !ok {
			continue // what a test binary says by itself
		}
		said = append(said, line)
		if len(said) == last {
			require.NoError(t, cmd.Process.Kill())
			break
		}
		_, err := io.WriteString(in, "on\n")
		require.NoError(t, err)
	}
	err = cmd.Wait()
	if last == 0 {
		require.NoError(t, err)
	} else {
		require.Len(t, said, last, "it ended by itself")
	}
	return said
}

// TestKilledProcess is the process that TestWantsSurviveKills kills. Its clock is virtual, and stands still while it waits for the word to
// go on; each life begins an hour after the one before.
func TestKilledProcess(t *testing.T) {
	dir := os.Getenv("HOOKFOLD_TEST_DIR")
	if dir == "" {
		t.Skip("it is started by TestWantsSurviveKills")
	}
	life, err := strconv.Atoi(os.Getenv("HOOKFOLD_TEST_LIFE"))
	require.NoError(t, err)
	in := bufio.NewReader(os.Stdin)
	var mu sync.Mutex
	say := func(what, id string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("life: %s %s\n", what, id)
		_, err := in.ReadString('\n')
		require.NoError(t, err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Duration(life) * time.Hour)
		w := &world{path: filepath.Join(dir, "projections.db")}
		w.log = &log{t: t, store: open(t, w.path)}
		f := &fileLog{log: w.log, path: filepath.Join(dir, "log"), said: say}
		f.events = f.stored() // a worker that starts folds what there is
		f.fold()
		if life == 0 {
			for i := range killedWants {
				w.deliver("transfer", fmt.Sprintf("t%d", i), "processing", true)
			}
			f.write(w.events)
		}
		a := &api{fetch: func(_ context.Context, _ int, kind, id string) (provider.Answer, error) {
			say("asks", id)
			return answer(kind, id, "confirmed"), nil
		}}
		c := w.config(a)
		c.Publisher = f
		_, stop := start(t, c)
		time.Sleep(30 * time.Minute)
		stop()
	})
}

// fileLog is a log that outlives its process: a message is on disk before anything else is done with it.
type fileLog struct {
	*log
	path string
	said func(what, id string)
}

func (f *fileLog) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		e, err := event.Parse(m)
		if err != nil {
			return err
		}
		f.write([]event.Event{e})
		f.said("appended", e.Entity)
		if err := f.log.Publish(topic, m); err != nil {
			return err
		}
		f.said("folded", e.Entity)
	}
	return nil
}

func (f *fileLog) write(events []event.Event) {
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(f.t, err)
	for i := range events {
		line, err := json.Marshal(events[i])
		require.NoError(f.t, err)
		_, err = out.Write(append(line, '\n'))
		require.NoError(f.t, err)
	}
	require.NoError(f.t, out.Close())
}

// stored is what the lives before left in the log.
func (f *fileLog) stored() (out []event.Event) {
	in, err := os.ReadFile(f.path)
	if !os.IsNotExist(err) {
		require.NoError(f.t, err)
	}
	for line := range strings.Lines(string(in)) {
		var e event.Event
		require.NoError(f.t, json.Unmarshal([]byte(line), &e))
		out = append(out, e)
	}
	return out
}
