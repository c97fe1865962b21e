package fintoc

import (
	"iter"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
)

// value is a JSON value as it stands in a body that provider.ParseBody let pass; empty where there is none. An event has up
// to forty members that decoding reads once each, so that they are cut out of the body and not parsed until they are used.
type value string

func (v value) exists() bool   { return v != "" }
func (v value) isObject() bool { return v != "" && v[0] == '{' }
func (v value) isArray() bool  { return v != "" && v[0] == '[' }

// str is a string's value, empty for anything else.
func (v value) str() string {
	switch {
	case v == "" || v[0] != '"':
		return ""
	case strings.IndexByte(string(v), '\\') < 0:
		return string(v[1 : len(v)-1])
	}
	return v.parse().Str
}

// text is a string's value or a number's digits.
func (v value) text() string { return provider.Text(v.parse()) }

// parse hands the value to what reads amounts and times for all providers.
func (v value) parse() gjson.Result { return gjson.Parse(string(v)) }

// get is the member of an object; where it stands there several times, the last.
func (v value) get(name string) (out value) {
	v.each(func(member string, value value) {
		if member == name {
			out = value
		}
	})
	return out
}

// each hands over the members of an object; of anything else there are none.
func (v value) each(take func(name string, value value)) {
	if !v.isObject() {
		return
	}
	walk(string(v), 0, func(name string, begin int) int {
		end := valueEnd(string(v), begin)
		take(name, v[begin:end])
		return end
	})
}

// walk goes through the members of the object that begins at i and returns the index behind it. It hands over each name with
// the index at which the value begins, and is told where that ends, so that who looks into a value need not skip it first.
func walk(raw string, i int, take func(name string, begin int) (end int)) int {
	for i = skipSpace(raw, i+1); raw[i] != '}'; i = skipSpace(raw, i) {
		end := stringEnd(raw, i)
		name := value(raw[i:end]).str()
		i = skipSpace(raw, take(name, skipSpace(raw, skipSpace(raw, end)+1)))
		if raw[i] == ',' {
			i++
		}
	}
	return i + 1
}

// elements are the elements of an array; of anything else there are none.
func (v value) elements() iter.Seq[value] {
	return func(yield func(value) bool) {
		if !v.isArray() {
			return
		}
		raw := string(v)
		for i := skipSpace(raw, 1); raw[i] != ']'; i = skipSpace(raw, i) {
			begin := i
			i = valueEnd(raw, begin)
			if !yield(value(raw[begin:i])) {
				return
			}
			if i = skipSpace(raw, i); raw[i] == ',' {
				i++
			}
		}
	}
}

// stringEnd is the index behind the string that begins at i.
func stringEnd(raw string, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd is the index behind the value that begins at i.
func valueEnd(raw string, i int) int {
	switch raw[i] {
	case '"':
		return stringEnd(raw, i)
	case '{', '[':
	default: // a number or a literal
		for !strings.ContainsRune(",]}"+space, rune(raw[i])) {
			i++
		}
		return i
	}
	for depth := 0; ; {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
}

// space is JSON's white space.
const space = " \t\r\n"

func skipSpace(raw string, i int) int {
	for i < len(raw) && raw[i] <= ' ' {
		i++
	}
	return i
}
