package devengo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/devengo"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

const samples = "../../../testdata/deliveries/devengo"

var features = providertest.Features{
	Signed:      true,
	Timestamped: true,
	Tolerance:   5 * time.Minute,
	Rotates:     true,
	TypePath:    "type",
	IDPath:      "id",
	EventTimes:  true,
	StatusPaths: []string{"data.object.status"},
	Secret:      func(n int) string { return fmt.Sprintf("%040x", 0x5eed0000+n) },
	Sign: func(c provider.Connection, d *provider.Delivery, at time.Time) {
		d.Header.Set(devengo.Header, devengo.Sign(c.Secrets[0], at, d.Body))
	},
	Downgrade: func(c provider.Connection, d *provider.Delivery, at time.Time) {
		d.Header.Set(devengo.Header, strings.Replace(devengo.Sign(c.Secrets[0], at, d.Body), "v1=", "v0=", 1))
	},
}

func TestProvider(t *testing.T) { providertest.Exercise(t, devengo.New(), features, samples) }

func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, devengo.New(), features, samples) }

func FuzzDecode(f *testing.F) { providertest.FuzzDecode(f, devengo.New(), features, samples) }

func TestCheck(t *testing.T) {
	const secret = "f00dfeedf00dfeedf00dfeedf00dfeedf00dfeed"
	negative := -time.Second
	for _, test := range []struct {
		name   string
		conn   provider.Connection
		fields []string
	}{
		{"live", provider.Connection{Mode: "live", Secrets: []string{secret}, API: provider.API{BaseURL: "https://api.devengo.com/v1", KeyID: "liv_apk_1", Secret: "s"}}, nil},
		{"sandbox", provider.Connection{Mode: "test", Secrets: []string{secret}, API: provider.API{BaseURL: "https://api.sandbox.devengo.com/v1", KeyID: "tst_apk_1", Secret: "s"}}, nil},
		{"sandbox played on this machine", provider.Connection{Mode: "test", Secrets: []string{secret}, API: provider.API{BaseURL: "http://127.0.0.1:9000/v1"}}, nil},
		{"no secret", provider.Connection{Mode: "live"}, []string{"secrets"}},
		{"empty, spaced, API key", provider.Connection{Secrets: []string{"", secret + "\n", "tst_apk_1"}}, []string{"secrets[0]", "secrets[1]", "secrets[2]"}},
		{"negative tolerance", provider.Connection{Secrets: []string{secret}, Tolerance: &negative}, []string{"tolerance"}},
		{"both modes", provider.Connection{Mode: "both", Secrets: []string{secret}}, []string{"mode"}},
		{"half an API key", provider.Connection{Secrets: []string{secret}, API: provider.API{KeyID: "x"}}, []string{"api.secret"}},
		{"other half", provider.Connection{Secrets: []string{secret}, API: provider.API{Secret: "x"}}, []string{"api.key_id"}},
		{"no address", provider.Connection{Secrets: []string{secret}, API: provider.API{BaseURL: "api.devengo.com"}}, []string{"api.base_url"}},
		{"live against the sandbox", provider.Connection{Mode: "live", Secrets: []string{secret}, API: provider.API{BaseURL: "https://api.sandbox.devengo.com/v1", KeyID: "tst_apk_1", Secret: "s"}}, []string{"api.base_url", "api.key_id"}},
		{"sandbox against production", provider.Connection{Mode: "test", Secrets: []string{secret}, API: provider.API{BaseURL: "https://api.devengo.com/v1"}}, []string{"api.base_url"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range devengo.New().Check(test.conn) {
				got = append(got, p.Field)
			}
			if !slices.Equal(got, test.fields) {
				t.Errorf("problems with %q, want %q", got, test.fields)
			}
		})
	}
}

func TestVerifierNeedsItsSettings(t *testing.T) {
	negative := -time.Second
	for _, conn := range []provider.Connection{{}, {Secrets: []string{"a", ""}}, {Secrets: []string{"a"}, Tolerance: &negative}} {
		if _, err := devengo.New().Verifier(conn); err == nil {
			t.Errorf("a verifier for %+v", conn)
		}
	}
}
