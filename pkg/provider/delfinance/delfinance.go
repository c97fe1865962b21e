// Package delfinance reads the webhooks of Delfinance (Delbank, DELCRED SCD S.A.): Pix, bank slips, internal transfers
// and TEDs, infraction notifications, accounts and white-label customers.
//
// # What Delfinance gives, and what it does not
//
// A delivery has no signature, no timestamp, no event id and no envelope. The sender is told by a static credential in a
// header (BASIC, BEARER or HEADER), which does not bind the body: observations of deliveries are Unsigned, and the kinds
// that move money ask for the API's word. The event type is not reliably in the body, so each event type has a URL of
// its own, /webhooks/CONNECTION/EVENT_TYPE. Event ids are natural keys: the same fact has the same id.
//
// Amounts are decimals in reais and become centavos exactly. Times without a zone are read as UTC. The id of a customer is
// its CPF or CNPJ: it stands in the subject and in the view, but never in event ids, errors or details.
//
// # Duties of the caller
//
// Give Describe the time of arrival: a rejected customer's event has neither time nor id of its own, and its key holds
// the hour in which it came.
package delfinance

import (
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// name is the provider's name in configurations and event types.
const name = "delfinance"

// Provider is Delfinance. It has no state; the zero value is ready and safe for concurrent use.
type Provider struct{}

// New returns the provider.
func New() Provider { return Provider{} }

var _ provider.Provider = Provider{}

// Name is "delfinance".
func (Provider) Name() string { return name }

// minCredential is the shortest credential that Check lets pass, in bytes. Nothing but the credential tells a stranger's
// delivery from the provider's, so it must not be guessable; 16 is the least, 32 random bytes are better.
const minCredential = 16

// Check says what is wrong with a connection: the problems that keep it from verifying anything, and those that would make
// it weaker than it looks.
func (Provider) Check(c provider.Connection) []provider.Problem {
	v, problems := newVerifier(c)
	for _, field := range v.short {
		problems = append(problems, provider.Problem{
			Field: field,
			Text:  "the credential is short enough to be guessed, and Delfinance signs nothing: it alone keeps strangers out",
			Mend:  "use at least 16, better 32, random bytes, and give the same value to Delfinance (PATCH /baas/api/v1/webhooks/ID)",
		})
	}
	if c.Tolerance != nil && *c.Tolerance > 0 {
		problems = append(problems, provider.Problem{
			Field: "tolerance",
			Text:  "Delfinance's deliveries carry no timestamp, so a tolerance protects from nothing",
			Mend:  "remove the setting",
		})
	}
	if c.Mode == lifecycle.ModeBoth {
		problems = append(problems, provider.Problem{
			Field: "mode",
			Text:  "Delfinance's sandbox and production are separate systems, and a delivery does not say from which it comes",
			Mend:  "make one connection with mode test and one with mode live",
		})
	}
	return append(problems, checkAPI(c)...)
}

// Verifier returns the verifier of a connection. It fails on an unknown scheme, NONE among them, and without a credential.
func (Provider) Verifier(c provider.Connection) (provider.Verifier, error) {
	v, problems := newVerifier(c)
	if len(problems) > 0 {
		return nil, asError(c.Name, problems[0])
	}
	return v, nil
}
