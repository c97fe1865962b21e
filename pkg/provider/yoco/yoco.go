// Package yoco verifies and decodes the webhooks of Yoco's Checkout API.
//
// Yoco signs by the Standard Webhooks scheme and sends four event types: payment.succeeded, payment.failed,
// refund.succeeded and refund.failed. One endpoint receives live and test events; each says which it is.
//
// # Guarantees
//
// A delivery is let in only when one of the connection's secrets signed its id, its timestamp and its body, and the
// timestamp is within the tolerance. Events are ordered by the envelope's createdDate: the payload's own clock was seen
// two hours ahead of it, so it stays in the object and orders nothing.
//
// # What is inferred
//
// Yoco sends no event of a checkout. Its state here is derived: a payment that succeeded completes it, a payment that
// failed shows that the customer had started to pay. Such an observation carries no object, so the fold asks for a
// look-up of the checkout.
package yoco

import (
	"fmt"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Name is the provider's name in configurations and event types.
const Name = "yoco"

// DefaultTolerance is the window that Yoco recommends for the signed timestamp, to both sides of the time of arrival.
const DefaultTolerance = 3 * time.Minute

// Prefixes of Yoco's credentials.
const (
	prefixSecret = "whsec_"
	prefixLive   = "sk_live_"
	prefixTest   = "sk_test_"
)

// Provider is Yoco. It has no state; the zero value is ready.
type Provider struct{}

// New returns the provider.
func New() *Provider { return &Provider{} }

// Name is "yoco".
func (*Provider) Name() string { return Name }

// Check says what is wrong with a connection. A connection without API credentials is in order: it cannot look up.
func (*Provider) Check(c provider.Connection) []provider.Problem {
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}
	if len(c.Secrets) == 0 {
		add("secrets", "Yoco signs its webhooks, and no secret is given to verify them by",
			"give the whsec_ secret that Yoco showed once when the webhook was registered; if it is lost, register the webhook again")
	}
	for i, s := range c.Secrets {
		if _, text, mend := parseSecret(s); text != "" {
			add(fmt.Sprintf("secrets[%d]", i), text, mend)
		} else if !strings.HasPrefix(s, prefixSecret) {
			add(fmt.Sprintf("secrets[%d]", i), "Yoco secrets begin with "+prefixSecret+", this one does not", "copy the secret whole, with its prefix")
		}
	}
	if c.Tolerance != nil && *c.Tolerance < 0 {
		add("tolerance", "the tolerance is negative", "give a duration such as 3m (Yoco's recommendation), or 0 to turn the window off")
	}
	if c.Authorization != (provider.Authorization{}) {
		add("authorization", "Yoco sends no static credential with its webhooks", "remove the setting; the secrets verify the deliveries")
	}
	out = append(out, checkAPI(c)...)
	return out
}
