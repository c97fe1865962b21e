package yoco_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
	"github.com/hookfold/hookfold/pkg/provider/yoco"
)

const samples = "../../../testdata/deliveries/yoco"

var features = providertest.Features{
	Signed:      true,
	Timestamped: true,
	Tolerance:   3 * time.Minute,
	Rotates:     true,
	TypePath:    "type",
	IDPath:      "id",
	EventTimes:  true,
	StatusPaths: []string{"payload.status"},
	Secret:      secret,
	Sign:        func(c provider.Connection, d *provider.Delivery, at time.Time) { sign(c, d, at, "v1") },
	Downgrade:   func(c provider.Connection, d *provider.Delivery, at time.Time) { sign(c, d, at, "v0") },
}

// secret is the nth of invented secrets.
func secret(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "yoco-fixture-signing-secret-%04d", n+1))
}

// sign signs by the text of the standard, apart from the code under test.
func sign(c provider.Connection, d *provider.Delivery, at time.Time, version string) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.Join(c.Secrets[:min(1, len(c.Secrets))], ""), "whsec_"))
	if err != nil {
		key = nil // a connection with a damaged secret: nothing it signs is valid
	}
	id := d.Header.Get("webhook-id")
	if id == "" {
		id = "msg_2ZrYkq0fixture0000000000"
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, d.Body)
	d.Header.Set("webhook-id", id)
	d.Header.Set("webhook-timestamp", stamp)
	d.Header.Set("webhook-signature", version+","+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func TestProvider(t *testing.T) { providertest.Exercise(t, yoco.New(), features, samples) }

func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, yoco.New(), features, samples) }

func FuzzDecode(f *testing.F) { providertest.FuzzDecode(f, yoco.New(), features, samples) }

func TestCheck(t *testing.T) {
	good := provider.Connection{Name: "yoco", Provider: "yoco", Mode: lifecycle.ModeLive, Secrets: []string{secret(0)}}
	negative := -time.Second
	for _, c := range []struct {
		name, field, text string
		change            func(*provider.Connection)
	}{
		{"in order", "", "", func(*provider.Connection) {}},
		{"no secret", "secrets", "no secret is given", func(c *provider.Connection) { c.Secrets = nil }},
		{"empty secret", "secrets[1]", "empty", func(c *provider.Connection) { c.Secrets = append(c.Secrets, "") }},
		{"API key as secret", "secrets[0]", "API key", func(c *provider.Connection) { c.Secrets = []string{"sk_live_abc"} }},
		{"no prefix", "secrets[0]", "begin with whsec_", func(c *provider.Connection) { c.Secrets = []string{secret(0)[6:]} }},
		{"cut off", "secrets[0]", "key of 3 bytes", func(c *provider.Connection) { c.Secrets = []string{secret(0)[:10]} }},
		{"not base64", "secrets[0]", "not base64", func(c *provider.Connection) { c.Secrets = []string{secret(0) + "\n"} }},
		{"negative tolerance", "tolerance", "negative", func(c *provider.Connection) { c.Tolerance = &negative }},
		{"static credential", "authorization", "static", func(c *provider.Connection) { c.Authorization.Value = "x" }},
		{"webhook secret as key", "api.secret", "webhook secret", func(c *provider.Connection) { c.API.Secret = secret(0) }},
		{"public key", "api.secret", "begin with sk_live_", func(c *provider.Connection) { c.API.Secret = "pk_live_abc" }},
		{"test key", "api.secret", "mode live", func(c *provider.Connection) { c.API.Secret = "sk_test_abc" }},
		{"live key", "api.secret", "mode test", func(c *provider.Connection) { c.API.Secret, c.Mode = "sk_live_abc", lifecycle.ModeTest }},
		{"either key for both", "", "", func(c *provider.Connection) { c.API.Secret, c.Mode = "sk_test_abc", lifecycle.ModeBoth }},
		{"relative address", "api.base_url", "absolute", func(c *provider.Connection) { c.API.BaseURL = "payments.yoco.com/api" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := good
			conn.Secrets = append([]string(nil), good.Secrets...)
			c.change(&conn)
			problems := yoco.New().Check(conn)
			if c.field == "" {
				if len(problems) > 0 {
					t.Fatalf("problems %+v", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Field != c.field || !strings.Contains(problems[0].Text, c.text) {
				t.Errorf("problems %+v, want one of %s with %q", problems, c.field, c.text)
			}
		})
	}
}
