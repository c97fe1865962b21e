package simulator

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault says what is wrong with a delivery.
type Fault string

// The faults of single deliveries. What is only late or out of order has none: nothing is wrong with it.
const (
	Sound     Fault = ""
	Duplicate Fault = "duplicate" // came before; must be accepted, and change nothing
	Forged    Fault = "forged"    // a lie with a bad signature; must be refused
	Stale     Fault = "stale"     // a replay with its old signature; must be refused
)

// Delivery is one HTTP request that a provider, or a forger, will make, and make again until it is taken.
type Delivery struct {
	// Number is its place in the plan, from 0.
	Number int
	// At is when it is made first, after the epoch, in simulated time.
	At         time.Duration
	Connection string
	// Path is the path of its URL, /webhooks/… .
	Path string
	Body string
	// Type is the provider's event type, EventID the provider's event id, empty if it has none.
	Type, EventID string
	// Kind and ID name the entity that the event is about.
	Kind, ID string
	// Fact is the same for all deliveries of one event, and different for two events of a connection.
	Fact  string
	Fault Fault

	trick   int    // how a forged one is signed
	signed  string // the body that was signed, if another
	message string // the provider's id of the message

	nameless bool
}

// Genuine says whether the delivery must be accepted.
func (d *Delivery) Genuine() bool { return d.Fault == Sound || d.Fault == Duplicate }

// The ways of a forger.
const (
	wrongSecret = iota
	otherBody
	noSignature
	unknownVersion
	tricks
)

// deliver decides the fate of every event.
func (p *Plan) deliver(events []*happening) {
	for i, h := range events {
		r := stream(p.Seed, "fate", h.connection.Name, i)
		p.Deliveries = append(p.Deliveries, p.fate(r, h)...)
	}
	slices.SortStableFunc(p.Deliveries, func(a, b *Delivery) int { return int(a.At - b.At) })
	for i, d := range p.Deliveries {
		d.Number = i
	}
}

// fate draws the deliveries of an event. Each fault has a random number of its own whether it is switched on or not, so that
// ratios can be changed one by one.
func (p *Plan) fate(r *rand.Rand, h *happening) []*Delivery {
	c := &p.Chaos
	within := func(most time.Duration) time.Duration { return time.Duration(r.Int64N(int64(most))) }
	dropped, burst, reorder := chance(r, c.Drop), chance(r, c.Burst), chance(r, c.Reorder)
	delay, duplicate := chance(r, c.Delay), chance(r, c.Duplicate)
	forged, stale := chance(r, c.Forge), chance(r, c.Stale)
	shuffle, wait, copies := within(p.Span/10), time.Hour+within(7*time.Hour), 1+r.IntN(3)
	message := "msg_" + word(r, alnum, 27)

	path := "/webhooks/" + h.connection.Name
	if h.path != "" {
		path += "/" + h.path
	}
	d := Delivery{
		At: h.at.Sub(p.Epoch) + time.Second, Connection: h.connection.Name, Path: path, Body: h.body, Type: h.typ, EventID: h.id,
		Kind: h.about.Kind, ID: h.about.ID, Fact: h.fact, message: message,
		nameless: h.nameless,
	}
	if burst {
		every := p.Span / 20
		d.At = (d.At/every + 1) * every
	}
	if reorder {
		d.At += shuffle
	}
	if delay {
		d.At += wait
	}
	var out []*Delivery
	add := func(fault Fault) *Delivery {
		again := d
		again.At += time.Second + within(p.Span/5)
		again.Fault = fault
		out = append(out, &again)
		return &again
	}
	told := append([]*Entity{h.about}, h.with...)
	if slices.ContainsFunc(told, func(e *Entity) bool { return e.unread }) {
		dropped = false // nothing could bring it back
	}
	if !dropped {
		for _, e := range told {
			e.told = true
		}
	}
	if dropped {
		p.Dropped++
	} else {
		out = append(out, &d)
		if duplicate {
			for i := range copies {
				if again := add(Duplicate); i%2 == 1 { // a webhook that is registered twice sends another message with the same event
					again.message = "msg_" + word(r, alnum, 27)
				}
			}
		}
	}
	if forged {
		lie := add(Forged)
		lie.trick, lie.signed, lie.Body = r.IntN(tricks), h.body, h.connection.actor.forge(h.body)
	}
	if stale && h.connection.actor.tolerance() > 0 {
		add(Stale)
	}
	return out
}

// Rotation is when a connection's second secret comes into use and when the first one goes out of it, after the epoch. Between
// the two each delivery is signed with both.
func (p *Plan) Rotation() (begins, ends time.Duration) { return p.Span / 2, p.Span * 6 / 10 }

// Header returns the headers of an attempt that is made at a simulated time after the epoch, and at a time on the receiver's
// clock. Signatures are made anew for each attempt.
func (p *Plan) Header(d *Delivery, at time.Duration, clock time.Time) http.Header {
	c := p.byName[d.Connection]
	secrets := c.Secrets
	if begins, ends := p.Rotation(); len(secrets) > 1 {
		switch {
		case at < begins:
			secrets = secrets[:1]
		case at >= ends:
			secrets = secrets[1:]
		}
	}
	switch {
	case d.Fault == Stale:
		clock = clock.Add(-c.actor.tolerance() - time.Minute)
	case d.Fault == Forged:
		return p.forged(c, secrets, d, clock)
	}
	return c.actor.sign(c, secrets, d, clock)
}

func (p *Plan) forged(c *Connection, secrets []string, d *Delivery, clock time.Time) http.Header {
	trick := d.trick
	if len(secrets) == 0 && trick != noSignature {
		trick = wrongSecret // a static credential is either right or wrong
	}
	switch trick {
	case wrongSecret:
		thief := c.actor.connection(stream(p.Seed, "thief", d.Number))
		return c.actor.sign(thief, thief.Secrets, d, clock)
	case otherBody:
		before := *d
		before.Body = d.signed
		return c.actor.sign(c, secrets, &before, clock)
	case unknownVersion:
		header := c.actor.sign(c, secrets[:1], d, clock)
		for name, values := range header {
			if strings.Contains(strings.ToLower(name), "sig") {
				values[0] = strings.Replace(values[0], "v1", "v0", 1)
			}
		}
		return header
	default:
		return http.Header{"Content-Type": {"application/json"}}
	}
}

// Write prints every delivery as an HTTP request, signed at its planned time. Two plans are the same if this is.
func (p *Plan) Write(w io.Writer) error {
	for _, d := range p.Deliveries {
		if _, err := fmt.Fprintf(w, "# %d %v %s %s\nPOST %s\n", d.Number, d.At, d.Type, d.Fault, d.Path); err != nil {
			return err
		}
		if err := p.Header(d, d.At, p.Epoch.Add(d.At)).Write(w); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "\n%s\n", d.Body); err != nil {
			return err
		}
	}
	return nil
}
