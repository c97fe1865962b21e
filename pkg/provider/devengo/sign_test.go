package devengo

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"encoding/base64"
)

// TestSignedRequestVectors: worked out apart from this code, by the rule that Devengo documents.
func TestSignedRequestVectors(t *testing.T) {
	for body, want := range map[string]string{
		"":                                    "jc18TcAi5HT3MRpMejVEiwuVb3ecHmbunCl+gOUppZI=",
		`{"url":"https://example.test/hook"}`: "P7fpmOvM+vQUNtYpT8HHXkXP93f8CavIVcPp5tp7vvQ=",
	} {
		h := http.Header{}
		authorize(h, "tst_apk_0000000000000000000001", []byte("api-secret"), "00112233445566778899aabbccddeeff", time.Unix(1767225600, 0), []byte(body))
		for name, want := range map[string]string{
			"X-Devengo-Api-Key-Id":        "tst_apk_0000000000000000000001",
			"X-Devengo-Api-Key-Nonce":     "00112233445566778899aabbccddeeff",
			"X-Devengo-Api-Key-Timestamp": "1767225600",
			"X-Devengo-Api-Key-Signature": want,
		} {
			if got := h.Get(name); got != want {
				t.Errorf("body %q: %s is %q, want %q", body, name, got, want)
			}
		}
	}
}

func jwt(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func TestExpiry(t *testing.T) {
	for token, want := range map[string]int64{
		jwt(`{"exp":1767225600}`):        1767225600,
		jwt(`{"exp":"1767225600"}`):      1767225600,
		jwt(`{"exp":1767225600.5}`):      1767225600,
		jwt(`{"exp":1.7672256e9}`):       1767225600,
		jwt(`{"exp":"soon"}`):            0,
		jwt(`{"exp":-5}`):                0,
		jwt(`{"exp":1e300}`):             0,
		jwt(`{"exp":"NaN"}`):             0,
		jwt(`{"exp":{"a":1}}`):           0,
		jwt(`{}`):                        0,
		jwt(`no`):                        0,
		"e30.!!!.c2ln":                   0,
		"opaque":                         0,
		jwt(`{"exp":1767225600}`) + ".x": 0,
	} {
		got := expiry(token)
		if got.IsZero() != (want == 0) || !got.IsZero() && got.Unix() != want {
			t.Errorf("%s: %s, want %d", token, got, want)
		}
	}
}

func FuzzExpiry(f *testing.F) {
	f.Add(`{"exp":1767225600}`)
	f.Add(`{"exp":"12"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		if at := expiry(jwt(payload)); !at.IsZero() && (at.Unix() < 0 || at.Unix() >= 1<<40) {
			t.Errorf("%s ends %s", payload, strconv.FormatInt(at.Unix(), 10))
		}
		expiry(payload)
	})
}
