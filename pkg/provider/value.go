package provider

import (
	"strings"
	"time"
	"unsafe"

	"github.com/tidwall/gjson"
)

// A Value is one value of a body that a Tree has read. The zero value is one that is not there; everything may be asked of it.
type Value struct {
	t   *Tree
	n   int32
	end int32 // of the object or array that it is in, as a node
}

// Exists says whether the value is there; null is.
func (v Value) Exists() bool { return v.t != nil }

// IsObject says whether the value is an object.
func (v Value) IsObject() bool { return v.t != nil && v.t.node(v.n).kind == nodeObject }

// Get is the member of an object by its name, or by a way of names through nested objects: of several the first to which
// the whole way leads. It does not exist in what is no object.
func (v Value) Get(way ...string) Value {
	if len(way) == 0 {
		return v
	}
	if !v.IsObject() {
		return Value{}
	}
	for member := v.First(); member.Exists(); member = member.Next() {
		if member.keyIs(way[0]) {
			if len(way) == 1 {
				return member
			}
			if found := member.Get(way[1:]...); found.Exists() {
				return found
			}
		}
	}
	return Value{}
}

// First is the first member of an object, or the first element of an array; of what is empty, or neither, none.
func (v Value) First() Value {
	if v.t == nil {
		return Value{}
	}
	if end := v.t.node(v.n).next; v.n+1 < end {
		return Value{v.t, v.n + 1, end}
	}
	return Value{}
}

// Next is the member or element that comes after this one; behind the last there is none.
func (v Value) Next() Value {
	if next := v.t.node(v.n).next; next < v.end {
		return Value{v.t, next, v.end}
	}
	return Value{}
}

// Key is the name of a member; empty for an element of an array.
func (v Value) Key() string {
	n := v.t.node(v.n)
	if n.keyEscaped {
		return gjson.Parse(v.t.text[n.key-1 : n.keyEnd+1]).Str
	}
	return v.t.text[n.key:n.keyEnd]
}

func (v Value) keyIs(name string) bool {
	n := v.t.node(v.n)
	if n.keyEscaped {
		return v.Key() == name
	}
	return v.t.text[n.key:n.keyEnd] == name
}

// Raw is the value as it stands in the body, empty where it does not exist.
func (v Value) Raw() string {
	if v.t == nil {
		return ""
	}
	n := v.t.node(v.n)
	return v.t.text[n.from:n.to]
}

// View is Raw as bytes, which must not be changed.
func (v Value) View() []byte {
	raw := v.Raw()
	return unsafe.Slice(unsafe.StringData(raw), len(raw))
}

// Text is a string's value, or a number's digits as they came; empty for anything else. Providers have been seen to send
// one for the other.
func (v Value) Text() string {
	if v.t == nil {
		return ""
	}
	switch n := v.t.node(v.n); n.kind {
	case nodeString:
		return v.text(n)
	case nodeNumber:
		return v.t.text[n.from:n.to]
	default:
		return ""
	}
}

func (v Value) text(n *node) string {
	if n.escaped {
		return gjson.Parse(v.t.text[n.from:n.to]).Str
	}
	return v.t.text[n.from+1 : n.to-1]
}

// Time reads a string that is an RFC 3339 time with any number of fractional digits; zero where it is none.
func (v Value) Time() time.Time {
	if v.t == nil {
		return time.Time{}
	}
	n := v.t.node(v.n)
	if n.kind != nodeString {
		return time.Time{}
	}
	return parseTime(v.text(n))
}

// Minor reads an integer amount in minor units; nil where the value is not an integer in the range of int64.
func (v Value) Minor() *int64 { return minor(v.Text()) }

// Integer is Minor without an allocation; ok is false where that is nil.
func (v Value) Integer() (n int64, ok bool) { return parseInteger(v.Text()) }

// Currency is an ISO 4217 code in upper case.
func (v Value) Currency() string { return strings.ToUpper(v.Text()) }
