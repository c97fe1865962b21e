package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// object is a JSON object. It is written with its keys in order, so that equal objects are equal bytes.
type object map[string]any

// text is the object as JSON, in the way providers write it.
func (o object) text() string { return encode(o) }

// with is a copy with other members.
func (o object) with(members object) object {
	c := maps.Clone(o)
	maps.Copy(c, members)
	return c
}

func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("simulator: a body that is no JSON: %v", err)) // only literals of this package get here
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// happening is an event of a provider: what a webhook tells.
type happening struct {
	connection *Connection
	at         time.Time
	id         string // the provider's event id, empty if it has none
	typ        string // the event type
	path       string // a further segment of the URL, for the provider whose bodies do not name their type
	fact       string // what sets it apart from all other events of the connection
	about      *Entity
	with       []*Entity // the others that it carries
	body       string
	nameless   bool // has neither an id nor a time, so that nobody can know for certain whether it is new when it comes again
}

// writer collects what a story makes up.
type writer struct {
	r          *rand.Rand
	connection *Connection
	options    *Options
	entities   []*Entity
	events     []*happening
}

// times draws when a history takes place: one time a step, in whole seconds. Two steps have the same time in the ratio of ties,
// but never two whose statuses can follow each other both ways: nobody could know their order then, so nothing can be asked of a
// receiver.
func (w *writer) times(k *kind, history []string) []time.Time {
	span := int64(w.options.Span / time.Second)
	begin := w.r.Int64N(span * 8 / 10)
	room := max((span-begin)/int64(len(history)+1), 4)
	at := w.options.Epoch.Add(time.Duration(begin) * time.Second)
	out := []time.Time{at}
	for i := 1; i < len(history); i++ {
		gap := 1 + w.r.Int64N(room-1)
		if chance(w.r, w.options.Chaos.Tie) && !k.circle(history[i-1], history[i]) {
			gap = 0
		}
		at = at.Add(time.Duration(gap) * time.Second)
		out = append(out, at)
	}
	return out
}

// later draws a time some while after another, within the span.
func (w *writer) later(t time.Time) time.Time {
	room := max(int64(w.options.Epoch.Add(w.options.Span).Sub(t)/time.Second), 4)
	return t.Add(time.Duration(1+w.r.Int64N(room-1)) * time.Second)
}

// entity adds an entity whose history is still to be told.
func (w *writer) entity(k *kind, id string) *Entity {
	e := &Entity{Connection: w.connection.Name, Provider: w.connection.Provider, Kind: k.name, ID: id, Family: k.family, kind: k}
	w.entities = append(w.entities, e)
	return e
}

// money says what an entity moves.
func (e *Entity) money(direction string, amount int64, currency string) {
	e.Direction, e.Amount, e.Currency = direction, &amount, currency
}

// change adds a status to an entity's history. The words that a receiver may show are the provider's own and the given ones.
func (e *Entity) change(at time.Time, word string, shown object, also ...string) {
	e.Changes = append(e.Changes, Change{At: at, Word: word, Status: e.kind.means(word), object: shown})
	e.words = append([]string{word}, also...)
}

// wordless says that no document names the word for the entity's last status.
func (e *Entity) wordless() { e.words = nil }

// Words are the provider statuses that a receiver may show, none if any will do.
func (e *Entity) Words() []string { return slices.Clone(e.words) }

// event adds an event.
func (w *writer) event(h happening) {
	h.connection = w.connection
	w.events = append(w.events, &h)
}

// amount draws an amount in minor units.
func (w *writer) amount() int64 { return 200 + w.r.Int64N(250_000) }

func seconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
func millis(t time.Time) string  { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
