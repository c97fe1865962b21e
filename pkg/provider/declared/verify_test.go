package declared_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/provider"
)

// vector is a delivery that a provider has published with its signature.
type vector struct {
	provider, secret string
	headers          map[string]string
	body             string
	received         int64
}

var vectors = []vector{
	// GitHub, "Validating webhook deliveries".
	{
		"github", "It's a Secret to Everybody",
		map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		"Hello, World!", 0,
	},
	// Slack, "Verifying requests from Slack".
	{
		"slack", "8f742231b10e8888abcd99yyyzzz85a5",
		map[string]string{
			"X-Slack-Signature":         "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
			"X-Slack-Request-Timestamp": "1531420618",
		},
		"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
			"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
			"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
			"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
		1531420618,
	},
	// The Standard Webhooks libraries.
	{
		"standardwebhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		map[string]string{
			"webhook-id":        "msg_p5jXN8AQM9LWM0D4loKWxJek",
			"webhook-timestamp": "1614265330",
			"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		},
		`{"test": 2432232314}`, 1614265330,
	},
	// Made by Stripe's library for Python, 16.1.0, since Stripe publishes no vector with its secret.
	{
		"stripe", "whsec_invented_stripe_endpoint_secret_0001",
		map[string]string{"Stripe-Signature": "t=1741079553,v1=680127a847e7c014e5c6e6ddf895f33a4ddcbf764a43d5c6f1d8ee8ed7a62ab8"},
		`{"id":"evt_vector","object":"event"}`, 1741079553,
	},
}

func (v *vector) delivery() *provider.Delivery {
	d := &provider.Delivery{Header: make(http.Header), Body: []byte(v.body), Received: time.Unix(v.received, 0)}
	for name, value := range v.headers {
		d.Header.Set(name, value)
	}
	return d
}

func verifier(t testing.TB, p provider.Provider, secrets ...string) provider.Verifier {
	t.Helper()
	v, err := p.Verifier(provider.Connection{Name: "test", Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerify_PublishedVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.provider, func(t *testing.T) {
			own := verifier(t, described(t, v.provider), v.secret)
			if _, err := own.Verify(v.delivery()); err != nil {
				t.Fatalf("refused: %v", err)
			}
			for name := range v.headers {
				d := v.delivery()
				d.Header.Del(name)
				refused(t, own, d, "is missing")
				d = v.delivery()
				d.Header.Add(name, d.Header.Get(name))
				refused(t, own, d, "more than once")
			}
			d := v.delivery()
			d.Body = append(d.Body, ' ')
			refused(t, own, d, "no signature matches")
			refused(t, verifier(t, described(t, v.provider), v.secret[:len(v.secret)-4]+"AAAA"), v.delivery(), "no signature matches")
			if _, err := verifier(t, described(t, v.provider), v.secret[:len(v.secret)-4]+"AAAA", v.secret).Verify(v.delivery()); err != nil {
				t.Errorf("refused with the second of two secrets: %v", err)
			}
		})
	}
}

func refused(t *testing.T, v provider.Verifier, d *provider.Delivery, reason string) {
	t.Helper()
	_, err := v.Verify(d)
	var refusal *provider.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), reason) {
		t.Errorf("refused with %v, want %q", err, reason)
	}
}

func TestVerify_Header(t *testing.T) {
	const good, wrong = "680127a847e7c014e5c6e6ddf895f33a4ddcbf764a43d5c6f1d8ee8ed7a62ab8", "000027a847e7c014e5c6e6ddf895f33a4ddcbf764a43d5c6f1d8ee8ed7a62ab8"
	v := vectors[3]
	own := verifier(t, described(t, v.provider), v.secret)
	for _, c := range []struct{ name, header, reason string }{
		{"several signatures", "t=1741079553,v1=" + wrong + ",v1=" + good, ""},
		{"spaces", "t=1741079553, v1=" + good, ""},
		{"another order", "v1=" + good + ",t=1741079553", ""},
		{"versions passed over", "v0=" + wrong + ",t=1741079553,v1=" + good + ",v2=x,odd", ""},
		{"capital digits", "t=1741079553,v1=" + strings.ToUpper(good), ""},
		{"another version alone", "t=1741079553,v0=" + good, "no signature of an accepted version"},
		{"no version", "t=1741079553," + good, "no signature of an accepted version"},
		{"empty signature", "t=1741079553,v1=", "no signature of an accepted version"},
		{"cut signature", "t=1741079553,v1=" + good[:62], "no signature matches"},
		{"none good", "t=1741079553,v1=" + wrong + ",v1=" + wrong, "no signature matches"},
		{"no time", "v1=" + good, "the timestamp is missing"},
		{"two times", "t=1741079553,t=1741079553,v1=" + good, "given more than once"},
		{"time with a sign", "t=+1741079553,v1=" + good, "not of the declared format"},
		{"time with a fraction", "t=1741079553.0,v1=" + good, "not of the declared format"},
		{"other time", "t=1741079554,v1=" + good, "no signature matches"},
		{"far time", "t=9223372036854775807,v1=" + good, "outside the tolerance"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := v.delivery()
			d.Header.Set("Stripe-Signature", c.header)
			if c.reason != "" {
				refused(t, own, d, c.reason)
			} else if _, err := own.Verify(d); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

// What the standard's own library signs is accepted, whatever the id and the body; and no other cut of the signed bytes
// into id, timestamp and body is.
func TestVerify_OneCutOnly(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	foreign, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var off time.Duration
	own, err := described(t, "standardwebhooks").Verifier(provider.Connection{Secrets: []string{secret}, Tolerance: &off})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[a-z0-9_]{1,8}`).Draw(t, "id")
		at := time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "at"), 0)
		body := rapid.StringMatching(`[{"a.0-9]{0,12}`).Draw(t, "body")
		signature, err := foreign.Sign(id, at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		content := strings.Join([]string{id, strconv.FormatInt(at.Unix(), 10), body}, ".")
		accepted := 0
		for i := range content {
			for j := i + 1; j < len(content); j++ {
				if content[i] != '.' || content[j] != '.' {
					continue
				}
				d := &provider.Delivery{Header: make(http.Header), Body: []byte(content[j+1:]), Received: at}
				d.Header.Set("webhook-id", content[:i])
				d.Header.Set("webhook-timestamp", content[i+1:j])
				d.Header.Set("webhook-signature", signature)
				if _, err := own.Verify(d); err == nil {
					accepted++
					if content[:i] != id {
						t.Fatalf("accepted with id %q", content[:i])
					}
				}
			}
		}
		if accepted != 1 {
			t.Fatalf("accepted %d cuts of %q, want 1", accepted, content)
		}
	})
}
