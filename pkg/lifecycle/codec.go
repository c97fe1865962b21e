package lifecycle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

// Digest identifies a summary. Digests of many entities are summed without order; see Digest.Add.
type Digest struct{ Hi, Lo uint64 }

// String is the digest as 32 hexadecimal digits.
func (d Digest) String() string { return fmt.Sprintf("%016x%016x", d.Hi, d.Lo) }

// Add is the sum of two digests modulo 2^128. Addition is commutative and associative, so the sum over a store does not
// depend on the order in which its entities were written.
func (d Digest) Add(e Digest) Digest {
	lo := d.Lo + e.Lo
	var carry uint64
	if lo < d.Lo {
		carry = 1
	}
	return Digest{d.Hi + e.Hi + carry, lo}
}

// Sub takes a digest out of a sum.
func (d Digest) Sub(e Digest) Digest {
	lo := d.Lo - e.Lo
	var borrow uint64
	if d.Lo < e.Lo {
		borrow = 1
	}
	return Digest{d.Hi - e.Hi - borrow, lo}
}

// DigestOf is the digest of an entity with the given encoded summary. It covers the entity's reference, so that equal
// summaries of two entities do not stand in for each other.
func DigestOf(e Entity, encoded []byte) Digest {
	var space [256]byte // on the stack: references are short
	ref := space[:0]
	for _, s := range []string{e.Connection, e.Kind, e.ID} {
		ref = append(append(ref, s...), 0)
	}
	h := sha256.New()
	h.Write(ref) // never fails
	h.Write(encoded)
	sum := h.Sum(space[:0])
	return Digest{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])}
}

const (
	flagSigned = 1 << iota
	flagAsked
)

// AppendBinary appends the summary's canonical encoding: equal summaries have equal bytes. The form belongs to Version.
func (s Summary) AppendBinary(b []byte) []byte {
	b = appendHead(b, s.lookupWord, &s.lookup, len(s.claims))
	for i := range s.claims {
		b = appendClaim(b, &s.claims[i])
	}
	return b
}

// appendHead appends what comes before the claims.
func appendHead(b []byte, lookupWord string, lookup *stamp, claims int) []byte {
	b = append(b, Version)
	b = appendString(b, lookupWord)
	if lookupWord != "" {
		b = appendStamp(b, lookup)
	}
	return binary.AppendUvarint(b, uint64(claims))
}

func appendClaim(b []byte, c *claim) []byte {
	b = appendString(b, c.word)
	b = appendStamp(b, &c.latest)
	b = appendInstant(b, c.first)
	b = appendInstant(b, c.firstHook)
	b = appendInstant(b, c.lastHook)
	b = appendInstant(b, c.firstRecorded)
	var flags byte
	if c.signed {
		flags |= flagSigned
	}
	if c.asked {
		flags |= flagAsked
	}
	b = append(b, flags)
	// Two bitmaps: the groups that are there, and those of them that the latest observation wrote.
	var present, same uint64
	for i := range c.entries {
		e := &c.entries[i]
		present |= 1 << e.group
		if e.stamp == c.latest {
			same |= 1 << e.group
		}
	}
	b = binary.AppendUvarint(b, present)
	b = binary.AppendUvarint(b, same)
	for i := range c.entries {
		e := &c.entries[i]
		if same&(1<<e.group) == 0 {
			b = appendStamp(b, &e.stamp)
		}
		for _, field := range e.value {
			b = appendString(b, field)
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendInstant(b []byte, i instant) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, i.sec), uint64(i.nsec))
}

func appendStamp(b []byte, s *stamp) []byte {
	b = appendString(appendInstant(b, s.at), s.id)
	return append(b, s.fingerprint[:]...)
}

// DecodeSummary reads what AppendBinary wrote. It fails on bytes of another version, and on bytes that are damaged.
func DecodeSummary(b []byte) (Summary, error) {
	return ViewSummary(bytes.Clone(b)) // one copy; every string of the summary is a part of it
}

// ViewSummary is DecodeSummary without a copy: the summary, and all that comes of it, is a part of the bytes, which must
// not be changed any more.
func ViewSummary(b []byte) (Summary, error) { return viewSummary(b, &room{}) }

// viewSummary decodes into room, as far as there is any.
func viewSummary(b []byte, r *room) (Summary, error) {
	d := decoder{rest: unsafe.String(unsafe.SliceData(b), len(b)), room: r}
	if v := d.byte(); v != Version && d.err == nil {
		return Summary{}, fmt.Errorf("lifecycle: summary of fold version %d, this is version %d: rebuild the store from the log", v, Version)
	}
	var s Summary
	if s.lookupWord = d.string(); s.lookupWord != "" {
		s.lookup = d.stamp()
	}
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
	}
	if d.err == nil && n > 0 {
		s.claims = take(&r.claims, int(n))
		for i := range s.claims {
			d.claim(&s.claims[i])
		}
	}
	if d.err == nil && d.rest != "" {
		d.fail()
	}
	if d.err != nil {
		return Summary{}, d.err
	}
	return s, nil
}

// room is memory that summaries are decoded into; its zero value is none.
type room struct {
	claims  []claim
	entries []entry
	fields  []string
}

// take takes so many zeros out of a room, or makes them where it has too few left.
func take[T any](from *[]T, n int) []T {
	free := *from
	if cap(free)-len(free) < n {
		return make([]T, n)
	}
	end := len(free) + n
	*from = free[:end]
	out := free[len(free):end:end]
	clear(out)
	return out
}

type decoder struct {
	rest string
	room *room
	err  error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = fmt.Errorf("lifecycle: damaged summary: rebuild the store from the log")
	}
	d.rest = ""
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	if d.rest != "" && d.rest[0] < 0x80 { // as most are
		b := d.rest[0]
		d.rest = d.rest[1:]
		return uint64(b)
	}
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	d.fail()
	return 0
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	n := int64(u >> 1)
	if u&1 != 0 {
		n = ^n
	}
	return n
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) instant() instant {
	sec, nsec := d.varint(), d.uvarint()
	if nsec > math.MaxInt32 {
		d.fail()
	}
	return instant{sec, int32(nsec & math.MaxInt32)}
}

func (d *decoder) stamp() stamp {
	s := stamp{at: d.instant(), id: d.string()}
	if len(d.rest) < len(s.fingerprint) {
		d.fail()
		return s
	}
	copy(s.fingerprint[:], d.rest)
	d.rest = d.rest[len(s.fingerprint):]
	return s
}

func (d *decoder) claim(c *claim) {
	c.word = d.string()
	c.latest = d.stamp()
	c.first, c.firstHook, c.lastHook, c.firstRecorded = d.instant(), d.instant(), d.instant(), d.instant()
	flags := d.byte()
	c.signed, c.asked = flags&flagSigned != 0, flags&flagAsked != 0
	present, same := d.uvarint(), d.uvarint()
	if present>>groups != 0 {
		d.fail()
	}
	if d.err != nil || present == 0 {
		return
	}
	n := 0
	for g := range groups {
		if present&(1<<g) != 0 {
			n += width[g]
		}
	}
	fields := take(&d.room.fields, n) // one backing array for the fields of all groups
	c.entries = take(&d.room.entries, bits.OnesCount64(present))[:0]
	for g := range groups {
		if present&(1<<g) == 0 || d.err != nil {
			continue
		}
		e := entry{group: g, stamp: c.latest, value: value(fields[:width[g]:width[g]])}
		fields = fields[width[g]:]
		if same&(1<<g) == 0 {
			e.stamp = d.stamp()
		}
		for i := range e.value {
			e.value[i] = d.string()
		}
		c.entries = append(c.entries, e)
	}
}
