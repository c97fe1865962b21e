package delfinance

import (
	"strings"

	"github.com/tidwall/gjson"
)

// redact copies an object without its credentials. The answers about a customer's accounts hold an API key, and an account's
// event is documented to share its form with a webhook's registration, which holds the credential of deliveries in clear.
func redact(raw string) []byte {
	if raw == "" {
		return nil
	}
	if !mayHoldCredential(raw) {
		return []byte(raw)
	}
	return appendRedacted(make([]byte, 0, len(raw)), gjson.Parse(raw))
}

// mayHoldCredential is a quick look that spares most objects the walk. A name can hide behind an escape.
func mayHoldCredential(raw string) bool {
	for _, part := range []string{"uthorization", "UTHORIZATION", "pikey", "piKey", "pi_key", "pi-key", "PIKEY", "PI_KEY", `\u`} {
		if strings.Contains(raw, part) {
			return true
		}
	}
	return false
}

func isCredential(member string) bool {
	member = strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(member))
	return member == "authorization" || strings.HasSuffix(member, "apikey")
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
