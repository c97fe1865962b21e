package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
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
	cpu, all := make(map[string][]time.Duration), make(map[string][]time.Duration)
	for range b.rounds {
		for i, who := range whos {
			r, c, err := b.underLoad(i-1, requests)
			if err != nil {
				return fmt.Errorf("%s: %w", who, err)
			}
			rounds[who] = append(rounds[who], r)
			cpu[who], all[who] = append(cpu[who], c.server), append(all[who], c.all)
		}
	}
	head()
	bound := 0.0
	for _, who := range whos {
		r := median(rounds[who], func(x, y loaded) int { return compare(x.perSecond(), y.perSecond()) })
		l := line{
			what: fmt.Sprintf("ingest, %d connections", b.connections), who: who, rate: r.perSecond(), p50: r.p50, p99: r.p99,
			cpu: median(cpu[who], compare[time.Duration]), all: median(all[who], compare[time.Duration]),
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

// cost is the processor time for one request: of the process that answers, and of all that have to do with it.
type cost struct{ server, all time.Duration }

// underLoad measures the bound (-1) or a program in a process that is started for it.
func (b *bed) underLoad(who int, requests [][]byte) (r loaded, each cost, err error) {
	var child *process
	var addr string
	if who < 0 {
		self, err := os.Executable()
		if err != nil {
			return r, each, err
		}
		if child, addr, err = launch(self, boundCommand); err != nil {
			return r, each, err
		}
	} else {
		var said map[string]string
		if child, said, err = b.hookfold(b.programs[who], "ingest", "bench.ingest", b.dir); err != nil {
			return r, each, err
		}
		addr = said["listen"]
	}
	defer func() { _, e := child.stop(); err = errors.Join(err, e) }()
	if _, err := b.loadFor(addr, requests, b.limit/4); err != nil {
		return r, each, err
	}
	pids := []int{child.cmd.Process.Pid, b.broker.cmd.Process.Pid, os.Getpid()}
	before, err := processorTimes(pids)
	if err != nil {
		return r, each, err
	}
	if r, err = b.load(addr, requests); err != nil {
		return r, each, err
	}
	after, err := processorTimes(pids)
	if err != nil {
		return r, each, err
	}
	for i := range pids {
		took := (after[i] - before[i]) / time.Duration(r.requests)
		if each.all += took; i == 0 {
			each.server = took
		}
	}
	return r, each, nil
}

// processorTimes is what each process has used of the processors so far.
func processorTimes(pids []int) ([]time.Duration, error) {
	out := make([]time.Duration, len(pids))
	for i, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return nil, err
		}
		// The fields after the name, which may hold spaces: user and system time are the 12th and the 13th, in hundredths of a second.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("processor time of process %d: %w", pid, err)
			}
			out[i] += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return out, nil
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
