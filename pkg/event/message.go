package event

import (
	"fmt"
	"strings"
	"time"

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
	md[headerSpecVersion] = SpecVersion
	md[headerID] = e.ID
	md[headerSource] = sourcePrefix + e.Connection
	md[headerType] = e.Type
	md[headerRecorded] = formatTime(e.Recorded)
	if s := e.Subject(); s != "" {
		md[headerSubject] = s
	}
	if !e.Time.IsZero() {
		md[headerTime] = formatTime(e.Time)
	}
	if e.ContentType != "" {
		md[headerContentType] = e.ContentType
	}
	for name, value := range e.Headers {
		md[name] = value
	}
	return md
}

// Parse reads an event back from a message that Message made, or from any record that is a CloudEvents 1.0 event in
// binary mode with our source. The body is shared with the message, not copied. An error names the header at fault.
func Parse(m *message.Message) (Event, error) {
	md := m.Metadata
	e := Event{
		ID:          md[headerID],
		Type:        md[headerType],
		ContentType: md[headerContentType],
		Body:        m.Payload,
	}
	if v := md[headerSpecVersion]; v != SpecVersion {
		return Event{}, fmt.Errorf("event: header %s is %q, want %q: not a CloudEvent of this version", headerSpecVersion, v, SpecVersion)
	}
	name, ok := strings.CutPrefix(md[headerSource], sourcePrefix)
	if !ok {
		return Event{}, fmt.Errorf("event: header %s is %q, want %sNAME", headerSource, md[headerSource], sourcePrefix)
	}
	e.Connection = name
	if subject := md[headerSubject]; subject != "" {
		if e.Kind, e.Entity, ok = strings.Cut(subject, "/"); !ok {
			return Event{}, fmt.Errorf("event: header %s is %q, want KIND/ID", headerSubject, subject)
		}
	}
	var err error
	if e.Time, err = parseTime(md, headerTime); err != nil {
		return Event{}, err
	}
	if e.Recorded, err = parseTime(md, headerRecorded); err != nil {
		return Event{}, err
	}
	for name, value := range md {
		if strings.HasPrefix(name, "ce_") || name == headerContentType {
			continue
		}
		if e.Headers == nil {
			e.Headers = make(map[string]string, 4)
		}
		e.Headers[name] = value
	}
	if err := e.Validate(); err != nil {
		return Event{}, err
	}
	return e, nil
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
	t, err := parseTime(m.Metadata, headerRecorded)
	if err != nil {
		return time.Time{}
	}
	return t
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func parseTime(md message.Metadata, name string) (time.Time, error) {
	text := md[name]
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("event: header %s is %q, want an RFC 3339 time", name, text)
	}
	return t.UTC(), nil
}
