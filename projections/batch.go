package projections

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// item is one observation of a batch.
type item struct {
	obs  *lifecycle.Observation
	pos  Position
	from source
	kind *kind
	num  int64 // of the entity
}

// source says which observation of which fact of the batch an item is.
type source struct{ fact, index int }

// attempt is one try at writing a batch. A try that meets something rare (a fold that panics, an entity that must be
// folded again) notes it, is rolled back, and the batch is tried again with what was noted.
type attempt struct {
	store *Store
	w     *writer
	facts []Fact

	// What former tries found out.
	refused map[source]*Parked                   // observations that are left out and parked
	history map[historyKey]lifecycle.Observation // observations read from the log again
	asked   map[Position]bool                    // positions for which that was tried

	// What this try found out.
	again   bool
	missing map[Position]bool // to be read from the log before the next try

	items    []item
	spare    [][]work
	base     int64           // entities with greater numbers are new
	parked   map[int]*Parked // by fact
	delta    lifecycle.Digest
	repeated int
	refolds  int
}

type historyKey struct {
	entity lifecycle.Entity
	id     string
}

// write commits a batch, to the file that is at the path. The caller has the turn.
func (s *Store) write(facts []Fact) error {
	for {
		err := s.commit(facts)
		if !errors.As(err, new(*retiredError)) {
			return err
		}
	}
}

func (s *Store) commit(facts []Fact) (err error) {
	start := time.Now()
	ctx := context.Background() // a batch has many callers; none of them may take it away from the others
	if err := s.reopen(ctx); err != nil {
		s.failed = err
		s.metrics.failures.Inc()
		return err
	}
	defer func() {
		if err != nil {
			s.metrics.failures.Inc()
			s.failed = err
			if s.w != nil {
				s.drop()
			}
		}
	}()
	a := &attempt{
		store: s, w: s.w, facts: facts, items: s.items[:0], spare: s.works,
		refused: make(map[source]*Parked), history: make(map[historyKey]lifecycle.Observation), asked: make(map[Position]bool),
	}
	defer func() {
		clear(a.items)
		s.items, s.works = a.items, a.spare
	}()
	for {
		spans, err := a.try()
		if err != nil {
			return explain(s.config.Path, "committing to", err)
		}
		if !a.again {
			for p, sp := range spans {
				s.spans[p] = sp
			}
			break
		}
		s.w.forget()
		reading, cancel := context.WithTimeout(ctx, historyTimeout)
		err = a.readHistory(reading)
		cancel()
		if err != nil {
			return fmt.Errorf("projections: reading the log again to fold an entity anew: %w", err)
		}
	}
	s.failed, s.lastGood = nil, time.Now()
	s.metrics.facts.Add(float64(len(facts)))
	s.metrics.repeated.Add(float64(a.repeated))
	s.metrics.parked.Add(float64(len(a.parked)))
	s.metrics.refolds.Add(float64(a.refolds))
	s.metrics.size.Observe(float64(len(facts)))
	s.metrics.seconds.Observe(time.Since(start).Seconds())
	return nil
}

// historyTimeout bounds how long a batch waits for the log to be read again, so that Close ends.
const historyTimeout = 8 * time.Second

// errAgain rolls a try back.
var errAgain = errors.New("the batch is tried again")

// try writes the batch in one transaction, and returns the contiguity after it.
func (a *attempt) try() (spans map[int32]*span, err error) {
	a.again, a.missing = false, make(map[Position]bool)
	a.items, a.parked, a.delta, a.repeated, a.refolds = a.items[:0], make(map[int]*Parked), lifecycle.Digest{}, 0, 0
	err = a.w.transaction(func() error {
		if err := a.w.sync(); err != nil {
			return err
		}
		if err := a.w.standing(a.store.config.Path); err != nil {
			return err
		}
		if err := a.gather(); err != nil {
			return err
		}
		if err := a.resolve(); err != nil {
			return err
		}
		if err := a.entities(); err != nil {
			return err
		}
		if a.again {
			return errAgain
		}
		if err := a.park(); err != nil {
			return err
		}
		spans, err = a.progress()
		return err
	})
	if errors.Is(err, errAgain) {
		return nil, nil
	}
	a.again = false
	return spans, err
}

// gather collects the observations that can be folded, and notes the facts that are parked.
func (a *attempt) gather() error {
	var last *kind
	for f := range a.facts {
		fact := &a.facts[f]
		if fact.Parked != nil {
			a.parked[f] = fact.Parked
		}
		for i := range fact.Observations {
			o := &fact.Observations[i]
			from := source{f, i}
			if p := a.refused[from]; p != nil {
				a.parkOnce(f, p)
				continue
			}
			provider, _, _ := strings.Cut(o.Type, ".")
			if last == nil || last.connection != o.Entity.Connection || last.kindKey.kind != o.Entity.Kind || last.provider != provider {
				l := a.store.lifecycles[[2]string{provider, o.Entity.Kind}]
				if l == nil {
					a.parkOnce(f, refusal(o, ReasonUnknownKind, fmt.Sprintf("no lifecycle for kind %q of provider %q", o.Entity.Kind, provider)))
					continue
				}
				k, err := a.w.kind(kindKey{o.Entity.Connection, o.Entity.Kind, provider}, l)
				if err != nil {
					return err
				}
				last = k
			}
			a.items = append(a.items, item{obs: o, pos: Position{fact.Partition, fact.Offset}, from: from, kind: last})
		}
	}
	return nil
}

func panicDetail(o *lifecycle.Observation, panicked any) string {
	return fmt.Sprintf("folding %s into kind %s panicked with a %T: this is a fault of the program", o.Type, o.Entity.Kind, panicked)
}

func refusal(o *lifecycle.Observation, reason, detail string) *Parked {
	return &Parked{Connection: o.Entity.Connection, ObservationID: o.ID, Type: o.Type, Reason: reason, Detail: detail}
}

// parkOnce keeps the first reason for which a record is parked.
func (a *attempt) parkOnce(fact int, p *Parked) {
	if a.parked[fact] == nil {
		a.parked[fact] = p
	}
}

// resolve finds the numbers of the batch's entities, adds those that are new, and sorts the items by entity, observation,
// and which delivery counts first.
func (a *attempt) resolve() error {
	var unknown []*item
	for i := range a.items {
		it := &a.items[i]
		if it.num = a.w.nums[a.w.numKey(it)]; it.num == 0 {
			unknown = append(unknown, it)
		}
	}
	slices.SortFunc(unknown, func(x, y *item) int {
		return cmp.Or(cmp.Compare(x.kind.num, y.kind.num), strings.Compare(x.obs.Entity.ID, y.obs.Entity.ID))
	})
	if len(a.w.nums)+len(unknown) > maxCached {
		clear(a.w.nums)
	}
	a.base = a.w.last
	for i, it := range unknown {
		if i > 0 && unknown[i-1].kind == it.kind && unknown[i-1].obs.Entity.ID == it.obs.Entity.ID {
			it.num = unknown[i-1].num
			continue
		}
		num, err := a.w.entityNum(it.kind.num, it.obs.Entity.ID)
		if err != nil {
			return err
		}
		if num == 0 {
			a.w.last++
			num = a.w.last
		}
		it.num = num
		a.w.nums[a.w.numKey(it)] = num
	}
	slices.SortFunc(a.items, func(x, y item) int {
		return cmp.Or(cmp.Compare(x.num, y.num), strings.Compare(x.obs.ID, y.obs.ID), compareDeliveries(&x, &y))
	})
	return nil
}

// compareDeliveries orders the deliveries of one observation: the one that counts comes first. Beyond what the fold
// demands, the place in the log decides between deliveries that are alike.
func compareDeliveries(x, y *item) int {
	switch {
	case x.obs.Supersedes(y.obs):
		return -1
	case y.obs.Supersedes(x.obs):
		return 1
	default:
		return x.pos.compare(y.pos)
	}
}

func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Partition, q.Partition), cmp.Compare(p.Offset, q.Offset))
}

// park writes the rows of parked records, and takes away those of records that are parked no longer.
func (a *attempt) park() error {
	type bounds struct{ low, high int64 }
	ranges := make(map[int32]bounds)
	for f := range a.facts {
		fact := &a.facts[f]
		b, ok := ranges[fact.Partition]
		if !ok {
			b = bounds{fact.Offset, fact.Offset}
		}
		ranges[fact.Partition] = bounds{min(b.low, fact.Offset), max(b.high, fact.Offset)}
	}
	before := make(map[Position]bool)
	for p, b := range ranges {
		err := a.w.c.query(`SELECT offset FROM set_aside WHERE partition = ? AND offset BETWEEN ? AND ?`, func(row []driver.Value) error {
			before[Position{p, integer(row[0])}] = true
			return nil
		}, int64(p), b.low, b.high)
		if err != nil {
			return err
		}
	}
	if len(before) == 0 && len(a.parked) == 0 {
		return nil
	}
	for f := range a.facts {
		fact := &a.facts[f]
		p := a.parked[f]
		var err error
		switch at := (Position{fact.Partition, fact.Offset}); {
		case p != nil:
			err = a.w.c.exec(`INSERT INTO set_aside VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (partition, offset)
				DO UPDATE SET connection = excluded.connection, observation_id = excluded.observation_id, type = excluded.type,
				reason = excluded.reason, detail = excluded.detail`,
				int64(at.Partition), at.Offset, p.Connection, p.ObservationID, p.Type, p.Reason, p.Detail)
		case before[at]:
			err = a.w.c.exec(`DELETE FROM set_aside WHERE partition = ? AND offset = ?`, int64(at.Partition), at.Offset)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// progress writes offsets and digest, and returns the contiguity of the partitions it touched.
func (a *attempt) progress() (map[int32]*span, error) {
	spans := make(map[int32]*span)
	for f := range a.facts {
		fact := &a.facts[f]
		sp := spans[fact.Partition]
		if sp == nil {
			if known := a.store.spans[fact.Partition]; known != nil {
				sp = known.clone()
			} else {
				next, err := a.w.nextOffset(fact.Partition)
				if err != nil {
					return nil, err
				}
				sp = &span{next: next}
			}
			spans[fact.Partition] = sp
		}
		sp.add(fact.Prev, fact.Offset+1)
	}
	for p, sp := range spans {
		err := a.w.c.exec(`INSERT INTO offsets VALUES (?, ?) ON CONFLICT (partition)
			DO UPDATE SET next_offset = excluded.next_offset WHERE excluded.next_offset > next_offset`, int64(p), sp.next)
		if err != nil {
			return nil, err
		}
	}
	if a.delta == (lifecycle.Digest{}) {
		return spans, nil
	}
	d, err := a.w.digest()
	if err != nil {
		return nil, err
	}
	d = d.Add(a.delta)
	return spans, a.w.c.exec(`UPDATE total SET hi = ?, lo = ?`, int64(d.Hi), int64(d.Lo))
}

func fingerprintNumber(f lifecycle.Fingerprint) int64 { return int64(binary.BigEndian.Uint64(f[:])) }

func fingerprintOf(n int64) (f lifecycle.Fingerprint) {
	binary.BigEndian.PutUint64(f[:], uint64(n))
	return f
}
