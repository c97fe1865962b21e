//go:build synctests

package kafka_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "play the history of this seed only")
	simRuns  = flag.Int("sim.runs", 20, "how often to play it: the seed decides everything but the order of goroutines")
	simCount = flag.Int("sim.histories", envInt("HOOKFOLD_SIM_HISTORIES", 2000), "how many histories to play (also HOOKFOLD_SIM_HISTORIES)")
	simLog   = flag.Bool("sim.log", false, "print what the clients log")
	simFirst = flag.Uint64("sim.first", 1, "seed of the first")
)

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestHistories plays seeded histories in virtual time: a cluster in which much goes wrong, members
// that come and go, handlers that are slow, refuse or die. Afterwards a judge holds what happened
// against the log: see judge for the promises. Run it with -tags synctests.
func TestHistories(t *testing.T) {
	kinds := troubles()
	var stuck atomic.Int64
	if *simSeed != 0 {
		for range *simRuns {
			playHistory(t, makePlan(*simSeed, kinds), &stuck)
			if t.Failed() {
				return
			}
		}
		return
	}
	const lanes = 4 // histories mostly wait for one another's goroutines, a few at once fill the cores
	var next atomic.Uint64
	t.Run("seeds", func(t *testing.T) {
		for lane := range lanes {
			t.Run(fmt.Sprint("lane", lane), func(t *testing.T) {
				t.Parallel()
				for !t.Failed() {
					n := next.Add(1) - 1
					if n >= uint64(*simCount) {
						return
					}
					playHistory(t, makePlan(*simFirst+n, kinds), &stuck)
				}
			})
		}
	})
	if n := stuck.Load(); n > 0 {
		t.Logf("%7d × the broker never finished a rebalance", n)
		if n > int64(*simCount/100+1) {
			t.Errorf("in %d of %d histories the broker never finished a rebalance", n, *simCount)
		}
	}
	for _, k := range kinds {
		n := k.hits.Load()
		t.Logf("%7d × %s", n, k.name)
		if n == 0 && *simCount >= 2000 {
			t.Errorf("in %d histories it never came to this: %s", *simCount, k.name)
		}
	}
}

func playHistory(t *testing.T, p plan, stuck *atomic.Int64) {
	var log [][]string
	var w *world
	began := time.Now()
	// A history that hangs would hang its bubble, too: the clock stands still while a goroutine is blocked on a lock.
	hung := time.AfterFunc(2*time.Minute, func() { panic(fmt.Sprintf("the history of seed %d hangs; %s", p.seed, replay(p.seed))) })
	defer hung.Stop()
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, p)
		log = w.play()
	})
	broken := append(w.broken, judge(log, p.window*p.batch, w.history.events)...)
	if w.stuck {
		stuck.Add(1)
		broken = slices.DeleteFunc(broken, func(b string) bool { return strings.HasSuffix(b, notAcked) })
	}
	if len(broken) == 0 {
		return
	}
	t.Errorf("seed %d (%v): %d promises broken\n%s\nreplay: %s\n%s\n%s", p.seed, time.Since(began).Round(time.Millisecond), len(broken),
		strings.Join(broken[:min(len(broken), 20)], "\n"), replay(p.seed), p, w.history.about(log, broken))
}

func replay(seed uint64) string {
	return fmt.Sprintf("go test -tags synctests -run TestHistories ./pkg/kafka -sim.seed=%d", seed)
}
