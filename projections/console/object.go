package console

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// What an indented object may be: indentation multiplies what is deep.
const (
	indentBytes = 64 << 10
	indentDepth = 40
	objectBytes = 256 << 10 // what is shown at all
)

// pretty indents a JSON object: its numbers, keys and their order stay as they came. What is too large or too deep for that, or
// no JSON, is given as it is, cut off where it is very long.
func pretty(object string) (text string, cut bool) {
	var b bytes.Buffer
	if len(object) <= indentBytes && depth(object) <= indentDepth && json.Indent(&b, []byte(object), "", "  ") == nil {
		return b.String(), false
	}
	if len(object) <= objectBytes {
		return object, false
	}
	end := objectBytes
	for end > 0 && !utf8.RuneStart(object[end]) {
		end--
	}
	return object[:end], true
}

// depth is how deep a JSON text is nested.
func depth(s string) (deepest int) {
	now, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}
