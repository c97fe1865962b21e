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
)

// The short form has so many kills in each topology.
const shortKills = 12

// Bounds of a campaign.
const (
	perKill = 6 * time.Second // at most, on average
	settled = 3 * time.Minute // a dead worker's partitions are given away after 45 s of silence, which a rebalance prolongs
	atOnce  = 3               // faults
)

// TestCampaign operates Hookfold in each topology, strikes it until it has been killed often enough, lets it settle, and
// calls the auditor.
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
			began := time.Now()
			s := topology.build(t, binary, free)
			p := newProvider(seed, s.urls)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(kills)*perKill+settled+time.Minute)
			defer cancel()

			stop, idle := make(chan struct{}), make(chan struct{})
			go func() { p.run(ctx, stop); close(idle) }()
			watching, watched := context.WithCancel(ctx)
			w := &watcher{site: s, p: p, seen: map[string]seen{}}
			var eyes sync.WaitGroup
			eyes.Go(func() { w.watch(watching, rand.New(rand.NewPCG(seed, 2))) })

			struck := strike(t, ctx, rand.New(rand.NewPCG(seed, 1)), s, kills)
			faults := time.Since(began)
			close(stop)
			<-idle
			accepted := time.Since(began)
			watched()
			eyes.Wait()

			a := &auditor{t, s, p, t.Errorf}
			found := a.examine(ctx)
			lag := time.Since(began)
			a.again(ctx, free)
			for _, text := range append(p.wrong, w.wrong...) {
				t.Error(text)
			}
			for _, proc := range s.procs {
				for why, times := range proc.ended {
					t.Logf("%s ended by itself %d times: %s", proc.name, times, why)
				}
				if t.Failed() {
					t.Logf("the end of %s's log:\n%s", proc.name, proc.tail(2000))
				}
			}
			t.Logf("faults: %v", struck)
			t.Logf("answers: %v; forgeries: %d", p.codes, len(p.forged))
			t.Logf("%d payments, %d events accepted, %d records of them in the log; the store was looked at %d times", found.entities, found.events, found.records, w.looks)
			t.Logf("faults until %v, the last 2xx at %v, lag zero at %v", faults.Round(time.Second), accepted.Round(time.Second), lag.Round(time.Second))
		})
	}
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
		d := 200*time.Millisecond + time.Duration(r.IntN(2000))*time.Millisecond
		mu.Lock()
		taken := busy[v.name]
		busy[v.name] = true
		mu.Unlock()
		if taken {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			n, err := v.strikes[name](ctx, d)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("the fault %s of %s did not work: %v", name, v.name, err)
			}
			busy[v.name] = false
			killed += n
			struck[v.name+": "+name]++
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
