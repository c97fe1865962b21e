package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	besideRate   = 500 // requests a second of a moderate load
	besideProbes = 200 // deliveries that are followed to their rows, in each measure
	alone        = "alone"
	beside       = "a rebuild beside it"
)

// lively is what live work does, alone or beside a rebuild.
type lively struct {
	probes      []time.Duration // POST to row, with nothing else under way
	paced       loaded
	pacedProbes []time.Duration // POST to row under the moderate load
	bound       loaded          // of the handler that records nothing, as much as it takes
	unfolded    loaded          // of an ingest that no worker follows, as much as it takes
	saturated   loaded          // of the one that is folded
}

// beside measures what a rebuild takes from ingest and live folding: one delivery on a system at rest, a moderate load,
// and as much as ingest takes, without a worker as the figures of ingest are held, beside its bound, and with one; alone and with `hookfold rebuild` of the same log beside it, over and over, which
// switches the store under the worker each time. The median of the rounds counts.
func (b *bed) beside() error {
	if err := b.fillCatchUp(); err != nil {
		return fmt.Errorf("fill the topic: %w", err)
	}
	p := b.programs[0]
	data := filepath.Join(b.dir, "beside")
	worker, said, err := b.hookfold(p, "worker", catchUpTopic, data)
	if err != nil {
		return err
	}
	_, err = b.follow("http://" + said["admin"] + "/metrics")
	if err == nil {
		err = b.besideLive(p, data)
	}
	_, stopErr := worker.stop()
	return errors.Join(err, stopErr)
}

func (b *bed) besideLive(p program, data string) (err error) {
	ingest, said, err := b.hookfold(p, "ingest", catchUpTopic, data)
	if err != nil {
		return err
	}
	defer func() { _, e := ingest.stop(); err = errors.Join(err, e) }()
	unfolded, its, err := b.hookfold(p, "ingest", "bench.unfolded", data)
	if err != nil {
		return err
	}
	defer func() { _, e := unfolded.stop(); err = errors.Join(err, e) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bound, boundAddr, err := launch(self, boundCommand)
	if err != nil {
		return err
	}
	defer func() { _, e := bound.stop(); err = errors.Join(err, e) }()
	live := &liveWork{bed: b, addr: said["listen"], unfolded: its["listen"], bound: boundAddr, store: filepath.Join(data, "projections.db"), m: newMaker(b.size)}
	live.requests = live.m.requests(requestsMade)
	whole := b.rebuildLive(p, data, nil)
	err = whole.err
	got := map[string][]lively{}
	var besides []rebuiltBeside
	for range b.rounds {
		if err != nil {
			break
		}
		var l lively
		if l, err = live.measure(); err != nil {
			break
		}
		got[alone] = append(got[alone], l)
		stop, ended := make(chan struct{}), make(chan rebuiltBeside, 1)
		go func() { ended <- b.rebuildLive(p, data, stop) }()
		l, err = live.measure()
		close(stop)
		r := <-ended
		got[beside], besides, err = append(got[beside], l), append(besides, r), errors.Join(err, r.err)
	}
	if err != nil {
		return err
	}
	printBeside(got, whole, besides)
	return nil
}

// measure goes through all loads, the heaviest last, and waits until its deliveries are folded.
func (l *liveWork) measure() (out lively, err error) {
	if out.probes, err = l.probe(besideProbes, idlePause, nil); err != nil {
		return out, err
	}
	stop, probed := make(chan struct{}), make(chan error, 1)
	go func() {
		var e error
		out.pacedProbes, e = l.probe(0, idlePause, stop)
		probed <- e
	}()
	limit := max(l.limit, 5*time.Second)
	out.paced, err = paced(l.addr, l.requests, besideRate, limit)
	close(stop)
	if err = errors.Join(err, <-probed); err != nil {
		return out, err
	}
	for _, m := range []struct {
		into *loaded
		addr string
	}{{&out.bound, l.bound}, {&out.unfolded, l.unfolded}, {&out.saturated, l.addr}} {
		if *m.into, err = l.loadFor(m.addr, l.requests, limit); err != nil {
			return out, err
		}
	}
	return out, l.settle()
}

// rebuiltBeside is what rebuilds came to.
type rebuiltBeside struct {
	whole   int // that came to their ends
	records int64
	took    time.Duration
	held    time.Duration // at most, that workers waited for a switch
	err     error
}

func (r rebuiltBeside) perSecond() float64 { return float64(r.records) / r.took.Seconds() }

// rebuildLive rebuilds the live store, once or until it is told to stop, and removes what is not live any more.
func (b *bed) rebuildLive(p program, data string, stop <-chan struct{}) (out rebuiltBeside) {
	for {
		args := []string{"rebuild", "--config", b.config, "--brokers", strings.Join(b.addrs, ","), "--topic", catchUpTopic,
			"--data", data, "--output", "json", "--log-level", "error", "--restart"}
		if b.nice != "" {
			args = append(args, "--nice", b.nice)
		}
		cmd := exec.Command(p.path, args...)
		var said, complaint bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &complaint
		began, done := time.Now(), make(chan error, 1)
		if out.err = cmd.Start(); out.err != nil {
			return out
		}
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				out.err = fmt.Errorf("rebuild: %w\n%s%s", err, said.String(), complaint.String())
				return out
			}
		case <-stop:
			out.err = cmd.Process.Kill()
			<-done // killed, which is no fault
			return out
		}
		var r struct {
			Records int64
			Kept    string
			Held    float64 `json:"held_seconds"`
		}
		if out.err = json.Unmarshal(said.Bytes(), &r); out.err != nil {
			return out
		}
		out.whole, out.records, out.took = out.whole+1, out.records+r.Records, out.took+time.Since(began)
		out.held = max(out.held, time.Duration(r.Held*float64(time.Second)))
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(r.Kept + suffix); err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
				out.err = err
				return out
			}
		}
		if stop == nil {
			return out
		}
	}
}

func printBeside(got map[string][]lively, whole rebuiltBeside, besides []rebuiltBeside) {
	head()
	middle := func(who string, of func(lively) time.Duration) time.Duration {
		var all []time.Duration
		for _, l := range got[who] {
			all = append(all, of(l))
		}
		return median(all, compare[time.Duration])
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	quantile := func(of func(lively) []time.Duration, q int) func(lively) time.Duration {
		return func(l lively) time.Duration {
			sorted := slices.Sorted(slices.Values(of(l)))
			return sorted[min(len(sorted)*q/100, len(sorted)-1)]
		}
	}
	rows := []struct {
		what  string
		p     func(lively) []time.Duration
		paced func(lively) loaded
	}{
		{"one delivery, POST to row", func(l lively) []time.Duration { return l.probes }, nil},
		{fmt.Sprintf("POST to row at %d/s", besideRate), func(l lively) []time.Duration { return l.pacedProbes }, nil},
		{fmt.Sprintf("ingest at %d/s", besideRate), nil, func(l lively) loaded { return l.paced }},
		{"bound of ingest", nil, func(l lively) loaded { return l.bound }},
		{"ingest saturated", nil, func(l lively) loaded { return l.unfolded }},
		{"ingest saturated, folding", nil, func(l lively) loaded { return l.saturated }},
	}
	bound := map[string]float64{}
	for i, row := range rows {
		rate := map[string]float64{}
		for _, who := range []string{alone, beside} {
			l := line{what: row.what, who: who}
			if row.p != nil {
				l.p50, l.p99 = middle(who, quantile(row.p, 50)), middle(who, quantile(row.p, 99))
				l.verdicts = []string{below("p50", ms(l.p50), 10, "ms"), below("p99", ms(l.p99), 50, "ms")}
			} else {
				var rates []float64
				for _, v := range got[who] {
					rates = append(rates, row.paced(v).perSecond())
				}
				l.rate = median(rates, compare[float64])
				l.p50 = middle(who, func(v lively) time.Duration { return row.paced(v).p50 })
				l.p99 = middle(who, func(v lively) time.Duration { return row.paced(v).p99 })
				rate[who] = l.rate
				switch row.what {
				case "bound of ingest":
					bound[who] = l.rate
				case "ingest saturated":
					l.verdicts = []string{atLeast("of the bound", l.rate/bound[who], 0.65), below("p99", ms(l.p99), 8, "ms")}
				default:
					l.verdicts = []string{below("p99", ms(l.p99), 8, "ms")}
				}
			}
			if who == beside && i >= len(rows)-3 {
				l.verdicts = append(l.verdicts, fmt.Sprintf("%.2f of it alone", rate[beside]/rate[alone]))
			}
			l.print()
		}
	}
	line{what: "rebuild", who: alone, rate: whole.perSecond(), verdicts: []string{fmt.Sprintf("workers waited %.0f ms for the switch", ms(whole.held))}}.print()
	for _, r := range besides {
		l := line{what: "rebuild", who: "beside all of that", verdicts: []string{fmt.Sprintf("%d came to their ends", r.whole)}}
		if r.whole > 0 {
			l.rate = r.perSecond()
			l.verdicts = append(l.verdicts, fmt.Sprintf("%.2f of it alone; workers waited at most %.0f ms", l.rate/whole.perSecond(), ms(r.held)))
		}
		l.print()
	}
}
