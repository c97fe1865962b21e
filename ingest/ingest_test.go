package ingest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/ingest"
	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// signer is a provider that signs the body with HMAC-SHA256 and nothing else.
type signer struct {
	describe func(*provider.Delivery) provider.Description
}

func (signer) Name() string                                         { return "signer" }
func (signer) Check(provider.Connection) []provider.Problem         { return nil }
func (signer) Lifecycles() []lifecycle.Definition                   { return nil }
func (signer) Decode(*event.Event) ([]lifecycle.Observation, error) { return nil, nil }
func (s signer) Describe(d *provider.Delivery) provider.Description {
	if s.describe != nil {
		return s.describe(d)
	}
	body := gjson.ParseBytes(d.Body)
	return provider.Description{ID: body.Get("id").Str, Type: body.Get("type").Str, Kind: "thing", Entity: body.Get("thing").Str}
}

func (signer) Verifier(c provider.Connection) (provider.Verifier, error) {
	if len(c.Secrets) == 0 {
		return nil, errors.New("no secret")
	}
	return verifier(c.Secrets[0]), nil
}

type verifier string

func (v verifier) Verify(d *provider.Delivery) (provider.Evidence, error) {
	if d.Header.Get("Signature") != sign(string(v), d.Body) {
		return provider.Evidence{}, provider.Refuse("the signature does not match")
	}
	return provider.Evidence{Scheme: "test", Secret: provider.Fingerprint(string(v)), Headers: []string{"signature"}}, nil
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// recorder is a log that keeps what it is given, or does what it is told.
type recorder struct {
	messages []*message.Message
	publish  func(*message.Message) error
}

func (r *recorder) append(ctx context.Context, e *event.Event) error {
	m, err := e.Message()
	if err != nil {
		return err
	}
	m.SetContext(ctx)
	if r.publish != nil {
		if err := r.publish(m); err != nil {
			return err
		}
	}
	r.messages = append(r.messages, m)
	return nil
}

const secret = "s3cret-of-the-test"

var arrival = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func handler(t testing.TB, log *recorder, change func(*ingest.Config)) *ingest.Handler {
	t.Helper()
	c := ingest.Config{
		Connections: []ingest.Connection{{Connection: provider.Connection{Name: "test", Secrets: []string{secret}}, Provider: signer{}}},
		Append:      log.append, MaxBody: 200, Now: func() time.Time { return arrival },
		Registerer: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&c)
	}
	h, err := ingest.New(c)
	require.NoError(t, err)
	return h
}

func post(h http.Handler, path string, body []byte, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Signature", sign(secret, body))
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var body = []byte(`{"id":"evt_1","type":"thing.made","thing":"t/1"}`)

func TestAnswers(t *testing.T) {
	large := []byte(`{"id":"` + strings.Repeat("x", 200) + `"}`)
	unsigned := func(r *http.Request) { r.Header.Del("Signature") }
	for _, c := range []struct {
		name   string
		path   string
		body   []byte
		change func(*http.Request)
		status int
	}{
		{"recorded", "/webhooks/test", body, nil, 200},
		{"recorded with an event type", "/webhooks/test/THING_MADE", body, nil, 200},
		{"recorded though nobody understands it", "/webhooks/test", []byte("\x00\xffnot json"), nil, 200},
		{"recorded though empty", "/webhooks/test", nil, nil, 200},
		{"a provider that does not say how long the body is", "/webhooks/test", body, func(r *http.Request) { r.ContentLength = -1 }, 200},
		{"unknown connection", "/webhooks/other", body, nil, 404},
		{"unknown connection before too large", "/webhooks/other", large, nil, 404},
		{"too large", "/webhooks/test", large, nil, 413},
		{"too large before unsigned", "/webhooks/test", large, unsigned, 413},
		{"too large, length not said", "/webhooks/test", large, func(r *http.Request) { r.ContentLength = -1 }, 413},
		{"unsigned", "/webhooks/test", body, unsigned, 401},
		{"one byte changed", "/webhooks/test", body, func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(string(body), "t/1", "t/2", 1)))
		}, 401},
		{"signature given twice", "/webhooks/test", body, func(r *http.Request) { r.Header.Add("Signature", "other") }, 401},
		{"shorter than said", "/webhooks/test", body, func(r *http.Request) { r.ContentLength++ }, 400},
		{"not a POST", "/webhooks/test", body, func(r *http.Request) { r.Method = http.MethodGet }, 405},
		{"no such path", "/webhooks", body, nil, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &recorder{}
			w := post(handler(t, log, nil), c.path, c.body, c.change)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Equal(t, c.status == 200, len(log.messages) == 1, "in the log if and only if answered by 200")
			require.NotContains(t, w.Body.String(), secret)
			require.Equal(t, 1, strings.Count(w.Body.String(), "\n"), "one line")
			require.Equal(t, "text/plain; charset=utf-8", w.Result().Header.Get("Content-Type"))
		})
	}
}

func TestEnvelope(t *testing.T) {
	log := &recorder{}
	post(handler(t, log, nil), "/webhooks/test", body, nil)
	require.Len(t, log.messages, 1)
	require.Equal(t, message.Metadata{
		"ce_specversion": "1.0", "ce_id": "evt_1", "ce_source": "/connections/test", "ce_type": "signer.thing.made",
		"ce_subject": "thing/t/1", "ce_recordedtime": "2026-03-01T12:00:00.123456789Z", "content-type": "application/json",
		"verification-scheme": "test", "verification-secret": provider.Fingerprint(secret), "http-signature": sign(secret, body),
	}, log.messages[0].Metadata)
	require.Equal(t, body, []byte(log.messages[0].Payload))
	require.Equal(t, "test/thing/t/1", string(event.MessageKey(log.messages[0])))
}

func TestNothingIsReadTwiceTheSameIntoTwoEvents(t *testing.T) {
	log := &recorder{}
	h := handler(t, log, nil)
	post(h, "/webhooks/test", []byte("not json"), nil)
	post(h, "/webhooks/test", []byte("not json"), nil)
	require.Equal(t, log.messages[0].Metadata["ce_id"], log.messages[1].Metadata["ce_id"])
	require.Equal(t, "signer.unknown", log.messages[0].Metadata["ce_type"])
	require.NotContains(t, log.messages[0].Metadata, "ce_subject")
}

func TestNoDeliveryPassesForAnAnswerToALookup(t *testing.T) {
	log := &recorder{}
	post(handler(t, log, nil), "/webhooks/test", []byte(`{"id":"evt_1","type":"lookup","thing":"t"}`), nil)
	require.Equal(t, "signer.unknown", log.messages[0].Metadata["ce_type"])
}

func TestStructuredCloudEventsAreNotQuoted(t *testing.T) {
	log := &recorder{}
	post(handler(t, log, nil), "/webhooks/test", body, func(r *http.Request) { r.Header.Set("Content-Type", "application/cloudevents+json") })
	require.NotContains(t, log.messages[0].Metadata, "content-type", "an SDK would take the record for a structured event")
}

func TestTheLogDown(t *testing.T) {
	t.Run("it says no", func(t *testing.T) {
		log := &recorder{publish: func(*message.Message) error { return errors.New("no leader") }}
		w := post(handler(t, log, nil), "/webhooks/test", body, nil)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "5", w.Header().Get("Retry-After"))
		require.NotContains(t, w.Body.String(), "leader", "what is wrong inside is for the log, not for the sender")
	})
	t.Run("it says nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			log := &recorder{publish: func(m *message.Message) error { <-m.Context().Done(); return m.Context().Err() }}
			began := time.Now()
			w := post(handler(t, log, nil), "/webhooks/test", body, nil)
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Equal(t, ingest.DefaultDeadline, time.Since(began))
		})
	})
	t.Run("the provider hangs up", func(t *testing.T) {
		gone, cancel := context.WithCancel(context.Background())
		log := &recorder{publish: func(m *message.Message) error { cancel(); return m.Context().Err() }}
		post(handler(t, log, nil), "/webhooks/test", body, func(r *http.Request) { *r = *r.WithContext(gone) })
		require.Len(t, log.messages, 1, "the delivery is recorded all the same")
	})
}

func TestBasicAuth(t *testing.T) {
	log := &recorder{}
	h := handler(t, log, func(c *ingest.Config) {
		c.Connections[0].BasicAuth = &ingest.BasicAuth{Username: "user", Password: "pass"}
	})
	for _, c := range []struct {
		username, password string
		status             int
	}{{"user", "pass", 200}, {"user", "wrong", 401}, {"wrong", "pass", 401}, {"", "", 401}} {
		w := post(h, "/webhooks/test", body, func(r *http.Request) { r.SetBasicAuth(c.username, c.password) })
		require.Equal(t, c.status, w.Code)
	}
	require.Equal(t, http.StatusUnauthorized, post(h, "/webhooks/test", body, nil).Code)
	require.Len(t, log.messages, 1)
}

func TestAllowFrom(t *testing.T) {
	for _, c := range []struct {
		name, peer, forwarded string
		status                int
	}{
		{"allowed", "203.0.113.7:999", "", 200},
		{"allowed, as IPv6", "[::ffff:203.0.113.7]:999", "", 200},
		{"not allowed", "198.51.100.1:999", "", 401},
		{"no address", "@", "", 401},
		{"a stranger cannot claim another address", "198.51.100.1:999", "203.0.113.7", 401},
		{"a proxy can", "10.0.0.1:999", "203.0.113.7", 200},
		{"through two proxies", "10.0.0.1:999", "203.0.113.7, 10.0.0.2", 200},
		{"what comes before a stranger is his own claim", "10.0.0.1:999", "203.0.113.7, 198.51.100.1", 401},
		{"a proxy that does not say", "10.0.0.1:999", "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := handler(t, &recorder{}, func(cfg *ingest.Config) {
				cfg.Connections[0].AllowFrom = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
				cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
			})
			w := post(h, "/webhooks/test", body, func(r *http.Request) {
				r.RemoteAddr = c.peer
				if c.forwarded != "" {
					r.Header.Set("X-Forwarded-For", c.forwarded)
				}
			})
			require.Equal(t, c.status, w.Code)
		})
	}
}

func TestConnectionsThatCannotBeVerifiedAreNotServed(t *testing.T) {
	_, err := ingest.New(ingest.Config{Connections: []ingest.Connection{
		{Connection: provider.Connection{Name: "a"}, Provider: signer{}}, {Connection: provider.Connection{Name: "b"}, Provider: signer{}},
	}})
	require.ErrorContains(t, err, "connection a")
	require.ErrorContains(t, err, "connection b")
}

// Whatever a provider says of a body, the event that is written is one that can be read again, with the same bytes.
func FuzzEnvelope(f *testing.F) {
	f.Add("evt_1", "thing.made", "thing", "t1", int64(0), "application/json", []byte("{}"))
	f.Add("", "", "a/b", "\x00", int64(1<<40), "text/\xff", []byte(nil))
	f.Add(strings.Repeat("i", 600), "\n", "thing", strings.Repeat("e", 510), int64(-1<<60), "application/CloudEvents", []byte("\xff"))
	f.Fuzz(func(t *testing.T, id, word, kind, entity string, at int64, contentType string, body []byte) {
		log := &recorder{}
		h := handler(t, log, func(c *ingest.Config) {
			c.MaxBody = 1 << 20
			c.Connections[0].Provider = signer{func(*provider.Delivery) provider.Description {
				return provider.Description{ID: id, Type: word, Kind: kind, Entity: entity, Time: time.Unix(at, 0)}
			}}
		})
		w := post(h, "/webhooks/test", body, func(r *http.Request) { r.Header["Content-Type"] = []string{contentType} })
		require.Equal(t, http.StatusOK, w.Code, "a verified delivery is recorded, whatever is in it")
		e, err := event.Parse(log.messages[0])
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, e.Body))
	})
}
