package provider

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// A Tree is where the values of one body lie, found in the same pass that makes sure that it is JSON: look-ups walk over
// members and never over text again. Its zero value is ready, and belongs on the stack of who reads one body.
type Tree struct {
	text  string
	space [usualNodes]node
	more  []node // instead of space, where a body has more values than that
}

// usualNodes is how many values have room without an allocation; a payment of Devengo's has about forty.
const usualNodes = 56

// maxText is how long a body may be, so that places in it fit into 32 bits.
const maxText = math.MaxInt32

// node is one value: its member's key, without quotes, and its text, as places in the body.
type node struct {
	key, keyEnd uint32
	from, to    uint32
	next        int32 // the node behind it and all that is in it
	kind        nodeKind
	// escaped and keyEscaped say that the string, or the key, has escapes in it.
	escaped, keyEscaped bool
}

type nodeKind uint8

const (
	nodeLiteral nodeKind = iota // true, false, null
	nodeNumber
	nodeString
	nodeArray
	nodeObject
)

// Read reads a body as a JSON object, and refuses what ParseBody refuses. What is taken from the result is a part of the
// body, which must not be changed any more. The error is a *Parked without any of the body in it.
func (t *Tree) Read(body []byte) (Value, error) {
	if len(body) > maxText {
		return Value{}, Park(ParkedBody, "the body is larger than 2 GiB")
	}
	t.text, t.more = unsafe.String(unsafe.SliceData(body), len(body)), nil
	if !t.scan() {
		return Value{}, refuse(body)
	}
	return Value{t: t}, nil
}

// node is one of those that a scan found, in the order of the text.
func (t *Tree) node(n int32) *node {
	if t.more != nil {
		return &t.more[n]
	}
	return &t.space[n]
}

// scan notes all values of the text; false where it is no JSON object, no UTF-8 or too deep.
func (t *Tree) scan() bool {
	s, nodes, n := t.text, t.space[:], int32(0)
	var high uint64 // the first bit of a byte of it is set where a string may hold more than ASCII
	parent, depth, member := int32(-1), 0, false
	i := skipSpace(s, 0)
	if i >= len(s) || s[i] != '{' {
		return false
	}
	for {
		// A value begins at i, or the member that it is of.
		if int(n) == len(nodes) {
			more := make([]node, 4*n) // not by append, which would take the space to the heap as well
			copy(more, nodes)
			nodes, t.more = more, more
		}
		v := &nodes[n]
		if n++; !member {
			*v = node{}
		} else if i = readKey(s, i, v, &high); i < 0 {
			return false
		}
		if i >= len(s) {
			return false
		}
		v.from = uint32(i)
		switch c := s[i]; c {
		case '"':
			v.kind = nodeString
			if i, v.escaped = skipString(s, i+1, &high); i < 0 {
				return false
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return false
			}
			v.kind, v.next, parent = nodeArray, parent, n-1 // while it is open, next is the one around it
			end := byte(']')
			if member = c == '{'; member {
				v.kind, end = nodeObject, '}'
			}
			if i = skipSpace(s, i+1); i < len(s) && s[i] != end {
				continue
			}
		case 't':
			i = skipLiteral(s, i, "true")
		case 'f':
			i = skipLiteral(s, i, "false")
		case 'n':
			i = skipLiteral(s, i, "null")
		default:
			v.kind = nodeNumber
			i = skipNumber(s, i)
		}
		if i < 0 {
			return false
		}
		if v.kind < nodeArray {
			v.to, v.next = uint32(i), n
			i = skipSpace(s, i)
		}
		// A value has ended, or a container that is empty is about to end: close all that do so here.
		for {
			if i >= len(s) {
				return false
			}
			p := &nodes[parent]
			if s[i] == ',' {
				i, member = skipSpace(s, i+1), p.kind == nodeObject
				break
			}
			if s[i] != ']' && s[i] != '}' || (s[i] == '}') != (p.kind == nodeObject) {
				return false
			}
			i++
			p.to, parent, p.next = uint32(i), p.next, n
			depth--
			i = skipSpace(s, i)
			if parent >= 0 {
				continue
			}
			return i == len(s) && (high&(1<<7*0x0101010101010101) == 0 || utf8.ValidString(s))
		}
	}
}

// readKey reads a member's key and colon, from its quote to the member's value; negative where they are none.
func readKey(s string, i int, into *node, high *uint64) int {
	if i >= len(s) || s[i] != '"' {
		return -1
	}
	end, escaped := skipString(s, i+1, high)
	if end < 0 {
		return -1
	}
	*into = node{key: uint32(i + 1), keyEnd: uint32(end - 1), keyEscaped: escaped}
	if i = skipSpace(s, end); i >= len(s) || s[i] != ':' {
		return -1
	}
	if i = skipSpace(s, i+1); i >= len(s) {
		return -1
	}
	return i
}

func skipSpace(s string, i int) int {
	for i < len(s) && s[i] <= ' ' && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// skipString goes from behind a string's first quote to behind its last; negative where it is none. All bytes that it looks
// at are added to high.
func skipString(s string, i int, high *uint64) (end int, escaped bool) {
	const each = 0x0101010101010101
	for {
		for i+8 <= len(s) {
			// Eight bytes at a time: the lowest bit that is set in found is of the first byte that is a quote, a backslash or
			// a control character. Those above it may be wrong, as the subtractions borrow.
			w := binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(s[i:]), 8))
			quote, slash := w^('"'*each), w^('\\'*each)
			found := ((quote-each)&^quote | (slash-each)&^slash | (w-' '*each)&^w) & (1 << 7 * each)
			*high |= w
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) / 8
			break
		}
		if i >= len(s) {
			return -1, false
		}
		switch c := s[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			escaped = true
			if i = skipEscape(s, i+1); i < 0 {
				return -1, false
			}
		case c < ' ':
			return -1, false
		default:
			*high |= uint64(c)
			i++
		}
	}
}

// skipEscape goes from behind a backslash to behind what it escapes.
func skipEscape(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	switch s[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if i+5 > len(s) {
			return -1
		}
		for _, c := range []byte(s[i+1 : i+5]) {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return -1
			}
		}
		return i + 5
	default:
		return -1
	}
}

func skipLiteral(s string, i int, want string) int {
	if len(s)-i < len(want) || s[i:i+len(want)] != want {
		return -1
	}
	return i + len(want)
}

func skipNumber(s string, i int) int {
	if s[i] == '-' {
		i++
	}
	switch {
	case i < len(s) && s[i] == '0':
		i++
	case digits(s, i) > i:
		i = digits(s, i)
	default:
		return -1
	}
	if i < len(s) && s[i] == '.' {
		from := i + 1
		if i = digits(s, from); i == from {
			return -1
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		from := i + 1
		if from < len(s) && (s[from] == '+' || s[from] == '-') {
			from++
		}
		if i = digits(s, from); i == from {
			return -1
		}
	}
	return i
}

func digits(s string, i int) int {
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	return i
}
