package worker

import (
	"context"
	"errors"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
)

const (
	// decoders is how many goroutines decode. SQLite keeps about one processor busy, decoding less than one.
	decoders = 2
	// burst is how many records a decoder hands to the store at once; waiting is how many may wait for a decoder.
	burst, waiting = 256, 1024
)

// errStopped fails records that come when the worker has stopped.
var errStopped = notCommitted{errors.New("worker: stopped; the record is read again at the next start")}

// job is one record on its way. Its handler is one of thousands that wait, so it should do nothing that needs a large stack:
// a few decoders do that for all.
//
//	handlers ─▶ jobs ─▶ decoders ─a burst at a time─▶ Store.CommitAll ─▶ handlers
type job struct {
	message *message.Message
	at      kafka.Position
	done    sync.WaitGroup
	err     error
}

// decode takes what is there, hands it to the store, and does not wait for it. It ends when the worker has stopped and
// nothing is left.
func (w *Worker) decode() {
	for {
		var first *job
		select {
		case first = <-w.jobs:
		case <-w.stopped:
			select {
			case first = <-w.jobs:
			default:
				return
			}
		}
		jobs := append(make([]*job, 0, 1+len(w.jobs)), first)
		for more := true; more && len(jobs) < burst; {
			select {
			case j := <-w.jobs:
				jobs = append(jobs, j)
			default:
				more = false
			}
		}
		facts := make([]projections.Fact, len(jobs))
		for i, j := range jobs {
			facts[i] = w.decoder.Decode(j.message)
			facts[i].Partition, facts[i].Offset, facts[i].Prev = j.at.Partition, j.at.Offset, j.at.Prev
		}
		go w.commit(jobs, facts)
	}
}

// commit waits for a burst and tells its handlers. A worker that is told to stop still finishes what it has begun; what it
// has not, the next one reads again.
func (w *Worker) commit(jobs []*job, facts []projections.Fact) {
	err := w.store.CommitAll(context.Background(), facts)
	if err != nil {
		w.log.Error("records could not be committed and are tried again", "records", len(jobs),
			"partition", facts[0].Partition, "offset", facts[0].Offset, "error", err)
	} else {
		w.count(facts)
	}
	for _, j := range jobs {
		if err != nil {
			j.err = notCommitted{err}
		}
		j.done.Done()
	}
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

// notCommitted is the error of each record of a burst that failed, which has been logged once.
type notCommitted struct{ error }

func (e notCommitted) Unwrap() error { return e.error }

// routerLog leaves out what the router says of each message. Trace is of a level below all that a log can be set to, and
// making it ready to be thrown away is not free. An error that was logged for a whole burst is not said again for each of its
// records: where the disk is full, that would be thousands of lines a second.
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
