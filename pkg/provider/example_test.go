package provider_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Acme is a whole provider: it signs "TIME.BODY" with HMAC-SHA256 in hexadecimal, and sends
// {"event": …, "name": …, "at": …, "test": …, "payment": {"id": …, "state": …, "cents": …, "currency": …}}.
type Acme struct{}

const (
	acmeTolerance = 5 * time.Minute
	acmeSignature = "acme-signature"
	acmeTime      = "acme-time"
)

// Name is the provider's name in configurations and event types.
func (Acme) Name() string { return "acme" }

// Check explains a connection's problems in the provider's terms.
func (Acme) Check(c provider.Connection) []provider.Problem {
	var out []provider.Problem
	if len(c.Secrets) == 0 {
		out = append(out, provider.Problem{Field: "secrets", Text: "Acme signs its webhooks, and no secret is given", Mend: "give the signing key of Acme's developer page"})
	}
	for i, s := range c.Secrets {
		if len(s) < 16 {
			out = append(out, provider.Problem{
				Field: fmt.Sprintf("secrets[%d]", i), Text: "Acme's signing keys have 16 characters or more", Mend: "copy the key again, whole",
			})
		}
	}
	return out
}

// Verifier compiles a connection. It fails where nothing could be verified.
func (a Acme) Verifier(c provider.Connection) (provider.Verifier, error) {
	if problems := a.Check(c); len(problems) > 0 {
		return nil, fmt.Errorf("acme: connection %s: %s: %s: %s", c.Name, problems[0].Field, problems[0].Text, problems[0].Mend)
	}
	v := acmeVerifier{c.Secrets, acmeTolerance}
	if c.Tolerance != nil {
		v.tolerance = *c.Tolerance
	}
	return v, nil
}

type acmeVerifier struct {
	secrets   []string
	tolerance time.Duration
}

// Verify refuses whatever it does not understand, and says nothing that helps to guess.
func (v acmeVerifier) Verify(d *provider.Delivery) (provider.Evidence, error) {
	if len(d.Header.Values(acmeSignature)) != 1 || len(d.Header.Values(acmeTime)) != 1 {
		return provider.Evidence{}, provider.Refuse("the headers acme-signature and acme-time must be there once")
	}
	stamp := d.Header.Get(acmeTime)
	seconds, err := strconv.ParseUint(stamp, 10, 40)
	if err != nil {
		return provider.Evidence{}, provider.Refuse("header acme-time is not a number of seconds")
	}
	age := d.Received.Sub(time.Unix(int64(seconds), 0))
	if v.tolerance > 0 && (age > v.tolerance || age < -v.tolerance) {
		return provider.Evidence{}, provider.Refuse("the timestamp is outside the tolerance")
	}
	given, err := hex.DecodeString(d.Header.Get(acmeSignature))
	if err != nil {
		return provider.Evidence{}, provider.Refuse("header acme-signature is not hexadecimal")
	}
	for _, secret := range v.secrets {
		if hmac.Equal(given, acmeMAC(secret, stamp, d.Body)) {
			return provider.Evidence{
				Scheme: "acme-hmac-sha256", Secret: provider.Fingerprint(secret), Headers: []string{acmeSignature, acmeTime},
			}, nil
		}
	}
	return provider.Evidence{}, provider.Refuse("no signature matches")
}

func acmeMAC(secret, stamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Describe reads what the envelope needs. What a header could not carry stays empty.
func (Acme) Describe(d *provider.Delivery) provider.Description {
	body, err := provider.ParseBody(d.Body)
	if err != nil {
		return provider.Description{}
	}
	out := provider.Description{Time: provider.Time(body.Get("at"))}
	if id := body.Get("event").Str; event.Printable(id) {
		out.ID = id
	}
	if name := body.Get("name").Str; event.Printable(name) && name != "lookup" {
		out.Type = name
	}
	if id, err := acmePayment(body.Get("payment")); err == nil {
		out.Kind, out.Entity = "payment", id
	}
	return out
}

// acmePayment is the id of a payment, if it is one.
func acmePayment(object gjson.Result) (string, error) {
	id := object.Get("id").Str
	if !object.IsObject() || id == "" || !event.Printable("payment/"+id) {
		return "", provider.Park(provider.ParkedShape, "there is no payment with an id")
	}
	return id, nil
}

// Decode turns an event of the log into observations: the payment's own state, never what the event is called.
func (Acme) Decode(e *event.Event) ([]lifecycle.Observation, error) {
	if e.IsLookup() && e.Headers[event.HeaderStatus] == "404" {
		return []lifecycle.Observation{provider.Observe(e, e.Kind, e.Entity)}, nil
	}
	body, err := provider.ParseBody(e.Body)
	if err != nil {
		return nil, err
	}
	object := body.Get("payment")
	if e.IsLookup() {
		object = body // the API answers with the payment itself
	}
	id, err := acmePayment(object)
	if err != nil {
		return nil, err
	}
	o := provider.Observe(e, "payment", id)
	o.Status = object.Get("state").Str
	switch body.Get("test").Type {
	case gjson.True:
		o.Mode = lifecycle.ModeTest
	case gjson.False:
		o.Mode = lifecycle.ModeLive
	}
	o.Attributes.Money = &lifecycle.Money{
		Direction: lifecycle.In, Amount: provider.Minor(object.Get("cents")), Currency: provider.Currency(object.Get("currency")),
	}
	o.Attributes.Object = []byte(object.Raw)
	return []lifecycle.Observation{o}, nil
}

// Lifecycles say which state may follow which, which are final, and what they are to Hookfold.
func (Acme) Lifecycles() []lifecycle.Definition {
	return []lifecycle.Definition{{
		Provider: "acme", Kind: "payment", Family: lifecycle.Payment,
		States: []lifecycle.State{
			{Word: "new", Status: lifecycle.Pending, Next: []string{"paid", "refused"}},
			{Word: "paid", Status: lifecycle.Succeeded, Final: true, Next: []string{"sent_back"}},
			{Word: "refused", Status: lifecycle.Failed, Final: true},
			{Word: "sent_back", Status: lifecycle.Returned, Final: true},
		},
	}}
}

func Example() {
	secret, stamp := "an invented signing key", "1741079553"
	body := []byte(`{"event":"e1","name":"payment.paid","at":"2025-03-04T09:12:33Z","test":true,"payment":{"id":"p1","state":"paid","cents":1250,"currency":"eur"}}`)
	d := &provider.Delivery{Connection: "shop", Header: http.Header{}, Body: body, Received: time.Unix(1741079554, 0)}
	d.Header.Set(acmeTime, stamp)
	d.Header.Set(acmeSignature, hex.EncodeToString(acmeMAC(secret, stamp, body)))

	verifier, err := Acme{}.Verifier(provider.Connection{Name: "shop", Secrets: []string{secret}})
	if err != nil {
		fmt.Println(err)
		return
	}
	evidence, err := verifier.Verify(d)
	fmt.Println(evidence.Scheme, err)
	about := Acme{}.Describe(d)
	fmt.Println(about.Type, about.Kind, about.Entity, about.Time.Format(time.RFC3339))
	// Output:
	// acme-hmac-sha256 <nil>
	// payment.paid payment p1 2025-03-04T09:12:33Z
}
