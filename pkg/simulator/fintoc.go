package simulator

// Fintoc, as docs.fintoc.com describes it for the API version 2026-02-01, and its official SDKs.
//
// Imitated: the signature header Fintoc-Signature (/docs/webhooks-validating), the event envelope, payment intents, checkout
// sessions that carry their payment, refunds, transfers in both directions with returns that fail and with the account number they
// came by, account verifications, payouts, direct debits (subscription intents, subscriptions, charges) and bank links whose
// credentials change and whose accounts are refreshed. The retry schedule is documented: 3 s at first, 17 times; that it doubles
// is inferred from "exponential" and "multiple days".
//
// Statuses without a documented event (created, in_progress, return_pending, …) only show in the API, as at Fintoc.
//
// Made up, since no document says it: that each attempt is signed anew, and the events' delays.
//
// Not imitated: business accounts' own events (there are none), recurring billing's invoices, disputes, setup intents, bank
// movements, link.created (it goes to the widget's address), older API versions.

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

type fintoc struct{}

// fintocKinds are the kinds by name.
func fintocKinds() map[string]*kind {
	kinds := map[string]*kind{}
	for _, k := range []*kind{
		{"payment_intent", "payment", []state{
			{"created", "pending", "in_progress"},
			{"in_progress", "processing", "succeeded*8 failed*2 rejected expired pending*2 requires_action*2"},
			{"requires_action", "pending", "in_progress"},
			{"pending", "processing", ". succeeded*3 failed"},
			{"succeeded", "succeeded", ""}, {"failed", "failed", ""}, {"rejected", "failed", ""}, {"expired", "expired", ""},
		}},
		{"checkout_session", "payment", []state{
			{"created", "pending", "in_progress"},
			{"in_progress", "processing", "expired finished*4"},
			{"expired", "expired", ""}, {"finished", "succeeded", ""}, // the status of its payment stands in, see session
		}},
		{"refund", "payment", []state{
			{"created", "pending", "in_progress"},
			{"in_progress", "processing", ". succeeded*5 failed"},
			{"succeeded", "succeeded", ""}, {"failed", "failed", ""},
		}},
		{"transfer", "payment", []state{
			{"pending", "processing", "succeeded*8 failed rejected returned"},
			{"succeeded", "succeeded", ".*3 returned"},
			{"failed", "failed", ""}, {"rejected", "failed", ""}, {"returned", "returned", ""},
		}},
		{"inbound", "payment", []state{ // a transfer that came in
			{"pending", "processing", "succeeded"},
			{"succeeded", "succeeded", ".*3 return_pending*2"},
			{"return_pending", "processing", "returned succeeded"},
			{"returned", "returned", ""},
		}},
		{"payout", "payment", []state{
			{"in_progress", "processing", ". succeeded*4 canceled"},
			{"succeeded", "succeeded", ""}, {"canceled", "canceled", ""},
		}},
		{"charge", "payment", []state{
			{"pending", "processing", "in_progress"},
			{"in_progress", "processing", "succeeded*4 failed"},
			{"succeeded", "succeeded", ""}, {"failed", "failed", ""},
		}},
		{"subscription_intent", "mandate", []state{
			{"created", "pending", "succeeded*4 failed rejected"},
			{"succeeded", "active", ""}, {"failed", "failed", ""}, {"rejected", "failed", ""},
		}},
		{"subscription", "mandate", []state{
			{"pending", "pending", ". active*5"},
			{"active", "active", ".*3 canceled"},
			{"canceled", "canceled", ""},
		}},
		{"account_verification", "verification", []state{
			{"pending", "pending", "succeeded*4 failed"},
			{"succeeded", "verified", ""}, {"failed", "failed", ""},
		}},
		{"account_number", "account", []state{
			{"enabled", "active", ".*4 deleted"},
			{"deleted", "closed", ""},
		}},
		{"link", "link", []state{
			{"active", "active", "login_required"},
			{"login_required", "login_required", ". active*3"},
		}},
		{"account", "account", []state{{"linked", "active", ""}}}, // bank accounts under a link have no status
	} {
		kinds[k.name] = k
	}
	return kinds
}

func (fintoc) connection(r *rand.Rand) *Connection {
	return &Connection{
		Secrets: []string{"whsec_" + word(r, alnum, 32), "whsec_" + word(r, alnum, 32)}, APISecret: "sk_live_" + word(r, alnum, 32),
	}
}

// sign is HMAC-SHA256 over "t.body", the key being the whole secret with its whsec_.
func (fintoc) sign(_ *Connection, secrets []string, d *Delivery, at time.Time) http.Header {
	value := fmt.Sprintf("t=%d", at.Unix())
	for _, secret := range secrets {
		value += ",v1=" + hexSignature(secret, at, d.Body)
	}
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set("Fintoc-Signature", value)
	return h
}

func (fintoc) retries() []time.Duration {
	var out []time.Duration
	for n := range 17 {
		out = append(out, 3*time.Second<<n)
	}
	return out
}

func (fintoc) tolerance() time.Duration { return 5 * time.Minute }

func (fintoc) forge(body string) string {
	return strings.NewReplacer(`"status":"failed"`, `"status":"succeeded"`, `"status":"succeeded"`, `"status":"failed"`, `"amount":`, `"amount":9`,
		`"id":"evt_`, `"id":"evt_forged`).Replace(body)
}

func (p fintoc) story(w *writer) {
	t := &teller{w, fintocKinds()}
	switch n := w.r.IntN(20); {
	case n < 6:
		t.payment()
	case n < 9:
		t.session()
	case n < 13:
		t.transfer()
	case n < 14:
		t.plain("account_verification", "accv_", object{
			"transfer_id": "tr_" + word(w.r, alnum, 14), "receipt_url": nil, "counterparty": t.counterparty(),
		})
	case n < 15:
		t.plain("payout", "po_", object{"amount": w.amount(), "currency": "CLP", "recipient_account": t.bank()}, "out")
	case n < 16:
		t.plain("charge", "ch_", object{"amount": w.amount(), "currency": "CLP", "business_profile": nil, "metadata": object{}}, "in")
	case n < 18:
		t.subscription()
	default:
		t.link()
	}
}
