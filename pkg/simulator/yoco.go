package simulator

// Yoco, as developer.yoco.com describes it in its older and newer copies, and what Yoco's own shop plugin does.
//
// Imitated: Standard Webhooks signatures (webhook-id, webhook-timestamp, webhook-signature) with a new timestamp for each attempt
// and all signatures of a rotation in one header, the documented retry schedule, the four event types, a payload clock that is two
// hours ahead of the event's, payments and refunds with the checkout they belong to, a customer who tries again on the same
// checkout with a new payment, and refunds that were only part of the payment.
//
// Inferred, as the documents do not say it: payment.failed carries a failureReason, and a checkout whose payment failed is open
// again (status started).
//
// Not imitated: test mode (it has no refunds), wallets and transfers as payment methods, the versioned API's own webhooks.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

type yoco struct{}

func yocoKinds() (checkout, payment, refund *kind) {
	return &kind{"checkout", "payment", []state{
			{"created", "pending", "started"},
			{"started", "pending", "processing"},
			{"processing", "processing", "started completed"},
			{"completed", "succeeded", ""},
		}}, &kind{"payment", "payment", []state{
			{"pending", "pending", "succeeded*5 failed"},
			{"succeeded", "succeeded", ""},
			{"failed", "failed", ""},
		}}, &kind{"refund", "payment", []state{
			{"pending", "pending", "succeeded*4 failed"},
			{"succeeded", "succeeded", ""},
			{"failed", "failed", ""},
		}}
}

func (yoco) connection(r *rand.Rand) *Connection {
	secret := func() string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(word(r, alnum, 32))) }
	return &Connection{
		Secrets: []string{secret(), secret()}, APISecret: "sk_live_" + word(r, alnum, 24), Token: "tok_" + word(r, alnum, 40),
		AccountID: "mer_" + word(r, alnum, 16),
	}
}

// sign makes one v1 signature a secret: base64 of HMAC-SHA256 over "id.timestamp.body", the key being the base64 behind whsec_.
func (yoco) sign(_ *Connection, secrets []string, d *Delivery, at time.Time) http.Header {
	var signatures []string
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			panic("simulator: a secret of our own is not base64: " + err.Error())
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.%s", d.message, at.Unix(), d.Body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set("webhook-id", d.message)
	h.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
	h.Set("webhook-signature", strings.Join(signatures, " "))
	return h
}

func (yoco) retries() []time.Duration {
	return []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour}
}

func (yoco) tolerance() time.Duration { return 5 * time.Minute } // the documents say up to 3 minutes, the plugin allows 5

func (yoco) forge(body string) string {
	return strings.NewReplacer(`"status":"failed"`, `"status":"succeeded"`, `"status":"succeeded"`, `"status":"failed"`, `"amount":`, `"amount":9`,
		`"id":"evt_`, `"id":"evt_forged`).Replace(body)
}

// story is a checkout that a customer pays or tries to pay, at times more than once, and that is at times refunded.
func (p yoco) story(w *writer) {
	checkoutKind, paymentKind, refundKind := yocoKinds()
	checkout := w.entity(checkoutKind, "ch_"+word(w.r, alnum, 24))
	amount := w.amount()
	checkout.money("in", amount, "ZAR")
	checkout.unlisted = true
	base := object{
		"id": checkout.ID, "amount": amount, "currency": "ZAR", "redirectUrl": "https://c.yoco.com/checkout/" + checkout.ID, "paymentId": nil,
		"successUrl": nil, "cancelUrl": nil, "failureUrl": nil, "metadata": object{"orderId": "order-" + word(w.r, digits, 5)},
		"merchantId": w.connection.AccountID, "totalDiscount": nil, "totalTaxAmount": nil, "subtotalAmount": nil, "lineItems": nil,
		"externalId": nil, "clientReferenceId": nil, "processingMode": w.connection.Mode,
	}
	open := []string{"created", "started", "processing"}
	times := w.times(checkoutKind, open)
	for i, word := range open {
		checkout.change(times[i], word, base.with(object{"status": word}))
	}
	at := times[2]
	var paid *Entity
	for try := range 3 {
		history := paymentKind.walk(w.r)
		payment := w.entity(paymentKind, "p_"+word(w.r, alnum, 24))
		payment.money("in", amount, "ZAR")
		payment.change(at, "pending", p.versioned(payment, "pending", at, checkout.ID, ""))
		end := w.later(at)
		p.end(w, payment, end, history[1], checkout, nil)
		if history[1] == "succeeded" {
			paid = payment
			checkout.change(end, "completed", base.with(object{"status": "completed", "paymentId": payment.ID}))
			at = end
			break
		}
		checkout.change(end, "started", base.with(object{"status": "started"}))
		if at = w.later(end); try == 2 || chance(w.r, 0.5) || !at.Before(w.options.Epoch.Add(w.options.Span)) {
			break
		}
		checkout.change(at, "processing", base.with(object{"status": "processing"}))
	}
	// A payment that is still processing would be the last thing of the story; it is not, each ends.
	if paid == nil || !chance(w.r, 0.4) {
		return
	}
	rest := amount
	for range 1 + w.r.IntN(2) {
		part := max(1, rest/2)
		if chance(w.r, 0.5) {
			part = rest
		}
		refund := w.entity(refundKind, "rfd_"+word(w.r, alnum, 24))
		refund.money("out", part, "ZAR")
		at = w.later(at)
		refund.change(at, "pending", p.versioned(refund, "pending", at, checkout.ID, paid.ID))
		status := refundKind.walk(w.r)[1]
		p.end(w, refund, w.later(at), status, checkout, paid)
		if status == "succeeded" {
			rest -= part
		}
		if rest <= 0 {
			break
		}
	}
}

// end brings a payment or refund to its end, which is an event.
func (p yoco) end(w *writer, e *Entity, at time.Time, status string, checkout, paid *Entity) {
	parent := ""
	payload := object{
		"id": e.ID, "type": e.Kind, "createdDate": ahead(at), "amount": *e.Amount, "currency": "ZAR", "status": status, "mode": w.connection.Mode,
		"metadata": object{"checkoutId": checkout.ID},
	}
	if paid == nil {
		payload["paymentMethodDetails"] = object{"type": "card", "card": object{
			"expiryMonth": 1 + w.r.IntN(12), "expiryYear": 28 + w.r.IntN(4), "maskedCard": "************" + word(w.r, digits, 4), "scheme": "visa",
		}}
	} else {
		parent = paid.ID
		payload["paymentId"] = parent
	}
	if status == "failed" {
		payload["failureReason"] = "insufficient_balance"
	}
	// The versioned API has words of its own.
	other := map[string]string{"succeeded": "approved", "failed": "failed"}[status]
	e.change(at, status, p.versioned(e, other, at, checkout.ID, parent), other)
	if e.Kind == "refund" && status == "failed" {
		e.words = append(e.words, "rejected")
	}
	var carried []*Entity
	if paid == nil {
		carried = []*Entity{checkout}
	}
	id := "evt_" + word(w.r, alnum, 24)
	w.event(happening{
		at: at, id: id, typ: e.Kind + "." + status, fact: id, about: e, with: carried,
		body: object{"id": id, "type": e.Kind + "." + status, "createdDate": at.UTC().Format("2006-01-02T15:04:05.000000Z"), "payload": payload}.text(),
	})
}

// ahead is a time as payloads carry it: South African, but with a Z.
func ahead(t time.Time) string {
	return t.UTC().Add(2*time.Hour - 1234*time.Millisecond).Format("2006-01-02T15:04:05.000000Z")
}

// versioned is a payment or refund as the versioned API shows it.
func (yoco) versioned(e *Entity, status string, at time.Time, checkout, payment string) object {
	created := at
	if len(e.Changes) > 0 {
		created = e.Created()
	}
	o := object{
		"id": e.ID, "status": status, "created_at": seconds(created), "updated_at": seconds(at), "checkout_id": checkout,
		"total_amount": object{"amount": *e.Amount, "currency": "ZAR"},
	}
	if e.Kind == "refund" {
		o["payment_id"], o["refund_type"] = payment, "partial"
	}
	return o
}
