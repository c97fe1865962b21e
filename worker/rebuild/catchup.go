package rebuild

import (
	"context"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
)

// catchUpFacts is how many facts share a call of the store while it catches up.
const catchUpFacts = 5_000

// CatchUp commits to a store what it has not yet seen of the log, up to these ends; nil is the end of the log now.
func (l *Log) CatchUp(ctx context.Context, s *projections.Store, ends map[int32]int64) error {
	starts, now, err := l.Reader.Offsets(ctx, l.Topic)
	if err != nil {
		return err
	}
	if ends == nil {
		ends = now
	}
	var partitions []int32
	for p := range ends {
		partitions = append(partitions, p)
	}
	next, err := s.Resume(ctx, partitions)
	if err != nil {
		return err
	}
	var ranges []kafka.Range
	for p, end := range ends {
		if from := max(next[p], starts[p]); from < end {
			ranges = append(ranges, kafka.Range{Topic: l.Topic, Partition: p, From: from, To: end})
		}
	}
	if len(ranges) == 0 {
		return nil
	}
	var facts []projections.Fact
	err = l.Reader.Read(ctx, ranges, func(r kafka.Record) error {
		f := l.Decoder.DecodeRecord(&r)
		f.Prev, next[r.Partition] = next[r.Partition], r.Offset+1
		if facts = append(facts, f); len(facts) < catchUpFacts {
			return nil
		}
		err := s.CommitAll(ctx, facts)
		facts = facts[:0]
		return err
	})
	if err != nil {
		return err
	}
	return s.CommitAll(ctx, facts)
}
