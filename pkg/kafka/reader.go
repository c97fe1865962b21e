package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ReaderConfig configures a [Reader].
type ReaderConfig struct {
	Config
	// Progress is called after each batch of a partition, between records, in the goroutine of [Reader.Read]. nil: not at all.
	Progress func(Progress)
	// MaxBytes bounds one fetch. Default 16 MiB.
	MaxBytes int32
	// Patience is how long brokers that cannot be reached are waited for, as while they are started again, before a call fails.
	// Default 15 s; negative: not at all.
	Patience time.Duration
}

// Progress is how far one range has been read.
type Progress struct {
	Range
	// Next is the offset after the last one that was read or found missing.
	Next int64
	// Records handed to the callback so far, of this range.
	Records int64
}

// Range is a part of one partition. From is included, To is not.
type Range struct {
	Topic     string
	Partition int32
	// From must still be in the log; -1 stands for the oldest record that is.
	From int64
	// To ends the range; -1, or what lies beyond, stands for the partition's end when Read begins.
	To int64
}

// ErrGone is returned for a range that begins before the oldest record left in the partition.
var ErrGone = errors.New("kafka: offset is no longer in the log")

// Reader reads ranges of partitions, without a group and without messages: for rebuilds, and for looking at single records. It is safe for
// concurrent use; each Read has a client of its own.
type Reader struct {
	cfg    ReaderConfig
	client *kgo.Client
	done   func()
	once   sync.Once
}

// NewReader makes a reader. It does not wait for the brokers.
func NewReader(cfg ReaderConfig) (*Reader, error) {
	cfg.Config = cfg.Config.withDefaults()
	if err := cfg.Config.validate(); err != nil {
		return nil, err
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 16 << 20
	}
	if cfg.Patience == 0 {
		cfg.Patience = 15 * time.Second
	}
	client, _, done, err := cfg.client("reader")
	if err != nil {
		return nil, err
	}
	return &Reader{cfg: cfg, client: client, done: done}, nil
}

// Close lets go of the connections. Reads under way end with an error.
func (r *Reader) Close() error {
	r.once.Do(func() {
		r.client.Close()
		r.done()
	})
	return nil
}

// Offsets gives, for each partition, the offset of the oldest record and the one after the newest.
func (r *Reader) Offsets(ctx context.Context, topic string) (start, end map[int32]int64, err error) {
	var w waiting
	for {
		start, end, err = r.offsets(ctx, topic)
		if err == nil || !w.goOn(ctx, r, err) {
			return start, end, err
		}
	}
}

func (r *Reader) offsets(ctx context.Context, topic string) (start, end map[int32]int64, err error) {
	ids, err := partitionsOf(ctx, r.client, topic)
	if err != nil {
		return nil, nil, r.wrap(err)
	}
	if start, err = listOffsets(ctx, r.client, topic, ids, -2); err != nil {
		return nil, nil, r.wrap(err)
	}
	if end, err = listOffsets(ctx, r.client, topic, ids, -1); err != nil {
		return nil, nil, r.wrap(err)
	}
	return start, end, nil
}

func (r *Reader) wrap(err error) error {
	if errors.Is(err, kgo.ErrClientClosed) || r.client.Context().Err() != nil {
		return ErrClosed
	}
	return fmt.Errorf("kafka: read: %w", err)
}

// Read calls each with every record of the ranges: of one partition in order of offset, of several interleaved. Ranges of one
// partition are read one after the other, by From. It returns when all ranges are through, with the callback's first error as it is, or with what
// stands in the way. Brokers that cannot be reached are waited for as [ReaderConfig.Patience] says, those that do not answer until ctx
// ends.
func (r *Reader) Read(ctx context.Context, ranges []Range, each func(Record) error) error {
	plan, err := r.plan(ctx, ranges)
	if err != nil || len(plan) == 0 {
		return err
	}
	begin := map[string]map[int32]kgo.Offset{}
	for tp, todo := range plan {
		if begin[tp.topic] == nil {
			begin[tp.topic] = map[int32]kgo.Offset{}
		}
		begin[tp.topic][tp.id] = kgo.NewOffset().At(todo[0].From)
	}
	cfg := r.cfg.Config
	cfg.Registerer = nil // counted by nobody: it lives as long as one call
	cl, _, release, err := cfg.client("reader",
		kgo.ConsumePartitions(begin),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxBytes(r.cfg.MaxBytes), kgo.FetchMaxPartitionBytes(r.cfg.MaxBytes/2),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they fill the gap at a partition's end
		kgo.RetryBackoffFn(backoff),
	)
	if err != nil {
		return err
	}
	defer release()
	defer cl.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.client.Context(), cancel)()
	run := &reading{r: r, cl: cl, plan: plan, each: each}
	var w waiting
	for len(plan) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			if r.client.Context().Err() != nil {
				return ErrClosed
			}
			return context.Cause(ctx)
		}
		for _, f := range fetches.Errors() {
			if err := r.wrap(fmt.Errorf("%s partition %d: %w", f.Topic, f.Partition, f.Err)); !w.goOn(ctx, r, err) {
				return err
			}
		}
		if fetches.NumRecords() > 0 {
			w = waiting{}
		}
		var failed error
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if failed == nil {
				failed = run.batch(ctx, f)
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// plan resolves the ranges against the log, sorts them by partition, and leaves out the empty ones.
func (r *Reader) plan(ctx context.Context, ranges []Range) (map[topicPartition][]Progress, error) {
	type bounds struct{ start, end map[int32]int64 }
	topics := map[string]bounds{}
	plan := map[topicPartition][]Progress{}
	for _, rg := range ranges {
		b, ok := topics[rg.Topic]
		if !ok {
			start, end, err := r.Offsets(ctx, rg.Topic)
			if err != nil {
				return nil, err
			}
			b = bounds{start, end}
			topics[rg.Topic] = b
		}
		first, ok := b.start[rg.Partition]
		if !ok {
			return nil, fmt.Errorf("kafka: read: topic %s has no partition %d", rg.Topic, rg.Partition)
		}
		if rg.From == -1 {
			rg.From = first
		}
		if rg.From < first {
			return nil, fmt.Errorf("%w: %s partition %d begins at %d, not at %d; read from there, and look at the topic's retention",
				ErrGone, rg.Topic, rg.Partition, first, rg.From)
		}
		if end := b.end[rg.Partition]; rg.To == -1 || rg.To > end {
			rg.To = end
		}
		if rg.From >= rg.To {
			continue
		}
		tp := topicPartition{rg.Topic, rg.Partition}
		plan[tp] = append(plan[tp], Progress{Range: rg, Next: rg.From})
	}
	for _, todo := range plan {
		slices.SortStableFunc(todo, func(a, b Progress) int { return cmp.Compare(a.From, b.From) })
	}
	return plan, nil
}

type reading struct {
	r    *Reader
	cl   *kgo.Client
	plan map[topicPartition][]Progress
	each func(Record) error
}

// batch hands the records of one fetched partition out and turns to the partition's next range when one is through.
func (g *reading) batch(ctx context.Context, f kgo.FetchTopicPartition) error {
	tp := topicPartition{f.Topic, f.Partition}
	todo := g.plan[tp]
	if len(todo) == 0 || len(f.Records) == 0 {
		return nil
	}
	at := &todo[0]
	for _, rec := range f.Records {
		if rec.Offset < at.Next {
			continue // left over from before a jump
		}
		at.Next = min(rec.Offset+1, at.To)
		if rec.Offset >= at.To {
			at.Next = at.To
			break
		}
		if rec.Attrs.IsControl() {
			continue
		}
		if err := g.each(fromClient(rec)); err != nil {
			return err
		}
		at.Records++
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if g.r.cfg.Progress != nil {
		g.r.cfg.Progress(*at)
	}
	if at.Next < at.To {
		return nil
	}
	g.cl.RemoveConsumePartitions(map[string][]int32{f.Topic: {f.Partition}})
	if todo = todo[1:]; len(todo) == 0 {
		delete(g.plan, tp)
		return nil
	}
	g.plan[tp] = todo
	g.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{f.Topic: {f.Partition: kgo.NewOffset().At(todo[0].From)}})
	return nil
}
