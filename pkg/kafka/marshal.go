package kafka

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// UUIDHeader is the header in which [DefaultMarshaler] keeps the message's UUID, the same as in watermill-kafka,
// so that both adapters read each other's records.
const UUIDHeader = "_watermill_message_uuid"

// Marshaler turns messages into records and back. It must be safe for concurrent use and must not keep what it is given.
type Marshaler interface {
	// Marshal builds the record of a message. An error fails Publish before anything is sent.
	Marshal(topic string, msg *message.Message) (Record, error)
	// Unmarshal builds the message of a record. It may be called again for the same record when that is redelivered.
	// An error makes the record undecodable, see [SubscriberConfig.OnUndecodable]. The record's byte slices may be
	// used by the message without a copy.
	Unmarshal(Record) (*message.Message, error)
}

// DefaultMarshaler keeps the UUID in [UUIDHeader], the payload in the value, and each metadata entry in a header of its
// name, in sorted order.
type DefaultMarshaler struct {
	// Key gives the record's key; nil means none. An error fails Publish.
	Key func(topic string, msg *message.Message) ([]byte, error)
}

// Marshal implements [Marshaler]. Metadata named like [UUIDHeader] is refused.
func (m DefaultMarshaler) Marshal(topic string, msg *message.Message) (Record, error) {
	if _, taken := msg.Metadata[UUIDHeader]; taken {
		return Record{}, fmt.Errorf("metadata %s is reserved for the message's UUID: rename it", UUIDHeader)
	}
	rec := Record{Topic: topic, Value: msg.Payload}
	rec.Headers = append(make([]Header, 0, len(msg.Metadata)+1), Header{Key: UUIDHeader, Value: []byte(msg.UUID)})
	rec.Headers = appendHeaders(rec.Headers, msg.Metadata)
	if m.Key != nil {
		key, err := m.Key(topic, msg)
		if err != nil {
			return Record{}, fmt.Errorf("key of message %s: %w", msg.UUID, err)
		}
		rec.Key = key
	}
	return rec, nil
}

// Unmarshal implements [Marshaler]. It never fails; a record without [UUIDHeader] gives a message with an empty UUID.
// Of repeated headers the last one counts.
func (m DefaultMarshaler) Unmarshal(rec Record) (*message.Message, error) {
	msg := message.NewMessage("", rec.Value)
	msg.Metadata = metadata(rec.Headers)
	if uuid, ok := msg.Metadata[UUIDHeader]; ok {
		msg.UUID = uuid
		delete(msg.Metadata, UUIDHeader)
	}
	return msg, nil
}

// HeaderMarshaler maps metadata and headers one to one, in sorted order, and adds no header of its own: what stands in
// the log is exactly what the metadata say. It suits envelopes such as CloudEvents' binary mode.
type HeaderMarshaler struct {
	// Key gives the record's key; nil means none.
	Key func(*message.Message) []byte
	// UUID gives the UUID of a consumed message from its metadata; nil means TOPIC/PARTITION/OFFSET.
	UUID func(message.Metadata) string
	// Timestamp gives the record's timestamp; nil or a zero time means the time of publication.
	Timestamp func(*message.Message) time.Time
}

// Marshal implements [Marshaler]. It never fails.
func (m HeaderMarshaler) Marshal(topic string, msg *message.Message) (Record, error) {
	rec := Record{Topic: topic, Value: msg.Payload}
	rec.Headers = appendHeaders(make([]Header, 0, len(msg.Metadata)), msg.Metadata)
	if m.Key != nil {
		rec.Key = m.Key(msg)
	}
	if m.Timestamp != nil {
		rec.Timestamp = m.Timestamp(msg)
	}
	return rec, nil
}

// Unmarshal implements [Marshaler]. It never fails. Of repeated headers the last one counts.
func (m HeaderMarshaler) Unmarshal(rec Record) (*message.Message, error) {
	msg := message.NewMessage("", rec.Value)
	msg.Metadata = metadata(rec.Headers)
	if m.UUID != nil {
		msg.UUID = m.UUID(msg.Metadata)
	} else {
		msg.UUID = rec.Topic + "/" + strconv.Itoa(int(rec.Partition)) + "/" + strconv.FormatInt(rec.Offset, 10)
	}
	return msg, nil
}

// metadata are a record's headers. The values are parts of one string, so that they cost one allocation.
func metadata(headers []Header) message.Metadata {
	size := 0
	for _, h := range headers {
		size += len(h.Value)
	}
	var all strings.Builder
	all.Grow(size)
	for _, h := range headers {
		all.Write(h.Value) // never fails
	}
	rest := all.String()
	md := make(message.Metadata, len(headers))
	for _, h := range headers {
		md[h.Key], rest = rest[:len(h.Value)], rest[len(h.Value):]
	}
	return md
}

// appendHeaders adds a message's metadata, sorted. The values are parts of one slice, so that they cost one allocation.
func appendHeaders(headers []Header, md message.Metadata) []Header {
	size := 0
	for _, v := range md {
		size += len(v)
	}
	all, start := make([]byte, 0, size), len(headers)
	for k, v := range md {
		at := len(all)
		all = append(all, v...)
		headers = append(headers, Header{Key: k, Value: all[at:len(all):len(all)]})
	}
	slices.SortFunc(headers[start:], func(a, b Header) int { return strings.Compare(a.Key, b.Key) })
	return headers
}
