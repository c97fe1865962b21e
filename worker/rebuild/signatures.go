package rebuild

import (
	"context"
	"net/http"
	"strings"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
)

// Signatures counts what became of verifying every delivery of the log again.
type Signatures struct {
	// Verified hold today as they did on arrival. Lookups are answers of the API, which nobody signs.
	Verified, Lookups int64
	// Static came with a static credential, which is never recorded; nothing can be verified again.
	Static int64
	// Retired counts, by fingerprint, deliveries under secrets that are not configured any more; Unconfigured, by name,
	// those of connections that are not.
	Retired, Unconfigured map[string]int64
	// Failed are deliveries whose signature does not hold, at most so many as asked for; FailedCount is how many.
	Failed      []BadSignature
	FailedCount int64
}

// BadSignature is a record whose signature does not hold.
type BadSignature struct {
	At         projections.Position
	Connection string
	ID         string
	Reason     string
}

// Endpoint is a connection with its provider, as ingest verifies for it.
type Endpoint struct {
	provider.Connection
	Provider provider.Provider
}

// VerifySignatures verifies the recorded deliveries of the log again, up to these ends, from what was recorded of their
// headers and at the time of their arrival.
func (l *Log) VerifySignatures(ctx context.Context, endpoints []Endpoint, ends map[int32]int64, most int) (*Signatures, error) {
	out := &Signatures{Retired: make(map[string]int64), Unconfigured: make(map[string]int64)}
	known := make(map[string]*verifying, len(endpoints))
	for _, e := range endpoints {
		v := &verifying{secrets: make(map[string]bool), static: e.Authorization.Value != ""}
		for _, s := range e.Secrets {
			v.secrets[provider.Fingerprint(s)] = true
		}
		var err error
		if v.verifier, err = e.Provider.Verifier(e.Connection); err != nil {
			return nil, err
		}
		known[e.Name] = v
	}
	starts, _, err := l.Reader.Offsets(ctx, l.Topic)
	if err != nil {
		return nil, err
	}
	var ranges []kafka.Range
	for p, end := range ends {
		if starts[p] < end {
			ranges = append(ranges, kafka.Range{Topic: l.Topic, Partition: p, From: starts[p], To: end})
		}
	}
	if len(ranges) == 0 {
		return out, nil
	}
	return out, l.Reader.Read(ctx, ranges, func(r kafka.Record) error {
		out.look(&r, known, most)
		return nil
	})
}

type verifying struct {
	verifier provider.Verifier
	secrets  map[string]bool // by fingerprint
	static   bool            // the provider does not sign
}

func (s *Signatures) look(r *kafka.Record, known map[string]*verifying, most int) {
	fail := func(connection, id, reason string) {
		if s.FailedCount++; int(s.FailedCount) <= most {
			s.Failed = append(s.Failed, BadSignature{projections.Position{Partition: r.Partition, Offset: r.Offset}, connection, id, reason})
		}
	}
	m, err := worker.Marshaler().Unmarshal(*r)
	if err != nil {
		fail("", "", "the record cannot be read")
		return
	}
	e, err := event.Parse(m)
	switch {
	case err != nil:
		fail("", m.UUID, "the record has no envelope of ours")
		return
	case e.IsLookup():
		s.Lookups++
		return
	}
	v := known[e.Connection]
	secret := e.Headers[event.HeaderSecret]
	d, signed := deliveryOf(&e)
	switch {
	case v == nil:
		s.Unconfigured[e.Connection]++
		return
	case !signed && v.static:
		s.Static++
		return
	case !signed:
		fail(e.Connection, e.ID, "no signature is recorded, although the provider signs")
		return
	case secret != "" && !v.secrets[secret]:
		s.Retired[secret]++
		return
	}
	if _, err := v.verifier.Verify(d); err != nil {
		fail(e.Connection, e.ID, err.Error())
		return
	}
	s.Verified++
}

// deliveryOf is the delivery that a record was, as far as it was recorded; signed is false where no header was, as with
// static credentials.
func deliveryOf(e *event.Event) (d *provider.Delivery, signed bool) {
	d = &provider.Delivery{Connection: e.Connection, EventType: e.Word(), Header: make(http.Header), Body: e.Body, Received: e.Recorded}
	if e.ContentType != "" {
		d.Header.Set("Content-Type", e.ContentType)
	}
	for name, value := range e.Headers {
		if header, ok := strings.CutPrefix(name, event.HeaderHTTP); ok {
			d.Header.Set(header, value)
			signed = true
		}
	}
	return d, signed
}
