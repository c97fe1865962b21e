package ingest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// answer is what a sender gets: a status, and one line of text.
type answer struct {
	status int
	text   string
	unread bool // what is left of the body was not looked at
}

var (
	taken    = answer{status: http.StatusOK, text: "recorded"}
	notFound = answer{status: http.StatusNotFound, text: "deliveries come to /webhooks/CONNECTION", unread: true}
	notAPost = answer{status: http.StatusMethodNotAllowed, text: "deliveries come as POST", unread: true}
)

type header struct{ name, value string }

var (
	headersOfAll         = []header{{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}}
	headersOfNotAPost    = append(slices.Clip(headersOfAll), header{"Allow", http.MethodPost})
	headersOfUnavailable = append(slices.Clip(headersOfAll), header{"Retry-After", strconv.Itoa(int(retryAfter.Seconds()))})
)

// headersOf are the headers of a status's answers, which nobody changes.
func headersOf(status int) []header {
	switch status {
	case http.StatusMethodNotAllowed:
		return headersOfNotAPost
	case http.StatusServiceUnavailable:
		return headersOfUnavailable
	default:
		return headersOfAll
	}
}

// route reads /webhooks/{connection} and /webhooks/{connection}/{event_type}.
func route(u *url.URL) (connection, eventType string, ok bool) {
	path, escaped := u.Path, u.RawPath != ""
	if escaped {
		path = u.RawPath // a slash that is escaped belongs to a name
	}
	if path, ok = strings.CutPrefix(path, "/webhooks/"); !ok {
		return "", "", false
	}
	connection, eventType, more := strings.Cut(path, "/")
	if connection == "" || more && eventType == "" || strings.Contains(eventType, "/") {
		return "", "", false
	}
	if !escaped {
		return connection, eventType, true
	}
	connection, err := url.PathUnescape(connection)
	if err != nil {
		return "", "", false
	}
	eventType, err = url.PathUnescape(eventType)
	return connection, eventType, err == nil
}
