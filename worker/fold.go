package worker

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
)

// usualRecords is room for the facts of a message while the worker catches up; the log may have gaps between its records.
const usualRecords = 256

// handle folds the records of one message, and returns when they are committed. An error makes the subscriber deliver them
// again after a back-off. A worker that is told to stop still finishes what it has begun; what it has not, the next one reads
// again.
//
//	router ─a message of many records─▶ handlers ─▶ decode ─▶ Store.CommitAll, which joins them to transactions ─▶ acknowledged
func (w *Worker) handle(m *message.Message) error {
	at, ok := kafka.PositionOf(m)
	if !ok {
		return errors.New("worker: a message without a position in the log: the subscriber is not pkg/kafka's")
	}
	facts := w.decode(m, at)
	if err := w.store.CommitAll(context.Background(), facts); err != nil {
		w.log.Error("records could not be committed and are tried again", "records", len(facts),
			"partition", facts[0].Partition, "offset", facts[0].Offset, "error", err)
		return notCommitted{err}
	}
	w.count(facts)
	return nil
}

// decode makes facts of a message's records; together they cover its position. It does so for one message at a time: decoding
// takes a third of the time that SQLite takes, and what is decoded sooner only waits, at the cost of whoever else needs a
// processor.
func (w *Worker) decode(m *message.Message, at kafka.Position) []projections.Fact {
	w.decoding.Lock()
	defer w.decoding.Unlock()
	facts := make([]projections.Fact, 0, min(at.Offset-at.Prev+1, usualRecords))
	next := at.Prev
	for r := range kafka.RecordsOf(m) {
		f := w.decoder.DecodeRecord(&r)
		f.Prev, next = next, r.Offset+1
		facts = append(facts, f)
	}
	return facts
}

func (w *Worker) count(facts []projections.Fact) {
	parked := 0
	for i := range facts {
		if p := facts[i].Parked; p != nil {
			parked++
			w.log.Warn("a record is parked", "partition", facts[i].Partition, "offset", facts[i].Offset,
				"connection", p.Connection, "reason", p.Reason)
		}
	}
	w.parked.Add(float64(parked))
	w.folded.Add(float64(len(facts) - parked))
}

// notCommitted is the error of a message whose records could not be committed, which has been logged.
type notCommitted struct{ error }

func (e notCommitted) Unwrap() error { return e.error }

// routerLog leaves out what the router says of each message. Trace is of a level below all that a log can be set to, and
// making it ready to be thrown away is not free. An error that was logged with its records is not said again.
type routerLog struct{ watermill.LoggerAdapter }

func (l routerLog) Trace(string, watermill.LogFields) {}

func (l routerLog) Error(msg string, err error, fields watermill.LogFields) {
	if errors.As(err, new(notCommitted)) {
		return
	}
	l.LoggerAdapter.Error(msg, err, fields)
}

func (l routerLog) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return routerLog{l.LoggerAdapter.With(fields)}
}
