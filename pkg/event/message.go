package event

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Names of the CloudEvents attributes in the Kafka binding's binary mode.
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerSubject     = "ce_subject"
	headerTime        = "ce_time"
	headerRecorded    = "ce_recordedtime"
	headerContentType = "content-type"

	sourcePrefix = "/connections/"
)

// Message returns the event as a Watermill message: the metadata are the record's headers, the payload is the body, the
// UUID is the event's id. It fails where Validate does.
func (e *Event) Message() (*message.Message, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	m := message.NewMessage(e.ID, e.Body)
	m.Metadata = e.metadata()
	return m, nil
}

func (e *Event) metadata() message.Metadata {
	md := make(message.Metadata, 8+len(e.Headers))
	e.Encode(func(name string, value []byte) { md[name] = string(value) })
	return md
}

// usualRecord is room for the key and the headers' values of a delivery's record.
const usualRecord = 512

// Encode gives the headers of the event's record, CloudEvents' attributes and then the others, each by name, and returns its key. It
// is for who makes the record without a message; the event must be valid. The values and the key are the caller's to keep.
func (e *Event) Encode(header func(name string, value []byte)) (key []byte) {
	all := make([]byte, 0, usualRecord) // what is given are parts of it, so that it costs one allocation
	part := func(from int) []byte { return all[from:len(all):len(all)] }
	text := func(name, value string) {
		if value != "" {
			from := len(all)
			all = append(all, value...)
			header(name, part(from))
		}
	}
	at := func(name string, t time.Time) {
		from := len(all)
		all = t.UTC().AppendFormat(all, time.RFC3339Nano)
		header(name, part(from))
	}
	all = e.appendKey(all)
	key = part(0)
	text(headerID, e.ID)
	at(headerRecorded, e.Recorded)
	from := len(all)
	all = append(append(all, sourcePrefix...), e.Connection...)
	header(headerSource, part(from))
	text(headerSpecVersion, SpecVersion)
	if e.Kind != "" {
		header(headerSubject, key[len(e.Connection)+1:])
	}
	if !e.Time.IsZero() {
		at(headerTime, e.Time)
	}
	text(headerType, e.Type)
	text(headerContentType, e.ContentType)
	names := make([]string, 0, 8)
	for name := range e.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		from := len(all)
		all = append(all, e.Headers[name]...)
		header(name, part(from))
	}
	return key
}

// Parse reads an event back from a message that Message made, or from any record that is a CloudEvents 1.0 event in
// binary mode with our source. The body is shared with the message, not copied. An error names the header at fault.
func Parse(m *message.Message) (Event, error) {
	e, err := ParseFact(m)
	if err != nil {
		return Event{}, err
	}
	for name, value := range m.Metadata {
		if isAttribute(name) {
			continue
		}
		e.setHeader(name, value)
	}
	return e, nil
}

// ParseFact is Parse without the headers by which a delivery can be verified again: what decoding needs, at a fraction of
// the cost. It takes and refuses the same messages.
func ParseFact(m *message.Message) (Event, error) {
	md := m.Metadata
	a := attributes{
		specVersion: md[headerSpecVersion], id: md[headerID], source: md[headerSource], typ: md[headerType], subject: md[headerSubject],
		time: md[headerTime], recorded: md[headerRecorded], contentType: md[headerContentType], status: md[HeaderStatus],
	}
	for name := range md {
		if err := checkName(name); err != nil {
			return Event{}, err
		}
	}
	return a.event(m.Payload)
}

// ParseHeaders is ParseFact of a record that is no message: header gives the i-th of its n headers. Of headers that repeat
// the last one counts. Body and headers are shared: nobody may change them any more.
func ParseHeaders(n int, header func(i int) (name string, value []byte), body []byte) (Event, error) {
	var a attributes
	for i := range n {
		name, value := header(i)
		if err := checkName(name); err != nil {
			return Event{}, err
		}
		if into := a.field(name); into != nil {
			*into = unsafe.String(unsafe.SliceData(value), len(value))
		}
	}
	return a.event(body)
}

// checkName refuses what would not be the same header again, once it was written.
func checkName(name string) error {
	if !isAttribute(name) && name != strings.ToLower(name) {
		return fmt.Errorf("event: header %q is reserved or not in lower case", name)
	}
	return nil
}

// isAttribute says whether a header belongs to CloudEvents; the others travel beside.
func isAttribute(name string) bool {
	return strings.HasPrefix(name, "ce_") || name == headerContentType
}

// attributes are what decoding needs, as it stands in the headers.
type attributes struct {
	specVersion, id, source, typ, subject, time, recorded, contentType string
	status                                                             string // of a look-up's answer
}

// field is where the value of a header belongs; nil for one that is not ours.
func (a *attributes) field(name string) *string {
	switch name {
	case headerSpecVersion:
		return &a.specVersion
	case headerID:
		return &a.id
	case headerSource:
		return &a.source
	case headerType:
		return &a.typ
	case headerSubject:
		return &a.subject
	case headerTime:
		return &a.time
	case headerRecorded:
		return &a.recorded
	case headerContentType:
		return &a.contentType
	case HeaderStatus:
		return &a.status
	default:
		return nil
	}
}

func (a *attributes) event(body []byte) (Event, error) {
	if a.specVersion != SpecVersion {
		return Event{}, fmt.Errorf("event: header %s is %q, want %q: not a CloudEvent of this version", headerSpecVersion, a.specVersion, SpecVersion)
	}
	e := Event{ID: a.id, Type: a.typ, ContentType: a.contentType, Body: body}
	var ok bool
	if e.Connection, ok = strings.CutPrefix(a.source, sourcePrefix); !ok {
		return Event{}, fmt.Errorf("event: header %s is %q, want %sNAME", headerSource, a.source, sourcePrefix)
	}
	if a.subject != "" {
		if e.Kind, e.Entity, ok = strings.Cut(a.subject, "/"); !ok {
			return Event{}, fmt.Errorf("event: header %s is %q, want KIND/ID", headerSubject, a.subject)
		}
	}
	var err error
	if e.Time, err = parseTime(headerTime, a.time); err != nil {
		return Event{}, err
	}
	if e.Recorded, err = parseTime(headerRecorded, a.recorded); err != nil {
		return Event{}, err
	}
	if a.status != "" {
		e.setHeader(HeaderStatus, a.status)
	}
	if err := e.Validate(); err != nil {
		return Event{}, err
	}
	return e, nil
}

func (e *Event) setHeader(name, value string) {
	if e.Headers == nil {
		e.Headers = make(map[string]string, 4)
	}
	e.Headers[name] = value
}

// MessageKey is the record key of a message that Message made.
func MessageKey(m *message.Message) []byte {
	connection := strings.TrimPrefix(m.Metadata[headerSource], sourcePrefix)
	if subject := m.Metadata[headerSubject]; subject != "" {
		return []byte(connection + "/" + subject)
	}
	return []byte(connection + "/" + m.Metadata[headerID])
}

// MessageUUID is the UUID of a message with the given metadata: the event's id.
func MessageUUID(md message.Metadata) string { return md[headerID] }

// MessageTime is the time at which the message's event was recorded; it becomes the record's timestamp. Zero where the
// metadata have none.
func MessageTime(m *message.Message) time.Time {
	t, err := parseTime(headerRecorded, m.Metadata[headerRecorded])
	if err != nil {
		return time.Time{}
	}
	return t
}

func parseTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("event: header %s is %q, want an RFC 3339 time", name, text)
	}
	return t.UTC(), nil
}
