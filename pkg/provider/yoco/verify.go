package yoco

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Scheme names the scheme in the evidence: Yoco's use of Standard Webhooks with symmetric signatures of version v1.
const Scheme = "yoco-standard-webhooks-v1"

// The headers of the scheme, in lower case as evidence names them.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// The sizes of a key in bytes that the Standard Webhooks specification allows.
const (
	keyMin = 24
	keyMax = 64
)

// signatureVersion is the only version that is accepted; entries of others are skipped, never trusted.
const signatureVersion = "v1,"

type secret struct {
	mac         *provider.MAC
	fingerprint string
}

type verifier struct {
	secrets   []secret
	tolerance time.Duration // zero: no window
}

// Verifier returns the verifier of a connection. It fails where a secret is missing or cannot be a key.
func (*Provider) Verifier(c provider.Connection) (provider.Verifier, error) {
	v := &verifier{tolerance: DefaultTolerance}
	if c.Tolerance != nil {
		v.tolerance = *c.Tolerance
	}
	if v.tolerance < 0 {
		return nil, fmt.Errorf("yoco: connection %s: the tolerance is negative: give a duration, or 0 to turn the window off", c.Name)
	}
	if len(c.Secrets) == 0 {
		return nil, fmt.Errorf("yoco: connection %s has no secret: give the whsec_ secret of the webhook", c.Name)
	}
	for i, s := range c.Secrets {
		key, text, mend := parseSecret(s)
		if text != "" {
			return nil, fmt.Errorf("yoco: connection %s: secrets[%d]: %s: %s", c.Name, i, text, mend)
		}
		v.secrets = append(v.secrets, secret{provider.NewMAC(sha256.New, key), provider.Fingerprint(s)})
	}
	return v, nil
}

// parseSecret returns the key that a secret encodes, or what is wrong with it and the mend. The prefix is optional, as in
// the standard's own libraries; Check insists on it.
func parseSecret(s string) (key []byte, text, mend string) {
	switch {
	case s == "":
		return nil, "the secret is empty", "give the whsec_ secret of the webhook, or remove the entry"
	case strings.HasPrefix(s, prefixLive), strings.HasPrefix(s, prefixTest):
		return nil, "this is an API key, not a webhook secret", "give the whsec_ secret that Yoco showed when the webhook was registered"
	}
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(s, prefixSecret))
	switch {
	case err != nil || strings.ContainsAny(s, "\r\n"):
		return nil, "what follows " + prefixSecret + " is not base64", "copy the secret again, whole and without spaces"
	case len(key) < keyMin || len(key) > keyMax:
		return nil, fmt.Sprintf("the secret is a key of %d bytes, the standard has %d to %d", len(key), keyMin, keyMax), "copy the secret again, whole"
	}
	return key, "", ""
}

// Verify checks the delivery's signature over its id, its timestamp as received, and its raw body.
func (v *verifier) Verify(d *provider.Delivery) (provider.Evidence, error) {
	id, err := single(d.Header, headerID)
	if err != nil {
		return provider.Evidence{}, err
	}
	stamp, err := single(d.Header, headerTimestamp)
	if err != nil {
		return provider.Evidence{}, err
	}
	signatures, err := single(d.Header, headerSignature)
	if err != nil {
		return provider.Evidence{}, err
	}
	// The parts are joined by full stops. An id that holds one could take bytes over from the timestamp or the body.
	if strings.Contains(id, ".") {
		return provider.Evidence{}, provider.Refuse("header webhook-id holds a full stop")
	}
	if err := v.checkTime(stamp, d.Received); err != nil {
		return provider.Evidence{}, err
	}
	for i := range v.secrets {
		if v.secrets[i].signed(id, stamp, d.Body, signatures) {
			return provider.Evidence{
				Scheme:  Scheme,
				Secret:  v.secrets[i].fingerprint,
				Headers: []string{headerID, headerTimestamp, headerSignature},
			}, nil
		}
	}
	return provider.Evidence{}, provider.Refuse("no signature matches")
}

// single returns the value of a header that must be there once.
func single(h http.Header, name string) (string, error) {
	switch values := h.Values(name); {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", provider.Refuse("header " + name + " is missing")
	case len(values) > 1:
		return "", provider.Refuse("header " + name + " is given more than once")
	default:
		return values[0], nil
	}
}

func (v *verifier) checkTime(stamp string, received time.Time) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || stamp[0] < '0' || stamp[0] > '9' {
		return provider.Refuse("header webhook-timestamp is not a number of seconds")
	}
	if v.tolerance == 0 {
		return nil
	}
	if age := received.Sub(time.Unix(seconds, 0)); age > v.tolerance || age < -v.tolerance {
		return provider.Refuse("the timestamp is outside the tolerance")
	}
	return nil
}

// signed says whether one of the signatures of the header, "v1,BASE64 v1,BASE64 …", is this secret's.
func (s *secret) signed(id, stamp string, body []byte, signatures string) bool {
	head := make([]byte, 0, len(id)+len(stamp)+2)
	head = append(append(append(append(head, id...), '.'), stamp...), '.')
	var sum [sha256.Size]byte
	want := base64.StdEncoding.AppendEncode(make([]byte, 0, 44), s.mac.Append(sum[:0], head, body))
	matched := 0
	for entry := range strings.SplitSeq(signatures, " ") {
		if given, ok := strings.CutPrefix(entry, signatureVersion); ok {
			matched |= subtle.ConstantTimeCompare([]byte(given), want)
		}
	}
	return matched == 1
}
