// Package devengo verifies, describes and decodes the webhooks of Devengo (api_version v1, in the shape that payments had
// before release 202606 and the one with a counterparty that they have since).
//
// # Guarantees
//
// Deliveries are accepted if one of their v1 signatures was made with one of the connection's secrets and their time is
// within the tolerance; signatures of other versions are ignored. The state of an entity is read from the status of the
// object in the event, never from the event's name: an account.created may carry an account that is already active.
//
// # What the caller must see to
//
// Events do not say whether they are of the sandbox or of production: the mode is the connection's. Whether a delivery
// that is tried again is signed anew is not documented; where late retries are refused as stale, widen the connection's
// tolerance or turn it off with zero.
package devengo

import (
	"strconv"
	"strings"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Name is the provider's name in configurations and event types.
const Name = "devengo"

// sandboxHost is the part of the sandbox API's host name that production's does not have.
const sandboxHost = "sandbox"

// Provider is Devengo. It has no state.
type Provider struct{}

var _ provider.Provider = Provider{}

// New returns the provider.
func New() Provider { return Provider{} }

// Name is "devengo".
func (Provider) Name() string { return Name }

// Check says what is wrong with a connection to Devengo.
func (Provider) Check(c provider.Connection) []provider.Problem {
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}

	if len(c.Secrets) == 0 {
		add("secrets", "no secret, so no delivery could be verified",
			"set the secret that Devengo showed when the webhook was created (answer to POST /v1/webhooks, or Control Panel)")
	}
	for i, secret := range c.Secrets {
		field := "secrets[" + strconv.Itoa(i) + "]"
		switch {
		case secret == "":
			add(field, "the secret is empty", "set the webhook's secret, or remove the entry; check the environment variable it comes from")
		case strings.TrimSpace(secret) != secret:
			add(field, "the secret begins or ends with white space, which would be part of the key",
				"remove the white space; a line break at the end of a secret's file is the usual cause")
		case strings.Contains(secret, "_apk_"):
			add(field, "this is the id of an API key, not a webhook's secret",
				"set the webhook's own secret; the API key belongs to api.key_id and api.secret")
		}
	}
	if c.Tolerance != nil && *c.Tolerance < 0 {
		add("tolerance", "the tolerance is negative, which no delivery could meet", "set a duration such as 5m, or 0 to turn the window off")
	}
	if c.Mode == lifecycle.ModeBoth {
		add("mode", "Devengo's sandbox and production sign with different secrets, so a connection is of one of them",
			"make two connections, one with mode live and one with mode test")
	}
	return append(out, checkAPI(c)...)
}

// Describe reads the envelope of an event: its id, type, time, and the entity that its object is.
func (Provider) Describe(d *provider.Delivery) provider.Description {
	var tree provider.Tree
	root, err := tree.Read(d.Body)
	if err != nil {
		return provider.Description{} // not an object of JSON: it is recorded, and parked by the worker
	}
	env, _ := readEnvelope(root)
	out := provider.Description{ID: env.id, Type: env.word, Time: env.created}
	for _, field := range []*string{&out.ID, &out.Type} {
		if !event.Printable(*field) {
			*field = ""
		}
	}
	out.Kind, out.Entity = env.entity()
	return out.Clone()
}
