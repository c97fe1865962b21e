package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Connection is one account at one provider as configured, secrets resolved.
type Connection struct {
	// Name is the user's; letters, digits, dots, dashes and underscores.
	Name string
	// Provider is the provider's name.
	Provider string
	// Mode is the mode of the account's endpoint; ModeBoth where the provider sends both to one.
	Mode lifecycle.Mode
	// Secrets verify deliveries; several while they are rotated.
	Secrets []string
	// Tolerance is how far a signed timestamp may be from the time of arrival; nil is the provider's default, zero turns
	// the window off.
	Tolerance *time.Duration
	// Authorization is the static credential of providers that do not sign.
	Authorization Authorization
	// API is how to ask the provider.
	API API
}

// Authorization is a static credential that a provider sends with each delivery.
type Authorization struct {
	// Scheme is the provider's word for where the credential stands: BASIC, BEARER, HEADER.
	Scheme string
	// Header is the header's name where Scheme is HEADER.
	Header string
	// Value is the credential, as it was given to the provider.
	Value string
}

// API is how to ask a provider for the state of an entity, and to manage its webhooks there. Which settings are needed is the
// provider's to say; one that it does not use is a Problem.
type API struct {
	// BaseURL stands in for the provider's own address: a proxy, a simulator. Empty for the address of the connection's mode.
	BaseURL string
	// KeyID and Secret are an API key; a provider whose key is one string has no KeyID.
	KeyID, Secret string
	// AccountID is the bank account that the key is used for (Delfinance).
	AccountID string
	// Email and Password are an older way in (Devengo), used where there is no key.
	Email, Password string
	// Token is a further credential for a second API of the provider's (Yoco's versioned one).
	Token string
	// Version is the dated version of the API that is asked for (Fintoc: 2026-02-01).
	Version string
	// ClientCert and ClientKey are the certificate that the client shows and its private key (Delfinance's production): the
	// paths of PEM files, which are read again for each new connection, or PEM itself.
	ClientCert, ClientKey string
}

// Problem is one thing that is wrong with a connection.
type Problem struct {
	// Field is the path of the setting within the connection: secrets[0], authorization.scheme.
	Field string
	// Text says what is wrong, Mend what to do about it. Neither holds a secret.
	Text, Mend string
}

// Delivery is one HTTP request of a provider, as it arrived.
type Delivery struct {
	Connection string
	// EventType is the event type that the URL names, empty where it names none.
	EventType string
	Header    http.Header
	// Body is the raw request body. It must not be changed or kept.
	Body []byte
	// Received is the time of arrival, against which timestamps are held.
	Received time.Time
	// Remote is the address of the sender, as far as it is known.
	Remote netip.Addr
}

// Fingerprint names a secret without revealing it: 8 hexadecimal digits of a salted SHA-256.
func Fingerprint(secret string) string {
	sum := sha256.Sum256([]byte("hookfold secret fingerprint\x00" + secret))
	return hex.EncodeToString(sum[:4])
}

func fingerprint(body []byte) (f lifecycle.Fingerprint) {
	sum := sha256.Sum256(body)
	copy(f[:], sum[:])
	return f
}
