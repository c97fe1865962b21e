package lifecycle

import (
	"bytes"
	"cmp"
	"strings"
	"time"
)

// Mode says whether an entity moves real money.
type Mode string

// The modes of a connection and of an observation. ModeBoth is for a connection whose provider sends both to one endpoint.
const (
	ModeLive Mode = "live"
	ModeTest Mode = "test"
	ModeBoth Mode = "both"
)

// Source says how an observation came about.
type Source string

// The sources of observations.
const (
	SourceWebhook Source = "webhook"
	SourceLookup  Source = "lookup"
)

// Entity names what an observation speaks of. ID is opaque and case-sensitive, and may hold slashes; Kind may not.
type Entity struct {
	Connection string
	Kind       string
	ID         string
}

// Ref is the entity's reference within its connection, kind/id.
func (e Entity) Ref() string { return e.Kind + "/" + e.ID }

// Compare orders entities by connection, kind and id.
func (e Entity) Compare(o Entity) int {
	return cmp.Or(cmp.Compare(e.Connection, o.Connection), cmp.Compare(e.Kind, o.Kind), cmp.Compare(e.ID, o.ID))
}

// Fingerprint identifies a body: the first bytes of its SHA-256.
type Fingerprint [8]byte

// Observation is one fact about one entity, as it stands in the log.
type Observation struct {
	Entity Entity
	// ID is the id of the event that carries the fact (ce_id). Two observations of one entity with the same ID are
	// deliveries of the same fact.
	ID string
	// Type is the event's type (ce_type).
	Type   string
	Source Source
	// Mode is the event's own mode, or its connection's where the event has none. ModeLive or ModeTest, or empty where
	// neither is known.
	Mode Mode
	// Status is the provider's own word, empty where the observation claims no status (a look-up answered by 404).
	Status string
	// Occurred is the provider's time, zero where it gives none. For the answer to a look-up, the answer's Date.
	Occurred time.Time
	// Recorded is when the delivery was accepted or the answer came. Never zero.
	Recorded time.Time
	// Fingerprint tells bodies apart that came under the same ID.
	Fingerprint Fingerprint
	// Unsigned says that the delivery was let in by a static credential only, so that its body is not bound to its sender.
	Unsigned bool
	// Attributes are the facts beside the status; a nil group says nothing.
	Attributes Attributes
}

// Time is the time that orders the observation: the provider's, or the recorded one where there is none.
func (o *Observation) Time() time.Time {
	if o.Occurred.IsZero() {
		return o.Recorded
	}
	return o.Occurred
}

// Supersedes says whether o, rather than p, is the delivery that counts of two that share an ID and an entity: the one
// recorded first, then the one with the smaller fingerprint. It is a total order on differing deliveries, so the choice is
// free of order.
func (o *Observation) Supersedes(p *Observation) bool {
	if c := o.Recorded.Compare(p.Recorded); c != 0 {
		return c < 0
	}
	return bytes.Compare(o.Fingerprint[:], p.Fingerprint[:]) < 0
}

// Provider is the name of the provider that the observation comes from: the part of Type before the first dot.
func (o *Observation) Provider() string {
	name, _, _ := strings.Cut(o.Type, ".")
	return name
}
