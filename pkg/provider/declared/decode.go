package declared

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// lookupWord is the type of Hookfold's own events; a provider's must not pass for one.
const lookupWord = "lookup"

// reading is a body with what it speaks of.
type reading struct {
	body, object gjson.Result
	eventType    string
	kind         *kind
	id           string
}

// read finds what a delivery speaks of. Where it fails, body and event type are what was found.
func (p *Provider) read(raw []byte, urlWord string) (reading, error) {
	body, err := provider.ViewBody(raw)
	if err != nil {
		return reading{eventType: urlWord}, err
	}
	r := reading{body: body, object: body, eventType: urlWord}
	if p.naming.eventType != "" {
		r.eventType = word(body.Get(p.naming.eventType))
	}
	if p.naming.object != "" {
		r.object = body.Get(p.naming.object)
	}
	if !r.object.IsObject() {
		return r, provider.Park(provider.ParkedShape, "there is no object at %s", p.naming.object)
	}
	name := r.eventType
	if p.naming.kind != "" {
		name = word(body.Get(p.naming.kind))
	}
	k := p.kindOf(name)
	if k == nil {
		return r, provider.Park(provider.ParkedType, "the event is of no kind that the description has")
	}
	id := word(k.id.get(body, r.object))
	if id == "" || !event.Printable(k.name+"/"+id) {
		return r, provider.Park(provider.ParkedShape, "the %s has no id that can name it", k.name)
	}
	r.kind, r.id = k, id
	return r, nil
}

// kindOf is the kind that a word speaks of: by the word itself, else by the longest beginning of it.
func (p *Provider) kindOf(name string) *kind {
	var best *kind
	length := -1
	for i := range p.kinds {
		k := &p.kinds[i]
		if k.when == nil {
			return k // the only one
		}
		for _, w := range k.when {
			beginning, open := strings.CutSuffix(w, "*")
			switch {
			case w == name:
				return k
			case open && strings.HasPrefix(name, beginning) && len(beginning) > length:
				best, length = k, len(beginning)
			}
		}
	}
	return best
}

// Describe reads what the envelope needs.
func (p *Provider) Describe(d *provider.Delivery) provider.Description {
	r, err := p.read(d.Body, d.EventType)
	out := provider.Description{Time: p.naming.time.time(r.body, r.object)}
	if event.Printable(r.eventType) && r.eventType != lookupWord {
		out.Type = r.eventType
	}
	if p.naming.id != "" {
		if id := word(r.body.Get(p.naming.id)); event.Printable(id) {
			out.ID = id
		}
	}
	if err == nil {
		out.Kind, out.Entity = r.kind.name, r.id
	}
	return out.Clone()
}

// Decode turns a delivery, or the answer to a look-up, into the observation of its entity. The answer to a look-up is
// the entity's object itself, without the envelope of a delivery.
func (p *Provider) Decode(e *event.Event) ([]lifecycle.Observation, error) {
	if e.IsLookup() {
		return p.decodeLookup(e)
	}
	r, err := p.read(e.Body, e.Word())
	if err != nil {
		return nil, err
	}
	return []lifecycle.Observation{p.observe(e, &r)}, nil
}

func (p *Provider) decodeLookup(e *event.Event) ([]lifecycle.Observation, error) {
	i := slices.IndexFunc(p.kinds, func(k kind) bool { return k.name == e.Kind })
	if i < 0 {
		return nil, provider.Park(provider.ParkedType, "the look-up is of no kind that the description has")
	}
	status := e.Headers[event.HeaderStatus]
	if status == "404" || status == "410" {
		return []lifecycle.Observation{provider.Observe(e, e.Kind, e.Entity)}, nil
	}
	if n, err := strconv.Atoi(status); status != "" && (err != nil || n/100 != 2) {
		return nil, provider.Park(provider.ParkedShape, "the look-up was answered with HTTP status %q", status)
	}
	body, err := provider.ViewBody(e.Body)
	if err != nil {
		return nil, err
	}
	r := reading{body: body, object: body, kind: &p.kinds[i], id: e.Entity}
	if id := word(r.kind.id.get(body, body)); id != e.Entity {
		return nil, provider.Park(provider.ParkedShape, "the answer is not the %s that was asked for", e.Kind)
	}
	return []lifecycle.Observation{p.observe(e, &r)}, nil
}

func (p *Provider) observe(e *event.Event, r *reading) lifecycle.Observation {
	o := provider.Observe(e, r.kind.name, r.id)
	o.Status = word(r.kind.status.get(r.body, r.object))
	o.Mode = lifecycle.Mode(p.naming.mode.word(r.body, r.object))
	o.Attributes = r.attributes()
	o.Attributes.Object = redacted(r.object, p.naming.redact)
	return o
}

// word is a value as a word: a string, a number or a truth value as it is written; empty for anything else.
func word(r gjson.Result) string {
	if r.IsBool() {
		return r.Raw
	}
	return provider.Text(r)
}

// timeFormats are the forms of times that a description can name.
var timeFormats = []string{"rfc3339", "unix", "unix_ms"}

// parseTime reads a time strictly; whole seconds or milliseconds since 1970, or RFC 3339.
func parseTime(format, text string) (time.Time, bool) {
	if format == "rfc3339" {
		t, err := time.Parse(time.RFC3339Nano, text)
		return t, err == nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text[0] < '0' || text[0] > '9' {
		return time.Time{}, false
	}
	if format == "unix_ms" {
		return time.UnixMilli(n), true
	}
	return time.Unix(n, 0), true
}

// time is an event's or object's time; zero where there is none, or in another format. Numbers may have a fraction.
func (s *timeSource) time(body, object gjson.Result) time.Time {
	text := word(s.get(body, object))
	digits := 9 // of a second in nanoseconds
	switch s.format {
	case "unix":
	case "unix_ms":
		digits = 6
	default:
		if t, ok := parseTime(s.format, text); ok {
			return t.UTC()
		}
		return time.Time{}
	}
	n, ok := provider.ParseDecimal(text, digits)
	if !ok {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// minor is an amount in minor units; nil where there is none.
func (s *amountSource) minor(body, object gjson.Result) *int64 {
	n, ok := provider.ParseDecimal(provider.Text(s.get(body, object)), s.digits)
	if !ok {
		return nil
	}
	return &n
}
