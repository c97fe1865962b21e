package delfinance

import (
	"strings"

	"github.com/tidwall/gjson"
)

// redact copies the object of a kind without its credentials. The answers about a customer's accounts hold an API key, and
// an account's event is documented to share its form with a webhook's registration, which holds the credential of
// deliveries in clear. These are always searched; in the others no credential is documented, and a quick look spares them
// the walk.
func redact(kind, raw string) []byte {
	switch {
	case raw == "":
		return nil
	case kind != kindAccount && kind != kindCustomer && !mayHoldCredential(raw):
		return []byte(raw)
	}
	return appendRedacted(make([]byte, 0, len(raw)), gjson.Parse(raw))
}

// mayHoldCredential looks for the two documented names, authorization and apiKey, by their rarer parts.
func mayHoldCredential(raw string) bool {
	return strings.Contains(raw, "zation") || strings.Contains(raw, "piKey")
}

func isCredential(member string) bool {
	if len(member) < len("apikey") {
		return false
	}
	member = strings.ToLower(member)
	return member == "authorization" ||
		strings.HasSuffix(member, "apikey") || strings.HasSuffix(member, "api_key") || strings.HasSuffix(member, "api-key")
}

func appendRedacted(out []byte, r gjson.Result) []byte {
	if !r.IsObject() && !r.IsArray() {
		return append(out, r.Raw...)
	}
	open, shut := byte('['), byte(']')
	if r.IsObject() {
		open, shut = '{', '}'
	}
	out = append(out, open)
	empty := true
	r.ForEach(func(key, v gjson.Result) bool {
		if r.IsObject() && isCredential(key.Str) {
			return true
		}
		if !empty {
			out = append(out, ',')
		}
		empty = false
		if r.IsObject() {
			out = append(append(out, key.Raw...), ':')
		}
		out = appendRedacted(out, v)
		return true
	})
	return append(out, shut)
}
