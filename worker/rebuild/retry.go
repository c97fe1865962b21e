package rebuild

import (
	"context"
	"fmt"
	"slices"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
)

// Retried is what became of a parked record.
type Retried struct {
	projections.ParkedEntry
	// Now is why it would be, or is, parked still; nil where it can be folded.
	Now *projections.Parked
	// Gone says that the log does not have the record any more.
	Gone bool
}

// Retry reads parked records again and decodes them. Where there is a store, those that can be folded are, and their rows
// vanish; of the others the attempts are counted. With no store nothing is changed.
func (l *Log) Retry(ctx context.Context, s *projections.Store, entries []projections.ParkedEntry) ([]Retried, error) {
	out := make([]Retried, len(entries))
	facts := make([]projections.Fact, len(entries))
	at := make(map[projections.Position]int, len(entries))
	var ranges []kafka.Range
	starts, ends, err := l.Reader.Offsets(ctx, l.Topic)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		out[i] = Retried{ParkedEntry: e, Gone: true}
		at[e.At] = i
		if first, ok := starts[e.At.Partition]; ok && e.At.Offset >= first && e.At.Offset < ends[e.At.Partition] {
			ranges = append(ranges, kafka.Range{Topic: l.Topic, Partition: e.At.Partition, From: e.At.Offset, To: e.At.Offset + 1})
		}
	}
	err = l.Reader.Read(ctx, ranges, func(r kafka.Record) error {
		i := at[projections.Position{Partition: r.Partition, Offset: r.Offset}]
		facts[i] = l.Decoder.DecodeRecord(&r)
		out[i].Gone, out[i].Now = false, facts[i].Parked
		return nil
	})
	if err != nil || s == nil {
		return out, err
	}
	var again []projections.Fact
	var failed []projections.Position
	for i := range out {
		if !out[i].Gone { // what is parked again may be so for another reason
			again = append(again, facts[i])
		}
	}
	if err := s.CommitAll(ctx, again); err != nil {
		return out, err
	}
	left, err := s.StillParked(ctx)
	if err != nil {
		return out, err
	}
	for i := range out {
		j := slices.IndexFunc(left, func(e projections.ParkedEntry) bool { return e.At == out[i].At })
		if j < 0 {
			continue
		}
		if failed = append(failed, out[i].At); out[i].Now == nil && !out[i].Gone { // the fold refused it
			now := left[j].Parked
			out[i].Now = &now
		}
	}
	return out, s.Tried(ctx, failed)
}

// Record reads one record of the log.
func (l *Log) Record(ctx context.Context, at projections.Position) (*kafka.Record, error) {
	var out *kafka.Record
	err := l.Reader.Read(ctx, []kafka.Range{{Topic: l.Topic, Partition: at.Partition, From: at.Offset, To: at.Offset + 1}}, func(r kafka.Record) error {
		out = &r
		return nil
	})
	if err == nil && out == nil {
		err = fmt.Errorf("partition %d of %s has no record at offset %d", at.Partition, l.Topic, at.Offset)
	}
	return out, err
}
