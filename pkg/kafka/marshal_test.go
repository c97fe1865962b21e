package kafka_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/kafka"
)

var messages = rapid.Custom(func(t *rapid.T) *message.Message {
	msg := message.NewMessage(rapid.String().Draw(t, "uuid"), rapid.SliceOf(rapid.Byte()).Draw(t, "payload"))
	msg.Metadata = rapid.MapOf(rapid.String().Filter(func(k string) bool { return k != kafka.UUIDHeader }), rapid.String()).Draw(t, "metadata")
	return msg
})

func TestMarshalersRoundTrip(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	header := kafka.HeaderMarshaler{
		Key:       func(m *message.Message) []byte { return []byte(m.UUID) },
		UUID:      func(md message.Metadata) string { return md["id"] },
		Timestamp: func(*message.Message) time.Time { return at },
	}
	rapid.Check(t, func(t *rapid.T) {
		msg := messages.Draw(t, "message")
		rec, err := kafka.DefaultMarshaler{}.Marshal("events", msg)
		require.NoError(t, err)
		back, err := kafka.DefaultMarshaler{}.Unmarshal(rec)
		require.NoError(t, err)
		require.True(t, msg.Equals(back))

		msg.Metadata["id"] = msg.UUID
		rec, err = header.Marshal("events", msg)
		require.NoError(t, err)
		require.Len(t, rec.Headers, len(msg.Metadata), "no header of its own")
		require.True(t, slices.IsSortedFunc(rec.Headers, func(a, b kafka.Header) int { return strings.Compare(a.Key, b.Key) }))
		require.Equal(t, msg.UUID, string(rec.Key))
		require.Equal(t, at, rec.Timestamp)
		back, err = header.Unmarshal(rec)
		require.NoError(t, err)
		require.True(t, msg.Equals(back))
	})
}

func TestHeadersReachTheLog(t *testing.T) {
	cfg := broker(t, "events", 1)
	at := time.UnixMilli(1_700_000_000_000)
	m := kafka.HeaderMarshaler{Timestamp: func(*message.Message) time.Time { return at }, Key: func(*message.Message) []byte { return []byte("k") }}
	pub := newPublisher(t, kafka.PublisherConfig{Config: cfg, Marshaler: m})
	msg := message.NewMessage("ignored", []byte("body"))
	msg.Metadata = message.Metadata{"ce_id": "1", "ce_type": "x", "content-type": "application/json"}
	require.NoError(t, pub.Publish("events", msg))
	recs := readAll(t, cfg, "events")
	require.Len(t, recs, 1)
	require.True(t, at.Equal(recs[0].Timestamp))
	recs[0].Timestamp = time.Time{}
	require.Equal(t, kafka.Record{Topic: "events", Key: []byte("k"), Value: []byte("body"), Headers: []kafka.Header{
		{Key: "ce_id", Value: []byte("1")}, {Key: "ce_type", Value: []byte("x")}, {Key: "content-type", Value: []byte("application/json")}}}, recs[0])
	got, err := m.Unmarshal(recs[0])
	require.NoError(t, err)
	require.Equal(t, "events/0/0", got.UUID)
}
