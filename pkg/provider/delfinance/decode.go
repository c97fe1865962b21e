package delfinance

import (
	"strings"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Decode turns an event into an observation of the entity that the body is. A charge that was paid by Pix speaks of two: the
// charge, and the received Pix that paid it.
func (Provider) Decode(e *event.Event) ([]lifecycle.Observation, error) {
	if e.IsLookup() {
		return decodeLookup(e)
	}
	r, err := provider.ViewBody(e.Body)
	if err != nil {
		return nil, err
	}
	b := read(r)
	p := b.inner()
	word := e.Word()
	kind, id := identify(word, &b, &p)
	switch {
	case kind == "":
		return nil, provider.Park(provider.ParkedType, "no event type that is known, in the URL or in the body: "+
			"at Delfinance, register each event type with a URL of its own, https://HOST/webhooks/%s/EVENT_TYPE (…/webhooks/%s/PIX_RECEIVED)",
			e.Connection, e.Connection)
	case id == "":
		return nil, provider.Park(provider.ParkedShape, "the body lacks the id of its %s (%s), or holds it in a form that is none", kind, idField(kind))
	}
	o := provider.Observe(e, kind, id)
	o.Unsigned = true
	o.Status = statusOf(kind, word, &b, &p)
	switch known := isKnown(says(word, &b)); {
	case o.Status != "":
	case !known:
		return nil, provider.Park(provider.ParkedType, "an event type that is not known, and the body lacks the status of its %s", kind)
	case kind != kindTED: // the form of a TED's event is not documented, so that its status may stand elsewhere
		return nil, provider.Park(provider.ParkedShape, "the body lacks the status of its %s", kind)
	}
	o.Attributes = attributes(kind, id, says(word, &b), &b, &p)
	if kind == kindCharge || kind == kindAccount {
		o.Attributes.Origin = nil // its createdAt is the payment's, or that of the webhook's registration
	}
	out := []lifecycle.Observation{o}
	if receipt, ok := paidBy(e, &o, &b, &p); ok {
		out = append(out, receipt)
	}
	return out, nil
}

// paidBy is the received Pix that paid a charge, where it was a Pix. The same Pix is also announced as PIX_RECEIVED, under
// the same id, so that both events meet in one entity.
func paidBy(e *event.Event, charge *lifecycle.Observation, b, p *fields) (lifecycle.Observation, bool) {
	if charge.Entity.Kind != kindCharge || !strings.HasPrefix(says(e.Word(), b), "CHARGE_PAID") ||
		b.source != "SPI" || printable(kindReceipt, p.endToEnd) == "" {
		return lifecycle.Observation{}, false
	}
	o := provider.Observe(e, kindReceipt, p.endToEnd)
	o.Unsigned = true
	o.Status = first(p.status, wordPixEffective) // the event is sent once the money is credited
	o.Attributes = attributes(kindReceipt, p.endToEnd, "", p, &fields{correlation: b.correlation, amount: b.amount, created: b.created})
	return o, true
}

// idField names the member that holds a kind's id.
func idField(kind string) string {
	switch kind {
	case kindCharge:
		return "correlationId"
	case kindReceipt, kindPayment, kindRefund:
		return "endToEndId"
	case kindAccount:
		return "bankAccount"
	case kindCustomer:
		return "document"
	default:
		return "id"
	}
}

// statusOf is the provider's word for where an entity stands: the object's own wherever it has one, else what the type of
// the event is documented to mean. Empty where neither says.
func statusOf(kind, word string, b, p *fields) string {
	word = says(word, b)
	status := b.status
	if kind != kindCharge { // the proof of a charge is the Pix that paid it
		status = first(status, p.status)
	}
	switch {
	case status != "":
		return status
	case kind == kindCharge && strings.HasPrefix(word, "CHARGE_PAID"):
		return wordPaid
	case kind == kindTransfer && isKnown(word):
		return wordEffective // sent once concluded
	case kind == kindCustomer && word == typeCustomerApproved:
		return wordApproved
	case kind == kindCustomer && word == typeCustomerRejected:
		return wordDocuments
	case kind != kindReceipt && kind != kindPayment && kind != kindRefund:
		return ""
	case word == "PIX_RECEIVED", word == "PIX_REFUNDED", strings.HasSuffix(word, "_EFFECTIVE"):
		return wordPixEffective // both are sent once the money is credited
	case strings.HasSuffix(word, "_ERROR"):
		return wordPixError
	default:
		return ""
	}
}
