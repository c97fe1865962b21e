package worker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/worker"
)

// Whether a record is made of the event or of its message must not show in the log.
func TestRecordIsTheMarshalersRecord(t *testing.T) {
	text := rapid.StringMatching(`[a-z]{1,12}`)
	header := rapid.MapOf(rapid.StringMatching(`(http|verification)-[a-z]{1,8}`), rapid.String())
	at := rapid.Custom(func(t *rapid.T) time.Time { return time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), 5).UTC() })
	rapid.Check(t, func(t *rapid.T) {
		e := event.Event{
			ID: text.Draw(t, "id"), Connection: text.Draw(t, "connection"), Type: "devengo." + text.Draw(t, "word"), Recorded: at.Draw(t, "recorded"),
			Headers: header.Draw(t, "headers"), Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
		}
		if rapid.Bool().Draw(t, "understood") {
			e.Kind, e.Entity, e.Time, e.ContentType = "thing", text.Draw(t, "entity"), at.Draw(t, "time"), "application/json"
		}
		m, err := e.Message()
		require.NoError(t, err)
		want, err := worker.Marshaler().Marshal("events", m)
		require.NoError(t, err)
		got, err := worker.Record(&e)
		require.NoError(t, err)
		slices.SortFunc(got.Headers, func(a, b kafka.Header) int { return strings.Compare(a.Key, b.Key) })
		want.Topic = ""
		require.Equal(t, len(want.Headers), len(got.Headers))
		for i := range want.Headers { // an empty value may be nil or not
			require.Equal(t, want.Headers[i].Key, got.Headers[i].Key)
			require.Equal(t, string(want.Headers[i].Value), string(got.Headers[i].Value))
		}
		want.Headers, got.Headers = nil, nil
		require.Equal(t, want, got)
		_, err = worker.Record(&event.Event{})
		require.Error(t, err, "what is not valid makes no record")
	})
}
