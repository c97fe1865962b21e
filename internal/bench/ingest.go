package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

const boundWho = "net/http, HMAC, 200"

// requestsMade is how many signed requests are made before the watch starts; they are sent over and over.
const requestsMade = 20_000

// ingest measures requests a second with acks=all against a handler that records nothing. Bound and programs take turns,
// so that what else the machine does meets all of them; the median of the rounds counts.
func (b *bed) ingest() error {
	requests := newMaker(b.size).requests(requestsMade)
	whos := []string{boundWho}
	for _, p := range b.programs {
		whos = append(whos, p.name)
	}
	rounds := make(map[string][]loaded)
	cpu := make(map[string][]time.Duration)
	for range b.rounds {
		for i, who := range whos {
			r, each, err := b.underLoad(i-1, requests)
			if err != nil {
				return fmt.Errorf("%s: %w", who, err)
			}
			rounds[who] = append(rounds[who], r)
			cpu[who] = append(cpu[who], each)
		}
	}
	head()
	bound := 0.0
	for _, who := range whos {
		r := median(rounds[who], func(x, y loaded) int { return compare(x.perSecond(), y.perSecond()) })
		l := line{
			what: fmt.Sprintf("ingest, %d connections", b.connections), who: who, rate: r.perSecond(), p50: r.p50, p99: r.p99,
			cpu: median(cpu[who], compare[time.Duration]),
		}
		if who == boundWho {
			bound = l.rate
		} else {
			l.verdicts = []string{
				atLeast("of the bound", l.rate/bound, 0.65), below("p99", float64(r.p99.Microseconds())/1000, 8, "ms"),
			}
		}
		l.print()
	}
	return nil
}

// underLoad measures the bound (-1) or a program in a process that is started for it.
// each is the processor time of that process for one request.
func (b *bed) underLoad(who int, requests [][]byte) (r loaded, each time.Duration, err error) {
	var child *process
	var addr string
	if who < 0 {
		self, err := os.Executable()
		if err != nil {
			return r, 0, err
		}
		if child, addr, err = launch(self, boundCommand); err != nil {
			return r, 0, err
		}
	} else {
		var said map[string]string
		if child, said, err = b.hookfold(b.programs[who], "ingest", "bench.ingest", b.dir); err != nil {
			return r, 0, err
		}
		addr = said["listen"]
	}
	warm, err := load(addr, requests, b.connections, b.limit/4)
	if err == nil {
		r, err = load(addr, requests, b.connections, b.limit)
	}
	u, stopErr := child.stop()
	if err == nil {
		each = u.cpu / time.Duration(warm.requests+r.requests)
	}
	return r, each, errors.Join(err, stopErr)
}

func median[T any](of []T, cmp func(x, y T) int) T {
	sorted := slices.SortedFunc(slices.Values(of), cmp)
	return sorted[len(sorted)/2]
}

func compare[T float64 | time.Duration](x, y T) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	default:
		return 0
	}
}
