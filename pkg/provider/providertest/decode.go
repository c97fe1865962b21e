package providertest

import (
	"bytes"
	"errors"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// unheard is a word that no provider uses, for event types and statuses.
const unheard = "hookfold.unheard_of"

// decode holds description and decoding against one sample and what can be made of it.
func (s *suite) decode(t *testing.T, sample Sample) {
	t.Run("sample", func(t *testing.T) { s.decodeSample(t, sample) })
	t.Run("description", func(t *testing.T) { s.description(t, sample) })
	t.Run("unknown type", func(t *testing.T) { s.unknownType(t, sample) })
	t.Run("unknown status", func(t *testing.T) { s.unknownStatus(t, sample) })
	t.Run("not found", func(t *testing.T) { s.notFound(t, sample) })
	t.Run("truncated", func(t *testing.T) {
		for n := range sample.Delivery.Body {
			d := Clone(sample.Delivery)
			d.Body = d.Body[:n]
			if _, err := s.try(t, d); err == nil {
				t.Errorf("truncated to %d bytes, but decoded", n)
			}
		}
	})
	t.Run("mutated", func(t *testing.T) {
		for _, body := range mutations(sample.Delivery.Body) {
			d := Clone(sample.Delivery)
			d.Body = body
			s.try(t, d) //nolint:errcheck // it may be read or parked; try holds it to doing either properly
		}
	})
}

// decodeSample: the sample becomes observations (or, by its name, is parked); the same each time, from several goroutines at
// once. The description is no part of the body.
func (s *suite) decodeSample(t *testing.T, sample Sample) {
	d := Clone(sample.Delivery)
	want, err := s.try(t, d)
	if parked := strings.HasPrefix(sample.Name, "parked"); parked != (err != nil) {
		t.Fatalf("decoded with error %v, by its name want parked %v", err, parked)
	}
	if !bytes.Equal(d.Body, sample.Delivery.Body) {
		t.Error("Describe or Decode changed the body")
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			d := Clone(sample.Delivery)
			e, about := s.record(t, d)
			got, _ := s.p.Decode(&e)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decoded again: %s", diff)
			}
			for i := range d.Body {
				d.Body[i] = '#'
			}
			if diff := cmp.Diff(s.p.Describe(&sample.Delivery), about); diff != "" {
				t.Errorf("described again, the body gone afterwards: %s", diff)
			}
		})
	}
	group.Wait()
	for _, o := range want {
		if _, path := s.status(sample.Delivery.Body); path == "" && s.lifecycles[o.Entity.Kind].Status(o.Status) == lifecycle.Unknown {
			t.Errorf("%s: the status %q is derived, but the lifecycle does not know it", o.Entity.Ref(), o.Status)
		}
	}
}

// description: where the id and the type come from.
func (s *suite) description(t *testing.T, sample Sample) {
	d := sample.Delivery
	about := s.p.Describe(&d)
	if about.Type == "" {
		t.Error("no type")
	}
	elsewhere := Clone(d)
	elsewhere.EventType = unheard
	switch got := s.p.Describe(&elsewhere).Type; {
	case s.f.EventTypeInPath && (about.Type != d.EventType || got != unheard):
		t.Errorf("declared with EventTypeInPath, but path %q gives type %q", d.EventType, about.Type)
	case !s.f.EventTypeInPath && (about.Type != gjson.GetBytes(d.Body, s.f.TypePath).String() || got != about.Type):
		t.Errorf("type %q is not the body's, or changes with the path", about.Type)
	}
	later := Clone(d)
	later.Received = later.Received.Add(time.Hour)
	if slices.Contains(s.f.Recurring, sample.Name) {
		later.Received = d.Received.Add(24 * time.Hour)
		if s.p.Describe(&later).ID == about.ID {
			t.Error("declared as Recurring, but a day later the key is the same")
		}
		later.Received = d.Received.Add(time.Second)
	}
	later.Header = make(http.Header)
	if s.f.IDPath == "" {
		later.Body = reserialised(t, later.Body) // a natural key is of the fact, not of the bytes
	}
	if diff := cmp.Diff(about, s.p.Describe(&later)); diff != "" {
		t.Errorf("described differently when delivered again: %s", diff)
	}
	if s.f.IDPath != "" && about.ID != gjson.GetBytes(d.Body, s.f.IDPath).String() {
		t.Errorf("id %q is not the body's %s", about.ID, s.f.IDPath)
	}
}

func (s *suite) unknownType(t *testing.T, sample Sample) {
	d := Clone(sample.Delivery)
	if s.f.EventTypeInPath {
		d.EventType = unheard
	} else {
		d.Body = splice(d.Body, s.f.TypePath, unheard)
	}
	if got := s.p.Describe(&d).Type; got != unheard {
		t.Errorf("described as type %q, want %q", got, unheard)
	}
	s.try(t, d) //nolint:errcheck // it may be read or parked; try holds it to doing either properly
}

// unknownStatus: a word that nobody documented is claimed as it came and becomes unknown; it is never dropped or parked.
func (s *suite) unknownStatus(t *testing.T, sample Sample) {
	if strings.HasPrefix(sample.Name, "parked") {
		return
	}
	_, path := s.status(sample.Delivery.Body)
	if path == "" {
		return // derived; see decodeSample
	}
	d := Clone(sample.Delivery)
	d.Body = splice(d.Body, path, unheard)
	observations, err := s.try(t, d)
	if err != nil {
		t.Fatalf("parked: %v", err)
	}
	for _, o := range observations {
		if strings.Contains(o.Status, unheard) && s.lifecycles[o.Entity.Kind].Status(o.Status) == lifecycle.Unknown {
			return
		}
	}
	t.Errorf("no observation claims the unknown status at %s", path)
}

// notFound: a look-up that the provider answers with 404 says that it was asked, and no status.
func (s *suite) notFound(t *testing.T, sample Sample) {
	e, about := s.record(t, sample.Delivery)
	if about.Kind == "" {
		return // nothing to ask for
	}
	for _, body := range []string{"", "<html>not found</html>", `{"error":{"type":"not_found"}}`} {
		answer := e.Clone()
		answer.Type = event.LookupType(s.p.Name())
		answer.Headers = map[string]string{event.HeaderStatus: "404"}
		answer.Body = []byte(body)
		observations, err := s.p.Decode(&answer)
		if err != nil || len(observations) != 1 {
			t.Fatalf("a look-up answered by 404 gives %d observations, error %v", len(observations), err)
		}
		o := observations[0]
		if o.Status != "" || o.Source != lifecycle.SourceLookup || o.Entity.Kind != about.Kind || o.Entity.ID != about.Entity {
			t.Errorf("a look-up answered by 404 gives %+v", o)
		}
	}
}

// noise: bodies that are not what any provider sends.
func (s *suite) noise(t *testing.T) {
	for _, body := range []string{
		"", " ", "{}", "[]", "null", "true", "0", `"text"`, "not json", `{"a":1}{"b":2}`, `{"a":"` + "\xff" + `"}`, "\xef\xbb\xbf{}",
		`{"id":1,"type":2,"data":3}`, `{"data":{"object":[]}}`, `{"payload":null}`,
		strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), strings.Repeat("[", 100_000),
	} {
		d := Clone(s.samples[0].Delivery)
		d.Body = []byte(body)
		if _, err := s.try(t, d); err == nil {
			t.Errorf("decoded %.40q", body)
		}
	}
}

// credentials: what is declared a credential stands in some sample, and reaches no observation.
func (s *suite) credentials(t *testing.T) {
	for _, credential := range s.f.Credentials {
		found := false
		for _, sample := range s.samples {
			found = found || bytes.Contains(sample.Delivery.Body, []byte(credential))
			observations, about, err := s.outcome(t, sample)
			if text := encode(t, observations, about, err); strings.Contains(text, credential) {
				t.Errorf("%s: a credential reaches the outcome", sample.Name)
			}
		}
		if !found {
			t.Errorf("credential %q stands in no sample: declared in vain", credential)
		}
	}
}

func (s *suite) outcome(t testing.TB, sample Sample) ([]lifecycle.Observation, provider.Description, error) {
	e, about := s.record(t, sample.Delivery)
	observations, err := s.p.Decode(&e)
	return observations, about, err
}

// try decodes a delivery as the worker would, and holds whatever comes out against the contract. The error is a *Parked.
func (s *suite) try(t testing.TB, d provider.Delivery) (observations []lifecycle.Observation, err error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("panic: %v, of body %.500s\n%s", r, d.Body, debug.Stack())
			observations, err = nil, provider.Park(provider.ParkedPanic, "panic")
		}
	}()
	e, about := s.record(t, d)
	observations, err = s.p.Decode(&e)
	if err != nil {
		var parked *provider.Parked
		if !errors.As(err, &parked) {
			t.Fatalf("decoding fails with a %T (%v), want a *provider.Parked", err, err)
		}
		if parked.Reason == "" || len(observations) > 0 {
			t.Errorf("parked without a reason, or with observations: %v", err)
		}
		s.discreet(t, parked.Detail, s.conn, &d)
		return nil, err
	}
	if len(observations) == 0 {
		t.Fatalf("neither observations nor an error, of body %.200s", d.Body)
	}
	first := observations[0].Entity
	if about.Kind != first.Kind || about.Entity != first.ID {
		t.Errorf("described as %s/%s, decoded as %s", about.Kind, about.Entity, first.Ref())
	}
	s.valid(t, &e, observations)
	return observations, nil
}

// valid holds observations against what lifecycle and the views expect of them.
func (s *suite) valid(t testing.TB, e *event.Event, observations []lifecycle.Observation) {
	t.Helper()
	seen := make(map[lifecycle.Entity]bool)
	for i := range observations {
		o := &observations[i]
		switch {
		case seen[o.Entity]:
			t.Errorf("two observations of %s in one event", o.Entity.Ref())
		case o.Entity.Connection != e.Connection || o.Entity.ID == "" || !event.Printable(o.Entity.ID):
			t.Errorf("entity %+v is of another connection, or without a printable id", o.Entity)
		case s.lifecycles[o.Entity.Kind] == nil:
			t.Errorf("kind %q has no lifecycle", o.Entity.Kind)
		case o.ID != e.ID || o.Type != e.Type || !o.Recorded.Equal(e.Recorded) || o.Source != lifecycle.SourceWebhook:
			t.Errorf("observation %+v does not carry its event's id, type and times", o)
		case o.Unsigned == s.f.Signed:
			t.Errorf("Unsigned is %v, declared Signed is %v", o.Unsigned, s.f.Signed)
		case o.Mode != "" && o.Mode != lifecycle.ModeLive && o.Mode != lifecycle.ModeTest:
			t.Errorf("mode %q", o.Mode)
		}
		if object := o.Attributes.Object; object != nil && !gjson.ParseBytes(object).IsObject() {
			t.Errorf("object of %s is not a JSON object", o.Entity.Ref())
		}
		if m := o.Attributes.Money; m != nil && (m.Currency != strings.ToUpper(m.Currency) || m.Direction != "" && m.Direction != lifecycle.In && m.Direction != lifecycle.Out) {
			t.Errorf("money of %s: currency %q, direction %q", o.Entity.Ref(), m.Currency, m.Direction)
		}
		seen[o.Entity] = true
	}
}
