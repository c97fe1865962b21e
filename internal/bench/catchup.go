package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
)

const (
	eventsEach   = 5 // statuses of one entity
	catchUpTopic = "bench.catchup"
	catchUpLimit = 10 * time.Minute
)

// reader is a way to read the whole topic: how many records, and in what time since the first of them.
type reader struct {
	what, who string
	run       func() (result, usage, error)
	goal      float64 // of the bound's rate
	maxMiB    float64
}

// catchUp measures what reads a log of 200,000 entities with 5 events each, or as many as -events says, from its start.
// The bound runs before and after the others, and the better of the two counts.
func (b *bed) catchUp() error {
	if err := b.fillCatchUp(); err != nil {
		return fmt.Errorf("fill the topic: %w", err)
	}
	bound := reader{what: "catching up", who: "franz-go alone", run: b.pollCatchUp}
	readers := []reader{bound}
	for range b.rounds { // one line each: a store's speed is not told by a median of two
		for _, p := range b.programs {
			if strings.Contains(b.stages, "worker") {
				readers = append(readers, reader{"worker catching up", p.name, func() (result, usage, error) { return b.work(p) }, 0.25, 200})
			}
			if strings.Contains(b.stages, "rebuild") {
				readers = append(readers, reader{"rebuild", p.name, func() (result, usage, error) { return b.rebuild(p) }, 0.45, 512})
			}
		}
	}
	readers = append(readers, bound)
	best := 0.0
	for i, r := range readers {
		res, u, err := r.run()
		if err != nil {
			return fmt.Errorf("%s: %w", r.who, err)
		}
		l := line{what: r.what, who: r.who, rate: res.perSecond(), cpu: res.cpu / time.Duration(res.messages), maxRSS: u.maxRSS}
		if r.goal > 0 {
			l.verdicts = []string{
				atLeast("of the bound", l.rate/best, r.goal), below("RSS", float64(u.maxRSS)/(1<<20), r.maxMiB, "MiB"),
			}
		} else if l.rate > best {
			best = l.rate
			if i > 0 {
				l.verdicts = []string{"a better bound than the first: take the ratios to this one"}
			}
		}
		l.print()
	}
	return nil
}

// work lets a worker fold the topic into a new store. The watch starts with the first commit that is seen, as the bound's
// does with the first poll; the processor time is that of the worker's whole life.
func (b *bed) work(p program) (r result, u usage, err error) {
	b.runs++
	worker, said, err := b.hookfold(p, "worker", catchUpTopic, filepath.Join(b.dir, fmt.Sprintf("store-%d", b.runs)))
	if err != nil {
		return r, u, err
	}
	r, err = b.follow("http://" + said["admin"] + "/metrics")
	u, stopErr := worker.stop()
	r.cpu = time.Duration(float64(u.cpu) * float64(r.messages) / float64(b.events))
	return r, u, errors.Join(err, stopErr)
}

func (b *bed) follow(metrics string) (result, error) {
	var w stopwatch
	first := 0
	for began := time.Now(); time.Since(began) < catchUpLimit; time.Sleep(100 * time.Millisecond) {
		n, err := folded(metrics)
		switch {
		case err != nil:
			return result{}, err
		case n == 0:
		case first == 0:
			first, w = n, startWatch()
		case n >= b.events:
			return w.stop(n - first), nil
		}
	}
	return result{}, fmt.Errorf("the worker had not caught up after %v", catchUpLimit)
}

// folded is how many records a worker says it has committed. A parked one is an error: none of them should be.
func folded(metrics string) (int, error) {
	resp, err := http.Get(metrics) //nolint:gosec,noctx // our own child
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	n := 0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case `hookfold_worker_records_total{outcome="folded"}`:
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			n = int(f)
		case `hookfold_worker_records_total{outcome="parked"}`:
			if value == "0" {
				continue
			}
			return 0, errors.New("the worker parks events of the benchmark: it knows them no more")
		}
	}
	return n, nil
}

func (b *bed) pollCatchUp() (result, usage, error) {
	e := &environment{options: b.options, addrs: b.addrs}
	e.records, e.limit = b.events, catchUpLimit
	r, err := consumeTopic(e, catchUpTopic)
	return r, usage{}, err
}

// fillCatchUp writes the events as ingest does, in an order that is random within -spread events, or over all of them.
func (b *bed) fillCatchUp() error {
	if err := b.createTopic(catchUpTopic); err != nil {
		return err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.MaxBufferedRecords(20_000), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	var failed atomic.Pointer[error]
	m := newMaker(b.size)
	ids := make([]string, max(b.events/eventsEach, 1))
	for i := range ids {
		ids[i] = m.id("pyo_")
	}
	seen := make([]int, len(ids))
	for _, e := range shuffled(b.events, len(ids), b.spread) {
		rec, err := record(m, ids[e], seen[e])
		if err != nil {
			return err
		}
		seen[e]++
		cl.Produce(context.Background(), rec, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := cl.Flush(context.Background()); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// shuffled is the entity of each event. Within a spread of 50,000 an entity's events are as near as live traffic has them.
func shuffled(events, entities, spread int) []int {
	order := make([]int, events)
	for i := range order {
		order[i] = i * entities / events
	}
	if spread == 0 {
		rand.New(rand.NewPCG(3, 4)).Shuffle(events, func(i, j int) { order[i], order[j] = order[j], order[i] })
		return order
	}
	for start := 0; start < events; start += spread {
		part := order[start:min(start+spread, events)]
		rand.New(rand.NewPCG(3, uint64(start))).Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return order
}

func record(m *maker, entity string, nth int) (*kgo.Record, error) {
	d := m.next(entity, nth)
	e := event.Event{
		ID: d.id, Connection: connection, Type: "devengo." + d.word, Kind: kind, Entity: entity, Time: d.at,
		Recorded: d.at.Add(1500 * time.Millisecond), ContentType: "application/json", Body: d.body,
		Headers: map[string]string{
			event.HeaderScheme: "devengo-v1", event.HeaderSecret: "2182ec05",
			event.HeaderHTTP + "x-devengo-webhooks-sig": "t=1772451047,v1=" + strings.Repeat("1981ba50", 8),
		},
	}
	msg, err := e.Message()
	if err != nil {
		return nil, err
	}
	rec, err := kafka.HeaderMarshaler{Key: event.MessageKey, Timestamp: event.MessageTime}.Marshal(catchUpTopic, msg)
	if err != nil {
		return nil, err
	}
	return &kgo.Record{Topic: catchUpTopic, Key: rec.Key, Value: rec.Value, Headers: rec.Headers, Timestamp: rec.Timestamp}, nil
}
