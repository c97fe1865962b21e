package delfinance

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/hookfold/hookfold/pkg/provider"
)

// The documented authorization schemes that carry a credential. A fourth, NONE, carries none and is refused.
const (
	schemeBasic  = "BASIC"
	schemeBearer = "BEARER"
	schemeHeader = "HEADER"
)

// verifier compares one request header with the credentials of a connection.
type verifier struct {
	evidence string // delfinance-bearer
	header   string // canonical name of the header that holds the credential
	word     string // the scheme's word before the credential, empty where there is none
	accepted []accepted
	short    []string // fields of credentials shorter than minCredential
}

// accepted is a credential by its digest, so that comparing does not depend on its length.
type accepted struct {
	digest      [sha256.Size]byte
	fingerprint string
}

// Verify holds the credential of a delivery against those of the connection, all of them, in constant time.
//
// That a BASIC or BEARER credential comes in Authorization behind the scheme's word is inferred from the schemes' names;
// since the documentation says only that the value "will be sent in the request header", it may also come without the word.
func (v *verifier) Verify(d *provider.Delivery) (provider.Evidence, error) {
	values := d.Header.Values(v.header)
	switch {
	case len(values) == 0:
		return provider.Evidence{}, provider.Refuse("the delivery carries no credential")
	case len(values) > 1:
		return provider.Evidence{}, provider.Refuse("the delivery carries more than one credential")
	}
	got := strings.TrimSpace(values[0])
	bare, inner := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(afterWord(got, v.word)))
	match := -1
	for i := range v.accepted {
		digest := v.accepted[i].digest[:]
		equal := subtle.ConstantTimeCompare(digest, bare[:]) | subtle.ConstantTimeCompare(digest, inner[:])
		match = subtle.ConstantTimeSelect(equal, i, match)
	}
	if match < 0 {
		return provider.Evidence{}, provider.Refuse("the delivery's credential is not this connection's")
	}
	// No headers: a static credential is never recorded, so that there is nothing to verify again offline.
	return provider.Evidence{Scheme: v.evidence, Secret: v.accepted[match].fingerprint, Unsigned: true}, nil
}

// afterWord is what stands behind the scheme's word, or all of it where another word or none stands in front.
func afterWord(value, word string) string {
	if word == "" {
		return value
	}
	first, rest, found := strings.Cut(value, " ")
	if !found || !strings.EqualFold(first, word) {
		return value
	}
	return strings.TrimSpace(rest)
}

// credential is one configured credential and where it stands in the configuration.
type credential struct{ field, value string }

// credentials are the connection's: authorization.value, and while it is being rotated those under secrets.
func credentials(c provider.Connection) []credential {
	var out []credential
	if c.Authorization.Value != "" || len(c.Secrets) == 0 {
		out = append(out, credential{"authorization.value", c.Authorization.Value})
	}
	for i, s := range c.Secrets {
		out = append(out, credential{fmt.Sprintf("secrets[%d]", i), s})
	}
	return out
}

// newVerifier builds the verifier and says what keeps it from verifying. With problems the verifier must not be used.
func newVerifier(c provider.Connection) (*verifier, []provider.Problem) {
	scheme := strings.ToUpper(strings.TrimSpace(c.Authorization.Scheme))
	v := &verifier{evidence: name + "-" + strings.ToLower(scheme), header: "Authorization"}
	switch scheme {
	case schemeBasic:
		v.word = "Basic"
	case schemeBearer:
		v.word = "Bearer"
	case schemeHeader:
		v.header = ""
	default:
		return v, []provider.Problem{schemeProblem(scheme)}
	}
	var problems []provider.Problem
	if c.Authorization.Header != "" {
		if scheme != schemeHeader {
			problems = append(problems, provider.Problem{
				Field: "authorization.header",
				Text:  "Delfinance names a header of its own only with the scheme HEADER; " + scheme + " stands in Authorization",
				Mend:  "remove authorization.header, or use the scheme HEADER",
			})
		} else if !isToken(c.Authorization.Header) {
			problems = append(problems, headerProblem())
		}
		v.header = textproto.CanonicalMIMEHeaderKey(c.Authorization.Header)
	}
	for _, cred := range credentials(c) {
		value := cred.value
		if scheme == schemeHeader && c.Authorization.Header == "" {
			// As Delfinance takes it, in one string: "x-webhook-key: value".
			header, rest, found := strings.Cut(value, ":")
			header = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(header))
			if value != "" && (!found || !isToken(header) || v.header != "" && v.header != header) {
				return v, append(problems, headerProblem())
			}
			v.header, value = header, strings.TrimSpace(rest)
		}
		if p, ok := credentialProblem(scheme, cred.field, value); ok {
			problems = append(problems, p)
		} else if len(value) < minCredential {
			v.short = append(v.short, cred.field)
		}
		v.accepted = append(v.accepted, accepted{sha256.Sum256([]byte(value)), provider.Fingerprint(value)})
	}
	return v, problems
}

func schemeProblem(scheme string) provider.Problem {
	p := provider.Problem{
		Field: "authorization.scheme",
		Text:  "Delfinance has the schemes BASIC, BEARER and HEADER",
		Mend:  "set the authorizationScheme of the webhook at Delfinance, best HEADER with a random key of its own",
	}
	if scheme == "NONE" {
		p.Text = "with NONE nothing tells Delfinance's deliveries from a stranger's, so they are all refused"
		p.Mend = "give the webhook at Delfinance a credential, best HEADER with a random key, and set it here"
	}
	return p
}

func headerProblem() provider.Problem {
	return provider.Problem{
		Field: "authorization.header",
		Text:  "the scheme HEADER needs the header's name, the same for all credentials",
		Mend:  "set authorization.header (x-webhook-key) and the key as authorization.value, or both in authorization.value as Delfinance takes them: \"x-webhook-key: KEY\"",
	}
}

func credentialProblem(scheme, field, value string) (provider.Problem, bool) {
	p := provider.Problem{Field: field}
	switch {
	case value == "":
		p.Text = "no credential: Delfinance signs nothing, so a delivery without one cannot be told from a stranger's"
		p.Mend = "set the value that was given to Delfinance as the webhook's authorization"
	case value != strings.TrimSpace(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		p.Text = "the credential begins or ends with white space, or holds a line break: no header can carry that"
		p.Mend = "check the file or variable that it comes from for a line break at the end"
	case scheme == schemeBasic && !isBasic(value):
		p.Text = "Delfinance's BASIC authorization is login:password in base64, and this is not"
		p.Mend = "set the value as it was given to Delfinance: printf %s 'LOGIN:PASSWORD' | base64"
	default:
		return provider.Problem{}, false
	}
	return p, true
}

// isBasic says whether a value is base64 of login:password. Base64 of that again passes too: it is how a second
// credential is listed where Delfinance turns out to encode a value that is encoded already.
func isBasic(value string) bool {
	for range 2 {
		b, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return false
		}
		if value = string(b); strings.Contains(value, ":") {
			return true
		}
	}
	return false
}

// isToken says whether a string can be a header's name (RFC 9110, token).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r > '~' || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func asError(connection string, p provider.Problem) error {
	return fmt.Errorf("delfinance: connection %q: %s: %s; %s", connection, p.Field, p.Text, p.Mend)
}
