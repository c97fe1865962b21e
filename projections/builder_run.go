package projections

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Block is a stretch of the log, encoded by Builder.Encode and taken by Builder.Add.
type Block struct {
	data    []byte
	entries []entry
	scratch lifecycle.Scratch
	// Facts is how many records of the log it holds.
	Facts int
	next  map[int32]int64
}

// entry is the place of a record.
type entry struct {
	rank  uint64
	block uint32
	at    uint32
}

// pile is what has been read and is not yet in a run.
type pile struct {
	blocks  []*Block
	entries []entry
	bytes   int64
}

func (p *pile) add(b *Block) {
	for _, e := range b.entries {
		e.block = uint32(len(p.blocks))
		p.entries = append(p.entries, e)
	}
	p.blocks = append(p.blocks, b)
	p.bytes += int64(cap(b.data)) + int64(len(b.entries))*32
}

func (p *pile) record(e entry) record {
	r := record(p.blocks[e.block].data[e.at:])
	return r[:r.size()]
}

func (p *pile) sort() {
	slices.SortFunc(p.entries, func(a, b entry) int {
		if c := cmp.Compare(a.rank, b.rank); c != 0 {
			return c
		}
		return compareRecords(p.record(a), p.record(b))
	})
}

// sequence is a sorted sequence of records. next returns nil at its end; a record is valid until the next call.
type sequence interface {
	next() (record, error)
	io.Closer
}

type pileSource struct {
	p *pile
	i int
}

func (s *pileSource) next() (record, error) {
	if s.i == len(s.p.entries) {
		return nil, nil
	}
	s.i++
	return s.p.record(s.p.entries[s.i-1]), nil
}

func (s *pileSource) Close() error { return nil }

// fileSource reads a run.
type fileSource struct {
	f    *os.File
	r    *bufio.Reader
	held int    // how much of r the last record takes that was returned
	buf  []byte // of a record that is larger than r's memory
}

func openRun(path string, buffer int) (*fileSource, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	expect(f, 0, int64(buffer))
	return &fileSource{f: f, r: bufio.NewReaderSize(&onceReader{f: f, ahead: int64(buffer)}, buffer)}, nil
}

// onceReader reads a file that is read once: what comes next is fetched meanwhile, and what was read leaves the system's
// cache, so that a build takes no room there from the stores that are in use.
type onceReader struct {
	f     *os.File
	at    int64
	ahead int64
}

func (r *onceReader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if n > 0 {
		forget(r.f, r.at, int64(n))
		r.at += int64(n)
		expect(r.f, r.at, r.ahead)
	}
	return n, err
}

func (s *fileSource) next() (record, error) {
	if _, err := s.r.Discard(s.held); err != nil {
		return nil, errors.Join(errDamagedRun, err)
	}
	s.held = 0
	head, err := s.r.Peek(4)
	if errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, errors.Join(errDamagedRun, err)
	}
	n := int(binary.LittleEndian.Uint32(head))
	if n <= recordHead {
		return nil, errDamagedRun
	}
	var r record
	if n <= s.r.Size() {
		r, err = s.r.Peek(n)
		s.held = n
	} else {
		s.buf = slices.Grow(s.buf[:0], n)[:n]
		_, err = io.ReadFull(s.r, s.buf)
		r = s.buf
	}
	if err != nil {
		return nil, errors.Join(errDamagedRun, err)
	}
	if r.end(1) > r.end(2) || r.end(2) > r.end(3) || r.end(3) > n || r.end(1) <= recordHead {
		return nil, errDamagedRun
	}
	return r, nil
}

func (s *fileSource) Close() error { return s.f.Close() }

// merge is the sorted sequence of all records of several sources: a heap by their foremost records.
type merge struct {
	heap []front
}

type front struct {
	rank uint64
	r    record
	from sequence
}

// newMerge takes the sources over; close closes them.
func newMerge(sources []sequence) (*merge, error) {
	m := &merge{}
	for _, s := range sources {
		m.heap = append(m.heap, front{from: s})
	}
	for i := len(m.heap) - 1; i >= 0; i-- {
		if err := m.advance(i); err != nil {
			return nil, errors.Join(err, m.close())
		}
	}
	return m, nil
}

// peek is the foremost record, nil at the end; valid until drop.
func (m *merge) peek() record {
	if len(m.heap) == 0 {
		return nil
	}
	return m.heap[0].r
}

func (m *merge) drop() error { return m.advance(0) }

// advance reads the next record of the source at heap[i] and puts it into its place. A source that is through is closed.
func (m *merge) advance(i int) error {
	r, err := m.heap[i].from.next()
	if err != nil {
		return err
	}
	if r == nil {
		err := m.heap[i].from.Close()
		last := len(m.heap) - 1
		m.heap[i] = m.heap[last]
		m.heap = m.heap[:last]
		if i < last {
			m.down(i)
		}
		return err
	}
	m.heap[i].r, m.heap[i].rank = r, r.rank()
	m.down(i)
	return nil
}

func (m *merge) less(i, j int) bool {
	a, b := &m.heap[i], &m.heap[j]
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return compareRecords(a.r, b.r) < 0
}

func (m *merge) down(i int) {
	for {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < len(m.heap) && m.less(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}

func (m *merge) close() error {
	var errs []error
	for _, f := range m.heap {
		errs = append(errs, f.from.Close())
	}
	m.heap = nil
	return errors.Join(errs...)
}

// writeRun writes sorted records to a file and syncs it.
func writeRun(ctx context.Context, path string, next func() (record, error)) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil { // it is of no use, and its room is missed
			err = errors.Join(err, os.Remove(path))
		}
	}()
	w := bufio.NewWriterSize(f, runBuffer)
	for n := 0; ; n++ {
		r, err := next()
		if err != nil {
			return err
		}
		if r == nil {
			break
		}
		if _, err := w.Write(r); err != nil {
			return err
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	forget(f, 0, 0) // it is read when all are written
	return nil
}
