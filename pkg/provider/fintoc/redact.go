package fintoc

import (
	"bytes"
	"strings"

	"github.com/tidwall/gjson"
)

// redacted returns a copy of a valid JSON object without the members that hold credentials, at any depth. Everything else
// stays byte for byte, so that numbers keep their digits and members their order.
func redacted(raw string) []byte {
	out := make([]byte, 0, len(raw))
	kept := 0 // raw up to here is in out, or left out
	for i := 0; ; {
		quote := strings.IndexByte(raw[i:], '"')
		if quote < 0 {
			return append(out, raw[kept:]...)
		}
		begin := i + quote
		i = stringEnd(raw, begin)
		colon := skipSpace(raw, i)
		if colon == len(raw) || raw[colon] != ':' || !isCredential(raw[begin:i]) {
			continue
		}
		out = append(out, raw[kept:begin]...)
		i = skipSpace(raw, valueEnd(raw, skipSpace(raw, colon+1)))
		// Of the two commas around a member one must go: the one before, or, where the member is the first, the one after.
		if before := bytes.TrimRight(out, space); before[len(before)-1] == ',' {
			out = before[:len(before)-1]
		} else if raw[i] == ',' {
			i++
		}
		kept = i
	}
}

// space is JSON's white space.
const space = " \t\r\n"

// isCredential says whether the member with this name, quoted as it stands in the JSON, holds a credential: link_token,
// exchange_token, widget_token, session_token, the secret of an endpoint, and whatever is named likewise.
func isCredential(quoted string) bool {
	name := quoted[1 : len(quoted)-1]
	if strings.IndexByte(name, '\\') >= 0 {
		name = gjson.Parse(quoted).Str
	}
	return endsWithFold(name, "token") || endsWithFold(name, "secret")
}

func endsWithFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// stringEnd is the index behind the string that begins at i.
func stringEnd(raw string, i int) int {
	for i++; ; i++ {
		i += strings.IndexByte(raw[i:], '"')
		escapes := 0
		for raw[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// valueEnd is the index behind the value that begins at i.
func valueEnd(raw string, i int) int {
	for depth := 0; i < len(raw); {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		default: // a number, a literal, or what stands between members
			i++
			if depth == 0 && !strings.ContainsRune(",]}"+space, rune(raw[i])) {
				continue
			}
		}
		if depth == 0 {
			return i
		}
	}
	return len(raw)
}

func skipSpace(raw string, i int) int {
	for i < len(raw) && strings.IndexByte(space, raw[i]) >= 0 {
		i++
	}
	return i
}
