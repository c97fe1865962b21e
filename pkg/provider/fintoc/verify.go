package fintoc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
)

const (
	// SignatureHeader carries t=UNIX_SECONDS,v1=HEX, and perhaps other schemes, which are ignored.
	SignatureHeader = "Fintoc-Signature"
	// Scheme names the scheme in the log.
	Scheme = "fintoc-v1"
	// DefaultTolerance is the tolerance of Fintoc's SDKs.
	DefaultTolerance = 300 * time.Second
)

// maxTimestamp is how many digits a timestamp may have; ten last until the year 2286.
const maxTimestamp = 12

// verifier holds the prepared secrets of one connection.
type verifier struct {
	keys      []*key
	tolerance time.Duration // zero: no window
}

// key is one secret.
type key struct {
	fingerprint string
	mac         *provider.MAC
}

// Verifier returns the verifier of a connection. It fails where there is no secret, or an empty one.
func (*Provider) Verifier(c provider.Connection) (provider.Verifier, error) {
	if len(c.Secrets) == 0 {
		return nil, fmt.Errorf("connection %s: Fintoc signs every delivery, and no secret is configured: give the webhook endpoint's secret (%s…)", c.Name, secretPrefix)
	}
	v := &verifier{tolerance: DefaultTolerance}
	if c.Tolerance != nil {
		v.tolerance = *c.Tolerance
	}
	if v.tolerance < 0 {
		return nil, fmt.Errorf("connection %s: the tolerance is negative: give a duration such as 5m, or 0 to turn the window off", c.Name)
	}
	for i, secret := range c.Secrets {
		if secret == "" {
			return nil, fmt.Errorf("connection %s: secrets[%d] is empty: give the webhook endpoint's secret (%s…)", c.Name, i, secretPrefix)
		}
		v.keys = append(v.keys, &key{provider.Fingerprint(secret), provider.NewMAC(sha256.New, []byte(secret))})
	}
	return v, nil
}

// Verify checks the signature over the raw body, then the timestamp: that of a forged header is never believed, so the
// reason of a refusal says nothing about the clock to who does not hold the secret.
func (v *verifier) Verify(d *provider.Delivery) (provider.Evidence, error) {
	headers := d.Header[SignatureHeader]
	switch {
	case len(headers) == 0:
		return provider.Evidence{}, provider.Refuse("header Fintoc-Signature is missing")
	case len(headers) > 1:
		return provider.Evidence{}, provider.Refuse("header Fintoc-Signature is there more than once")
	case len(d.Body) == 0:
		return provider.Evidence{}, provider.Refuse("the body is empty")
	}
	header := headers[0]
	timestamp, signed, err := parseHeader(header)
	if err != nil {
		return provider.Evidence{}, err
	}
	for _, k := range v.keys {
		if !k.matches(header, timestamp, d.Body) {
			continue
		}
		if v.tolerance > 0 && d.Received.Sub(signed).Abs() > v.tolerance {
			return provider.Evidence{}, provider.Refuse("the signature's timestamp is outside the tolerance")
		}
		return provider.Evidence{Scheme: Scheme, Secret: k.fingerprint, Headers: []string{"fintoc-signature"}}, nil
	}
	return provider.Evidence{}, provider.Refuse("the signature does not match")
}

// parseHeader returns the timestamp as text and as time. It demands one timestamp, and at least one signature of v1.
func parseHeader(header string) (timestamp string, signed time.Time, err error) {
	found := false
	for part := range strings.SplitSeq(header, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case !ok:
			return "", time.Time{}, provider.Refuse("header Fintoc-Signature is malformed")
		case name == "t" && timestamp != "":
			return "", time.Time{}, provider.Refuse("header Fintoc-Signature has two timestamps")
		case name == "t":
			if signed, ok = parseTimestamp(value); !ok {
				return "", time.Time{}, provider.Refuse("header Fintoc-Signature has a malformed timestamp")
			}
			timestamp = value
		case name == "v1" && len(value) != hex.EncodedLen(sha256.Size):
			return "", time.Time{}, provider.Refuse("header Fintoc-Signature has a malformed v1 signature")
		case name == "v1":
			found = true
		}
	}
	switch {
	case timestamp == "":
		return "", time.Time{}, provider.Refuse("header Fintoc-Signature has no timestamp")
	case !found:
		return "", time.Time{}, provider.Refuse("header Fintoc-Signature has no v1 signature")
	}
	return timestamp, signed, nil
}

// parseTimestamp reads Unix seconds in the one decimal form that Fintoc's SDKs would print again.
func parseTimestamp(text string) (time.Time, bool) {
	if text == "" || len(text) > maxTimestamp || text[0] == '0' || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// matches says whether any v1 signature of a well-formed header is ours. Each is compared in constant time.
func (k *key) matches(header, timestamp string, body []byte) bool {
	var prefix [maxTimestamp + 1]byte
	var sum [sha256.Size]byte
	var want [2 * sha256.Size]byte
	hex.Encode(want[:], k.mac.Append(sum[:0], append(append(prefix[:0], timestamp...), '.'), body))
	matched := 0
	for part := range strings.SplitSeq(header, ",") {
		if got, isV1 := strings.CutPrefix(strings.TrimSpace(part), "v1="); isV1 {
			matched |= subtle.ConstantTimeCompare(want[:], []byte(got))
		}
	}
	return matched == 1
}
