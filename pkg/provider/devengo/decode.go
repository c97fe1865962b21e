package devengo

import (
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// The kinds, as the events name them. The API's own noun for an outgoing payment is "payment".
const (
	kindAccount            = "account"
	kindAccountHolder      = "account_holder"
	kindIncoming           = "incoming_payment"
	kindOutgoing           = "outgoing_payment"
	kindVerification       = "verification"
	kindAccessVerification = "access_verification"
	kindHolderVerification = "holder_verification"
)

// envelope is an event: {id, api_version, type, created_at, data: {object}}.
type envelope struct {
	id, word string
	created  time.Time
	objectID string
}

// readEnvelope also returns data.object, which does not exist where it is not an object.
func readEnvelope(root provider.Value) (envelope, provider.Value) {
	env := envelope{id: root.Get("id").Text(), word: root.Get("type").Text(), created: root.Get("created_at").Time()}
	object := root.Get("data", "object")
	if !object.IsObject() {
		return env, provider.Value{}
	}
	env.objectID = object.Get("id").Text()
	return env, object
}

// entity is what the object is; empty where that cannot be told.
func (env *envelope) entity() (kind, id string) {
	kind = kindOf(env.word, env.objectID)
	if kind == "" || env.objectID == "" || !event.Printable(env.objectID) {
		return "", ""
	}
	return kind, env.objectID
}

// kindOf is the kind that an event type names before its dot, or else the one that the prefix of the object's id stands
// for: event types appear with each of Devengo's monthly releases, id prefixes do not change.
func kindOf(word, id string) string {
	switch kind, _, _ := strings.Cut(word, "."); kind {
	case kindAccount, kindAccountHolder, kindIncoming, kindOutgoing, kindVerification, kindAccessVerification, kindHolderVerification:
		return kind
	}
	switch prefix, _, _ := strings.Cut(id, "_"); prefix {
	case "acc":
		return kindAccount
	case "ach":
		return kindAccountHolder
	case "pyi":
		return kindIncoming
	case "pyo":
		return kindOutgoing
	case "vrf":
		return kindVerification
	default:
		return ""
	}
}

// Decode turns an event, or the answer to a look-up, into an observation of the one entity it speaks of.
func (Provider) Decode(e *event.Event) ([]lifecycle.Observation, error) {
	if e.IsLookup() {
		return decodeAnswer(e)
	}
	var tree provider.Tree
	root, err := tree.Read(e.Body)
	if err != nil {
		return nil, err
	}
	env, object := readEnvelope(root)
	kind, id := env.entity()
	switch {
	case kindOf(env.word, env.objectID) == "":
		return nil, provider.Park(provider.ParkedType, "neither the event's type nor its object's id names a kind that is known")
	case id == "":
		return nil, provider.Park(provider.ParkedShape, "data.object has no usable id")
	}
	return observe(e, kind, id, object)
}

// wrapper is the key under which the API's answer holds an entity.
func wrapper(kind string) string {
	if kind == kindOutgoing {
		return "payment"
	}
	return kind
}

// decodeAnswer reads {"payment": {…}}, the entity in the same shape as in an event. A 404 says that the provider does not
// know the entity: an observation that claims no status.
func decodeAnswer(e *event.Event) ([]lifecycle.Observation, error) {
	if kindOf(e.Kind, "") == "" || e.Entity == "" {
		return nil, provider.Park(provider.ParkedType, "a look-up of a kind that is not known")
	}
	switch e.Headers[event.HeaderStatus] {
	case "200":
	case "404", "410":
		return []lifecycle.Observation{provider.Observe(e, e.Kind, e.Entity)}, nil
	default:
		return nil, provider.Park(provider.ParkedShape, "a look-up's answer with an HTTP status other than 200 and 404")
	}
	var tree provider.Tree
	root, err := tree.Read(e.Body)
	if err != nil {
		return nil, err
	}
	object := root.Get(wrapper(e.Kind))
	if !object.IsObject() || object.Get("id").Text() != e.Entity {
		return nil, provider.Park(provider.ParkedShape, "the look-up's answer does not hold the entity that was asked for")
	}
	return observe(e, e.Kind, e.Entity, object)
}

// observe makes the observation of an entity from its object.
func observe(e *event.Event, kind, id string, object provider.Value) ([]lifecycle.Observation, error) {
	f := readFields(object)
	status := f.status.Text()
	if status == "" || !event.Printable(status) {
		return nil, provider.Park(provider.ParkedShape, "the object has no usable status")
	}
	out := &found{observations: [1]lifecycle.Observation{provider.Observe(e, kind, id)}}
	o := &out.observations[0]
	o.Status = status
	f.attributes(kind, out)
	o.Attributes.Object = object.View()
	return out.observations[:], nil
}
