package fintoc_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/fintoc"
)

// The vector of Fintoc's own SDKs.
const (
	vectorSecret = "whsec_test_secret"
	vectorTime   = 1743890251
	vectorV1     = "11b98dd8f5500109246aa4d9875fad2e97d462560b012a5f50ff924411de0b0f"
	vectorBody   = `{"id":"evt_2AaZeLCz0GjOW5zj","type":"payment_intent.succeeded","mode":"test","created_at":"2025-04-05T21:57:31.834Z","data":{"id":"pi_2vKOKniSGXRhXTKrJ67VXZxGCVt","mode":"test","amount":1,"object":"payment_intent","status":"succeeded","currency":"MXN","metadata":{},"created_at":"2025-04-05T21:57:17Z","expires_at":null,"error_reason":null,"payment_type":"bank_transfer","reference_id":null,"widget_token":null,"customer_email":null,"sender_account":{"type":"checking_account","number":"501514890244223279","holder_id":"mfiu593501oe4","institution_id":"mx_stp"},"business_profile":null,"transaction_date":null,"recipient_account":{"type":"checking_account","number":"646180357600000000","holder_id":"fsm211008hz9","institution_id":"mx_stp"},"payment_type_options":{}},"object":"event"}`
)

// verify lets a connection with the given secrets look at one delivery that arrives after the vector's time.
func verify(t *testing.T, secrets []string, tolerance *time.Duration, age time.Duration, body string, headers ...string) (provider.Evidence, error) {
	t.Helper()
	v, err := fintoc.New().Verifier(provider.Connection{Name: "fintoc-test", Secrets: secrets, Tolerance: tolerance})
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(&provider.Delivery{
		Header: http.Header{"Fintoc-Signature": headers}, Body: []byte(body), Received: time.Unix(vectorTime, 0).Add(age),
	})
}

func TestVectors(t *testing.T) {
	secrets := []string{"whsec_rotated_in", vectorSecret}
	evidence, err := verify(t, secrets, nil, 0, vectorBody, "t=1743890251,v1="+vectorV1)
	if err != nil {
		t.Fatalf("the SDKs' vector is refused: %v", err)
	}
	if evidence.Scheme != "fintoc-v1" || evidence.Secret != provider.Fingerprint(vectorSecret) || evidence.Unsigned {
		t.Errorf("evidence %+v", evidence)
	}
	// Signed over bytes: a body that is not ASCII.
	v, err := fintoc.New().Verifier(provider.Connection{Secrets: []string{"whsec_live_EXAMPLEexampleEXAMPLE01"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(&provider.Delivery{
		Header:   http.Header{"Fintoc-Signature": {"t=1772460309,v1=386baf75b24e446d21b0be322906c34c08124d0523d29afe5cac96745deace02"}},
		Body:     []byte(`{"id":"evt_8sExampleA1b2","object":"event","type":"transfer.outbound.succeeded","mode":"live","created_at":"2026-03-02T14:05:09.120Z","data":{"id":"tr_ExampleOut0001","object":"transfer","comment":"Pago Nº 7 – ñandú","status":"succeeded"}}`),
		Received: time.Unix(1772460309, 0),
	})
	if err != nil {
		t.Errorf("the vector with a body that is not ASCII is refused: %v", err)
	}
}

// What a header may look like, beside what the suite tries.
func TestHeaders(t *testing.T) {
	const good = "t=1743890251,v1=" + vectorV1
	zeros := strings.Repeat("0", 64)
	cases := []struct {
		name    string
		headers []string
		reason  string // empty: accepted
	}{
		{"another scheme behind", []string{good + ",v2=bad"}, ""},
		{"another scheme before", []string{"v0=" + zeros + "," + good}, ""},
		{"spaces after commas", []string{"t=1743890251, v1=" + vectorV1}, ""},
		{"order turned round", []string{"v1=" + vectorV1 + ",t=1743890251"}, ""},
		{"the second of two signatures matches", []string{"t=1743890251,v1=" + zeros + ",v1=" + vectorV1}, ""},
		{"no header", nil, "missing"},
		{"two headers", []string{good, good}, "more than once"},
		{"empty", []string{""}, "malformed"},
		{"no timestamp", []string{"v1=" + vectorV1}, "no timestamp"},
		{"no v1", []string{"t=1743890251,v2=" + vectorV1}, "no v1"},
		{"nothing behind the signs", []string{"t=,v1="}, "malformed timestamp"},
		{"timestamp is a word", []string{"t=invalid,v1=" + vectorV1}, "malformed timestamp"},
		{"timestamp with a sign", []string{"t=+1743890251,v1=" + vectorV1}, "malformed timestamp"},
		{"timestamp below zero", []string{"t=-1743890251,v1=" + vectorV1}, "malformed timestamp"},
		{"timestamp with a leading zero", []string{"t=01743890251,v1=" + vectorV1}, "malformed timestamp"},
		{"timestamp with a fraction", []string{"t=1743890251.0,v1=" + vectorV1}, "malformed timestamp"},
		{"timestamp beyond int64", []string{"t=99999999999999999999,v1=" + vectorV1}, "malformed timestamp"},
		{"two timestamps", []string{"t=1743890251,t=1743890251,v1=" + vectorV1}, "two timestamps"},
		{"another timestamp than was signed", []string{"t=1743890252,v1=" + vectorV1}, "does not match"},
		{"upper case", []string{"t=1743890251,v1=" + strings.ToUpper(vectorV1)}, "does not match"},
		{"another signature", []string{"t=1743890251,v1=" + zeros}, "does not match"},
		{"too short", []string{"t=1743890251,v1=" + vectorV1[:63]}, "malformed v1"},
		{"too long", []string{"t=1743890251,v1=" + vectorV1 + "0"}, "malformed v1"},
		{"a part without a sign", []string{good + ",v1"}, "malformed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := verify(t, []string{vectorSecret}, nil, 0, vectorBody, c.headers...)
			refused(t, err, c.reason)
		})
	}
}

func TestWindow(t *testing.T) {
	minute, off := time.Minute, time.Duration(0)
	cases := []struct {
		name      string
		tolerance *time.Duration
		age       time.Duration
		reason    string
	}{
		{"200 s by default", nil, 200 * time.Second, ""},
		{"400 s by default", nil, 400 * time.Second, "tolerance"},
		{"400 s ahead by default", nil, -400 * time.Second, "tolerance"},
		{"inside the connection's own", &minute, time.Minute, ""},
		{"outside the connection's own", &minute, time.Minute + time.Millisecond, "tolerance"},
		{"turned off: the last of Fintoc's retries", &off, 5 * 24 * time.Hour, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := verify(t, []string{vectorSecret}, c.tolerance, c.age, vectorBody, "t=1743890251,v1="+vectorV1)
			refused(t, err, c.reason)
		})
	}
}

// The key is the secret whole: without its prefix it is another key. A sender without the secret learns nothing of the clock.
func TestWrongKeys(t *testing.T) {
	for _, secret := range []string{"test_secret", "whsec_other", vectorSecret + "\n"} {
		_, err := verify(t, []string{secret}, nil, 0, vectorBody, "t=1743890251,v1="+vectorV1)
		refused(t, err, "does not match")
		_, err = verify(t, []string{secret}, nil, time.Hour, vectorBody, "t=1743890251,v1="+vectorV1)
		refused(t, err, "does not match")
	}
	_, err := verify(t, []string{vectorSecret}, nil, 0, "", "t=1743890251,v1="+vectorV1)
	refused(t, err, "empty")
}

func refused(t *testing.T, err error, reason string) {
	t.Helper()
	var refusal *provider.Refusal
	switch {
	case reason == "" && err != nil:
		t.Errorf("refused: %v", err)
	case reason == "":
	case !errors.As(err, &refusal):
		t.Errorf("answers %v, want a refusal", err)
	case !strings.Contains(refusal.Reason, reason):
		t.Errorf("refused because %q, want %q", refusal.Reason, reason)
	}
}

func TestCheck(t *testing.T) {
	negative := -time.Second
	good := provider.Connection{Name: "c", Provider: "fintoc", Mode: lifecycle.ModeTest, Secrets: []string{"whsec_abcdefgh"}}
	cases := []struct {
		name  string
		spoil func(*provider.Connection)
		field string // empty: nothing is wrong
		says  string
	}{
		{"in order", func(*provider.Connection) {}, "", ""},
		{"with a key for look-ups", func(c *provider.Connection) { c.API.Secret = "sk_test_1" }, "", ""},
		{"with the simulator's address", func(c *provider.Connection) { c.API.BaseURL = "http://127.0.0.1:9000" }, "", ""},
		{"no secret", func(c *provider.Connection) { c.Secrets = nil }, "secrets", "whsec_"},
		{"empty secret", func(c *provider.Connection) { c.Secrets = []string{"whsec_a", ""} }, "secrets[1]", "empty"},
		{"API key for a secret", func(c *provider.Connection) { c.Secrets = []string{"sk_test_x"} }, "secrets[0]", "API key"},
		{"prefix lost", func(c *provider.Connection) { c.Secrets = []string{"abcdefgh"} }, "secrets[0]", "Fintoc secrets begin with whsec_"},
		{"prefix alone", func(c *provider.Connection) { c.Secrets = []string{"whsec_"} }, "secrets[0]", "whsec_"},
		{"line break", func(c *provider.Connection) { c.Secrets = []string{"whsec_a\n"} }, "secrets[0]", "white space"},
		{"negative tolerance", func(c *provider.Connection) { c.Tolerance = &negative }, "tolerance", "negative"},
		{"both modes", func(c *provider.Connection) { c.Mode = lifecycle.ModeBoth }, "mode", "one mode"},
		{"public key", func(c *provider.Connection) { c.API.Secret = "pk_test_1" }, "api.secret", "public"},
		{"webhook secret for a key", func(c *provider.Connection) { c.API.Secret = "whsec_1" }, "api.secret", "sk_live_"},
		{"key of the other mode", func(c *provider.Connection) { c.API.Secret = "sk_live_1" }, "api.secret", "other mode"},
		{"no URL", func(c *provider.Connection) { c.API.BaseURL = "api.fintoc.com" }, "api.base_url", "absolute"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn := good
			c.spoil(&conn)
			problems := fintoc.New().Check(conn)
			switch {
			case c.field == "" && len(problems) > 0:
				t.Errorf("problems %+v, want none", problems)
			case c.field == "":
			case len(problems) != 1 || problems[0].Field != c.field || !strings.Contains(problems[0].Text+problems[0].Mend, c.says):
				t.Errorf("problems %+v, want one of %s that says %q", problems, c.field, c.says)
			}
		})
	}
}
