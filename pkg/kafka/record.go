package kafka

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Record is a Kafka record in the terms of this package, so that marshalers need no client library.
type Record struct {
	// Topic may be left empty by a marshaler: Publish's topic is used then.
	Topic string
	// Partition and Offset are set on consumption and ignored on publication.
	Partition int32
	Offset    int64
	// Key chooses the partition: equal keys share one. A nil key spreads records.
	Key   []byte
	Value []byte
	// Headers keep their order and may repeat a key.
	Headers []Header
	// Timestamp is the record's create time, in milliseconds on the wire. Zero means the time of publication.
	Timestamp time.Time
}

// Header is one record header: a Key string and a Value []byte. It is the client's own type, since a copy of every header of every record
// would be a cost without a use; a marshaler needs no import for it.
type Header = kgo.RecordHeader

func fromClient(r *kgo.Record) Record {
	return Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
	}
}

func (r Record) toClient(topic string) *kgo.Record {
	if r.Topic == "" {
		r.Topic = topic
	}
	return &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
}
