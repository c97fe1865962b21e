package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/hookfold/hookfold/pkg/simulator"
)

// view shows what happens, second by second: in place on a terminal, in lines elsewhere.
type view struct {
	play    *play
	inPlace bool

	mu    sync.Mutex
	total tally
}

// tally counts attempts by what came of them.
type tally struct {
	attempts, taken, refused, failed, again int
	took                                    time.Duration
}

func newView(p *play) *view {
	v := &view{play: p}
	if f, ok := p.stdout.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			v.inPlace = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return v
}

func (v *view) attempted(a *simulator.Attempt) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := &v.total
	t.attempts++
	t.took = max(t.took, a.Took)
	if a.Try > 0 {
		t.again++
	}
	switch {
	case a.OK():
		t.taken++
	case a.Delivery.Genuine():
		t.failed++
	default:
		t.refused++
	}
}

// run shows a line each second until the context ends, and then the last one.
func (v *view) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := tally{}
	for {
		select {
		case <-tick.C:
			before = v.show(before)
		case <-ctx.Done():
			v.show(before)
			if v.inPlace {
				v.play.note("\n")
			}
			return
		}
	}
}

func (v *view) show(before tally) tally {
	v.mu.Lock()
	t := v.total
	v.total.took = 0
	v.mu.Unlock()
	begin, end := "", "\n"
	if v.inPlace {
		begin, end = "\r\x1b[K", ""
	}
	v.play.note("%s%5.0fs  %s  %7d sent %6d/s  %7d taken  %5d forgeries refused  %5d failed  %5d tried again  slowest %v%s", begin,
		time.Since(v.play.began).Seconds(), v.play.now().Format("Jan 02 15:04"), t.attempts, t.attempts-before.attempts, t.taken, t.refused, t.failed,
		t.again, t.took.Round(time.Millisecond), end)
	return t
}
