// Package rebuild makes state again from the log: the whole log into a fresh file beside the live one, or the log up to
// a moment into a file of the user's choosing; and it holds a store against the log.
//
// # Guarantees
//
// The file that Build makes is row by row the one that a worker would have made of the same records. Its memory is bounded
// by a setting, whatever the log's length. A build that was killed goes on where it was.
//
// # Duties of the caller
//
// Reader, decoder and lifecycles must be those of the workers, or state is made that theirs is not. Run one rebuild of a
// file at a time.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
)

// What is decoded at a time: so many records, or so many bytes of bodies.
const (
	batchRecords = 256
	batchBytes   = 512 << 10
)

// reportEvery is how often progress is reported.
const reportEvery = time.Second / 4

// Log is where records come from and what they become.
type Log struct {
	Reader  *kafka.Reader
	Topic   string
	Decoder *worker.Decoder
}

// Cut is a part of the log, by time; a zero time does not cut.
type Cut struct {
	// AsOf leaves out what happened later by the provider's time, or by the recorded time where it gives none.
	AsOf time.Time
	// KnownAt leaves out what was recorded later.
	KnownAt time.Time
}

// String names the cut; empty where nothing is cut off.
func (c Cut) String() string {
	var s string
	if !c.AsOf.IsZero() {
		s = "as of " + c.AsOf.UTC().Format(time.RFC3339Nano)
	}
	if !c.KnownAt.IsZero() {
		if s != "" {
			s += ", "
		}
		s += "known at " + c.KnownAt.UTC().Format(time.RFC3339Nano)
	}
	return s
}

// holds says whether a record with these times is left in.
func (c Cut) holds(occurred, recorded time.Time) bool {
	if occurred.IsZero() {
		occurred = recorded
	}
	return (c.AsOf.IsZero() || !occurred.After(c.AsOf)) && (c.KnownAt.IsZero() || !recorded.After(c.KnownAt))
}

// apply takes out of a record's fact what is cut off. A record without an envelope that can be read is dated by its place
// in the log.
func (c Cut) apply(f *projections.Fact, r *kafka.Record) {
	if c == (Cut{}) {
		return
	}
	if f.Parked != nil {
		occurred, recorded := time.Time{}, r.Timestamp
		if m, err := worker.Marshaler().Unmarshal(*r); err == nil {
			if e, err := event.Parse(m); err == nil {
				occurred, recorded = e.Time, e.Recorded
			}
		}
		if !c.holds(occurred, recorded) {
			f.Parked = nil
		}
		return
	}
	kept := f.Observations[:0]
	for _, o := range f.Observations {
		if c.holds(o.Occurred, o.Recorded) {
			kept = append(kept, o)
		}
	}
	f.Observations = kept
}

// Phase is what a build is doing.
type Phase string

// The phases: read the log and sort, then fold and write.
const (
	Reading Phase = "reading"
	Folding Phase = "folding"
)

// Progress is how far a phase is.
type Progress struct {
	Phase       Phase
	Done, Total int64
	// Rate is in records or observations a second, Left how long the phase will take; zero while nothing is known.
	Rate float64
	Left time.Duration
}

// Plan says what to build.
type Plan struct {
	projections.BuilderConfig // Path, Lifecycles, Program, Memory; the rest is filled in
	Cut                       Cut
	// Ends are where to stop; nil is the log's end when Build begins.
	Ends map[int32]int64
	// Decoders is how many goroutines decode; 0 is one for each processor.
	Decoders int
	// Progress is called about four times a second, by the goroutine that builds; nil: not at all.
	Progress func(Progress)
}

// Built is what came out.
type Built struct {
	Records int64 // that were read, before an interruption too
	Ends    map[int32]int64
	Digest  string
	Resumed bool
	Reading time.Duration
	Folding time.Duration
}

// Build folds the log from its beginning into a file; see projections.Builder. What an interrupted Build of the same plan
// left behind is continued.
func (l *Log) Build(ctx context.Context, p Plan) (*Built, error) {
	starts, ends, err := l.Reader.Offsets(ctx, l.Topic)
	if err != nil {
		return nil, err
	}
	c := p.BuilderConfig
	c.Topic, c.Starts, c.Ends, c.Cut = l.Topic, starts, ends, p.Cut.String()
	if p.Ends != nil {
		c.Ends = p.Ends
	}
	meter := &meter{report: p.Progress}
	c.Folded = meter.at
	if c.Folders == 0 {
		c.Folders = max(1, runtime.GOMAXPROCS(0)-1)
	}
	b, err := projections.OpenBuilder(c)
	if err != nil {
		return nil, err
	}
	out := &Built{Resumed: b.Resumed(), Ends: b.Ends()}
	began := time.Now()
	total := b.Facts()
	for q, end := range b.Ends() {
		total += max(0, end-b.Next()[q])
	}
	meter.begin(Reading, b.Facts(), total)
	if err := l.read(ctx, b, p, meter); err != nil {
		return nil, err
	}
	out.Reading, began = time.Since(began), time.Now()
	meter.begin(Folding, 0, b.Facts())
	digest, err := b.Finish(ctx)
	if err != nil {
		return nil, err
	}
	meter.end()
	out.Folding, out.Digest, out.Records = time.Since(began), digest.String(), b.Facts()
	return out, nil
}

// job is a stretch of one partition on its way from the reader through a decoder to the builder.
type job struct {
	records []kafka.Record
	next    int64
	block   *projections.Block
	ready   chan struct{}
}

// read feeds the builder what is missing:
//
//	all partitions ─▶ stretches ─▶ decoders ─▶ in order ─▶ Builder.Add
func (l *Log) read(ctx context.Context, b *projections.Builder, p Plan, meter *meter) error {
	next, ends := b.Next(), b.Ends()
	var ranges []kafka.Range
	for partition, end := range ends {
		if next[partition] < end {
			ranges = append(ranges, kafka.Range{Topic: l.Topic, Partition: partition, From: next[partition], To: end})
		}
	}
	// What is cancelled here is reading alone: a run that the builder began to write goes on after the last record.
	readCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	decoders := p.Decoders
	if decoders == 0 {
		decoders = runtime.GOMAXPROCS(0)
	}
	work, ordered := make(chan *job, 2*decoders), make(chan *job, 4*decoders)
	var wg sync.WaitGroup
	for range decoders {
		wg.Go(func() {
			for j := range work {
				j.block = b.Encode(l.decode(j.records, p.Cut), j.records[0].Partition, j.next)
				j.records = nil
				close(j.ready)
			}
		})
	}
	var reading error
	wg.Go(func() {
		defer close(ordered)
		defer close(work)
		reading = l.stretches(readCtx, ranges, func(records []kafka.Record) error {
			j := &job{records: records, next: records[len(records)-1].Offset + 1, ready: make(chan struct{})}
			select {
			case ordered <- j:
			case <-readCtx.Done():
				return context.Cause(readCtx)
			}
			work <- j
			return nil
		})
	})
	var failed error
	for j := range ordered {
		<-j.ready
		if failed != nil {
			continue
		}
		if failed = b.Add(ctx, j.block); failed != nil {
			cancel(failed)
		}
		meter.at(b.Facts())
	}
	wg.Wait()
	if failed == nil {
		failed = reading
	}
	if errors.Is(failed, kafka.ErrGone) {
		return fmt.Errorf("%w: what was read of an interrupted rebuild cannot be continued; begin anew with --restart", failed)
	}
	if failed == nil {
		b.Reached(ends) // what a partition ends with may be no record
	}
	return failed
}

// stretches gathers the records of each partition.
func (l *Log) stretches(ctx context.Context, ranges []kafka.Range, send func([]kafka.Record) error) error {
	if len(ranges) == 0 {
		return nil
	}
	held, bytes := make(map[int32][]kafka.Record), make(map[int32]int)
	err := l.Reader.Read(ctx, ranges, func(r kafka.Record) error {
		records := held[r.Partition]
		if records == nil {
			records = make([]kafka.Record, 0, batchRecords)
		}
		records = append(records, r)
		if bytes[r.Partition] += len(r.Value); len(records) < batchRecords && bytes[r.Partition] < batchBytes {
			held[r.Partition] = records
			return nil
		}
		held[r.Partition], bytes[r.Partition] = nil, 0
		return send(records)
	})
	if err != nil {
		return err
	}
	for _, records := range held {
		if len(records) > 0 {
			if err := send(records); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Log) decode(records []kafka.Record, cut Cut) []projections.Fact {
	facts := make([]projections.Fact, len(records))
	for i := range records {
		facts[i] = l.Decoder.DecodeRecord(&records[i])
		cut.apply(&facts[i], &records[i])
	}
	return facts
}

// meter turns counts into progress, for one goroutine.
type meter struct {
	report func(Progress)
	phase  Phase
	from   int64 // where the phase began, after an interruption
	total  int64
	began  time.Time
	said   time.Duration // when progress was last reported, since began
}

func (m *meter) begin(p Phase, from, total int64) {
	m.phase, m.from, m.total, m.began, m.said = p, from, total, time.Now(), 0
	m.say(from, 0)
}

func (m *meter) at(done int64) {
	if since := time.Since(m.began); since-m.said >= reportEvery {
		m.said = since
		m.say(done, since)
	}
}

func (m *meter) end() { m.say(m.total, time.Since(m.began)) }

func (m *meter) say(done int64, since time.Duration) {
	if m.report == nil {
		return
	}
	out := Progress{Phase: m.phase, Done: done, Total: max(m.total, done)}
	if n := done - m.from; n > 0 && since > 0 {
		out.Rate = float64(n) / since.Seconds()
		out.Left = time.Duration(float64(out.Total-done) / out.Rate * float64(time.Second))
	}
	m.report(out)
}
