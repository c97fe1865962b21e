// Package provider is what Hookfold needs of a payment provider, as roles: verify a delivery, describe it well enough to
// key and envelope it, decode an event of the log into observations, and say which lifecycles its kinds have.
//
// Ingest uses Verifier and Describe, and nothing else: no database, no look-up, and no more parsing than the envelope
// needs. The worker uses Decode. Both must be safe for concurrent use and must not keep or change the bytes they are given.
//
// # Failing
//
// A Verifier fails closed: whatever it does not understand it refuses, with a *Refusal that names no secret and nothing
// of the body. Describe never fails: what it cannot find it leaves empty, since a verified body is always recorded.
// Decode answers with a *Parked error where an event cannot become observations; the event keeps its place in the log.
package provider

import (
	"fmt"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// A Provider is one payment provider.
type Provider interface {
	// Name is the provider's name in configurations and event types: devengo. Lower case, no dots.
	Name() string
	// Check says what is wrong with a connection, in the provider's own terms; nil where nothing is.
	Check(Connection) []Problem
	// Verifier returns the verifier of a connection. It fails where Check would name a problem that makes verification
	// impossible (no secret, unknown scheme).
	Verifier(Connection) (Verifier, error)
	// Describe reads from a verified delivery what its envelope needs. It never fails. The description is no part of the body.
	Describe(*Delivery) Description
	// Decode turns an event of the log, a delivery or the answer to a look-up, into one observation for each entity it
	// speaks of. The observations carry the event's id, type and times; see Observe. They may be parts of the event's body,
	// which nobody changes any more. The error is a *Parked.
	Decode(*event.Event) ([]lifecycle.Observation, error)
	// Lifecycles are the definitions of all kinds that Decode speaks of.
	Lifecycles() []lifecycle.Definition
}

// A Verifier decides whether a delivery comes from the provider.
type Verifier interface {
	// Verify looks at the raw body and the headers. It returns what it relied on, or a *Refusal.
	Verify(*Delivery) (Evidence, error)
}

// Evidence is what a verification relied on; it is recorded, so that the delivery can be verified again offline.
type Evidence struct {
	// Scheme names the scheme: devengo-v1.
	Scheme string
	// Secret is the Fingerprint of the secret that matched.
	Secret string
	// Headers names the request headers that were used and may be recorded. A static credential is not among them.
	Headers []string
	// Unsigned says that only a static credential was checked: the body is not bound to its sender.
	Unsigned bool
}

// Refusal is why a delivery was not let in. Reason is one line for the sender, and reveals nothing.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return r.Reason }

// Refuse returns a *Refusal.
func Refuse(reason string) error { return &Refusal{Reason: reason} }

// Description is what the envelope of a delivery needs. Fields that the body does not give, or gives in a form that a
// header cannot carry, are empty.
type Description struct {
	// ID is the provider's event id, or a natural key of the fact.
	ID string
	// Type is the provider's own word for the event, without the provider's name.
	Type string
	// Kind and Entity name what the event speaks of; both or neither.
	Kind, Entity string
	// Time is the provider's time of the event, zero where it gives none.
	Time time.Time
}

// Clone is the description with texts of its own, for one whose texts are parts of a body.
func (d Description) Clone() Description {
	all := d.ID + d.Type + d.Kind + d.Entity // one allocation
	for _, field := range [...]*string{&d.ID, &d.Type, &d.Kind, &d.Entity} {
		*field, all = all[:len(*field)], all[len(*field):]
	}
	return d
}

// Parked is why an event did not become observations.
type Parked struct {
	Reason ParkedReason
	// Detail helps whoever looks at the parked event; free of secrets and personal data.
	Detail string
}

func (p *Parked) Error() string { return fmt.Sprintf("%s: %s", p.Reason, p.Detail) }

// Park returns a *Parked.
func Park(reason ParkedReason, format string, args ...any) error {
	return &Parked{reason, fmt.Sprintf(format, args...)}
}

// ParkedReason names why an event is parked.
type ParkedReason string

// The reasons.
const (
	// ParkedEnvelope: the record is not an event of ours.
	ParkedEnvelope ParkedReason = "bad_envelope"
	// ParkedProvider: no provider of that name is known to this version.
	ParkedProvider ParkedReason = "unknown_provider"
	// ParkedBody: the body is not JSON, or not an object.
	ParkedBody ParkedReason = "not_json"
	// ParkedShape: the body is JSON, but lacks what the type demands.
	ParkedShape ParkedReason = "unknown_shape"
	// ParkedType: the event's type is not known, so nothing can be said of its entity.
	ParkedType ParkedReason = "unknown_type"
	// ParkedMode: the event's own mode is not the connection's.
	ParkedMode ParkedReason = "wrong_mode"
	// ParkedPanic: decoding or folding it panicked.
	ParkedPanic ParkedReason = "panic"
)

// Observe begins an observation of an entity with everything that comes from the event rather than from its body.
func Observe(e *event.Event, kind, id string) lifecycle.Observation {
	o := lifecycle.Observation{
		Entity:      lifecycle.Entity{Connection: e.Connection, Kind: kind, ID: id},
		ID:          e.ID,
		Type:        e.Type,
		Source:      lifecycle.SourceWebhook,
		Occurred:    e.Time,
		Recorded:    e.Recorded,
		Fingerprint: fingerprint(e.Body),
	}
	if e.IsLookup() {
		o.Source = lifecycle.SourceLookup
	}
	return o
}
