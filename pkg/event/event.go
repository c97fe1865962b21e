// Package event is the envelope of the log: one verified delivery, or one answer to a look-up, as a CloudEvents 1.0
// event in the Kafka binding's binary mode.
//
// The body is the record's value and is never touched: not decoded, not re-encoded, not trimmed. Everything else is a
// header. An Event becomes a Watermill message whose metadata are exactly those headers, so that a marshaler that maps
// metadata to headers one to one carries it, and any CloudEvents SDK or kcat can read it.
//
// The package knows neither Kafka clients nor providers. An event that Parse returned gives, by Message, the same
// headers and the same bytes again.
package event

import (
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// SpecVersion is the version of CloudEvents that the log speaks.
const SpecVersion = "1.0"

// MaxAttribute is the longest attribute of an envelope, in bytes. It keeps one foreign string from filling a header;
// every identifier that a provider documents is far shorter.
const MaxAttribute = 512

// lookupSuffix ends the type of an event that answers a look-up: devengo.lookup.
const lookupSuffix = ".lookup"

// An Event is one record of the log. The zero value is not valid; see Validate.
type Event struct {
	// ID is the provider's own event id, or a natural key derived from the body where it has none. Unique per connection
	// and fact: a second delivery of the same fact has the same ID.
	ID string
	// Connection is the name of the connection that the event came in by; ce_source is /connections/ and this name.
	Connection string
	// Type is the provider's name, a dot, and its own word for the event: devengo.account.activated.
	Type string
	// Kind and Entity name what the event speaks of (ce_subject is Kind/Entity). Both are empty where the body could not
	// be understood; Entity may hold slashes, Kind may not.
	Kind, Entity string
	// Time is the provider's time, zero where it gives none.
	Time time.Time
	// Recorded is when ingest accepted the delivery, or when the answer to a look-up came.
	Recorded time.Time
	// ContentType is the body's media type as received; empty where the request named none.
	ContentType string
	// Headers travel beside the CloudEvents attributes: what verification used, so that the record can be verified again
	// offline. Keys are lower case and do not begin with ce_ (see the Header… names). Never a static credential.
	Headers map[string]string
	// Body is the request's body, byte for byte.
	Body []byte
}

// Names of the headers that travel beside the CloudEvents attributes.
const (
	// HeaderScheme names the scheme by which the delivery was verified.
	HeaderScheme = "verification-scheme"
	// HeaderSecret is the fingerprint of the secret that matched, never the secret.
	HeaderSecret = "verification-secret"
	// HeaderHTTP begins the name of a request header that verification used: http-webhook-id.
	HeaderHTTP = "http-"
	// HeaderStatus is the HTTP status code of a look-up's answer.
	HeaderStatus = "lookup-status"
)

// Provider is the part of Type before the first dot.
func (e *Event) Provider() string {
	name, _, _ := strings.Cut(e.Type, ".")
	return name
}

// Word is the part of Type after the first dot: the provider's own word for the event.
func (e *Event) Word() string {
	_, word, _ := strings.Cut(e.Type, ".")
	return word
}

// IsLookup says whether the event is the answer to a look-up rather than a delivery.
func (e *Event) IsLookup() bool {
	return strings.HasSuffix(e.Type, lookupSuffix) && e.Word() == lookupSuffix[1:]
}

// LookupType is the type of a provider's answers to look-ups: devengo.lookup.
func LookupType(provider string) string { return provider + lookupSuffix }

// Subject is Kind/Entity, or empty where the event names no entity.
func (e *Event) Subject() string {
	if e.Kind == "" {
		return ""
	}
	return e.Kind + "/" + e.Entity
}

// Key is the record's key: connection/kind/id, so that an entity's records share a partition. An event without an
// entity is keyed by its own id, so that such events spread.
func (e *Event) Key() string { return string(e.appendKey(nil)) }

func (e *Event) appendKey(b []byte) []byte {
	b = append(append(b, e.Connection...), '/')
	if e.Kind == "" {
		return append(b, e.ID...)
	}
	b = append(append(b, e.Kind...), '/')
	return append(b, e.Entity...)
}

// Validate says why the event cannot be written as a valid CloudEvent: a required attribute that is missing, too long
// or not printable UTF-8, or a header that would shadow an attribute.
func (e *Event) Validate() error {
	for _, a := range [...]struct{ name, value, more string }{
		{"id", e.ID, ""}, {"source", e.Connection, ""}, {"type", e.Type, ""}, {"subject", e.Kind, e.Entity}, {"content-type", e.ContentType, ""},
	} {
		if a.value == "" {
			if a.name != "subject" && a.name != "content-type" {
				return fmt.Errorf("event: attribute %s is empty", a.name)
			}
			continue
		}
		if a.name == "subject" && len(a.value)+len("/")+len(a.more) > MaxAttribute || !Printable(a.value) || !Printable(a.more) {
			return fmt.Errorf("event: attribute %s is longer than %d bytes or holds characters that a header cannot carry", a.name, MaxAttribute)
		}
	}
	if (e.Kind == "") != (e.Entity == "") {
		return fmt.Errorf("event: subject needs both kind and id, or neither")
	}
	if strings.Contains(e.Kind, "/") {
		return fmt.Errorf("event: kind %q holds a slash", e.Kind)
	}
	if e.Recorded.IsZero() {
		return fmt.Errorf("event: attribute recordedtime is missing")
	}
	for name := range e.Headers {
		if isAttribute(name) {
			return fmt.Errorf("event: header %q is reserved or not in lower case", name)
		}
		if err := checkName(name); err != nil {
			return err
		}
	}
	return nil
}

// Clone returns a copy that shares only the body.
func (e *Event) Clone() Event {
	c := *e
	c.Headers = maps.Clone(e.Headers)
	return c
}

// Printable says whether a string can stand in an attribute: valid UTF-8 without control characters, at most
// MaxAttribute bytes. The empty string is printable.
func Printable(s string) bool {
	if len(s) > MaxAttribute {
		return false
	}
	for i := range len(s) {
		if s[i]-' ' >= 0x7f-' ' { // a control character, or more than ASCII
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
		}
	}
	return true
}
