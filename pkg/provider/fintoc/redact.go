package fintoc

import (
	"bytes"
	"strings"
)

// redacted returns a copy of a valid JSON object without the members that hold credentials, at any depth. Everything else
// stays byte for byte, so that numbers keep their digits and members their order.
func redacted(raw string) []byte {
	out := make([]byte, 0, len(raw))
	s := search{raw: raw, escaped: strings.IndexByte(raw, '\\') >= 0, token: -1, secret: -1}
	kept := 0 // raw up to here is in out, or left out
	for i := 0; ; {
		begin, end := s.next(i)
		if begin < 0 {
			return append(out, raw[kept:]...)
		}
		colon := skipSpace(raw, end)
		if colon == len(raw) || raw[colon] != ':' {
			i = end
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

// How the names of credentials end: link_token, exchange_token, widget_token, session_token, the secret of an endpoint, and
// whatever is named likewise, also in the camel case of old events.
const (
	token  = `oken"`
	secret = `ecret"`
)

// search finds the strings of a JSON text that end as the names of credentials do. Where the text has no escapes (nearly
// always) it looks for the endings alone, else at each string.
type search struct {
	raw     string
	escaped bool
	// token and secret are where the endings stand next; kept, so that a text of many of one does not look for the other again
	// each time.
	token, secret int
}

// next returns begin and end of the first such string that begins at i or behind; begin is negative where there is none.
func (s *search) next(i int) (begin, end int) {
	if s.escaped {
		return s.nextEscaped(i)
	}
	if s.token < i {
		s.token = indexFrom(s.raw, token, i)
	}
	if s.secret < i {
		s.secret = indexFrom(s.raw, secret, i)
	}
	end = min(s.token+len(token), s.secret+len(secret))
	if end > len(s.raw) {
		return -1, -1
	}
	return strings.LastIndexByte(s.raw[:end-1], '"'), end
}

func (s *search) nextEscaped(i int) (begin, end int) {
	for {
		quote := strings.IndexByte(s.raw[i:], '"')
		if quote < 0 {
			return -1, -1
		}
		begin = i + quote
		end = stringEnd(s.raw, begin)
		name := s.raw[begin:end]
		if strings.IndexByte(name, '\\') >= 0 {
			name = value(name).str() + `"`
		}
		if strings.HasSuffix(name, token) || strings.HasSuffix(name, secret) {
			return begin, end
		}
		i = end
	}
}

// indexFrom is the index of the first occurrence at i or behind, the length of the text where there is none.
func indexFrom(raw, text string, i int) int {
	if at := strings.Index(raw[i:], text); at >= 0 {
		return i + at
	}
	return len(raw)
}
