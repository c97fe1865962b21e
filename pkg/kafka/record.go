package kafka

import (
	"slices"
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

// Header is one record header. It is the client's own type, a Key and a Value, so that headers need not be copied.
type Header = kgo.RecordHeader

func fromClient(r *kgo.Record) Record {
	return Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp,
	}
}

func (r Record) toClient(topic string) kgo.Record {
	if r.Topic == "" {
		r.Topic = topic
	}
	return kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: slices.Clip(r.Headers), Timestamp: r.Timestamp}
}
