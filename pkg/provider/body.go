package provider

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/tidwall/gjson"
)

// maxDepth is how deep a body may nest. It bounds the stack of every parser behind it; providers nest five deep.
const maxDepth = 128

// ParseBody reads a body as a JSON object. It refuses what is not valid UTF-8, not valid JSON, not an object, or nested
// deeper than 128 levels. The result shares nothing with the body. The error is a *Parked without any of the body in it.
func ParseBody(body []byte) (gjson.Result, error) { return ViewBody(bytes.Clone(body)) }

// ViewBody is ParseBody without a copy: all that is taken from the result is a part of the body, which must not be changed
// any more.
func ViewBody(body []byte) (gjson.Result, error) {
	var t Tree
	v, err := t.Read(body)
	if err != nil {
		return gjson.Result{}, err
	}
	from := int(t.node(v.n).from)
	return gjson.Result{Type: gjson.JSON, Raw: t.text[from:], Index: from}, nil
}

// refuse says what is wrong with a body that is not taken.
func refuse(body []byte) error {
	switch {
	case len(body) == 0:
		return Park(ParkedBody, "the body is empty")
	case !utf8.Valid(body):
		return Park(ParkedBody, "the body is not UTF-8")
	case depth(body) > maxDepth:
		return Park(ParkedBody, "the body nests deeper than %d levels", maxDepth)
	case !gjson.ValidBytes(body):
		return Park(ParkedBody, "the body is not JSON")
	default:
		return Park(ParkedBody, "the body is JSON, but not an object")
	}
}

// View is a value as it stands in the body, without a copy; see ViewBody.
func View(r gjson.Result) []byte { return unsafe.Slice(unsafe.StringData(r.Raw), len(r.Raw)) }

// depth is how deep brackets nest, strings left out. It never recurses, so that it can guard parsers that do.
func depth(body []byte) int {
	deepest, now, inString := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// Text is a JSON string's value, or a number's digits as they came; empty for anything else. Providers have been seen to
// send one for the other.
func Text(r gjson.Result) string {
	switch r.Type {
	case gjson.String:
		return r.Str
	case gjson.Number:
		return r.Raw
	default:
		return ""
	}
}

// Time reads an RFC 3339 time with any number of fractional digits; zero where the value is none.
func Time(r gjson.Result) time.Time {
	return parseTime(r.Str)
}

func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{} // a provider's time in a form that nobody documented: the recorded time stands in
	}
	return t.UTC()
}

// Minor reads an integer amount in minor units; nil where the value is not an integer in the range of int64.
func Minor(r gjson.Result) *int64 { return minor(Text(r)) }

func minor(text string) *int64 {
	if text == "" {
		return nil
	}
	n, ok := parseInteger(text)
	if !ok {
		return nil
	}
	return &n
}

// Currency is an ISO 4217 code in upper case.
func Currency(r gjson.Result) string { return strings.ToUpper(Text(r)) }
