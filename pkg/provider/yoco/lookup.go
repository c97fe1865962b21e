package yoco

import (
	"cmp"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// decodeLookup decodes the answer to a look-up of the event's subject. Four shapes are known: a checkout and a payment's
// list of refunds as Yoco's own shop plugin reads them, and a payment and a refund of the versioned API. A 404 or 410 says only
// that it was asked.
func decodeLookup(e *event.Event) ([]lifecycle.Observation, error) {
	if e.Kind != KindPayment && e.Kind != KindRefund && e.Kind != KindCheckout {
		return nil, provider.Park(provider.ParkedType, "the look-up is of no kind of Yoco's")
	}
	o := provider.Observe(e, e.Kind, e.Entity)
	switch status := e.Headers[event.HeaderStatus]; {
	case status == "404" || status == "410":
		return []lifecycle.Observation{o}, nil
	case !success(status):
		return nil, provider.Park(provider.ParkedShape, "the look-up was answered with HTTP status %q", status)
	}
	r, err := provider.ViewBody(e.Body)
	if err != nil {
		return nil, err
	}
	if list := r.Get("refunds"); list.IsArray() && !r.Get("id").Exists() {
		return refundList(e, o, list)
	}
	id := provider.Text(r.Get("id"))
	switch {
	case id == "":
		return nil, provider.Park(provider.ParkedShape, "the answer has no id")
	case e.Kind == KindCheckout:
		if id != e.Entity {
			return nil, provider.Park(provider.ParkedShape, "the answer is of another checkout than was asked for")
		}
		return checkout(e, o, r)
	default:
		// Whether the versioned API's ids are those of the webhooks is not documented: the answer is of what was asked.
		return versioned(o, r), nil
	}
}

// success says whether an HTTP status is 2xx; an answer that was recorded without one is taken as good.
func success(status string) bool {
	if status == "" {
		return true
	}
	n, err := strconv.Atoi(status)
	return err == nil && n/100 == 2
}

// checkout decodes GET /checkouts/{id}. A completed checkout names the payment that completed it.
func checkout(e *event.Event, o lifecycle.Observation, r gjson.Result) ([]lifecycle.Observation, error) {
	o.Status = r.Get("status").Str
	o.Mode = modeOf(r.Get("processingMode").Str)
	money := lifecycle.Money{Direction: lifecycle.In, Amount: provider.Minor(r.Get("amount")), Currency: provider.Currency(r.Get("currency"))}
	o.Attributes.Money = &money
	o.Attributes.Relation = &lifecycle.Relation{AccountID: provider.Text(r.Get("merchantId"))}
	reference := cmp.Or(provider.Text(r.Get("externalId")), provider.Text(r.Get("clientReferenceId")))
	o.Attributes.Reference = &lifecycle.Reference{Text: reference}
	o.Attributes.Object = provider.View(r)
	out := []lifecycle.Observation{o}
	payment := r.Get("paymentId").Str
	if o.Status != "completed" || payment == "" || !event.Printable(KindPayment+"/"+payment) {
		return out, nil
	}
	p := provider.Observe(e, KindPayment, payment)
	p.Status, p.Mode = "succeeded", o.Mode
	p.Attributes.Money = &money
	p.Attributes.Relation = &lifecycle.Relation{ParentID: o.Entity.ID}
	return append(out, p), nil
}

// onlyCurrency stands in where a list of refunds names no currency: Yoco documents no other.
const onlyCurrency = "ZAR"

// refundList decodes the refunds of a payment. The subject comes first, whether the list names it or not.
func refundList(e *event.Event, subject lifecycle.Observation, list gjson.Result) ([]lifecycle.Observation, error) {
	out := []lifecycle.Observation{subject}
	seen := map[string]bool{}
	list.ForEach(func(_, v gjson.Result) bool {
		id := v.Get("id").Str
		if id == "" || seen[id] || !event.Printable(KindRefund+"/"+id) {
			return true
		}
		seen[id] = true
		o := provider.Observe(e, KindRefund, id)
		o.Status = v.Get("status").Str
		o.Attributes.Money = &lifecycle.Money{
			Direction: lifecycle.Out, Amount: provider.Minor(v.Get("amount")),
			Currency: cmp.Or(provider.Currency(v.Get("currency")), onlyCurrency),
		}
		if reason := v.Get("failureReason"); reason.Exists() {
			o.Attributes.Failure = &lifecycle.Failure{Reason: reason.Str}
		}
		if e.Kind == KindPayment {
			o.Attributes.Relation = &lifecycle.Relation{ParentID: e.Entity}
		}
		o.Attributes.Object = provider.View(v)
		if o.Entity == subject.Entity {
			out[0] = o
		} else {
			out = append(out, o)
		}
		return true
	})
	return out, nil
}

// versioned decodes a payment or refund of the versioned API, whose fields are in snake case and whose clock is right.
func versioned(o lifecycle.Observation, r gjson.Result) []lifecycle.Observation {
	o.Status = r.Get("status").Str
	total := r.Get("total_amount")
	amount, currency := total.Get("amount"), total.Get("currency")
	if !total.IsObject() {
		amount, currency = total, r.Get("currency")
	}
	o.Attributes.Money = &lifecycle.Money{Direction: lifecycle.In, Amount: provider.Minor(amount), Currency: provider.Currency(currency)}
	parent := r.Get("checkout_id").Str
	if o.Entity.Kind == KindRefund {
		o.Attributes.Money.Direction = lifecycle.Out
		parent = r.Get("payment_id").Str
	}
	if parent != "" {
		o.Attributes.Relation = &lifecycle.Relation{ParentID: parent}
	}
	if created := provider.Time(r.Get("created_at")); !created.IsZero() {
		o.Attributes.Origin = &lifecycle.Origin{Created: created}
	}
	if o.Entity.Kind == KindPayment {
		o.Attributes.Reference = &lifecycle.Reference{Text: r.Get("external_id").Str}
	}
	o.Attributes.Object = provider.View(r)
	return []lifecycle.Observation{o}
}
