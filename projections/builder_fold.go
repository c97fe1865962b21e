package projections

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"time"
	"unsafe"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Sizes of what passes through a build at once.
const (
	portionBytes   = 256 << 10 // of a portion, which is whole entities as far as they fit in maxPortion
	maxPortion     = 4 << 20
	maxDeliveries  = 1_000 // of one observation that are looked at; more of the same are only repetitions
	rowsPerCommit  = 50_000
	portionsBeside = 8 // on their way at once
)

// portion is a stretch of the sorted records on its way from the merge to SQLite. Where an entity is too large for one, its
// summary is carried from portion to portion.
type portion struct {
	data    []byte
	records []record
	carried chan lifecycle.Summary // of the first entity, which began in an earlier portion; else nil
	carry   chan lifecycle.Summary // of the last entity, which goes on in the next portion; else nil

	parked   []parkedRow
	entities []built
	rows     []timelineRow // of all entities
	encoded  []byte        // the summaries, one after the other
	times    []byte        // as texts, one after the other
	err      error
	ready    chan struct{}
}

// recycle makes the portion empty, with the memory that it has; false where a later portion still needs what it holds.
func (p *portion) recycle() bool {
	if p.carry != nil || p.carried != nil || len(p.data) > maxPortion {
		return false
	}
	clear(p.entities)
	clear(p.rows)
	*p = portion{
		data: p.data[:0], records: p.records[:0], entities: p.entities[:0], rows: p.rows[:0], encoded: p.encoded[:0], times: p.times[:0],
		ready: make(chan struct{}),
	}
	return true
}

// time appends a time as a text; empty for the zero time. The text is a part of the portion.
func (p *portion) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	from := len(p.times)
	p.times = t.UTC().AppendFormat(p.times, time.RFC3339Nano)
	text := p.times[from:] // never written to again, wherever the next one makes room
	return unsafe.String(unsafe.SliceData(text), len(text))
}

// built is an entity, or a part of one, ready to be written. It is a part of its portion.
type built struct {
	rank      uint64
	key       []byte
	entity    lifecycle.Entity
	kind      kindKey
	lc        *lifecycle.Lifecycle
	rows      []timelineRow
	bodies    []bodyRow
	differing []differingRow
	f         folded
	// begun and more say that an earlier portion held a part of it, and that a later one may.
	begun, more bool
}

type timelineRow struct {
	o                  lifecycle.Observation
	occurred, recorded string
	at                 Position
}

type bodyRow struct {
	id          string
	fingerprint lifecycle.Fingerprint
	recorded    time.Time
}

type differingRow struct {
	id    string
	first time.Time
}

type parkedRow struct {
	p  Parked
	at Position
}

// folder turns portions into what is written. It is for one goroutine.
type folder struct {
	lifecycles map[[2]string]*lifecycle.Lifecycle
	f          fields
	joiner     lifecycle.Joiner
}

func (b *Builder) newFolder() *folder {
	return &folder{lifecycles: b.lifecycles, f: fields{words: make(map[uint64]string), seed: maphash.MakeSeed()}}
}

func (f *folder) fold(p *portion) error {
	var last lifecycle.Summary
	if p.carry != nil {
		defer func() { p.carry <- last }() // after an error too, so that nobody waits
	}
	for start := 0; start < len(p.records); {
		r := p.records[start]
		if r.tag() == tagParked {
			parked, at, err := f.f.parked(r)
			if err != nil {
				return err
			}
			p.parked = append(p.parked, parkedRow{parked, at})
			start++
			continue
		}
		end := start + 1
		for end < len(p.records) && bytes.Equal(p.records[end].entity(), r.entity()) {
			end++
		}
		var base lifecycle.Summary
		begun, more := start == 0 && p.carried != nil, end == len(p.records) && p.carry != nil
		if begun {
			base = <-p.carried
		}
		var err error
		if last, err = f.entity(p, base, p.records[start:end], begun, more); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// entity folds the records of one entity onto what an earlier portion knew of it, and returns its summary where there is more of it.
func (f *folder) entity(p *portion, base lifecycle.Summary, records []record, begun, more bool) (lifecycle.Summary, error) {
	key := records[0].entity()
	e, provider, err := f.f.entity(key)
	if err != nil {
		return base, err
	}
	b := built{
		rank: records[0].rank(), key: key, entity: e, kind: kindKey{e.Connection, e.Kind, provider},
		lc: f.lifecycles[[2]string{provider, e.Kind}], begun: begun, more: more,
	}
	panicked, err := f.try(p, &b, base, records)
	if err == nil && panicked != nil {
		if records, err = f.isolate(p, &b, base, records); err == nil && len(records) > 0 {
			panicked, err = f.try(p, &b, base, records)
			if err == nil && panicked != nil {
				err = f.refuse(p, &b, records, panicked)
				records = nil
			}
		}
		if err == nil && len(records) == 0 {
			return base, nil // nothing is left of it
		}
	}
	if err != nil {
		return base, err
	}
	p.entities = append(p.entities, b)
	if !more {
		return base, nil // nobody asks
	}
	return lifecycle.ViewSummary(b.f.encoded)
}

// try folds records onto a summary. A panic of the fold is returned, not passed on.
func (f *folder) try(p *portion, b *built, base lifecycle.Summary, records []record) (panicked any, err error) {
	defer func() { panicked = recover() }()
	b.rows, b.bodies, b.differing = nil, nil, nil
	first := len(p.rows)
	f.joiner.Begin(b.lc, base)
	for start := 0; start < len(records); {
		end := start + 1
		for end < len(records) && bytes.Equal(records[end].id(), records[start].id()) {
			end++
		}
		o, encoded, err := f.f.observation(records[start])
		if err != nil {
			return nil, err
		}
		b.lc.Label(o.Status)
		if err := f.joiner.Join(encoded); err != nil {
			return nil, err
		}
		p.rows = append(p.rows, timelineRow{
			o: o, occurred: p.time(o.Occurred), recorded: p.time(o.Recorded), at: records[start].delivered().at,
		})
		b.differ(o.ID, o.Fingerprint, records[start+1:end])
		start = end
	}
	b.rows = p.rows[first:len(p.rows):len(p.rows)]
	from := len(p.encoded)
	b.f = finish(b.lc, b.entity, f.joiner.Summary(), p.encoded[from:])
	if end := from + len(b.f.encoded); end <= cap(p.encoded) {
		p.encoded = p.encoded[:end]
	} else {
		p.encoded = make([]byte, 0, 2*cap(p.encoded)+len(b.f.encoded)) // for those that come
	}
	b.f.encoded, b.f.summary = slices.Clip(b.f.encoded), lifecycle.Summary{} // it is the joiner's
	return nil, nil
}

// differ notes the deliveries of an observation with other bodies than that which counts.
func (b *built) differ(id string, counts lifecycle.Fingerprint, others []record) {
	from := len(b.bodies)
	for _, r := range others { // in the order of their times
		d := r.delivered()
		if d.fingerprint == counts || slices.ContainsFunc(b.bodies[from:], func(have bodyRow) bool { return have.fingerprint == d.fingerprint }) {
			continue
		}
		b.bodies = append(b.bodies, bodyRow{id, d.fingerprint, d.recorded})
	}
	if len(b.bodies) > from {
		b.differing = append(b.differing, differingRow{id, b.bodies[from].recorded})
	}
}

// isolate finds the records that make the fold panic, parks them, and returns the others.
func (f *folder) isolate(p *portion, b *built, base lifecycle.Summary, records []record) ([]record, error) {
	var good []record
	for i := range records {
		probe := built{entity: b.entity, lc: b.lc}
		panicked, err := f.try(p, &probe, base, records[i:i+1])
		switch {
		case err != nil:
			return nil, err
		case panicked == nil:
			if base, err = lifecycle.ViewSummary(probe.f.encoded); err != nil {
				return nil, err
			}
			good = append(good, records[i])
		default:
			if err := f.refuse(p, b, records[i:i+1], panicked); err != nil {
				return nil, err
			}
		}
	}
	return good, nil
}

func (f *folder) refuse(p *portion, b *built, records []record, panicked any) error {
	for _, r := range records {
		o, _, err := f.f.observation(r)
		if err != nil {
			return err
		}
		o.Entity = b.entity
		p.parked = append(p.parked, parkedRow{*refusal(&o, ReasonPanic, panicDetail(&o, panicked)), r.delivered().at})
	}
	return nil
}

// mark is how far a build has been written: entities up to this one, in the order of the merge.
type mark struct {
	set  bool
	rank uint64
	key  []byte
}

// covers says whether a record was written before the mark was set.
func (m *mark) covers(r record) bool {
	if !m.set {
		return false
	}
	if rank := r.rank(); rank != m.rank {
		return rank < m.rank
	}
	return bytes.Compare(r.entity(), m.key) <= 0
}

// portions cuts the merged records into portions and calls send with each, leaving out what was written before an
// interruption. Portions that were used come back by free.
func portions(ctx context.Context, m *merge, written *mark, free <-chan *portion, send func(*portion) error) error {
	var p *portion
	var offsets []int
	var carry chan lifecycle.Summary
	cut := func(more bool) error {
		if p == nil {
			return nil
		}
		for _, at := range offsets {
			r := record(p.data[at:])
			p.records = append(p.records, r[:r.size()])
		}
		p.carried, carry = carry, nil
		if more {
			carry = make(chan lifecycle.Summary, 1)
			p.carry = carry
		}
		done := p
		p, offsets = nil, offsets[:0]
		return send(done)
	}
	var entity, id []byte
	deliveries := 0
	for r := m.peek(); r != nil; r = m.peek() {
		if written.covers(r) {
			if err := m.drop(); err != nil {
				return err
			}
			continue
		}
		same := bytes.Equal(r.entity(), entity)
		sameID := same && bytes.Equal(r.id(), id)
		if deliveries++; !sameID {
			deliveries = 0
		}
		if p != nil && (same && !sameID && len(p.data) > maxPortion || !same && len(p.data) > portionBytes) {
			if err := errors.Join(ctx.Err(), cut(same)); err != nil {
				return err
			}
		}
		if deliveries < maxDeliveries {
			if p == nil {
				select {
				case p = <-free:
				default:
					p = &portion{
						data: make([]byte, 0, portionBytes+16<<10), encoded: make([]byte, 0, portionBytes), ready: make(chan struct{}),
					}
				}
			}
			offsets = append(offsets, len(p.data))
			p.data = append(p.data, r...)
		}
		if !same {
			entity = append(entity[:0], r.entity()...)
		}
		if !sameID {
			id = append(id[:0], r.id()...)
		}
		if err := m.drop(); err != nil {
			return err
		}
	}
	return cut(false)
}
