package delfinance

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Credentials of the documentation's own examples.
const (
	documentedBasic  = "bG9naW46cGFzc3dvcmQ=" // login:password
	documentedBearer = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."
	documentedHeader = "x-webhook-key: yourKey"
)

func connection(scheme, header, value string, more ...string) provider.Connection {
	return provider.Connection{
		Name: "delfinance-test", Provider: name, Mode: lifecycle.ModeTest, Secrets: more,
		Authorization: provider.Authorization{Scheme: scheme, Header: header, Value: value},
	}
}

func TestVerify(t *testing.T) {
	basic, bearer := connection("BASIC", "", documentedBasic), connection("BEARER", "", documentedBearer)
	header := connection("HEADER", "", documentedHeader)
	twice := base64.StdEncoding.EncodeToString([]byte(documentedBasic))
	for _, test := range []struct {
		what         string
		conn         provider.Connection
		header, sent string
		refused      bool
	}{
		{"basic as documented", basic, "Authorization", "Basic " + documentedBasic, false},
		{"scheme word in another case", basic, "Authorization", "bAsIc  " + documentedBasic, false},
		{"no scheme word", basic, "Authorization", documentedBasic, false},
		{"basic encoded twice", basic, "Authorization", "Basic " + twice, true},
		{"basic encoded twice, and listed so", connection("basic", "", documentedBasic, twice), "Authorization", "Basic " + twice, false},
		{"basic in clear", basic, "Authorization", "Basic login:password", true},
		{"basic with another password", basic, "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("login:Password")), true},
		{"basic under bearer's word", basic, "Authorization", "Bearer " + documentedBasic, true},
		{"basic in another header", basic, "X-Authorization", "Basic " + documentedBasic, true},
		{"word alone", basic, "Authorization", "Basic", true},
		{"word and space", basic, "Authorization", "Basic ", true},
		{"bearer as documented", bearer, "Authorization", "Bearer " + documentedBearer, false},
		{"bearer in other case", bearer, "Authorization", "Bearer " + strings.ToUpper(documentedBearer), true},
		{"bearer twice", bearer, "Authorization", "Bearer Bearer " + documentedBearer, true},
		{"bearer cut", bearer, "Authorization", "Bearer " + documentedBearer[:20], true},
		{"header as documented, in one string", header, "x-webhook-key", "yourKey", false},
		{"header apart", connection("header", "X-WEBHOOK-KEY", "yourKey"), "x-webhook-key", "yourKey", false},
		{"header's value in Authorization", header, "Authorization", "yourKey", true},
		{"header in one string", header, "x-webhook-key", documentedHeader, true},
		{"header's value longer", header, "x-webhook-key", "yourKeyy", true},
		{"empty", header, "x-webhook-key", "", true},
		{"older of two", connection("HEADER", "x-webhook-key", "new", "old"), "x-webhook-key", "old", false},
		{"newer of two", connection("HEADER", "x-webhook-key", "new", "old"), "x-webhook-key", "new", false},
		{"rotated out", connection("HEADER", "x-webhook-key", "new"), "x-webhook-key", "old", true},
		{"both in one string each", connection("HEADER", "", "x-webhook-key: new", "X-Webhook-Key:old"), "x-webhook-key", "old", false},
	} {
		t.Run(test.what, func(t *testing.T) {
			v, err := New().Verifier(test.conn)
			if err != nil {
				t.Fatal(err)
			}
			d := delivery("PIX_RECEIVED", "{}")
			d.Header.Set(test.header, test.sent)
			evidence, err := v.Verify(d)
			var refusal *provider.Refusal
			if got := errors.As(err, &refusal); got != test.refused || (err != nil) != got {
				t.Fatalf("error %v, want refused %v", err, test.refused)
			}
			if test.refused {
				return
			}
			want := provider.Evidence{Scheme: "delfinance-" + strings.ToLower(test.conn.Authorization.Scheme), Secret: evidence.Secret, Unsigned: true}
			if diff := cmp.Diff(want, evidence); diff != "" {
				t.Error(diff)
			}
			if evidence.Secret == "" || strings.Contains(test.sent, evidence.Secret) {
				t.Errorf("fingerprint %q", evidence.Secret)
			}
		})
	}
}

func TestVerifyRefusesTwoCredentials(t *testing.T) {
	v, err := New().Verifier(connection("HEADER", "x-webhook-key", "yourKey"))
	if err != nil {
		t.Fatal(err)
	}
	d := delivery("PIX_RECEIVED", "{}")
	d.Header["X-Webhook-Key"] = []string{"yourKey", "yourKey"}
	if _, err := v.Verify(d); err == nil {
		t.Error("accepted")
	}
}

func TestVerifierFailsClosed(t *testing.T) {
	for what, conn := range map[string]provider.Connection{
		"no authorization":         {Name: "x", Provider: name},
		"no scheme":                connection("", "x-webhook-key", "value"),
		"NONE":                     connection("NONE", "", ""),
		"NONE with a value":        connection("NONE", "x-webhook-key", "value"),
		"none in lower case":       connection("none", "", "NONE"),
		"unknown scheme":           connection("HMAC", "x-signature", "value"),
		"no value":                 connection("HEADER", "x-webhook-key", ""),
		"an empty second value":    connection("HEADER", "x-webhook-key", "value", ""),
		"no header":                connection("HEADER", "", "value"),
		"no value behind header":   connection("HEADER", "", "x-webhook-key:"),
		"no header before value":   connection("HEADER", "", ": value"),
		"two headers":              connection("HEADER", "", "x-webhook-key: value", "x-other: value"),
		"header that is none":      connection("HEADER", "x webhook key", "value"),
		"line break at the end":    connection("BEARER", "", "token\n"),
		"line break inside":        connection("BEARER", "", "tok\nen"),
		"basic in clear":           connection("BASIC", "", "someone:in-the-clear"),
		"basic without colon":      connection("BASIC", "", base64.StdEncoding.EncodeToString([]byte("login"))),
		"bearer with own header":   connection("BEARER", "x-webhook-key", "token"),
		"secrets without a scheme": {Name: "x", Provider: name, Secrets: []string{"value"}},
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := New().Verifier(conn); err == nil {
				t.Error("a verifier")
			} else if v := conn.Authorization.Value; len(v) > 5 && v != "value" && strings.Contains(err.Error(), v) {
				t.Errorf("the error repeats the credential: %v", err)
			}
			if len(New().Check(conn)) == 0 {
				t.Error("Check finds nothing wrong")
			}
		})
	}
}

func TestCheck(t *testing.T) {
	good := connection("HEADER", "x-webhook-key", "invented-0123456789abcdef0123456789")
	change := func(f func(*provider.Connection)) provider.Connection { c := good; f(&c); return c }
	hour, zero := time.Hour, time.Duration(0)
	for _, test := range []struct {
		what  string
		conn  provider.Connection
		field string // of the only problem; empty for none
		text  string
	}{
		{"in order", good, "", ""},
		{"NONE", connection("NONE", "", ""), "authorization.scheme", "NONE"},
		{"unknown scheme", connection("DIGEST", "", "x"), "authorization.scheme", "BASIC, BEARER and HEADER"},
		{"documented example", connection("HEADER", "", documentedHeader), "authorization.value", "short enough"},
		{"short", connection("BEARER", "", "0123456789abcde"), "authorization.value", "short enough"},
		{"short second", connection("BEARER", "", "0123456789abcdef", "0123"), "secrets[0]", "short enough"},
		{"basic in clear", connection("BASIC", "", "login:a-long-password"), "authorization.value", "base64"},
		{"window", change(func(c *provider.Connection) { c.Tolerance = &hour }), "tolerance", "no timestamp"},
		{"window off", change(func(c *provider.Connection) { c.Tolerance = &zero }), "", ""},
		{"both modes", change(func(c *provider.Connection) { c.Mode = lifecycle.ModeBoth }), "mode", "separate systems"},
		{"key without account", change(func(c *provider.Connection) { c.API.Secret = "k" }), "api.account_id", "x-delfinance-account-id"},
		{"account without key", change(func(c *provider.Connection) { c.API.AccountID = "40001" }), "api.secret", "x-delbank-api-key"},
		{"API complete", change(func(c *provider.Connection) { c.API.AccountID, c.API.Secret = "40001", "k" }), "", ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			problems := New().Check(test.conn)
			if test.field == "" {
				if len(problems) > 0 {
					t.Errorf("%+v", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Field != test.field || !strings.Contains(problems[0].Text, test.text) || problems[0].Mend == "" {
				t.Errorf("%+v, want one of %s that says %q", problems, test.field, test.text)
			}
		})
	}
}
