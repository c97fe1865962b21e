// Package worker is log in, projections out: Watermill consumers read the topic of observations and join each record into
// the state of the entity that it speaks of.
//
// # Guarantees
//
// A record is acknowledged only after the transaction that holds its rows and its offset is committed. On assignment
// reading goes on where the store says, not where the group's committed offsets say, so rows and offsets cannot disagree;
// what is read twice is folded to the same state. Many messages, each of up to as many records as the subscriber's Batch says,
// are in flight and share transactions.
//
// A record that cannot be decoded or folded is parked: it keeps its place in the log, a row says why, and nothing waits
// for it, not even its own entity.
//
// # Duties of the caller
//
// The subscriber must start each partition at Store.Resume's offset and give positions by kafka.PositionOf; the store must
// have been opened with the History of the same decoder. Run blocks; end it by its context.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
)

// closeTimeout bounds how long a stopping worker waits for the transactions under way. It leaves room, within the ten
// seconds that a stop may take, for leaving the group.
const closeTimeout = 6 * time.Second

// routerLevels lower what the router says of its own coming and going, which is news to nobody.
var routerLevels = map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug}

// Config is what a Worker needs; all but Logger and Registerer must be set.
type Config struct {
	Subscriber *kafka.Subscriber
	Store      *projections.Store
	Decoder    *Decoder
	Topic      string
	// Logger gets what goes wrong, without anything of the bodies; nil is silence.
	Logger *slog.Logger
	// Registerer gets the metrics; nil is none.
	Registerer prometheus.Registerer
}

// Worker folds the records of one topic into one store.
type Worker struct {
	subscriber *kafka.Subscriber
	store      *projections.Store
	decoder    *Decoder
	topic      string
	router     *message.Router
	log        *slog.Logger
	decoding   sync.Mutex

	folded, parked prometheus.Counter
}

// New returns a worker that is not yet running.
func New(c Config) (*Worker, error) {
	w := &Worker{subscriber: c.Subscriber, store: c.Store, decoder: c.Decoder, topic: c.Topic, log: c.Logger}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	records := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hookfold_worker_records_total",
		Help: "Records that were committed to the store, by outcome: folded or parked. A record that is read again counts again.",
	}, []string{"outcome"})
	if c.Registerer != nil {
		if err := c.Registerer.Register(records); err != nil {
			return nil, err
		}
	}
	w.folded, w.parked = records.WithLabelValues("folded"), records.WithLabelValues("parked")
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: closeTimeout},
		routerLog{watermill.NewSlogLoggerWithLevelMapping(w.log, routerLevels)})
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	router.AddConsumerHandler("fold", c.Topic, c.Subscriber, w.handle)
	w.router = router
	return w, nil
}

// Run folds until the context ends: then it takes no more records, lets the transactions under way commit, and returns
// nil. Another error means that the worker could not begin or could not stop in time.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.router.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("worker: %w", err)
	}
	return nil
}

// Running is closed once the worker has begun to read.
func (w *Worker) Running() <-chan struct{} { return w.router.Running() }

// Ready says why the worker is not doing its job: no partitions assigned, or a store that cannot be written.
func (w *Worker) Ready(ctx context.Context) error {
	if len(w.subscriber.Assigned()[w.topic]) == 0 {
		return fmt.Errorf("no partitions of topic %s are assigned to this worker", w.topic)
	}
	return w.store.Ready(ctx)
}
