package projections

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"time"
	"unsafe"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// A record is one observation, or one parked record of the log, in the form in which it is sorted: a head of fixed size, a
// key, and what is needed to write its rows. The key begins with what names the entity, then the observation, then what
// decides which delivery counts, then the place in the log; so records in the order of their keys can be folded one
// entity after the other, and the delivery that counts comes first.
//
//	size | end of the entity in the key | end of the observation in the key | end of the key (uint32 each) | rank (uint64) | key | payload
type record []byte

const recordHead = 24

// What a key begins with.
const (
	tagParked   = 0
	tagObserved = 1
)

func (r record) size() int       { return int(binary.LittleEndian.Uint32(r)) }
func (r record) rank() uint64    { return binary.LittleEndian.Uint64(r[16:]) }
func (r record) end(n int) int   { return recordHead + int(binary.LittleEndian.Uint32(r[4*n:])) }
func (r record) entity() []byte  { return r[recordHead:r.end(1)] }
func (r record) id() []byte      { return r[recordHead:r.end(2)] }
func (r record) key() []byte     { return r[recordHead:r.end(3)] }
func (r record) payload() []byte { return r[r.end(3):r.size()] }
func (r record) tag() byte       { return r[recordHead] }

// compareRecords orders by rank, which is cheap and keeps the ids of a kind together, then by key.
func compareRecords(a, b record) int {
	if c := cmp.Compare(a.rank(), b.rank()); c != 0 {
		return c
	}
	return bytes.Compare(a.key(), b.key())
}

// appendPart appends a string so that the order of what is appended is the order of the strings, part by part.
func appendPart(b []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 {
			return append(append(b, s...), 0, 1)
		}
		b = append(append(b, s[:i]...), 0, 0xff)
		s = s[i+1:]
	}
}

// takePart is the inverse of appendPart. What it takes is a part of b, unless there was a zero in it.
func takePart(b []byte) (part, rest []byte, err error) {
	var out []byte
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 || i+1 == len(b) {
			return nil, nil, errDamagedRun
		}
		if b[i+1] == 1 {
			if out == nil {
				return b[:i], b[i+2:], nil
			}
			return append(out, b[:i]...), b[i+2:], nil
		}
		out = append(append(out, b[:i]...), 0)
		b = b[i+2:]
	}
}

var errDamagedRun = errors.New("a sorted run is damaged: remove the build directory and build again")

// rankOf is the first thing that records are sorted by: 16 bits of the kind, then the first bytes of the id behind what
// the ids of the kind have in common ("out_").
func rankOf(kind uint64, id string) uint64 {
	if i := strings.LastIndexByte(id[:min(len(id), 12)], '_'); i >= 0 {
		id = id[i+1:]
	}
	var first [8]byte
	copy(first[2:], id)
	return kind<<48 | binary.BigEndian.Uint64(first[:])
}

// kindRank must be the same in every process that takes part in a build, so it is no seeded hash.
func kindRank(connection, kind string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, s := range [2]string{connection, kind} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h *= 1099511628211
	}
	return h >> 48
}

const flagUnsigned = 1

// appendRecord appends an observation; sum is the encoded summary of it alone.
func appendRecord(b []byte, kind uint64, provider string, o *lifecycle.Observation, at Position, summary func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, recordHead)...)
	b = append(b, tagObserved)
	b = appendPart(appendPart(appendPart(appendPart(b, o.Entity.Connection), o.Entity.Kind), provider), o.Entity.ID)
	entity := len(b)
	b = appendPart(b, o.ID)
	id := len(b)
	b = appendSortedTime(b, o.Recorded)
	b = append(b, o.Fingerprint[:]...)
	b = appendPosition(b, at)
	key := len(b)
	var flags byte
	if o.Unsigned {
		flags |= flagUnsigned
	}
	b = append(b, flags)
	for _, s := range [4]string{o.Type, string(o.Source), string(o.Mode), o.Status} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	if o.Occurred.IsZero() {
		b = append(b, 0)
	} else {
		b = appendSortedTime(append(b, 1), o.Occurred)
	}
	b = summary(b)
	return closeRecord(b, start, entity, id, key, rankOf(kind, o.Entity.ID))
}

func appendParked(b []byte, p *Parked, at Position) []byte {
	start := len(b)
	b = append(b, make([]byte, recordHead)...)
	b = appendPosition(append(b, tagParked), at)
	key := len(b)
	for _, s := range [5]string{p.Connection, p.ObservationID, p.Type, p.Reason, p.Detail} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return closeRecord(b, start, key, key, key, 0)
}

func closeRecord(b []byte, start, entity, id, key int, rank uint64) []byte {
	head := b[start:]
	binary.LittleEndian.PutUint32(head, uint32(len(head)))
	for i, end := range [3]int{entity, id, key} {
		binary.LittleEndian.PutUint32(head[4*(i+1):], uint32(end-start-recordHead))
	}
	binary.LittleEndian.PutUint64(head[16:], rank)
	return b
}

func appendPosition(b []byte, at Position) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, uint32(at.Partition)), uint64(at.Offset))
}

func positionOf(b []byte) Position {
	return Position{int32(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint64(b[4:]))}
}

// appendSortedTime appends twelve bytes whose order is that of time.
func appendSortedTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, uint64(t.Unix())^1<<63), uint32(t.Nanosecond()))
}

func sortedTime(b []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(b)^1<<63), int64(binary.BigEndian.Uint32(b[8:]))).UTC()
}

// delivered is what a key says of a delivery, apart from entity and id.
type delivered struct {
	recorded    time.Time
	fingerprint lifecycle.Fingerprint
	at          Position
}

func (r record) delivered() (d delivered) {
	b := r[r.end(2):r.end(3)]
	d.recorded = sortedTime(b)
	copy(d.fingerprint[:], b[12:20])
	d.at = positionOf(b[20:])
	return d
}

// fields reads a payload.
type fields struct {
	rest  []byte
	words map[uint64]string // strings that are the same for many records
	seed  maphash.Seed
	err   error
}

func (f *fields) bytes() []byte {
	n, w := binary.Uvarint(f.rest)
	if w <= 0 || n > uint64(len(f.rest)-w) {
		f.err, f.rest = errDamagedRun, nil
		return nil
	}
	out := f.rest[w : w+int(n)]
	f.rest = f.rest[w+int(n):]
	return out
}

func (f *fields) string() string { return string(f.bytes()) }

// word is string for those that repeat.
func (f *fields) word() string { return f.intern(f.bytes()) }

func (f *fields) intern(b []byte) string {
	h := maphash.Bytes(f.seed, b)
	if s, ok := f.words[h]; ok && s == string(b) {
		return s
	}
	s := string(b)
	if len(f.words) < 1<<12 {
		f.words[h] = s
	}
	return s
}

func (f *fields) take(n int) []byte {
	if n > len(f.rest) {
		f.err, f.rest = errDamagedRun, nil
		return make([]byte, n)
	}
	out := f.rest[:n]
	f.rest = f.rest[n:]
	return out
}

// view is a string that is a part of a record.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// entity reads an entity and its provider from a record's key. The id is a part of the key.
func (f *fields) entity(key []byte) (e lifecycle.Entity, provider string, err error) {
	rest := key[1:]
	var part []byte
	for _, into := range [3]*string{&e.Connection, &e.Kind, &provider} {
		if part, rest, err = takePart(rest); err != nil {
			return e, "", err
		}
		*into = f.intern(part)
	}
	part, _, err = takePart(rest)
	e.ID = view(part)
	return e, provider, err
}

// observation reads everything of an observation but its attributes; these are in the summary, which is returned encoded.
// The id is a part of the record.
func (f *fields) observation(r record) (o lifecycle.Observation, summary []byte, err error) {
	f.rest, f.err = r.payload(), nil
	o.Unsigned = f.take(1)[0]&flagUnsigned != 0
	o.Type, o.Source, o.Mode, o.Status = f.word(), lifecycle.Source(f.word()), lifecycle.Mode(f.word()), f.word()
	if f.take(1)[0] == 1 {
		o.Occurred = sortedTime(f.take(12))
	}
	id, _, err := takePart(r[r.end(1):r.end(2)])
	if err == nil {
		err = f.err
	}
	if err != nil {
		return o, nil, err
	}
	d := r.delivered()
	o.ID, o.Recorded, o.Fingerprint = view(id), d.recorded, d.fingerprint
	return o, f.rest, nil
}

func (f *fields) parked(r record) (Parked, Position, error) {
	f.rest, f.err = r.payload(), nil
	p := Parked{f.string(), f.string(), f.string(), f.string(), f.string()}
	if f.err != nil {
		return p, Position{}, fmt.Errorf("a parked record: %w", f.err)
	}
	return p, positionOf(r.key()[1:]), nil
}
