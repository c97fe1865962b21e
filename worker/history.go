package worker

import (
	"context"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

// Marshaler is how events stand in the log: the message's metadata are the record's headers.
func Marshaler() kafka.Marshaler {
	return kafka.HeaderMarshaler{Key: event.MessageKey, UUID: event.MessageUUID, Timestamp: event.MessageTime}
}

// Record is the record of an event, the same as Marshaler's of the event's message but for the headers' order. It shares the event's body,
// and fails where the event is not valid.
func Record(e *event.Event) (kafka.Record, error) {
	if err := e.Validate(); err != nil {
		return kafka.Record{}, err
	}
	rec := kafka.Record{Value: e.Body, Headers: make([]kafka.Header, 0, 8+len(e.Headers)), Timestamp: e.Recorded}
	rec.Key = e.Encode(func(name string, value []byte) {
		rec.Headers = append(rec.Headers, kafka.Header{Key: name, Value: value})
	})
	return rec, nil
}

// History returns the function by which a store reads records of the log again: those at the given positions, decoded. A
// record that the log no longer has, or that cannot be decoded any more, is left out.
func History(r *kafka.Reader, topic string, d *Decoder) func(context.Context, []projections.Position) ([]lifecycle.Observation, error) {
	return func(ctx context.Context, at []projections.Position) ([]lifecycle.Observation, error) {
		ranges := make([]kafka.Range, len(at))
		for i, p := range at {
			ranges[i] = kafka.Range{Topic: topic, Partition: p.Partition, From: p.Offset, To: p.Offset + 1}
		}
		var out []lifecycle.Observation
		err := r.Read(ctx, ranges, func(record kafka.Record) error {
			out = append(out, d.DecodeRecord(&record).Observations...)
			return nil
		})
		return out, err
	}
}
