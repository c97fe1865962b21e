package event_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/event"
)

func delivery() event.Event {
	return event.Event{
		ID: "evt_1", Connection: "devengo-live", Type: "devengo.account.activated", Kind: "account", Entity: "acc/1",
		Time: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC), Recorded: time.Date(2026, 3, 1, 12, 0, 1, 0, time.UTC),
		ContentType: "application/json", Headers: map[string]string{event.HeaderScheme: "devengo-v1"}, Body: []byte("{}\x00\xff"),
	}
}

func TestRoundTrip(t *testing.T) {
	e := delivery()
	m, err := e.Message()
	require.NoError(t, err)
	require.Equal(t, "evt_1", m.UUID)
	require.Equal(t, "devengo-live/account/acc/1", string(event.MessageKey(m)))
	require.Equal(t, "evt_1", event.MessageUUID(m.Metadata))
	require.Equal(t, e.Recorded, event.MessageTime(m))
	back, err := event.Parse(m)
	require.NoError(t, err)
	require.Equal(t, e, back)
	sameFact(t, m, e.Clone(), nil)
	require.Equal(t, e.Key(), string(event.MessageKey(m)))
	require.Equal(t, "devengo", back.Provider())
	require.Equal(t, "account.activated", back.Word())
}

func TestAnEventWithoutAnEntityIsKeyedByItself(t *testing.T) {
	e := delivery()
	e.Kind, e.Entity = "", ""
	m, err := e.Message()
	require.NoError(t, err)
	require.NotContains(t, m.Metadata, "ce_subject")
	require.Equal(t, "devengo-live/evt_1", string(event.MessageKey(m)))
	require.Equal(t, "devengo-live/evt_1", e.Key())
}

func TestLookups(t *testing.T) {
	for typ, want := range map[string]bool{
		event.LookupType("devengo"): true, "devengo.account.lookup": false, "devengo.lookups": false, "lookup": false,
	} {
		e := event.Event{Type: typ}
		require.Equal(t, want, e.IsLookup(), typ)
	}
}

func TestValidate(t *testing.T) {
	for text, change := range map[string]func(*event.Event){
		"attribute id is empty":       func(e *event.Event) { e.ID = "" },
		"attribute source is empty":   func(e *event.Event) { e.Connection = "" },
		"attribute type is empty":     func(e *event.Event) { e.Type = "" },
		"recordedtime is missing":     func(e *event.Event) { e.Recorded = time.Time{} },
		"attribute id is longer":      func(e *event.Event) { e.ID = strings.Repeat("x", event.MaxAttribute+1) },
		"attribute subject is longer": func(e *event.Event) { e.Entity = "a\nb" },
		"kind \"a/b\" holds a slash":  func(e *event.Event) { e.Kind = "a/b" },
		"both kind and id":            func(e *event.Event) { e.Entity = "" },
		"reserved":                    func(e *event.Event) { e.Headers["ce_id"] = "other" },
	} {
		e := delivery()
		change(&e)
		_, err := e.Message()
		require.ErrorContains(t, err, text)
	}
}

func TestLongestSubject(t *testing.T) {
	e := delivery()
	e.Entity = strings.Repeat("x", event.MaxAttribute-len(e.Kind)-1)
	require.NoError(t, e.Validate())
	require.Len(t, e.Subject(), event.MaxAttribute)
	e.Entity += "x"
	require.ErrorContains(t, e.Validate(), "attribute subject is longer")
}

func TestParseNamesTheHeaderAtFault(t *testing.T) {
	for header, value := range map[string]string{
		"ce_specversion": "0.3", "ce_source": "/elsewhere", "ce_subject": "account", "ce_time": "yesterday", "ce_recordedtime": "12:00",
	} {
		e := delivery()
		m, err := e.Message()
		require.NoError(t, err)
		m.Metadata[header] = value
		_, err = event.Parse(m)
		require.ErrorContains(t, err, header)
	}
}

// Whatever stands in the headers of a record, Parse does not panic, and what it accepts it gives back the same.
func FuzzParse(f *testing.F) {
	f.Add("1.0", "evt_1", "/connections/a", "devengo.x", "account/1", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.5Z", "text/plain", "http-webhook-id", []byte("{}"))
	f.Add("", "\x00", "/connections/", ".", "/", "", "", "", "X", []byte(nil))
	f.Fuzz(func(t *testing.T, version, id, source, typ, subject, at, recorded, contentType, other string, body []byte) {
		m := message.NewMessage(id, body)
		m.Metadata = message.Metadata{
			"ce_specversion": version, "ce_id": id, "ce_source": source, "ce_type": typ, "ce_subject": subject,
			"ce_time": at, "ce_recordedtime": recorded, "content-type": contentType,
		}
		m.Metadata[other] = source
		e, err := event.Parse(m)
		sameFact(t, m, e, err)
		if err != nil {
			return
		}
		again, err := e.Message()
		require.NoError(t, err)
		back, err := event.Parse(again)
		require.NoError(t, err)
		require.Equal(t, e, back)
		require.True(t, bytes.Equal(body, back.Body))
	})
}

// sameFact checks that the quicker ways to read a message take the same ones, and find the same in them.
func sameFact(t *testing.T, m *message.Message, want event.Event, refused error) {
	t.Helper()
	want = want.Clone()
	for name := range want.Headers {
		if name != event.HeaderStatus || want.Headers[name] == "" {
			delete(want.Headers, name)
		}
	}
	if len(want.Headers) == 0 {
		want.Headers = nil
	}
	names := slices.Sorted(maps.Keys(m.Metadata))
	names = append(names, names...) // the second half counts
	header := func(i int) (string, []byte) {
		if i < len(m.Metadata) {
			return names[i], []byte("over")
		}
		return names[i], []byte(m.Metadata[names[i]])
	}
	fact, err := event.ParseFact(m)
	require.Equal(t, refused == nil, err == nil, "Parse: %v; ParseFact: %v", refused, err)
	record, recordErr := event.ParseHeaders(len(names), header, m.Payload)
	require.Equal(t, refused == nil, recordErr == nil, "Parse: %v; ParseHeaders: %v", refused, recordErr)
	if refused == nil {
		require.Equal(t, want, fact)
		require.Equal(t, want, record)
	}
}
