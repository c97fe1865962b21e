package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
)

// unnamed is the type of an event whose own type could not be read.
const unnamed = "unknown"

// envelope puts a verified delivery into an event. It never fails: what the provider cannot say of the body, or says in
// a form that a header cannot carry, is left out, and an event without an id of its own gets its body's hash, so that
// the same bytes delivered twice are still one event.
func envelope(conn *endpoint, d *provider.Delivery, evidence provider.Evidence) event.Event {
	p := conn.Provider
	said := p.Describe(d)
	e := event.Event{
		ID:          said.ID,
		Connection:  d.Connection,
		Type:        p.Name() + "." + said.Type,
		Kind:        said.Kind,
		Entity:      said.Entity,
		Time:        said.Time,
		Recorded:    d.Received,
		ContentType: contentType(d.Header.Get("Content-Type")),
		Headers:     conn.evidenceHeaders(d, evidence),
		Body:        d.Body,
	}
	if e.ID == "" || !event.Printable(e.ID) {
		sum := sha256.Sum256(d.Body)
		e.ID = "sha256:" + hex.EncodeToString(sum[:])
	}
	if said.Type == "" || !event.Printable(e.Type) || e.IsLookup() {
		// No delivery, whatever its body or its URL says, may pass for the answer to a look-up.
		e.Type = p.Name() + "." + unnamed
	}
	if e.Kind == "" || e.Entity == "" || strings.Contains(e.Kind, "/") || !event.Printable(e.Subject()) {
		e.Kind, e.Entity = "", ""
	}
	if y := e.Time.Year(); y < 1 || y > 9999 { // what RFC 3339 cannot write
		e.Time = time.Time{}
	}
	return e
}

// structured begins the media types of structured CloudEvents.
const structured = "application/cloudevents"

// contentType is the media type as received. A structured CloudEvent is what the record must not be taken for, so a
// sender that claims to send one is not quoted.
func contentType(received string) string {
	media := strings.TrimSpace(received)
	if !event.Printable(received) || len(media) >= len(structured) && strings.EqualFold(media[:len(structured)], structured) {
		return ""
	}
	return received
}

func (e *endpoint) evidenceHeaders(d *provider.Delivery, evidence provider.Evidence) map[string]string {
	headers := make(map[string]string, 2+len(evidence.Headers))
	headers[event.HeaderScheme] = evidence.Scheme
	if evidence.Secret != "" {
		headers[event.HeaderSecret] = evidence.Secret
	}
	for _, name := range evidence.Headers {
		if n := e.names.of(name); len(d.Header[n.key]) > 0 {
			headers[n.recorded] = d.Header[n.key][0]
		} else {
			headers[n.recorded] = ""
		}
	}
	return headers
}
