package projections

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Defaults of Config.
const (
	DefaultMaxBatch    = 20_000
	DefaultBusyTimeout = 10 * time.Second
	DefaultCacheBytes  = 64 << 20
)

// Config says where a store is and what it folds by.
type Config struct {
	// Path is the SQLite file. It is created, with a -wal and a -shm file beside it; its directory must exist.
	Path string
	// Topic is the name of the topic of observations; TopicID its id, empty where it is not known. A file that was
	// written for another topic is refused, since its offsets would mean nothing.
	Topic   string
	TopicID string
	// Lifecycles are the kinds that can be folded. Observations of other kinds are parked as ReasonUnknownKind.
	Lifecycles []*lifecycle.Lifecycle
	// History reads committed records again and returns what they decode to. It is called when a delivery counts instead
	// of one that is already folded in (the same observation, recorded earlier, arriving later), with the positions of the
	// entity's records. It may return observations of other entities too. An error fails the batch, which is tried again
	// by the caller; leaving an observation out says that the log no longer has it.
	History func(ctx context.Context, at []Position) ([]lifecycle.Observation, error)
	// MaxBatch is how many facts share a transaction at most; 0 means DefaultMaxBatch.
	MaxBatch int
	// BusyTimeout is how long to wait for another process that writes; 0 means DefaultBusyTimeout.
	BusyTimeout time.Duration
	// CacheBytes bounds SQLite's page cache; 0 means DefaultCacheBytes.
	CacheBytes int
	// Registerer takes the store's metrics, Logger its messages; nil means none.
	Registerer prometheus.Registerer
	Logger     *slog.Logger
	Signals    TestSignals
}

// TestSignals let a test wait for what a store has done. The zero value does nothing.
type TestSignals struct {
	// BatchCommitted is called after each transaction, with the number of its facts, before their Commit calls return.
	BatchCommitted func(facts int)
}

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("projections: Config.Path is empty: name the file of the store"))
	}
	if c.Topic == "" {
		errs = append(errs, errors.New("projections: Config.Topic is empty: name the topic of observations"))
	}
	if c.History == nil {
		errs = append(errs, errors.New("projections: Config.History is nil: give a function that reads records of the log again"))
	}
	if c.MaxBatch <= 0 {
		c.MaxBatch = DefaultMaxBatch
	}
	if c.BusyTimeout <= 0 {
		c.BusyTimeout = DefaultBusyTimeout
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = DefaultCacheBytes
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
}

// Position is the place of a record in the log.
type Position struct {
	Partition int32
	Offset    int64
}

// Fact is what one record of the log says.
type Fact struct {
	Partition int32
	// Offset is the record's own. Prev is where the record before it in the partition ended (its offset plus one), or
	// what Resume returned for the first one, so that the record covers [Prev, Offset].
	Offset, Prev int64
	// Observations are what the record decodes to; empty where it is parked. They must not be changed afterwards.
	Observations []lifecycle.Observation
	// Parked says why the record could not be decoded.
	Parked *Parked
}

// Parked is a record, or an observation in it, that could not be decoded or folded.
type Parked struct {
	Connection    string
	ObservationID string
	Type          string
	Reason        string
	Detail        string // what a person needs to act on it; free of personal data and secrets
}

// Reasons for which the store itself parks an observation.
const (
	// ReasonUnknownKind: no lifecycle is known for the provider and kind.
	ReasonUnknownKind = "unknown_kind"
	// ReasonPanic: folding it panicked.
	ReasonPanic = "panic"
	// ReasonHistoryMissing: the entity has to be folded again, but the log no longer has its records.
	ReasonHistoryMissing = "history_missing"
)
