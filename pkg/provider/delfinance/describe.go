package delfinance

import (
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Describe reads the type from the path, else from the body where the body has one, and derives a natural key of the fact.
func (Provider) Describe(d *provider.Delivery) provider.Description {
	about := provider.Description{Type: printable(name, canonicalType(d.EventType))}
	r, err := provider.ViewBody(d.Body)
	if err != nil {
		return about // a body that is not JSON is recorded and parked as it is
	}
	b := read(r)
	p := b.inner()
	if about.Type == "" {
		about.Type = printable(name, canonicalType(b.eventType))
	}
	kind, id := identify(about.Type, &b, &p)
	if kind == "" {
		return about.Clone()
	}
	about.Time = eventTime(kind, &b, &p)
	about.ID = printable("", naturalKey(about.Type, kind, d, &b, &p))
	if id != "" {
		about.Kind, about.Entity = kind, id
	}
	return about.Clone()
}

// printable is the text where it can stand in an attribute behind a prefix and a separator, else empty.
func printable(prefix, text string) string {
	if len(prefix)+1+len(text) > event.MaxAttribute || !event.Printable(text) {
		return ""
	}
	return text
}

// canonicalType is an event type in the provider's spelling: upper case, where that makes it one that is known. The word of
// our own look-ups is no type of the provider's: whoever holds the credential must not be able to post an API's answer.
func canonicalType(word string) string {
	if upper := strings.ToUpper(word); isKnown(upper) {
		return upper
	}
	if strings.EqualFold(word, lookupWord) {
		return ""
	}
	return word
}

// lookupWord is the word of event.LookupType.
const lookupWord = "lookup"

// isKnown says whether a word is one of the fourteen documented event types, or one that bodies name besides them.
func isKnown(word string) bool {
	switch word {
	case "CHARGE_PAID", "PIX_RECEIVED", "PIX_PAYMENT_UPDATED", "PIX_REFUNDED", "PIX_REFUND_PAYMENT_UPDATED",
		"TRANSFER_INTERNAL_CREDITED", "TRANSFER_INTERNAL_DEBITED", "TRANSFER_EXTERNAL_CREDITED", "TRANSFER_EXTERNAL_DEBITED",
		"INFRACTION_NOTIFICATION_CREATED", "INFRACTION_NOTIFICATION_UPDATED", "ACCOUNT_STATUS_UPDATED",
		typeCustomerRejected, typeCustomerApproved,
		"CHARGE_PAID_V2", "PIX_PAYMENT_EFFECTIVE", "PIX_PAYMENT_ERROR", "PIX_REFUND_PAYMENT_EFFECTIVE", "PIX_REFUND_PAYMENT_ERROR":
		return true
	}
	return false
}

const (
	typeCustomerRejected = "WHITELABEL_CUSTOMER_DOCUMENTATION_REJECTED"
	typeCustomerApproved = "WHITELABEL_CUSTOMER_APPROVED"
)

// says is the word that speaks for an event: the body's own type where it is known, else the type that was subscribed to.
// The body's is the finer one (PIX_PAYMENT_ERROR under PIX_PAYMENT_UPDATED), but most bodies have none.
func says(word string, b *fields) string {
	if isKnown(b.eventType) {
		return b.eventType
	}
	return word
}

// identify finds the entity that an event speaks of. Both are empty where the type names no kind, the id alone where the
// body does not hold it, or not as an attribute can carry it.
func identify(word string, b, p *fields) (kind, id string) {
	kind = kindOf(b.eventType, b, p)
	if kind == "" {
		kind = kindOf(word, b, p)
	}
	switch kind {
	case kindCharge:
		id = b.correlation
	case kindReceipt:
		id = first(b.endToEnd, p.endToEnd, b.reference) // referenceId repeats the endToEndId
	case kindRefund:
		id = first(b.endToEnd, p.endToEnd)
	case kindPayment:
		// The API finds a payment by either; that one can fail before it has an endToEndId is inferred.
		id = first(b.endToEnd, b.idempotency)
	case kindTransfer, kindTED, kindInfraction:
		id = b.id
	case kindAccount:
		id = b.account
	case kindCustomer:
		id = b.document
	}
	return kind, printable(kind, id)
}

// kindOf is the kind that an event type speaks of, by the beginning of its name, so that a type that is newer than this code
// finds its kind.
func kindOf(word string, b, p *fields) string {
	switch {
	case strings.HasPrefix(word, "CHARGE_"):
		return kindCharge
	case strings.HasPrefix(word, "PIX_RECEIVED"):
		return kindReceipt
	case strings.HasPrefix(word, "PIX_REFUND"):
		return kindRefund
	case strings.HasPrefix(word, "PIX_PAYMENT_"):
		return pixKind(b, p)
	case strings.HasPrefix(word, "TRANSFER_INTERNAL_"):
		return kindTransfer
	case strings.HasPrefix(word, "TRANSFER_EXTERNAL_"):
		return kindTED
	case strings.HasPrefix(word, "INFRACTION_NOTIFICATION_"):
		return kindInfraction
	case strings.HasPrefix(word, "ACCOUNT_"):
		return kindAccount
	case strings.HasPrefix(word, "WHITELABEL_CUSTOMER_"):
		return kindCustomer
	default:
		return ""
	}
}

// pixKind tells the kinds apart that arrive as PIX_PAYMENT_UPDATED: a Pix that we sent, and a refund that we sent and that
// succeeded. A refund has an id that begins with D, a parent, or an operation that says so (inferred, any of them will do).
func pixKind(b, p *fields) string {
	operation := first(b.operation, p.operation)
	switch {
	case strings.HasSuffix(operation, "_REFUND"), b.original != "", strings.HasPrefix(b.endToEnd, "D"):
		return kindRefund
	case operation == "RECEIPT":
		return kindReceipt
	default:
		return kindPayment
	}
}

// eventTime is the provider's time of an event, zero where it gives none. For most it is when the entity was made or
// finished, since nothing else is dated. The second form of a paid charge has no time of payment.
func eventTime(kind string, b, p *fields) time.Time {
	switch {
	case kind == kindCharge && b.eventType != "", kind == kindCustomer:
		return time.Time{}
	default:
		return parseTime(first(b.finished, b.updated, b.created, p.finished, p.created))
	}
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
