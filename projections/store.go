package projections

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// ErrClosed is returned by a store that was closed.
var ErrClosed = errors.New("projections: the store is closed")

// Store writes the read model. It is safe for concurrent use.
type Store struct {
	config     Config
	lifecycles map[[2]string]*lifecycle.Lifecycle // by provider and kind
	metrics    *metrics

	mu      sync.Mutex
	waiting []*batch // batches that are not yet being written, oldest first
	spare   []Fact   // the memory of a batch that was written
	closed  bool
	wake    chan struct{} // holds one token where there may be work
	stopped chan struct{} // closed when the writer has ended
	changed chan struct{} // closed with the next change; nil where nobody waits

	full         chan struct{} // asks for a checkpoint
	checkpointed chan struct{} // closed when the checkpointer has ended

	turn chan struct{} // held by whoever uses the fields below
	w    *writer       // nil until it is needed, and after an error
	file string        // the id of the last file that was written
	// spans are the contiguity of partitions, as committed.
	spans    map[int32]*span
	failed   error  // the last transaction's error, nil once one succeeds
	items    []item // the memory of the last batch
	works    [][]work
	lastGood time.Time // when the last transaction succeeded; only spares Ready its probe
}

// batch is a group of facts that share a transaction and a result.
type batch struct {
	facts []Fact
	done  chan struct{}
	err   error
}

// Open creates the file and its schema, or checks an existing file. It fails with a *VersionError where the file was
// written by another schema or fold version, or for another topic.
func Open(ctx context.Context, c Config) (*Store, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{
		config: c, lifecycles: make(map[[2]string]*lifecycle.Lifecycle, len(c.Lifecycles)),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}), turn: make(chan struct{}, 1),
		spans: make(map[int32]*span), full: make(chan struct{}, 1), checkpointed: make(chan struct{}),
	}
	for _, l := range c.Lifecycles {
		key := [2]string{l.Provider, l.Kind}
		if s.lifecycles[key] != nil {
			return nil, fmt.Errorf("projections: two lifecycles for %s %s: give one", l.Provider, l.Kind)
		}
		s.lifecycles[key] = l
	}
	if s.w, err = openCurrent(ctx, &s.config); err != nil {
		return nil, err
	}
	if err = s.adopt(s.w); err != nil {
		return nil, errors.Join(err, s.w.close())
	}
	if s.metrics, err = newMetrics(c.Registerer); err != nil {
		return nil, errors.Join(err, s.w.close())
	}
	go s.run()
	go s.checkpoints()
	return s, nil
}

// Commit blocks until the fact is in a committed transaction, together with whatever else is in flight. An error says that
// nothing of the fact was committed, except where ctx ends the wait: then it may or may not be. It is safe to commit a
// fact again.
func (s *Store) Commit(ctx context.Context, f Fact) error { return s.CommitAll(ctx, []Fact{f}) }

// CommitAll is Commit for several facts. They share a transaction with each other as far as MaxBatch allows; after an
// error some of them may be committed.
func (s *Store) CommitAll(ctx context.Context, facts []Fact) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	batches, err := s.enqueue(facts)
	if err != nil {
		return err
	}
	for _, b := range batches {
		select {
		case <-b.done:
			err = errors.Join(err, b.err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (s *Store) enqueue(facts []Fact) ([]*batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	var joined []*batch
	for len(facts) > 0 {
		last := len(s.waiting) - 1
		if last < 0 || len(s.waiting[last].facts) >= s.config.MaxBatch {
			s.waiting = append(s.waiting, &batch{facts: s.spare, done: make(chan struct{})})
			s.spare = nil
			last++
		}
		b := s.waiting[last]
		n := min(len(facts), s.config.MaxBatch-len(b.facts))
		b.facts = append(b.facts, facts[:n]...)
		facts = facts[n:]
		joined = append(joined, b)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return joined, nil
}

// run writes one batch after the other. Batches grow by themselves: what arrives during a transaction shares the next.
func (s *Store) run() {
	defer close(s.stopped)
	for range s.wake {
		for {
			s.mu.Lock()
			if len(s.waiting) == 0 {
				closed := s.closed
				s.mu.Unlock()
				if closed {
					return
				}
				break
			}
			b := s.waiting[0]
			s.waiting = s.waiting[1:]
			s.mu.Unlock()
			s.turn <- struct{}{}
			if b.err = s.write(b.facts); b.err == nil {
				s.askForCheckpoint()
			}
			<-s.turn
			if b.err == nil && s.config.Signals.BatchCommitted != nil {
				s.config.Signals.BatchCommitted(len(b.facts))
			}
			s.announce()
			close(b.done)
			clear(b.facts)
			s.mu.Lock()
			s.spare, b.facts = b.facts[:0], nil
			s.mu.Unlock()
		}
	}
}

// take waits for the turn to use the writer, and sees to it that there is one.
func (s *Store) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		<-s.turn
		return ErrClosed
	}
	if err := s.reopen(ctx); err != nil {
		<-s.turn
		return err
	}
	return nil
}

func (s *Store) reopen(ctx context.Context) (err error) {
	if s.w != nil && s.w.replaced(s.config.Path) {
		s.drop()
	}
	if s.w != nil {
		return nil
	}
	w, err := openCurrent(ctx, &s.config)
	if err != nil {
		return err
	}
	if err := s.adopt(w); err != nil {
		return errors.Join(err, w.close())
	}
	s.w = w
	return nil
}

// drop closes a writer that failed; the next use opens another, with nothing remembered.
func (s *Store) drop() {
	if err := s.w.close(); err != nil {
		s.config.Logger.Warn("closing the store's connection after an error", "path", s.config.Path, "err", err)
	}
	s.w = nil
}

// Resume returns the next offset of each partition, 0 where nothing was committed, and forgets what was committed beyond
// it. It is called when partitions are assigned, before their first Commit.
func (s *Store) Resume(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.turn }()
	next := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		n, err := s.w.nextOffset(p)
		if err != nil {
			s.drop()
			return nil, explain(s.config.Path, "reading offsets from", err)
		}
		next[p] = n
		s.spans[p] = &span{next: n}
	}
	return next, nil
}

// Digest is the order-free sum of the digests of all entities. Stores with equal digests hold equal summaries.
func (s *Store) Digest(ctx context.Context) (lifecycle.Digest, error) {
	if err := s.take(ctx); err != nil {
		return lifecycle.Digest{}, err
	}
	defer func() { <-s.turn }()
	d, err := s.w.digest()
	if err != nil {
		s.drop()
		return d, explain(s.config.Path, "reading the digest from", err)
	}
	return d, nil
}

// Ready says why the store cannot be written, nil where it can. After a failure it is green again once a transaction
// succeeds, without a restart.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	if s.failed == nil && time.Since(s.lastGood) < time.Second {
		return nil
	}
	filler := 1
	if s.failed != nil {
		filler = 256 << 10 // the disk was full: one page may still find room where a batch does not
	}
	err := s.w.probe(filler)
	if err != nil {
		s.drop()
		s.failed = explain(s.config.Path, "writing to", err)
		return s.failed
	}
	s.failed, s.lastGood = nil, time.Now()
	return nil
}

// Close commits what is waiting and closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	<-s.stopped
	close(s.full)
	<-s.checkpointed
	s.metrics.unregister(s.config.Registerer)
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.w == nil {
		return nil
	}
	err := s.w.close()
	s.w = nil
	return err
}

func encodeDigest(d lifecycle.Digest) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), d.Hi), d.Lo)
}

func decodeDigest(b []byte) lifecycle.Digest {
	if len(b) != 16 {
		return lifecycle.Digest{}
	}
	return lifecycle.Digest{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}

// metaValue reads a value of the table meta.
func metaValue(c *conn, key string) (value string, err error) {
	err = c.query(`SELECT value FROM meta WHERE key = ?`, func(row []driver.Value) error {
		value, _ = row[0].(string)
		return nil
	}, key)
	return value, err
}

func setMeta(c *conn, key, value string) error {
	return c.exec(`INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
}
