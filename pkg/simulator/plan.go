package simulator

import (
	"fmt"
	"slices"
	"time"
)

// The providers that are played.
const (
	Devengo    = "devengo"
	Fintoc     = "fintoc"
	Yoco       = "yoco"
	Delfinance = "delfinance"
)

// Providers lists the providers that are played.
func Providers() []string { return []string{Devengo, Fintoc, Yoco, Delfinance} }

// Options fix a plan.
type Options struct {
	Seed uint64
	// Providers are played, all of them if none is named.
	Providers []string
	// Stories is how many there are in all, shared out evenly. A story is a main entity and those that come of it, as a
	// payment and its refund.
	Stories int
	Chaos   Chaos
	// Epoch is when simulated time begins; DefaultEpoch if zero. Whole seconds.
	Epoch time.Time
	// Span is the simulated time in which stories begin and end; DefaultSpan if zero.
	Span time.Duration
}

// DefaultEpoch and DefaultSpan keep plans the same on all days.
const DefaultSpan = 24 * time.Hour

// DefaultEpoch is a Monday.
func DefaultEpoch() time.Time { return time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) }

// Plan is everything that will happen.
type Plan struct {
	Options
	Connections []*Connection
	// Entities are in order of creation, within it of connection, kind and id.
	Entities []*Entity
	// Deliveries are ordered by At. Those that are dropped are not among them.
	Deliveries []*Delivery
	// Dropped is how many deliveries will not be made.
	Dropped int

	byName map[string]*Connection
}

// Entity is a thing at a provider, with its true history.
type Entity struct {
	Connection, Provider, Kind, ID string
	// Family is the family of the common statuses that it belongs to.
	Family string
	// Amount is in minor units; nil where the entity is no money.
	Amount *int64
	// Currency is that of money and of accounts, Direction (in, out) that of money; both may be empty.
	Currency, Direction string
	// Changes are its history, first to last.
	Changes []Change
	// words are the provider statuses that a receiver may show for the last change; none if the documents name none.
	words []string
	kind  *kind

	unread   bool // the API cannot be asked for it: what webhooks say is all there is, so none of them is dropped
	unlisted bool // no list of the API holds it: who has never heard of it cannot know it
	told     bool // some delivery tells of it
}

// Hidden says of an entity whether it is unread:  the provider's API cannot be asked for it, so that no
// delivery about it is ever dropped; and whether it is unlisted: no list holds it, so that it can only be known from a delivery.
func (e *Entity) Hidden() (unread, unlisted bool) { return e.unread, e.unlisted }

// Change is a status that an entity took.
type Change struct {
	At     time.Time
	Word   string // the provider's
	Status string // the common one
	object object // as the API shows it
}

// Last is the entity's present.
func (e *Entity) Last() *Change { return &e.Changes[len(e.Changes)-1] }

// Created is when the entity was made.
func (e *Entity) Created() time.Time { return e.Changes[0].At }

// NewPlan makes a plan. It fails on options that make none.
func NewPlan(o Options) (*Plan, error) {
	if len(o.Providers) == 0 {
		o.Providers = Providers()
	}
	if o.Epoch.IsZero() {
		o.Epoch = DefaultEpoch()
	}
	if o.Span == 0 {
		o.Span = DefaultSpan
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &Plan{Options: o, byName: map[string]*Connection{}}
	var events []*happening
	for i, name := range o.Providers {
		actor := actors()[name]
		c := actor.connection(stream(o.Seed, name, "connection"))
		c.Provider, c.Name, c.Mode, c.actor = name, name+"-sim", "live", actor
		if !o.Chaos.Rotate || name == Delfinance {
			c.Secrets = c.Secrets[:min(1, len(c.Secrets))]
		}
		p.Connections = append(p.Connections, c)
		p.byName[c.Name] = c
		n := o.Stories / len(o.Providers)
		if i < o.Stories%len(o.Providers) {
			n++
		}
		for story := range n {
			w := &writer{r: stream(o.Seed, name, "story", story), connection: c, options: &p.Options}
			actor.story(w)
			p.Entities = append(p.Entities, w.entities...)
			events = append(events, w.events...)
		}
	}
	slices.SortStableFunc(p.Entities, func(a, b *Entity) int { return a.Created().Compare(b.Created()) })
	p.deliver(events)
	return p, nil
}

func (o *Options) check() error {
	for i, name := range o.Providers {
		if actors()[name] == nil {
			return fmt.Errorf("simulator: no provider is called %q: use some of %v", name, Providers())
		}
		if slices.Contains(o.Providers[:i], name) {
			return fmt.Errorf("simulator: provider %s is named twice", name)
		}
	}
	switch {
	case o.Stories < 0:
		return fmt.Errorf("simulator: %d stories cannot be told", o.Stories)
	case o.Span < time.Hour:
		return fmt.Errorf("simulator: a span of %v is too short for a history: use an hour at least", o.Span)
	case o.Epoch != o.Epoch.Truncate(time.Second):
		return fmt.Errorf("simulator: the epoch %v is no whole second", o.Epoch)
	}
	return o.Chaos.check()
}

// Connection finds a connection by its name, nil if there is none.
func (p *Plan) Connection(name string) *Connection { return p.byName[name] }

// Start and End are the simulated times in which histories take place. Deliveries and retries can come later.
func (p *Plan) Start() time.Time { return p.Epoch }

// End is when no entity changes any more.
func (p *Plan) End() time.Time { return p.Epoch.Add(p.Span) }
