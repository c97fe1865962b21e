package devengo_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/devengo"
)

// The first vector is the sample header of Devengo's documentation. The second is our own, by the same rule.
var vectors = []struct {
	name, secret, body, header string
	at                         int64
}{
	{
		name: "published", secret: "secret", body: "{}", at: 1695475082,
		header: "t=1695475082,v1=8468c75d73386661e353070ac84e2e80bc59b1cefb31337cd393685c904151ea",
	},
	{
		name: "secret that looks like hexadecimal digits", secret: "0123456789abcdef0123456789abcdef01234567", at: 1767225600,
		body: `{"id":"evt_0000000000000000000001","api_version":"v1","type":"account.activated","created_at":"2026-01-01T00:00:00Z",` +
			`"data":{"object":{"id":"acc_0000000000000000000001","status":"active"}}}`,
		header: "t=1767225600,v1=3dd3164b01946ee9a6f4fc365a5b3d8b21b6189f3c2faa8cba7e220213ca0806",
	},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			at := time.Unix(v.at, 0)
			if err := verify(t, v.secret, v.header, v.body, at.Add(time.Second)); err != nil {
				t.Errorf("refused: %v", err)
			}
			if got := devengo.Sign(v.secret, at, []byte(v.body)); got != v.header {
				t.Errorf("Sign gives %s", got)
			}
		})
	}
}

// TestHeaderGrammar takes the published vector's header apart.
func TestHeaderGrammar(t *testing.T) {
	v := vectors[0]
	const ok = ""
	sig := strings.TrimPrefix(v.header, "t=1695475082,v1=")
	bad := strings.Repeat("0", 64)
	for _, test := range []struct{ name, header, reason string }{
		{"as published", v.header, ok},
		{"order turned", "v1=" + sig + ",t=1695475082", ok},
		{"white space around", " t=1695475082, v1=" + sig + " ", ok},
		{"a wrong signature before", "t=1695475082,v1=" + bad + ",v1=" + sig, ok},
		{"a wrong signature behind", "t=1695475082,v1=" + sig + ",v1=" + bad, ok},
		{"unknown versions beside", "t=1695475082,v0=" + bad + ",v1=" + sig + ",v2=" + bad, ok},
		{"unknown version alone", "t=1695475082,v0=" + sig, "no signature of version v1"},
		{"version 10", "t=1695475082,v10=" + sig, "no signature of version v1"},
		{"version in upper case", "t=1695475082,V1=" + sig, "no signature of version v1"},
		{"digits in upper case", "t=1695475082,v1=" + strings.ToUpper(sig), "no signature matches"},
		{"signature cut", "t=1695475082,v1=" + sig[:63], "no signature matches"},
		{"signature empty", "t=1695475082,v1=", "no signature matches"},
		{"time alone", "t=1695475082", "no signature of version v1"},
		{"signature alone", "v1=" + sig, "malformed"},
		{"two times", "t=1695475082,t=1695475082,v1=" + sig, "malformed"},
		{"time of another second", "t=1695475083,v1=" + sig, "no signature matches"},
		{"time with a zero before", "t=01695475082,v1=" + sig, "no signature matches"},
		{"time with a sign", "t=+1695475082,v1=" + sig, "malformed"},
		{"time below zero", "t=-1,v1=" + sig, "malformed"},
		{"time with a fraction", "t=1695475082.0,v1=" + sig, "malformed"},
		{"time beyond all years", "t=99999999999999999999,v1=" + sig, "malformed"},
		{"time empty", "t=,v1=" + sig, "malformed"},
		{"other separator", "t=1695475082;v1=" + sig, "malformed"},
		{"part without a value", "t=1695475082,v1=" + sig + ",", "malformed"},
		{"signature alone, no grammar", sig, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := verify(t, v.secret, test.header, v.body, time.Unix(v.at, 0))
			var refusal *provider.Refusal
			switch {
			case test.reason == ok && err != nil:
				t.Errorf("refused: %v", err)
			case test.reason != ok && (!errors.As(err, &refusal) || !strings.Contains(refusal.Reason, test.reason)):
				t.Errorf("got %v, want a refusal with %q", err, test.reason)
			}
		})
	}
	t.Run("two headers", func(t *testing.T) {
		verifier, err := devengo.New().Verifier(provider.Connection{Secrets: []string{v.secret}})
		if err != nil {
			t.Fatal(err)
		}
		d := provider.Delivery{Header: http.Header{}, Body: []byte(v.body), Received: time.Unix(v.at, 0)}
		d.Header.Add(devengo.Header, v.header)
		d.Header.Add(devengo.Header, v.header)
		if _, err := verifier.Verify(&d); err == nil {
			t.Error("accepted")
		}
	})
}

func verify(t *testing.T, secret, header, body string, received time.Time) error {
	t.Helper()
	v, err := devengo.New().Verifier(provider.Connection{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	d := provider.Delivery{Header: http.Header{}, Body: []byte(body), Received: received}
	d.Header.Set(devengo.Header, header)
	_, err = v.Verify(&d)
	return err
}

func BenchmarkVerify(b *testing.B) {
	conn, all := loadSamples(b)
	v, err := devengo.New().Verifier(conn)
	if err != nil {
		b.Fatal(err)
	}
	d := &all["outgoing_payment.rejected"].Delivery
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(d); err != nil {
			b.Fatal(err)
		}
	}
}
