package yoco_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
	"github.com/hookfold/hookfold/pkg/provider/yoco"
)

// The vector that the Standard Webhooks libraries publish.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = "1614265330"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorReceived = time.Unix(1614265330, 0)

func vector() *provider.Delivery {
	h := make(http.Header)
	h.Set("webhook-id", vectorID)
	h.Set("webhook-timestamp", vectorTime)
	h.Set("webhook-signature", vectorSignature)
	return &provider.Delivery{Header: h, Body: []byte(vectorBody), Received: vectorReceived}
}

func verifier(t testing.TB, secrets ...string) provider.Verifier {
	t.Helper()
	v, err := yoco.New().Verifier(provider.Connection{Name: "yoco", Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerify_PublishedVector(t *testing.T) {
	const wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
	set := func(name, value string) func(*provider.Delivery) {
		return func(d *provider.Delivery) { d.Header.Set(name, value) }
	}
	arrive := func(after time.Duration) func(*provider.Delivery) {
		return func(d *provider.Delivery) { d.Received = vectorReceived.Add(after) }
	}
	for _, c := range []struct {
		name   string
		change func(*provider.Delivery)
		reason string // empty: accepted
	}{
		{"as published", func(*provider.Delivery) {}, ""},
		{"no id", func(d *provider.Delivery) { d.Header.Del("webhook-id") }, "header webhook-id is missing"},
		{"no timestamp", func(d *provider.Delivery) { d.Header.Del("webhook-timestamp") }, "header webhook-timestamp is missing"},
		{"no signature", func(d *provider.Delivery) { d.Header.Del("webhook-signature") }, "header webhook-signature is missing"},
		{"two ids", func(d *provider.Delivery) { d.Header.Add("webhook-id", vectorID) }, "header webhook-id is given more than once"},
		{"wrong signature", set("webhook-signature", wrong), "no signature matches"},
		{"no version", set("webhook-signature", vectorSignature[3:]), "no signature matches"},
		{"other version", set("webhook-signature", "v2"+vectorSignature[2:]), "no signature matches"},
		{"asymmetric version", set("webhook-signature", "v1a"+vectorSignature[2:]), "no signature matches"},
		{"padding cut off", set("webhook-signature", strings.TrimRight(vectorSignature, "=")), "no signature matches"},
		{"one good of many", set("webhook-signature", wrong+" v2,"+wrong[3:]+" "+vectorSignature+" "+wrong), ""},
		{"none good of many", set("webhook-signature", wrong+" v2"+vectorSignature[2:]+" "+wrong), "no signature matches"},
		{"separated by commas", set("webhook-signature", wrong+","+vectorSignature), "no signature matches"},
		{"other id", set("webhook-id", vectorID+"x"), "no signature matches"},
		{"other timestamp", set("webhook-timestamp", "1614265331"), "no signature matches"},
		{"timestamp with a sign", set("webhook-timestamp", "+1614265330"), "header webhook-timestamp is not a number of seconds"},
		{"timestamp with a fraction", set("webhook-timestamp", "1614265330.0"), "header webhook-timestamp is not a number of seconds"},
		{"timestamp of milliseconds", set("webhook-timestamp", "1614265330000"), "the timestamp is outside the tolerance"},
		{"timestamp of the far future", set("webhook-timestamp", "9223372036854775807"), "the timestamp is outside the tolerance"},
		{"id takes bytes from the timestamp", func(d *provider.Delivery) {
			d.Header.Set("webhook-id", vectorID+"."+vectorTime)
			d.Header.Set("webhook-timestamp", "1614265330")
		}, "header webhook-id holds a full stop"},
		{"three minutes late", arrive(3 * time.Minute), ""},
		{"later than three minutes", arrive(3*time.Minute + 1), "the timestamp is outside the tolerance"},
		{"three minutes early", arrive(-3 * time.Minute), ""},
		{"earlier than three minutes", arrive(-3*time.Minute - 1), "the timestamp is outside the tolerance"},
		{"years late", arrive(200 * 365 * 24 * time.Hour), "the timestamp is outside the tolerance"},
		{"body without its space", func(d *provider.Delivery) { d.Body = []byte(`{"test":2432232314}`) }, "no signature matches"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := vector()
			c.change(d)
			for _, s := range []string{vectorSecret, strings.TrimPrefix(vectorSecret, "whsec_")} {
				_, err := verifier(t, s).Verify(d)
				switch {
				case c.reason == "" && err != nil:
					t.Errorf("refused: %v", err)
				case c.reason != "" && (err == nil || err.Error() != c.reason):
					t.Errorf("refused with %v, want %q", err, c.reason)
				}
			}
		})
	}
}

// While a secret is changed, Yoco signs with the old and the new one, or one registration each signs its own delivery.
func TestVerify_Rotation(t *testing.T) {
	const (
		old   = "v1,y/i+0jzd2A1giG7X19CU/YqcFdgQsFb1a7wzQxC8zmo="
		fresh = "v1,cWFqzEmG5QS8dPA/Z3kh6GcrsNl0acvnn5hRtMZyDtU="
	)
	d := rotated(t)
	for _, c := range []struct {
		signatures string
		secrets    []string
		want       string // the secret that matches, empty: refused
	}{
		{old, []string{secret(0)}, secret(0)},
		{fresh, []string{secret(1)}, secret(1)},
		{old + " " + fresh, []string{secret(1)}, secret(1)},
		{old, []string{secret(1), secret(0)}, secret(0)},
		{old, []string{secret(1)}, ""},
		{fresh, []string{secret(0)}, ""},
	} {
		d.Header.Set("webhook-signature", c.signatures)
		evidence, err := verifier(t, c.secrets...).Verify(d)
		if (err == nil) != (c.want != "") {
			t.Errorf("%s with %d secrets: %v", c.signatures, len(c.secrets), err)
		}
		if err == nil && evidence.Secret != provider.Fingerprint(c.want) {
			t.Errorf("%s: evidence names another secret", c.signatures)
		}
	}
}

// rotated is the vector whose body is the sample refund.failed.
func rotated(t *testing.T) *provider.Delivery {
	t.Helper()
	_, all := providertest.Load(t, samples)
	for _, s := range all {
		if s.Name == "refund.failed" {
			d := providertest.Clone(s.Delivery)
			d.Header.Set("webhook-timestamp", "1741183207")
			d.Received = time.Unix(1741183207, 0)
			return &d
		}
	}
	t.Fatal("no sample refund.failed")
	return nil
}

// What the standard's own library signs, the verifier accepts, and the other way round.
func TestVerify_StandardLibrary(t *testing.T) {
	_, all := providertest.Load(t, samples)
	for _, s := range all {
		foreign, err := standardwebhooks.NewWebhook(secret(1))
		if err != nil {
			t.Fatal(err)
		}
		d := providertest.Clone(s.Delivery)
		signature, err := foreign.Sign(d.Header.Get("webhook-id"), d.Received, d.Body)
		if err != nil {
			t.Fatal(err)
		}
		stampOf(&d)
		d.Header.Set("webhook-signature", signature)
		if _, err := verifier(t, secret(1)).Verify(&d); err != nil {
			t.Errorf("%s: refused what the library signed: %v", s.Name, err)
		}
		if _, err := verifier(t, secret(2)).Verify(&d); err == nil {
			t.Errorf("%s: accepted what the library signed with another secret", s.Name)
		}
		own := providertest.Clone(s.Delivery)
		sign(provider.Connection{Secrets: []string{secret(1)}}, &own, own.Received, "v1")
		if err := foreign.VerifyIgnoringTimestamp(own.Body, own.Header); err != nil {
			t.Errorf("%s: the library refuses the fixture: %v", s.Name, err)
		}
	}
}

func stampOf(d *provider.Delivery) {
	h := make(http.Header)
	h.Set("webhook-id", d.Header.Get("webhook-id"))
	scratch := provider.Delivery{Header: h, Body: d.Body}
	sign(provider.Connection{}, &scratch, d.Received, "v1")
	d.Header.Set("webhook-timestamp", h.Get("webhook-timestamp"))
}

func BenchmarkVerify(b *testing.B) {
	v := verifier(b, secret(0))
	_, all := providertest.Load(b, samples)
	d := all[0].Delivery
	d.Body = append([]byte(nil), d.Body...)
	for len(d.Body) < 900 {
		d.Body = append(d.Body, ' ')
	}
	sign(provider.Connection{Secrets: []string{secret(0)}}, &d, d.Received, "v1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(&d); err != nil {
			b.Fatal(err)
		}
	}
}
