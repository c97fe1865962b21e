package simulator

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The vectors are those that the providers publish, or that others derived from their rules; see each.
func TestSignatures(t *testing.T) {
	for _, c := range []struct {
		name    string
		actor   actor
		secrets []string
		message string
		at      int64
		body    string
		header  string
		want    string
	}{
		{"Devengo's own sample", devengo{}, []string{"secret"}, "", 1695475082, "{}", "X-Devengo-Webhooks-Sig",
			"t=1695475082,v1=8468c75d73386661e353070ac84e2e80bc59b1cefb31337cd393685c904151ea"},
		{"a secret that looks like hexadecimal is not decoded", devengo{}, []string{"0123456789abcdef0123456789abcdef01234567"}, "", 1767225600,
			`{"id":"evt_0000000000000000000001","api_version":"v1","type":"account.activated","created_at":"2026-01-01T00:00:00Z","data":{"object":{"id":"acc_0000000000000000000001","status":"active"}}}`,
			"X-Devengo-Webhooks-Sig", "t=1767225600,v1=3dd3164b01946ee9a6f4fc365a5b3d8b21b6189f3c2faa8cba7e220213ca0806"},
		{"the vector of Fintoc's SDKs", fintoc{}, []string{"whsec_test_secret"}, "", 1743890251,
			`{"id":"evt_2AaZeLCz0GjOW5zj","type":"payment_intent.succeeded","mode":"test","created_at":"2025-04-05T21:57:31.834Z","data":{"id":"pi_2vKOKniSGXRhXTKrJ67VXZxGCVt","mode":"test","amount":1,"object":"payment_intent","status":"succeeded","currency":"MXN","metadata":{},"created_at":"2025-04-05T21:57:17Z","expires_at":null,"error_reason":null,"payment_type":"bank_transfer","reference_id":null,"widget_token":null,"customer_email":null,"sender_account":{"type":"checking_account","number":"501514890244223279","holder_id":"mfiu593501oe4","institution_id":"mx_stp"},"business_profile":null,"transaction_date":null,"recipient_account":{"type":"checking_account","number":"646180357600000000","holder_id":"fsm211008hz9","institution_id":"mx_stp"},"payment_type_options":{}},"object":"event"}`,
			"Fintoc-Signature", "t=1743890251,v1=11b98dd8f5500109246aa4d9875fad2e97d462560b012a5f50ff924411de0b0f"},
		{"a body that is not ASCII", fintoc{}, []string{"whsec_live_EXAMPLEexampleEXAMPLE01"}, "", 1772460309,
			`{"id":"evt_8sExampleA1b2","object":"event","type":"transfer.outbound.succeeded","mode":"live","created_at":"2026-03-02T14:05:09.120Z","data":{"id":"tr_ExampleOut0001","object":"transfer","comment":"Pago Nº 7 – ñandú","status":"succeeded"}}`,
			"Fintoc-Signature", "t=1772460309,v1=386baf75b24e446d21b0be322906c34c08124d0523d29afe5cac96745deace02"},
		{"the vector of Standard Webhooks", yoco{}, []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
			`{"test": 2432232314}`, "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{"two secrets at once", yoco{}, []string{"whsec_eW9jby1maXh0dXJlLXNpZ25pbmctc2VjcmV0LTAwMDE=", "whsec_eW9jby1maXh0dXJlLXNpZ25pbmctc2VjcmV0LTAwMDI="},
			"msg_2ZrYkq0fixture0000000002", 1741183207,
			`{"id":"evt_9HsLr3VbXq6TkYw1ZcNf5GpM","type":"refund.failed","createdDate":"2025-03-05T14:00:07.001200Z","payload":{"id":"rfd_Qe7ZnB4mKs1YxT8cVw5LdJ2h","type":"refund","createdDate":"2025-03-05T14:00:02.450000Z","amount":15900,"currency":"ZAR","paymentId":"p_Lw3nGv7RtY1cQe5ZkA9uDhBx","status":"failed","mode":"live","failureReason":"insufficient_balance","metadata":{"checkoutId":"ch_V6mJx2KpTq9fSd4WnC8yRbEg"}}}`,
			"webhook-signature", "v1,y/i+0jzd2A1giG7X19CU/YqcFdgQsFb1a7wzQxC8zmo= v1,cWFqzEmG5QS8dPA/Z3kh6GcrsNl0acvnn5hRtMZyDtU="},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := c.actor.sign(&Connection{}, c.secrets, &Delivery{Body: c.body, message: c.message}, time.Unix(c.at, 0))
			if diff := cmp.Diff(c.want, h.Get(c.header)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The documents give no vector for requests to Devengo's API; these follow its rule.
func TestDevengoRequestSignature(t *testing.T) {
	const nonce, stamp, id = "00112233445566778899aabbccddeeff", "1767225600", "tst_apk_0000000000000000000001"
	for body, want := range map[string]string{
		"":                                    "jc18TcAi5HT3MRpMejVEiwuVb3ecHmbunCl+gOUppZI=",
		`{"url":"https://example.test/hook"}`: "P7fpmOvM+vQUNtYpT8HHXkXP93f8CavIVcPp5tp7vvQ=",
	} {
		if got := devengoSignature("api-secret", []byte(body), nonce, stamp, id); got != want {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
	}
}

// A rotation goes from the first secret to the second one by a time in which both hold; nothing is ever signed by neither.
func TestRotation(t *testing.T) {
	p := mustPlan(t, Options{Seed: 1, Providers: []string{Devengo}, Stories: 20, Chaos: Chaos{Rotate: true}})
	c := p.Connections[0]
	begins, ends := p.Rotation()
	clock := p.Epoch
	d := p.Deliveries[0]
	signed := func(at time.Duration) string { return p.Header(d, at, clock).Get("X-Devengo-Webhooks-Sig") }
	by := func(secrets ...string) string {
		return devengo{}.sign(c, secrets, d, clock).Get("X-Devengo-Webhooks-Sig")
	}
	for at, want := range map[time.Duration]string{
		begins - 1: by(c.Secrets[0]), begins: by(c.Secrets...), ends - 1: by(c.Secrets...), ends: by(c.Secrets[1]),
	} {
		if got := signed(at); got != want {
			t.Errorf("at %v: %s, want %s", at, got, want)
		}
	}
}

// Whatever a forger does, no header of his is one that the provider would have sent for the lie.
func TestForgeriesAreBad(t *testing.T) {
	p := mustPlan(t, Options{Seed: 4, Stories: 400, Chaos: Chaos{Forge: 0.5, Stale: 0.5, Rotate: true}})
	ways := map[string]int{}
	for _, d := range p.Deliveries {
		if d.Genuine() {
			continue
		}
		c := p.Connection(d.Connection)
		clock := p.Epoch.Add(d.At)
		ways[string(d.Fault)]++
		good := []http.Header{c.actor.sign(c, c.Secrets, d, clock)}
		for _, s := range c.Secrets {
			good = append(good, c.actor.sign(c, []string{s}, d, clock))
		}
		for _, h := range good {
			if d.Fault == Forged && d.trick == otherBody && d.signed == d.Body {
				t.Errorf("%s: a forgery that lies about nothing", d.Type)
			}
			if cmp.Equal(h, p.Header(d, d.At, clock)) {
				t.Errorf("%s delivery %d of %s is good", d.Fault, d.Number, d.Connection)
			}
		}
	}
	if ways["forged"] == 0 || ways["stale"] == 0 {
		t.Errorf("nothing to look at: %v", ways)
	}
}
