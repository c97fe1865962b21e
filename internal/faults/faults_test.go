//go:build linux

package faults

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/simulator"
)

// The short form has so many kills in each topology.
const shortKills = 12

// Bounds of a campaign.
const (
	perKill = 6 * time.Second  // at most, on average
	session = 10 * time.Second // a dead worker's partitions are given away after so much silence, which a rebalance prolongs
	settled = 2 * time.Minute
	atOnce  = 3 // faults
)

// TestCampaign operates Hookfold in each topology, strikes it until it has been killed often enough, lets it settle, and
// calls the auditors.
func TestCampaign(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	kills, seed := number(t, "HOOKFOLD_FAULTS_KILLS", shortKills), uint64(number(t, "HOOKFOLD_FAULTS_SEED", int(time.Now().Unix())))
	t.Logf("HOOKFOLD_FAULTS_SEED=%d HOOKFOLD_FAULTS_KILLS=%d", seed, kills)
	binary := build(t)
	free := &ports{next: 21_000 + os.Getpid()%8_000}
	for _, topology := range topologies {
		t.Run(topology.name, func(t *testing.T) {
			t.Parallel()
			campaign(t, topology.build(t, newWorld(t, seed, kills*storiesPerKill), binary, free), free, kills, topology.part)
		})
	}
}

// campaign is one site under faults, from its start to the audit.
func campaign(t *testing.T, s *site, free *ports, kills int, part time.Duration) {
	began, seed := time.Now(), s.world.plan.Seed
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(kills)*perKill+2*settled)
	defer cancel()
	s.world.begin(t, s, time.Duration(kills)*part)
	watching, watched := context.WithCancel(ctx)
	w := &watcher{site: s, seen: map[*simulator.Entity]seen{}}
	var eyes sync.WaitGroup
	eyes.Go(func() { w.watch(watching, rand.New(rand.NewPCG(seed, 2))) })

	struck := strike(t, ctx, rand.New(rand.NewPCG(seed, 1)), s, kills)
	faults := time.Now()
	a := &auditor{t, s, t.Errorf}
	a.caughtUp(ctx, a.ends(ctx))
	lag := time.Since(faults)
	said := s.world.outcome(t, t.Errorf)
	said.asked(s.beyondLimits(struck), t.Errorf)
	settled := time.Since(began)
	found := a.recorded(ctx, s.world.attempts(t))
	a.caughtUp(ctx, a.ends(ctx))
	a.sound()
	watched()
	eyes.Wait()
	a.again(ctx, free)
	for _, text := range w.wrong {
		t.Error(text)
	}
	for _, p := range s.procs {
		for why, times := range p.ended {
			t.Errorf("%s ended by itself %d times: %s", p.name, times, why)
		}
		if t.Failed() {
			t.Logf("the end of %s's log:\n%s", p.name, p.tail(2000))
		}
	}
	for _, v := range s.victims {
		delete(struck, v.name)
	}
	t.Logf("faults: %v", struck)
	t.Logf("answers: %v, of them %d times 401 to what was genuine, since a clock was off", found.answers, found.refused)
	t.Logf("%d entities, %d deliveries accepted, %d records of them and %d answers to look-ups in the log; the store was looked at %d times",
		len(s.world.plan.Entities), found.events, found.records, found.lookups, w.looks)
	for name, n := range said.API {
		t.Logf("the API of %s: %v", name, n.Statuses)
	}
	t.Logf("faults for %v, lag zero %v after the last; all delivered and right after %v", faults.Sub(began).Round(time.Second), lag.Round(time.Second),
		settled.Round(time.Second))
}

// strike lets faults happen, some at a time, until enough processes were killed. It returns how often each fault struck.
func strike(t *testing.T, ctx context.Context, r *rand.Rand, s *site, kills int) map[string]int {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(kills)*perKill)
	defer cancel()
	var mu sync.Mutex
	struck, busy, killed := map[string]int{}, map[string]bool{}, 0
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for {
		mu.Lock()
		enough := killed >= kills
		mu.Unlock()
		if enough || !wait(ctx, time.Duration(r.IntN(400))*time.Millisecond) {
			break
		}
		v := s.victims[r.IntN(len(s.victims))]
		names := slices.Sorted(maps.Keys(v.strikes))
		name := names[r.IntN(len(names))]
		d, own := 200*time.Millisecond+time.Duration(r.IntN(2000))*time.Millisecond, rand.New(rand.NewPCG(r.Uint64(), 0))
		mu.Lock()
		taken := busy[v.name]
		busy[v.name] = true
		mu.Unlock()
		if taken {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			n, err := v.strikes[name](ctx, own, d)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("the fault %s of %s did not work: %v", name, v.name, err)
			}
			busy[v.name] = false
			killed += n
			struck[v.name+": "+name]++
			struck[v.name]++
			struck["killed"] += n
		})
	}
	wg.Wait()
	if killed < kills {
		t.Errorf("only %d of %d kills in %v", killed, kills, time.Duration(kills)*perKill)
	}
	return struck
}

func number(t *testing.T, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}
