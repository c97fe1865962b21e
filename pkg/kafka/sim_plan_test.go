//go:build synctests

package kafka_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// plan is all that a seed decides. Which goroutine runs first is not among it: a history that fails
// now and then is replayed with -sim.runs.
type plan struct {
	seed       uint64
	brokers    int
	partitions int
	members    int // at the beginning
	window     int
	batch      int
	nextGen    bool // KIP-848
	static     bool // members with instance ids
	latency    time.Duration
	temper     temper
	steps      []step
}

// temper is how handlers behave, in percent; the rest acknowledges at once.
type temper struct{ slow, nack, hold, stubborn int }

type step struct {
	after   time.Duration // since the step before
	trouble *trouble
	seed    uint64
}

func makePlan(seed uint64, kinds []*trouble) plan {
	r := rand.New(rand.NewPCG(seed, 0))
	p := plan{
		seed:       seed,
		brokers:    1 + r.IntN(3),
		partitions: 1 + r.IntN(4),
		members:    1 + r.IntN(3),
		window:     []int{1, 1, 2, 5, 100}[r.IntN(5)],
		nextGen:    r.IntN(4) == 0,
		static:     r.IntN(4) == 0,
		latency:    time.Duration(200+r.IntN(5000)) * time.Microsecond,
		temper:     temper{slow: r.IntN(50), nack: r.IntN(30), hold: r.IntN(5), stubborn: r.IntN(3)},
	}
	// A history has only some kinds of trouble, so that each also meets a world that is otherwise in order.
	var chosen []*trouble
	for _, k := range kinds {
		if k.name == "records published" || r.IntN(3) == 0 {
			for range k.weight {
				chosen = append(chosen, k)
			}
		}
	}
	for range 4 + r.IntN(20) {
		p.steps = append(p.steps, step{
			after:   time.Duration(r.ExpFloat64() * float64(2*time.Second)),
			trouble: chosen[r.IntN(len(chosen))],
			seed:    r.Uint64(),
		})
	}
	p.batch = []int{1, 1, 2, 30}[r.IntN(4)]
	return p
}

func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d brokers, %d partitions, window %d, batch %d, %d members at first (next-gen %v, static %v), latency %v, handlers %+v\n",
		p.brokers, p.partitions, p.window, p.batch, p.members, p.nextGen, p.static, p.latency, p.temper)
	var at time.Duration
	for _, s := range p.steps {
		at += s.after
		fmt.Fprintf(&b, "%9.3fs %s\n", at.Seconds(), s.trouble.name)
	}
	return b.String()
}

// outcome is what a handler does with one delivery.
type outcome struct {
	wait     time.Duration
	end      deed // acked or nacked
	stubborn bool // waits out its time even when the message's context ends
}

// outcome depends on the record and on how often it was handed out before, not on when.
func (p plan) outcome(record string, attempt int) outcome {
	h := fnv.New64a()
	fmt.Fprint(h, record, attempt)
	r := rand.New(rand.NewPCG(p.seed, h.Sum64()))
	var o outcome
	o.end = acked
	if r.IntN(100) < p.temper.slow {
		o.wait = time.Duration(r.IntN(4000)) * time.Millisecond
	}
	if r.IntN(100) < p.temper.nack {
		o.end = nacked
	}
	if r.IntN(100) < p.temper.hold {
		o.wait, o.end = time.Minute, nacked
	}
	if r.IntN(100) < p.temper.stubborn {
		o.wait, o.stubborn = time.Duration(5+r.IntN(40))*time.Second, true
	}
	return o
}
