package simulator

// Devengo, as docs.devengo.com describes it in the editions of 2023 to mid-2026.
//
// Imitated: the signature header X-Devengo-Webhooks-Sig (/docs/webhooks-security), the event envelope with times of one-second
// resolution (/docs/webhooks-getting-started), accounts, incoming and outgoing payments and verifications with their statuses (the
// life-cycle pages), account.created that already carries the status active, the two shapes of a payment before and since
// release 202606, and Smart Retry as one retrying event.
//
// Made up, since no document says it: the retry schedule ("for days"), and that each attempt is signed anew.
//
// Not imitated: account holders, access and holder verifications, verification of payee, British account numbers.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

type devengo struct{}

func devengoKinds() (account, incoming, outgoing, verification *kind) {
	return &kind{"account", "account", []state{
			{"created", "pending", "active*8 delayed"},
			{"delayed", "pending", "active"},
			{"active", "active", ".*6 deactivated closed"},
			{"deactivated", "blocked", ". closed"},
			{"closed", "closed", ""},
		}}, &kind{"incoming_payment", "payment", []state{
			{"created", "pending", ". confirmed*8 rejected"},
			{"confirmed", "succeeded", ""},
			{"rejected", "failed", ""},
		}}, &kind{"outgoing_payment", "payment", []state{
			{"created", "pending", "validating"},
			{"validating", "pending", "pending*8 blocked*2 denied"},
			{"blocked", "held", ". pending*2 denied*2"},
			{"denied", "failed", ""},
			{"delayed", "pending", "pending"},
			{"pending", "pending", ". processing*8 delayed*2"},
			{"processing", "processing", ". confirmed*8 rejected*2 retrying*2 delayed"},
			{"retrying", "processing", "confirmed*2 rejected"},
			{"confirmed", "succeeded", ".*5 reversed"},
			{"rejected", "failed", ""},
			{"reversed", "returned", ""},
		}}, &kind{"verification", "verification", []state{
			{"created", "pending", "delivered*6 rejected"},
			{"delivered", "pending", ". confirmed*5 failed expired"},
			{"confirmed", "verified", ""},
			{"rejected", "failed", ""},
			{"failed", "failed", ""},
			{"expired", "expired", ""},
		}}
}

func (devengo) connection(r *rand.Rand) *Connection {
	return &Connection{
		Secrets: []string{word(r, hexits, 40), word(r, hexits, 40)},
		KeyID:   "apk_" + word(r, alnum, 22), APISecret: word(r, alnum, 40),
	}
}

// sign puts one v1 element a secret: HMAC-SHA256 over "t.body" with the secret's own bytes, in lower-case hexadecimal.
func (devengo) sign(_ *Connection, secrets []string, d *Delivery, at time.Time) http.Header {
	value := fmt.Sprintf("t=%d", at.Unix())
	for _, secret := range secrets {
		value += ",v1=" + hexSignature(secret, at, d.Body)
	}
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set("X-Devengo-Webhooks-Sig", value)
	return h
}

func hexSignature(secret string, at time.Time, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (devengo) retries() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour}
}

func (devengo) tolerance() time.Duration { return 5 * time.Minute }

func (devengo) forge(body string) string {
	return strings.NewReplacer(`"status":"confirmed"`, `"status":"reversed"`, `"cents":`, `"cents":9`, `"status":"active"`, `"status":"closed"`,
		`"id":"evt_`, `"id":"evt_forged`).Replace(body)
}

func (p devengo) story(w *writer) {
	account, incoming, outgoing, verification := devengoKinds()
	switch n := w.r.IntN(10); {
	case n < 5:
		p.tell(w, outgoing, "pyo_", "payment", p.outgoing(w))
	case n < 7:
		p.tell(w, incoming, "pyi_", "incoming_payment", p.incoming(w))
	case n < 8:
		p.tell(w, verification, "vrf_", "verification", p.verification(w))
	default:
		p.tell(w, account, "acc_", "account", p.account(w))
	}
}

// tell walks an entity through its lifecycle; each status is an event.
func (devengo) tell(w *writer, k *kind, prefix, _ string, base object) {
	history := k.walk(w.r)
	times := w.times(k, history)
	e := w.entity(k, prefix+word(w.r, alnum, 22))
	if cents, ok := base["amount"].(object); ok {
		direction := "out"
		if k.name == "incoming_payment" {
			direction = "in"
		}
		e.money(direction, cents["cents"].(int64), cents["currency"].(string))
	} else if currency, ok := base["currency"].(string); ok {
		e.Currency = currency
	}
	for i, status := range history {
		shown := base.with(object{"id": e.ID, "status": status, "created_at": seconds(times[0])})
		devengoDetails(k, shown, status, times[0], times[i])
		e.change(times[i], status, shown)
		suffix := status
		if k.name == "account" && status == "active" {
			suffix = "activated"
		}
		body := shown
		// The documents' own sample: an account.created whose object is active already.
		if k.name == "account" && status == "created" && i+1 < len(history) && history[1] == "active" && chance(w.r, 0.5) {
			body = shown.with(object{"status": "active"})
			devengoDetails(k, body, "active", times[0], times[i])
		}
		id := "evt_" + word(w.r, alnum, 22)
		w.event(happening{
			at: times[i], id: id, typ: k.name + "." + suffix, fact: id, about: e,
			body: object{"id": id, "api_version": "v1", "type": k.name + "." + suffix, "created_at": seconds(times[i]), "data": object{"object": body}}.text(),
		})
	}
}

// devengoDetails fills in what depends on the status.
func devengoDetails(k *kind, o object, status string, created, at time.Time) {
	switch k.name {
	case "account":
		if status == "created" || status == "delayed" {
			o["bank"], o["identifiers"] = nil, []any{object{"type": "iban", "iban": nil}}
		}
		o["closed_at"] = nil
		if status == "closed" {
			o["closed_at"] = seconds(at)
		}
	case "outgoing_payment":
		o["eta"], o["error"], o["retried"] = seconds(created.Add(10*time.Second)), nil, status == "retrying"
		if status == "rejected" {
			o["error"] = object{"code": "ERR-0002", "type": "closed_account", "reason": "AC04"}
		}
	case "verification":
		o["eta"], o["expired_at"], o["error"] = seconds(created.Add(5*time.Second)), seconds(created.Add(7*24*time.Hour)), nil
		if status == "rejected" {
			o["error"] = object{"code": "ERR-0007", "type": "wrong_account_number", "reason": "AC01"}
		}
	}
}

func devengoMoney(cents int64, currency string) object {
	return object{"cents": cents, "currency": currency}
}

func devengoParty(w *writer) (name string, account object) {
	bank := object{"name": "Banco Ejemplo, S.A.", "bic": "EXBKESM1XXX"}
	iban := object{"type": "iban", "iban": "ES00" + word(w.r, digits, 20)}
	return person(w.r), object{"identifiers": []any{iban}, "bank": bank}
}

func (devengo) account(w *writer) object {
	currency := pick(w.r, "EUR", "EUR", "GBP")
	balance := w.amount()
	_, account := devengoParty(w)
	return object{
		"name": "Account " + word(w.r, alnum, 6), "currency": currency, "bank": account["bank"], "identifiers": account["identifiers"],
		"balance":  object{"total": devengoMoney(balance, currency), "available": devengoMoney(balance, currency)},
		"metadata": object{"tenant": "t-" + word(w.r, digits, 3)},
	}
}

func (devengo) incoming(w *writer) object {
	name, account := devengoParty(w)
	return object{
		"account_id": "acc_" + word(w.r, alnum, 22), "description": "Invoice " + word(w.r, digits, 5), "internal": false, "instant": true,
		"processor": object{"network": "SEPA", "scheme": "SCT-INST"}, "amount": devengoMoney(w.amount(), "EUR"), "company_reference": nil,
		"third_party": object{"name": name, "account": account}, "fee": nil,
	}
}

func (devengo) outgoing(w *writer) object {
	name, account := devengoParty(w)
	o := object{
		"account_id": "acc_" + word(w.r, alnum, 22), "company_reference": "ord-" + word(w.r, digits, 5), "description": "Payout", "instant": true,
		"internal": false, "processor": object{"network": "SEPA", "scheme": "SCT-INST"}, "amount": devengoMoney(w.amount(), "EUR"),
		"links": nil, "fee": nil, "metadata": object{},
	}
	if chance(w.r, 0.5) { // release 202606
		return o.with(object{"counterparty": object{"id": "ctp_" + word(w.r, alnum, 22), "name": name, "account": account, "bank": account["bank"]}})
	}
	return o.with(object{
		"recipient": name, "third_party": object{"name": name, "account": account},
		"destination": object{"iban": account["identifiers"].([]any)[0].(object)["iban"]},
	})
}

func (devengo) verification(w *writer) object {
	name, account := devengoParty(w)
	return object{
		"company_reference": "kyc-" + word(w.r, digits, 4), "attempts": 0, "third_party": object{"name": name, "account": account},
		"fee": nil, "metadata": object{},
	}
}
