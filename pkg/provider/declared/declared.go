// Package declared makes a provider out of a description in YAML: how its deliveries are verified, where its bodies name
// what happened to what, and how its entities live. No Go is needed for a provider that
//
//   - signs with an HMAC (SHA-2) over its body, by a signature in a header, with or without a signed time;
//   - sends JSON, and speaks in each delivery of one entity;
//   - says in each delivery, or in the URL, what kind of entity it is.
//
// The configuration file carries such descriptions under its key providers; docs/add-a-provider.md shows two whole.
//
// # Guarantees
//
// Parse reports everything that is wrong at once, each with its line and the mend, and returns a provider only where
// nothing is. It refuses descriptions by which a delivery could be changed after it was signed: a signed string without
// the body, a time that is not signed, two parts that nothing keeps apart. Names and states are read only from the body and the URL,
// never from headers, since headers are not signed. The provider passes the suite in providertest as the built-in ones do.
//
// # Duties of the caller
//
// Names must not clash with built-in providers: the caller knows them, this package does not.
package declared

import (
	"fmt"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Provider is a provider by description. It is immutable and safe for concurrent use.
type Provider struct {
	name   string
	scheme scheme
	naming naming
	kinds  []kind
}

var _ provider.Provider = (*Provider)(nil)

// Name is the name in the description.
func (p *Provider) Name() string { return p.name }

// Lifecycles are those of the description's kinds.
func (p *Provider) Lifecycles() []lifecycle.Definition {
	out := make([]lifecycle.Definition, len(p.kinds))
	for i := range p.kinds {
		out[i] = p.kinds[i].lifecycle
	}
	return out
}

// Check says what is wrong with a connection.
func (p *Provider) Check(c provider.Connection) []provider.Problem {
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}
	if len(c.Secrets) == 0 {
		add("secrets", p.name+" signs its deliveries, and no secret is given to verify them by", "give the secret that "+p.name+" showed for this endpoint")
	}
	for i, s := range c.Secrets {
		if _, text, mend := p.scheme.key.parse(p.name, s); text != "" {
			add(fmt.Sprintf("secrets[%d]", i), text, mend)
		}
	}
	switch {
	case c.Tolerance == nil:
	case *c.Tolerance < 0:
		add("tolerance", "the tolerance is negative", "give a duration such as 5m, or 0 to turn the window off")
	case p.scheme.timestamp == nil:
		add("tolerance", "by its description "+p.name+" signs no time, so there is nothing to hold against a tolerance", "remove the setting")
	}
	if c.Authorization != (provider.Authorization{}) {
		add("authorization", p.name+" is verified by signature; a static credential is not looked at", "remove the setting")
	}
	return out
}
