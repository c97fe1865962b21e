package worker

import (
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
)

// Decoder turns records of the log into facts for the store. It is safe for concurrent use.
type Decoder struct {
	providers map[string]provider.Provider
	modes     map[string]lifecycle.Mode
}

// NewDecoder returns a decoder that knows the given providers. The mode of a connection stands in for events that do not
// give their own, and an event of the other mode is parked. A connection that is not configured any more is still
// decoded: what is in the log stays readable.
func NewDecoder(providers []provider.Provider, connections []provider.Connection) *Decoder {
	d := &Decoder{
		providers: make(map[string]provider.Provider, len(providers)),
		modes:     make(map[string]lifecycle.Mode, len(connections)),
	}
	for _, p := range providers {
		d.providers[p.Name()] = p
	}
	for _, c := range connections {
		if c.Mode != lifecycle.ModeBoth {
			d.modes[c.Name] = c.Mode
		}
	}
	return d
}

// Decode never fails: a record that cannot be decoded, or whose decoding panics, becomes a parked fact. The position is
// the caller's to fill in. What is found shares the message's payload.
func (d *Decoder) Decode(m *message.Message) projections.Fact {
	e, err := event.ParseFact(m)
	if err != nil {
		return park(&projections.Parked{ObservationID: m.UUID}, provider.Park(provider.ParkedEnvelope, "%v", err))
	}
	return d.decode(&e)
}

// DecodeRecord is Decode of a record that is no message, with its position.
func (d *Decoder) DecodeRecord(r *kafka.Record) (f projections.Fact) {
	e, err := event.ParseHeaders(len(r.Headers), func(i int) (string, []byte) { return r.Headers[i].Key, r.Headers[i].Value }, r.Value)
	if err == nil {
		f = d.decode(&e)
	} else if m, err := Marshaler().Unmarshal(*r); err == nil {
		f = d.Decode(m) // as it cannot be read, so that it is parked in the same words
	} else { // as the interface allows; ours never fails
		f = park(&projections.Parked{}, provider.Park(provider.ParkedEnvelope, "%v", err))
	}
	f.Partition, f.Offset, f.Prev = r.Partition, r.Offset, r.Offset
	return f
}

func (d *Decoder) decode(e *event.Event) (fact projections.Fact) {
	parked := func(err error) projections.Fact {
		return park(&projections.Parked{Connection: e.Connection, ObservationID: e.ID, Type: e.Type}, err)
	}
	defer func() {
		if p := recover(); p != nil {
			// The panic's own text may quote the body.
			fact = parked(provider.Park(provider.ParkedPanic, "decoding it panicked with a %T", p))
		}
	}()
	observations, err := d.observations(e)
	if err != nil {
		return parked(err)
	}
	return projections.Fact{Observations: observations}
}

func (d *Decoder) observations(e *event.Event) ([]lifecycle.Observation, error) {
	p, ok := d.providers[e.Provider()]
	if !ok {
		return nil, provider.Park(provider.ParkedProvider, "no provider %q in this version or configuration", e.Provider())
	}
	observations, err := p.Decode(e)
	if err != nil {
		return nil, err
	}
	if len(observations) == 0 {
		return nil, provider.Park(provider.ParkedShape, "nothing was found in it to observe")
	}
	mode := d.modes[e.Connection]
	for i := range observations {
		o := &observations[i]
		switch {
		case o.Mode == "":
			o.Mode = mode
		case mode != "" && o.Mode != mode:
			return nil, provider.Park(provider.ParkedMode, "the event is of mode %s, the connection of mode %s", o.Mode, mode)
		}
	}
	return observations, nil
}

func park(into *projections.Parked, err error) projections.Fact {
	into.Reason, into.Detail = string(provider.ParkedShape), fmt.Sprint(err)
	if reason := new(provider.Parked); errors.As(err, &reason) {
		into.Reason, into.Detail = string(reason.Reason), reason.Detail
	}
	return projections.Fact{Parked: into}
}
