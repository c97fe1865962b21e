package declared_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// decoded is what a body becomes under a description, as a webhook would.
func decoded(t *testing.T, p provider.Provider, body string) (lifecycle.Observation, error) {
	t.Helper()
	d := provider.Delivery{Connection: "c", Body: []byte(body), Received: time.Unix(1700000000, 0).UTC()}
	e := providertest.Record(p, &d, provider.Evidence{})
	observations, err := p.Decode(&e)
	if err != nil {
		return lifecycle.Observation{}, err
	}
	if len(observations) != 1 {
		t.Fatalf("%d observations", len(observations))
	}
	return observations[0], nil
}

func TestDecode(t *testing.T) {
	type wanted struct {
		Ref, Status string
		Attributes  lifecycle.Attributes // without the object
	}
	for _, c := range []struct {
		name, body string
		want       wanted
	}{
		{
			"decimal amounts, constants and words that mean others",
			`{"id":"1","type":"invoice.paid","data":{"id":7,"state":"paid","way":"sent","total":"1234.50","account":"a1","payer":{"name":"Someone"}}}`,
			wanted{"invoice/7", "paid", lifecycle.Attributes{
				Money:        &lifecycle.Money{Direction: lifecycle.Out, Amount: lifecycle.Minor(123450), Currency: "MXN"},
				Relation:     &lifecycle.Relation{AccountID: "a1"},
				Counterparty: &lifecycle.Counterparty{Name: "Someone"},
			}},
		},
		{
			"a digit too many, and a word that means nothing",
			`{"type":"invoice.paid","data":{"id":"7","state":"paid","way":"lost","total":12.345,"payer":{"name":null}}}`,
			wanted{"invoice/7", "paid", lifecycle.Attributes{
				Money:        &lifecycle.Money{Currency: "MXN"},
				Counterparty: &lifecycle.Counterparty{},
			}},
		},
		{"groups that the body does not speak of", `{"type":"invoice.paid","data":{"id":"7"}}`, wanted{Ref: "invoice/7"}},
		{"the longest beginning", `{"type":"invoice.credit.made","data":{"id":"8","state":"open"}}`, wanted{Ref: "credit_note/8", Status: "open"}},
		{"the word itself", `{"type":"credited","data":{"id":"8","state":"open"}}`, wanted{Ref: "credit_note/8", Status: "open"}},
		{"any other word", `{"type":"checked","data":{"id":"9","state":"bad","document":"d","error":{"code":3,"text":"blurred"}}}`, wanted{"identity/9", "bad", lifecycle.Attributes{
			Failure: &lifecycle.Failure{Code: "3", Reason: "blurred"}, Subject: &lifecycle.Subject{Text: "d"},
		}}},
		{
			"truth values, balances and milliseconds",
			`{"type":"wallet","data":{"id":"w","open":true,"name":"Main","number":"0012","currency":"zar","balance":{"free":10,"all":"1.5"},"born":1614265330123}}`,
			wanted{"wallet/w", "true", lifecycle.Attributes{
				Origin:  &lifecycle.Origin{Created: time.UnixMilli(1614265330123).UTC()},
				Profile: &lifecycle.Profile{Name: "Main", Currency: "ZAR", Identifier: "0012"},
				Balance: &lifecycle.Balance{Available: lifecycle.Minor(10), Total: lifecycle.Minor(1500)},
			}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := decoded(t, described(t, "standardwebhooks"), c.body)
			if err != nil {
				t.Fatal(err)
			}
			o.Attributes.Object = nil
			if diff := cmp.Diff(c.want, wanted{o.Entity.Ref(), o.Status, o.Attributes}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecode_Parked(t *testing.T) {
	for _, c := range []struct {
		name, provider, body string
		reason               provider.ParkedReason
	}{
		{"no object", "stripe", `{"type":"refund.created","data":{}}`, provider.ParkedShape},
		{"no kind", "stripe", `{"type":"x","data":{"object":{"id":"1","object":"customer"}}}`, provider.ParkedType},
		{"no id", "stripe", `{"type":"x","data":{"object":{"object":"refund"}}}`, provider.ParkedShape},
		{"an id that no header can carry", "stripe", `{"type":"x","data":{"object":{"object":"refund","id":"a\nb"}}}`, provider.ParkedShape},
		{"no JSON", "stripe", `{`, provider.ParkedBody},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decoded(t, described(t, c.provider), c.body)
			var parked *provider.Parked
			if !errors.As(err, &parked) || parked.Reason != c.reason {
				t.Errorf("%v, want %s", err, c.reason)
			}
		})
	}
}

// A provider's event must not pass for Hookfold's own answer to a look-up.
func TestDescribe_LookupIsNoType(t *testing.T) {
	d := provider.Delivery{Body: []byte(`{"id":"1","type":"lookup","data":{"object":{"object":"refund","id":"re_1"}}}`)}
	if got := described(t, "stripe").Describe(&d); got.Type != "" || got.Kind != "refund" || got.ID != "1" {
		t.Errorf("described as %+v", got)
	}
}

// The URL names the type where the description names no path of it.
func TestDescribe_TypeOfURL(t *testing.T) {
	text := `{name: urls, verification: {signature: {header: X-Sig}, signed: "{body}", hash: sha512, encoding: base64url}, event: {id: id},
		kinds: [{kind: a, when: ["a.*"], family: link, id: id, status: s, lifecycle: [{word: up, status: active}]},
			{kind: b, when: [b], family: link, id: id, status: s, lifecycle: [{word: up, status: active}]}]}`
	p := parsed(t, text)
	d := provider.Delivery{Connection: "c", EventType: "a.made", Body: []byte(`{"id":"1","s":"up"}`), Received: time.Unix(1, 0)}
	if got := p.Describe(&d); got.Type != "a.made" || got.Kind != "a" || got.Entity != "1" {
		t.Errorf("described as %+v", got)
	}
	e := providertest.Record(p, &d, provider.Evidence{})
	if o, err := p.Decode(&e); err != nil || o[0].Entity.Ref() != "a/1" {
		t.Errorf("decoded as %+v, %v", o, err)
	}
}

func TestRedaction(t *testing.T) {
	text := `{name: r, verification: {signature: {header: X-Sig}, signed: "{body}", hash: sha384, encoding: base64url_unpadded}, event: {id: id},
		redact: [key, "a\"b"], kinds: [{kind: a, family: link, id: id, status: s, lifecycle: [{word: up, status: active}]}]}`
	o, err := decoded(t, parsed(t, text), `{ "key":{"x":1}, "id":"1", "l":[{"key":"s1","n":1},[{"k":2,"k\u0065y":"s2"}],"key", 1.50], "a\"b":"s3", "o":{"key":"s4"} }`)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"id":"1","l":[{"n":1},[{"k":2}],"key",1.50],"o":{}}`; string(o.Attributes.Object) != want {
		t.Errorf("object %s, want %s", o.Attributes.Object, want)
	}
}

func TestLookup(t *testing.T) {
	answer := func(kind, status, body string) *event.Event {
		return &event.Event{
			ID: "l", Connection: "c", Type: event.LookupType("stripe"), Kind: kind, Entity: "re_1", Recorded: time.Unix(1, 0),
			Headers: map[string]string{event.HeaderStatus: status}, Body: []byte(body),
		}
	}
	p := described(t, "stripe")
	const refund = `{"id":"re_1","object":"refund","status":"pending","amount":100,"currency":"eur","payment_intent":"pi_1"}`
	o, err := p.Decode(answer("refund", "200", refund))
	if err != nil {
		t.Fatal(err)
	}
	if o[0].Entity.Ref() != "refund/re_1" || o[0].Status != "pending" || *o[0].Attributes.Money.Amount != 100 || o[0].Attributes.Relation.ParentID != "pi_1" {
		t.Errorf("decoded as %+v", o)
	}
	for _, e := range []*event.Event{
		answer("payment", "200", refund), answer("refund", "500", refund), answer("refund", "2xx", refund),
		answer("refund", "200", `{"id":"re_2"}`), answer("refund", "200", ""),
	} {
		var parked *provider.Parked
		if o, err := p.Decode(e); !errors.As(err, &parked) {
			t.Errorf("%s %v: %+v, %v", e.Kind, e.Headers, o, err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	p := described(b, "stripe")
	_, samples := providertest.Load(b, "testdata/stripe")
	d := samples[len(samples)-1].Delivery
	e := providertest.Record(p, &d, provider.Evidence{})
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Decode(&e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	p := described(b, "stripe")
	conn, samples := providertest.Load(b, "testdata/stripe")
	v := verifier(b, p, conn.Secrets...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(&samples[0].Delivery); err != nil {
			b.Fatal(err)
		}
	}
}
