// Package fintoc reads the webhooks of Fintoc (Chile and Mexico): payments, refunds, transfers, direct debit, account
// verifications and open finance links.
//
// A delivery is signed with HMAC-SHA256 over "TIMESTAMP.BODY"; the key is the webhook endpoint's secret whole, its whsec_
// prefix included. The body is an event with the resource itself in data, as it stood after the change. State comes from
// the resource's own status; where an event holds other resources (the payment intent of a checkout session, the
// subscription of a subscription intent, the accounts of a link, the account number of a transfer), each of them is
// observed too. Fields that hold credentials (link_token, exchange_token, widget_token and their like) are taken out of
// the objects of observations; the log keeps the body as it came.
//
// The shape of a body depends on the API version that the Fintoc account is pinned to, which no event names. The decoder
// therefore asks little: an id and a kind. What it infers rather than reads is said at each lifecycle, and in
// docs/providers/fintoc.md. Source: docs.fintoc.com, API version 2026-02-01.
package fintoc

import (
	"fmt"
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Name is the provider's name in configurations and event types.
const Name = "fintoc"

// secretPrefix begins the secret of every webhook endpoint. It is part of the key.
const secretPrefix = "whsec_"

// Provider is Fintoc. The zero value is ready, stateless and safe for concurrent use.
type Provider struct{}

// New returns the provider.
func New() *Provider { return &Provider{} }

// Name is "fintoc".
func (*Provider) Name() string { return Name }

// Check says what is wrong with a connection, in Fintoc's terms.
func (*Provider) Check(c provider.Connection) []provider.Problem {
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}
	if len(c.Secrets) == 0 {
		add("secrets", "a Fintoc connection needs the secret of its webhook endpoint",
			"copy it from the endpoint's page in the Dashboard, or from the answer that created the endpoint; it begins with "+secretPrefix)
	}
	for i, secret := range c.Secrets {
		if text, mend := secretProblem(secret); text != "" {
			add(fmt.Sprintf("secrets[%d]", i), text, mend)
		}
	}
	if c.Tolerance != nil && *c.Tolerance < 0 {
		add("tolerance", "the tolerance is negative", "give a duration such as 5m (Fintoc's own default), or 0 to turn the window off")
	}
	if c.Mode == lifecycle.ModeBoth {
		add("mode", "Fintoc registers webhook endpoints for one mode, live or test",
			"make one connection for each mode, each with the secret of its own endpoint")
	}
	checkAPI(&c, add)
	return out
}

func secretProblem(secret string) (text, mend string) {
	switch {
	case secret == "":
		return "the secret is empty", "give the webhook endpoint's secret, or check that the variable it comes from is set"
	case strings.TrimSpace(secret) != secret:
		return "the secret has white space around it", "remove the space or line break; Fintoc signs with the secret exactly as shown"
	case strings.HasPrefix(secret, "sk_"), strings.HasPrefix(secret, "pk_"):
		return "this is an API key, not the secret of a webhook endpoint", "Fintoc secrets begin with " + secretPrefix + "; put the API key under api.secret"
	case !strings.HasPrefix(secret, secretPrefix), secret == secretPrefix:
		return "this is not the secret of a webhook endpoint", "Fintoc secrets begin with " + secretPrefix + "; copy the whole of it, prefix included"
	}
	return "", ""
}
