package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hookfold/hookfold/pkg/provider"
)

// NextParameter is a parameter of the address that a Link header (RFC 8288) names as the next page, empty where there is none.
// The address itself is not kept and not asked: it can hold tokens, and another host.
func NextParameter(h http.Header, parameter string) string {
	for _, line := range h.Values("Link") {
		for line != "" {
			_, rest, ok := strings.Cut(line, "<")
			if !ok {
				break
			}
			address, params, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			var isNext bool
			if isNext, line = cutParameters(params); isNext {
				return Parameter(address, parameter)
			}
		}
	}
	return ""
}

// cutParameters reads the parameters of a link up to the next link, and says whether its relation is "next".
func cutParameters(s string) (isNext bool, rest string) {
	for {
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, ";") {
			return isNext, s
		}
		name, after := s[1:], ""
		if i := strings.IndexAny(name, "=;,"); i >= 0 {
			name, after = name[:i], name[i:]
		}
		value := ""
		if strings.HasPrefix(after, "=") {
			value, after = cutValue(after[1:])
		}
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			for _, relation := range strings.Fields(value) {
				isNext = isNext || strings.EqualFold(relation, "next")
			}
		}
		s = after
	}
}

// cutValue cuts a token or a quoted string off.
func cutValue(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexAny(s, ";,"); i >= 0 {
			return strings.TrimSpace(s[:i]), s[i:]
		}
		return strings.TrimSpace(s), ""
	}
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return out.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String(), ""
}

// Parameter is a parameter of an address, empty where there is none.
func Parameter(address, parameter string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // no address, no parameter: the list ends here
	}
	return u.Query().Get(parameter)
}

// PageNumber reads a cursor that is a page's number; the empty one is the first page.
func PageNumber(cursor string) (int, error) {
	if cursor == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 1 || n > 1<<30 {
		return 0, BadCursor()
	}
	return n, nil
}

// BadCursor is the error of a cursor that List did not give out.
func BadCursor() error {
	return &provider.APIError{Class: provider.Rejected, Text: "the cursor is not one of this list; begin without one"}
}

// Following is the number that a provider names as the next page, as a cursor: empty where it is not beyond the page at hand,
// so that no list goes on for ever.
func Following(page int, next string) string {
	if n, err := strconv.Atoi(next); err == nil && n > page {
		return strconv.Itoa(n)
	}
	return ""
}
