package devengo

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Header is the request header that carries the signature: t=SECONDS,v1=HEX, with one v1 or more.
const Header = "X-Devengo-Webhooks-Sig"

const (
	// scheme is what the evidence says: the header above with signatures of version v1.
	scheme = "devengo-v1"
	// defaultTolerance is our choice. Devengo documents no number.
	defaultTolerance = 300 * time.Second
	// maxTimestamp is the longest timestamp, in digits; it keeps the number within int64.
	maxTimestamp = 12
)

var (
	// headerKey is Header as net/http stores it.
	headerKey = textproto.CanonicalMIMEHeaderKey(Header)
	// evidence is what every verification relies on; nobody changes it.
	evidence  = []string{strings.ToLower(Header)}
	malformed = provider.Refuse("malformed header " + Header)
)

type verifier struct {
	secrets   []*provider.MAC
	names     []string // fingerprints of the secrets
	tolerance time.Duration
}

// Verifier returns the verifier of a connection. It fails without a usable secret.
func (Provider) Verifier(c provider.Connection) (provider.Verifier, error) {
	v := &verifier{tolerance: defaultTolerance}
	for _, secret := range c.Secrets {
		if secret == "" {
			return nil, errors.New("devengo: a secret of the connection is empty: set it to the webhook's secret, or remove it")
		}
		v.secrets = append(v.secrets, provider.NewMAC(sha256.New, []byte(secret)))
		v.names = append(v.names, provider.Fingerprint(secret))
	}
	if len(v.secrets) == 0 {
		return nil, errors.New("devengo: the connection has no secret: set the one that Devengo showed when the webhook was created")
	}
	if c.Tolerance != nil {
		if *c.Tolerance < 0 {
			return nil, errors.New("devengo: the connection's tolerance is negative: set a duration such as 5m, or 0 to turn the window off")
		}
		v.tolerance = *c.Tolerance
	}
	return v, nil
}

// Verify checks HMAC-SHA256, keyed with the secret's bytes as they are, over the timestamp as it stands in the header, a
// dot, and the raw body.
func (v *verifier) Verify(d *provider.Delivery) (provider.Evidence, error) {
	values := d.Header[headerKey]
	if len(values) != 1 {
		return provider.Evidence{}, provider.Refuse("want one header " + Header)
	}
	sig, err := parseSignature(values[0])
	if err != nil {
		return provider.Evidence{}, err
	}
	if v.tolerance > 0 {
		if age := d.Received.Sub(sig.at); age > v.tolerance || age < -v.tolerance {
			return provider.Evidence{}, provider.Refuse("the signature's time is outside the tolerance")
		}
	}
	// Every secret is held against every signature, so that the time taken does not tell which matched.
	matched := -1
	for i, secret := range v.secrets {
		want := mac(secret, sig.timestamp, d.Body)
		for _, got := range sig.v1 {
			if subtle.ConstantTimeCompare(want[:], []byte(got)) == 1 && matched < 0 {
				matched = i
			}
		}
	}
	if matched < 0 {
		return provider.Evidence{}, provider.Refuse("no signature matches")
	}
	return provider.Evidence{Scheme: scheme, Secret: v.names[matched], Headers: evidence}, nil
}

// signature is the parsed header.
type signature struct {
	timestamp string // as it stands in the header: this is what is signed
	at        time.Time
	v1        []string
}

// parseSignature reads a comma-separated list of key=value with exactly one t and at least one v1. Other keys are ignored:
// versions that we do not know must not be accepted, and must not stand in the way of one that we know.
func parseSignature(header string) (signature, error) {
	var s signature
	for part := range strings.SplitSeq(header, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case !ok:
			return signature{}, malformed
		case key == "v1":
			s.v1 = append(s.v1, value)
		case key != "t":
		case s.timestamp != "" || len(value) == 0 || len(value) > maxTimestamp:
			return signature{}, malformed
		default:
			seconds, err := strconv.ParseUint(value, 10, 63)
			if err != nil {
				return signature{}, malformed
			}
			s.timestamp, s.at = value, time.Unix(int64(seconds), 0)
		}
	}
	if s.timestamp == "" {
		return signature{}, malformed
	}
	if len(s.v1) == 0 {
		return signature{}, provider.Refuse("no signature of version v1 in header " + Header)
	}
	return s, nil
}

// mac is the signature's 64 lower-case hexadecimal digits.
func mac(secret *provider.MAC, timestamp string, body []byte) (out [2 * sha256.Size]byte) {
	var sum [sha256.Size]byte
	hex.Encode(out[:], secret.Append(sum[:0], []byte(timestamp), []byte{'.'}, body))
	return out
}

// Sign returns the value of Header for a body signed at the given time, as Devengo would send it. It is for
// demonstrations and tests; nothing that receives deliveries needs it.
func Sign(secret string, at time.Time, body []byte) string {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	sig := mac(provider.NewMAC(sha256.New, []byte(secret)), timestamp, body)
	return "t=" + timestamp + ",v1=" + string(sig[:])
}
