package yoco

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// envelope is the body of a delivery.
type envelope struct {
	id, word string
	time     time.Time
	payload  object
}

// object is a payment or refund as webhooks carry it.
type object struct {
	raw                           []byte // as it stands in the body
	id, kind, status              string
	currency, paymentID, checkout string
	failure                       string
	mode                          lifecycle.Mode
	amount                        *int64
}

// parse walks the body once. Unknown fields are passed over.
func parse(r gjson.Result) envelope {
	var e envelope
	r.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "id":
			e.id = v.Str
		case "type":
			e.word = v.Str
		case "createdDate":
			e.time = provider.Time(v)
		case "payload":
			if v.IsObject() {
				e.payload = parseObject(v)
			}
		}
		return true
	})
	// An object that does not say what it is, is what the event is about.
	if e.payload.kind == "" {
		e.payload.kind, _, _ = strings.Cut(e.word, ".")
	}
	return e
}

func parseObject(r gjson.Result) object {
	o := object{raw: provider.View(r)}
	r.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "id":
			o.id = v.Str
		case "type":
			o.kind = v.Str
		case "status":
			o.status = v.Str
		case "mode":
			o.mode = modeOf(v.Str)
		case "amount":
			o.amount = provider.Minor(v)
		case "currency":
			o.currency = provider.Currency(v)
		case "paymentId":
			o.paymentID = v.Str
		case "failureReason":
			o.failure = v.Str
		case "metadata":
			o.checkout = v.Get("checkoutId").Str
		}
		return true
	})
	return o
}

// modeOf is the mode that the object names; empty for a word that is not documented, so that the connection's counts.
func modeOf(word string) lifecycle.Mode {
	switch m := lifecycle.Mode(word); m {
	case lifecycle.ModeLive, lifecycle.ModeTest:
		return m
	default:
		return ""
	}
}

// known says whether the object is an entity that can be named.
func (o *object) known() error {
	switch {
	case len(o.raw) == 0:
		return provider.Park(provider.ParkedShape, "the event has no payload object")
	case o.kind != KindPayment && o.kind != KindRefund:
		return provider.Park(provider.ParkedType, "the payload is neither a payment nor a refund")
	case o.id == "" || !event.Printable(o.kind+"/"+o.id):
		return provider.Park(provider.ParkedShape, "the payload has no id that can name it")
	default:
		return nil
	}
}

// lookupWord is the type of Hookfold's own events; Yoco's must not pass for one.
const lookupWord = "lookup"

// Describe reads what the envelope needs.
func (*Provider) Describe(d *provider.Delivery) provider.Description {
	r, err := provider.ViewBody(d.Body)
	if err != nil {
		return provider.Description{} // not a body of Yoco's: recorded by its hash, parked by Decode
	}
	e := parse(r)
	out := provider.Description{Time: e.time}
	if event.Printable(e.id) {
		out.ID = e.id
	}
	if event.Printable(e.word) && e.word != lookupWord {
		out.Type = e.word
	}
	if e.payload.known() == nil {
		out.Kind, out.Entity = e.payload.kind, e.payload.id
	}
	return out.Clone()
}

// Decode turns a delivery into an observation of its payment or refund, and one of the entity that this speaks for: a
// payment's checkout, a refund's payment.
func (*Provider) Decode(e *event.Event) ([]lifecycle.Observation, error) {
	if e.IsLookup() {
		return decodeLookup(e)
	}
	r, err := provider.ViewBody(e.Body)
	if err != nil {
		return nil, err
	}
	env := parse(r)
	p := &env.payload
	if err := p.known(); err != nil {
		return nil, err
	}
	if p.status == "" {
		p.status = statusOf(env.word)
	}
	o := provider.Observe(e, p.kind, p.id)
	o.Status, o.Mode = p.status, p.mode
	o.Attributes = p.attributes()
	out := append(make([]lifecycle.Observation, 0, 2), o)
	if p.kind == KindPayment {
		out = appendCheckout(out, p)
	} else {
		out = appendRefunded(out, p)
	}
	return out, nil
}

// statusOf is the status that a documented event type implies, for an object that does not say its own.
func statusOf(word string) string {
	switch word {
	case "payment.succeeded", "refund.succeeded":
		return "succeeded"
	case "payment.failed", "refund.failed":
		return "failed"
	default:
		return ""
	}
}

// attributes are those of a payment or refund. The payload's createdDate is left to the object, see the package comment.
func (o *object) attributes() lifecycle.Attributes {
	a := lifecycle.Attributes{
		Money:    &lifecycle.Money{Direction: lifecycle.In, Amount: o.amount, Currency: o.currency},
		Relation: &lifecycle.Relation{ParentID: o.checkout},
		// Written also where there is none: a payment that succeeded after it failed has no failure.
		Failure: &lifecycle.Failure{Reason: o.failure},
		Object:  o.raw,
	}
	if o.kind == KindRefund {
		a.Money.Direction = lifecycle.Out
		a.Relation.ParentID = o.paymentID
	}
	return a
}

// appendCheckout adds what a payment says of its checkout (inferred, see the package comment). A failed payment claims
// nothing that is final: the customer may try again.
func appendCheckout(out []lifecycle.Observation, p *object) []lifecycle.Observation {
	if p.checkout == "" || !event.Printable(KindCheckout+"/"+p.checkout) {
		return out
	}
	o := also(&out[0], KindCheckout, p.checkout)
	switch p.status {
	case "succeeded":
		o.Status = "completed"
	case "failed":
		o.Status = "started"
	}
	o.Attributes.Money = &lifecycle.Money{Direction: lifecycle.In, Amount: p.amount, Currency: p.currency}
	return append(out, o)
}

// appendRefunded adds that the refunded payment exists, which may never have been heard of. A refund does not change the
// status of its payment, so none is claimed.
func appendRefunded(out []lifecycle.Observation, p *object) []lifecycle.Observation {
	if p.paymentID == "" || !event.Printable(KindPayment+"/"+p.paymentID) {
		return out
	}
	o := also(&out[0], KindPayment, p.paymentID)
	if p.checkout != "" {
		o.Attributes.Relation = &lifecycle.Relation{ParentID: p.checkout}
	}
	return append(out, o)
}

// also begins an observation of another entity by the same event; it spares hashing the body once more.
func also(first *lifecycle.Observation, kind, id string) lifecycle.Observation {
	o := *first
	o.Entity.Kind, o.Entity.ID = kind, id
	o.Status, o.Attributes = "", lifecycle.Attributes{}
	return o
}
