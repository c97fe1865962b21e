package providertest

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// FuzzVerify is the body of a provider's fuzz target for its verifier: whatever the headers and the body, nothing is
// accepted that was not signed with the secret.
//
// The inputs are the values of up to three headers that Sign sets, in the order of their names, and the body.
func FuzzVerify(f *testing.F, p provider.Provider, features Features, dir string) {
	s := load(f, p, features, dir)
	names := s.signatureHeaders(s.conn, s.samples[0].Delivery)
	if len(names) > 3 {
		f.Fatalf("Sign sets %d headers, the target knows 3", len(names))
	}
	bodies := make(map[string]bool)
	for _, sample := range s.samples {
		var values [3]string
		for i, name := range names {
			values[i] = sample.Delivery.Header.Get(name)
		}
		bodies[string(sample.Delivery.Body)] = true
		f.Add(values[0], values[1], values[2], sample.Delivery.Body)
	}
	// The window is off, so that the signature alone decides.
	own, foreign := s.conn, s.f.connect(s.conn, s.f.Secret(3))
	var off time.Duration
	own.Tolerance, foreign.Tolerance = &off, &off
	verifier := func(conn provider.Connection) provider.Verifier {
		v, err := p.Verifier(conn)
		if err != nil {
			f.Fatal(err)
		}
		return v
	}
	ownVerifier, foreignVerifier := verifier(own), verifier(foreign)
	f.Fuzz(func(t *testing.T, first, second, third string, body []byte) {
		d := provider.Delivery{Connection: s.conn.Name, Header: make(http.Header), Body: body, Received: s.samples[0].Delivery.Received}
		for i, name := range names {
			d.Header.Set(name, []string{first, second, third}[i])
		}
		if _, err := foreignVerifier.Verify(&d); err == nil {
			t.Error("accepted by a connection whose secret nobody signed with")
		} else {
			s.discreet(t, err.Error(), foreign, nil)
		}
		if _, err := ownVerifier.Verify(&d); err == nil && s.f.Signed && !bodies[string(body)] {
			t.Error("accepted with a body that nobody signed")
		}
	})
}

// FuzzDecode is the body of a provider's fuzz target for Describe and Decode: they do not panic, agree, are deterministic,
// and give valid observations, for deliveries and for answers to look-ups.
//
// The inputs are the event type of the path, the body, and the HTTP status of the answer in whose place the body also stands.
func FuzzDecode(f *testing.F, p provider.Provider, features Features, dir string) {
	s := load(f, p, features, dir)
	for i, sample := range s.samples {
		f.Add(sample.Delivery.EventType, sample.Delivery.Body, []string{"200", "404", "500"}[i%3])
	}
	f.Fuzz(func(t *testing.T, eventType string, body []byte, status string) {
		d := Clone(s.samples[0].Delivery)
		d.EventType, d.Body = eventType, body
		if !event.Printable(eventType) {
			d.EventType = ""
		}
		first, errFirst := s.try(t, d)
		second, errSecond := s.try(t, d)
		if diff := cmp.Diff(first, second); diff != "" || (errFirst == nil) != (errSecond == nil) {
			t.Errorf("decoded twice: %s", diff)
		}
		for _, o := range first {
			l := s.lifecycles[o.Entity.Kind]
			l.State(l.Observe(&o))
		}
		s.tryLookup(t, body, status)
	})
}

// tryLookup decodes a body as the answer to a look-up of each kind.
func (s *suite) tryLookup(t testing.TB, body []byte, status string) {
	t.Helper()
	for kind := range s.lifecycles {
		e := event.Event{
			ID: "lookup", Connection: s.conn.Name, Type: event.LookupType(s.p.Name()), Kind: kind, Entity: "some-id",
			Time: s.samples[0].Delivery.Received, Recorded: s.samples[0].Delivery.Received,
			Headers: map[string]string{event.HeaderStatus: status}, Body: bytes.Clone(body),
		}
		observations, err := s.p.Decode(&e)
		if (err == nil) == (len(observations) == 0) {
			t.Errorf("look-up of %s answered by %s: %d observations, error %v", kind, status, len(observations), err)
		}
		for i := range observations {
			if o := &observations[i]; o.Source != lifecycle.SourceLookup || s.lifecycles[o.Entity.Kind] == nil || o.Entity.ID == "" {
				t.Errorf("look-up of %s gives %+v", kind, o)
			}
		}
	}
}
