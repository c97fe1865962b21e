package simulator

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// Connection is an account at a provider, as both sides know it. All credentials are made up.
type Connection struct {
	Name, Provider, Mode string
	// Secrets sign deliveries; the second one after the first, if the secret is rotated. None where the provider does not sign.
	Secrets []string
	// Header and Credential are what a provider sends that does not sign.
	Header, Credential string
	// KeyID, APISecret, AccountID and Token are the credentials of its API, as far as it has them.
	KeyID, APISecret, AccountID, Token string

	actor actor
}

// actor plays one provider.
type actor interface {
	// connection makes up the credentials.
	connection(r *rand.Rand) *Connection
	// story makes up an entity, those that come of it, and the events about them.
	story(w *writer)
	// sign returns the headers of an attempt that is made at the given time, signed with each of the secrets.
	sign(c *Connection, secrets []string, d *Delivery, at time.Time) http.Header
	// retries are the times to wait after each failed attempt, in simulated time.
	retries() []time.Duration
	// tolerance is how old a signature may be for receivers that follow the documents, zero if nothing is signed.
	tolerance() time.Duration
	// forge turns a true body into a lie about the same entity.
	forge(body string) string
	// allowance is how many requests an API takes in which time.
	allowance() (requests int, per time.Duration)
	// routes adds the provider's API to a server.
	routes(s *surface)
}

func actors() map[string]actor {
	return map[string]actor{Devengo: devengo{}, Fintoc: fintoc{}, Yoco: yoco{}, Delfinance: delfinance{}}
}
