package declared

import (
	"crypto/hmac"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
)

type secret struct {
	mac         *provider.MAC
	fingerprint string
}

type verifier struct {
	*scheme
	secrets   []secret
	tolerance time.Duration // zero: no window
}

// Verifier returns the verifier of a connection. It fails where a secret is missing or cannot be a key.
func (p *Provider) Verifier(c provider.Connection) (provider.Verifier, error) {
	v := &verifier{scheme: &p.scheme}
	if p.scheme.timestamp != nil {
		v.tolerance = p.scheme.timestamp.tolerance
		if c.Tolerance != nil {
			v.tolerance = *c.Tolerance
		}
	}
	if v.tolerance < 0 {
		return nil, fmt.Errorf("%s: connection %s: the tolerance is negative: give a duration, or 0 to turn the window off", p.name, c.Name)
	}
	if len(c.Secrets) == 0 {
		return nil, fmt.Errorf("%s: connection %s has no secret: give the one that %s showed for this endpoint", p.name, c.Name, p.name)
	}
	for i, s := range c.Secrets {
		key, text, mend := p.scheme.key.parse(p.name, s)
		if text != "" {
			return nil, fmt.Errorf("%s: connection %s: secrets[%d]: %s: %s", p.name, c.Name, i, text, mend)
		}
		v.secrets = append(v.secrets, secret{provider.NewMAC(v.hash, key), provider.Fingerprint(s)})
	}
	return v, nil
}

// used are the headers that verification uses, in lower case, each once.
func (s *scheme) used() []string {
	out := []string{s.signature.header}
	if s.timestamp != nil && s.timestamp.header != "" {
		out = append(out, s.timestamp.header)
	}
	for _, p := range s.signed {
		if p.what == partHeader {
			out = append(out, p.text)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Verify checks the delivery by the description.
func (v *verifier) Verify(d *provider.Delivery) (provider.Evidence, error) {
	for _, name := range v.headers {
		if err := once(d.Header, name); err != nil {
			return provider.Evidence{}, err
		}
	}
	signatures, stamps := v.elements(d.Header.Get(v.signature.header))
	stamp, err := v.stamp(d, stamps)
	if err != nil {
		return provider.Evidence{}, err
	}
	if len(signatures) == 0 {
		return provider.Evidence{}, provider.Refuse("header " + v.signature.header + " holds no signature of an accepted version")
	}
	content, err := v.content(d, stamp)
	if err != nil {
		return provider.Evidence{}, err
	}
	for i := range v.secrets {
		want := v.secrets[i].mac.Append(nil, content...)
		matched := false
		for _, given := range signatures {
			matched = hmac.Equal(given, want) || matched
		}
		if matched {
			return provider.Evidence{Scheme: v.name, Secret: v.secrets[i].fingerprint, Headers: slices.Clone(v.headers)}, nil
		}
	}
	return provider.Evidence{}, provider.Refuse("no signature matches")
}

// once wants a header that is there once, and not empty.
func once(h http.Header, name string) error {
	switch values := h.Values(name); {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return provider.Refuse("header " + name + " is missing")
	case len(values) > 1:
		return provider.Refuse("header " + name + " is given more than once")
	default:
		return nil
	}
}

// elements takes the signature's header apart: the signatures of accepted versions, decoded, and the values that stand
// under the key of the time. What is neither, or not of the encoding, is passed over.
func (v *verifier) elements(header string) (signatures [][]byte, stamps []string) {
	elements := []string{header}
	if v.signature.separator != "" {
		elements = strings.Split(header, v.signature.separator)
	}
	for _, element := range elements {
		version, value := "", element
		if v.signature.assign != "" {
			var ok bool
			if version, value, ok = strings.Cut(strings.TrimSpace(element), v.signature.assign); !ok {
				continue
			}
		}
		if v.timestamp != nil && v.timestamp.key != "" && version == v.timestamp.key {
			stamps = append(stamps, value)
			continue
		}
		if v.signature.assign != "" && !slices.Contains(v.signature.versions, version) {
			continue
		}
		if given, err := v.decode(value); err == nil && len(given) > 0 {
			signatures = append(signatures, given)
		}
	}
	return signatures, stamps
}

// stamp returns the signed time as it was received, once it is known to be within the tolerance.
func (v *verifier) stamp(d *provider.Delivery, stamps []string) (string, error) {
	if v.timestamp == nil {
		return "", nil
	}
	if v.timestamp.header != "" {
		stamps = []string{d.Header.Get(v.timestamp.header)}
	}
	if len(stamps) != 1 {
		return "", provider.Refuse("the timestamp is missing, or given more than once")
	}
	at, ok := parseTime(v.timestamp.format, stamps[0])
	if !ok {
		return "", provider.Refuse("the timestamp is not of the declared format")
	}
	if age := d.Received.Sub(at); v.tolerance > 0 && (age > v.tolerance || age < -v.tolerance) {
		return "", provider.Refuse("the timestamp is outside the tolerance")
	}
	return stamps[0], nil
}

// content is what was signed, in parts. A header that holds the text that keeps it apart from its neighbours is refused:
// bytes could have been moved from one to the other.
func (v *verifier) content(d *provider.Delivery, stamp string) ([][]byte, error) {
	out := make([][]byte, len(v.signed))
	for i, p := range v.signed {
		switch p.what {
		case partBody:
			out[i] = d.Body
		case partTimestamp:
			out[i] = []byte(stamp)
		case partHeader:
			value := d.Header.Get(p.text)
			for _, j := range []int{i - 1, i + 1} {
				if j >= 0 && j < len(v.signed) && strings.Contains(value, v.signed[j].text) {
					return nil, provider.Refuse("header " + p.text + " holds what should keep it apart from the rest")
				}
			}
			out[i] = []byte(value)
		default:
			out[i] = []byte(p.text)
		}
	}
	return out, nil
}
