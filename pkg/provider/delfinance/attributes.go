package delfinance

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// currency is the only one that Delfinance moves; no body names it.
const currency = "BRL"

// ispb is DELCRED SCD S.A.'s number in the payment system, by which a TED's own side can be told.
const ispb = "38224857"

// attributes are the facts of an entity beside its status. p is what stands in the proof; word is the event's type, empty
// for the answer to a look-up. Groups that the body says nothing of stay nil: that the parties of a failed refund are null,
// for one, does not mean that it has none.
func attributes(kind, id, word string, b, p *fields) (a lifecycle.Attributes) {
	a.Object = redact(kind, b.raw)
	if at := parseTime(first(b.created, p.created)); !at.IsZero() {
		a.Origin = &lifecycle.Origin{Created: at}
	}
	switch kind {
	case kindInfraction:
		a.Relation = relation("", b.endToEnd)
		return a
	case kindAccount:
		a.Profile = &lifecycle.Profile{Currency: currency, Identifier: id}
		if n := centavos(b.available); n != nil {
			a.Balance = &lifecycle.Balance{Available: n}
		}
		return a
	case kindCustomer:
		a.Subject = &lifecycle.Subject{Text: id}
		a.Relation = relation(b.accountNumber, "")
		return a
	}

	way := direction(kind, id, word, b, p)
	if way != "" {
		a.Money = &lifecycle.Money{Direction: way, Amount: centavos(first(b.amount, p.amount)), Currency: currency}
	}
	var mine, theirs party
	payer := readParty(b.payer, p.payer)
	beneficiary := readParty(b.beneficiary, b.payee, p.beneficiary, p.payee)
	switch way {
	case lifecycle.In:
		mine, theirs = beneficiary, payer
	case lifecycle.Out:
		mine, theirs = payer, beneficiary
	}
	if theirs.name != "" {
		a.Counterparty = &lifecycle.Counterparty{Name: theirs.name}
	}
	a.Relation = relation(first(b.account, mine.number), parent(kind, b, p))
	if text := reference(kind, way, b, p); text != "" {
		a.Reference = &lifecycle.Reference{Text: text}
	}
	switch {
	case b.failure.IsObject():
		a.Failure = &lifecycle.Failure{Code: b.failure.Get("code").String(), Reason: b.failure.Get("description").String()}
	case kind == kindPayment || kind == kindRefund:
		a.Failure = &lifecycle.Failure{} // these name the error wherever there is one
	}
	return a
}

func relation(account, parent string) *lifecycle.Relation {
	if account == "" && parent == "" {
		return nil
	}
	return &lifecycle.Relation{AccountID: account, ParentID: parent}
}

// direction is which way the money goes; empty where that cannot be told.
func direction(kind, id, word string, b, p *fields) lifecycle.Direction {
	operation, transaction := first(b.operation, p.operation), b.transaction()
	switch {
	case kind == kindCharge || kind == kindReceipt || operation == "CREDIT_REFUND":
		return lifecycle.In
	case kind == kindPayment || operation == "DEBIT_REFUND":
		return lifecycle.Out
	case word == "PIX_REFUNDED", strings.HasSuffix(word, "_CREDITED"), strings.HasPrefix(transaction, "CREDIT_"):
		return lifecycle.In
	case strings.HasPrefix(word, "PIX_"), strings.HasSuffix(word, "_DEBITED"), strings.HasPrefix(transaction, "DEBIT_"):
		return lifecycle.Out
	case kind == kindTED:
		payer, beneficiary := readParty(b.payer), readParty(b.beneficiary, b.payee)
		switch paying, receiving := payer.isHere(), beneficiary.isHere(); {
		case paying && !receiving:
			return lifecycle.Out
		case receiving && !paying:
			return lifecycle.In
		}
	case kind == kindTransfer && word == "":
		// The API finds the transfers that were sent. The received side of one has its GUID behind a C.
		if len(id) == 37 && id[0] == 'C' {
			return lifecycle.In
		}
		return lifecycle.Out
	}
	return ""
}

// parent is the id of the entity that this one came from: the Pix of a refund, the charge or QR code of a receipt.
func parent(kind string, b, p *fields) string {
	switch kind {
	case kindReceipt:
		return first(b.correlation, p.correlation) // inferred: of a Pix that came by a QR code or charge
	case kindRefund:
		if id := first(b.original, p.original); id != "" {
			return id
		}
		if isEndToEnd(b.idempotency, 'E') {
			return b.idempotency // a failed refund names its Pix nowhere else
		}
	}
	return ""
}

// reference is the user's own reference.
func reference(kind string, way lifecycle.Direction, b, p *fields) string {
	switch kind {
	case kindCharge:
		return b.yourNumber
	case kindReceipt:
		return first(b.correlation, p.correlation)
	case kindTransfer, kindTED:
		return first(b.external, b.idempotency)
	case kindRefund:
		if way == lifecycle.In || isEndToEnd(b.idempotency, 'E') {
			return "" // the other bank's key, or that of the Pix
		}
	}
	return b.idempotency
}

// party is one side of a movement.
type party struct {
	number, name string
	participant  gjson.Result
}

// isHere says whether the account is at Delfinance.
func (p *party) isHere() bool { return p.participant.Get("ispb").String() == ispb }

// readParty reads the first side that is an object. A charge's payer has its name outside, a Pix's has a holder.
func readParty(sides ...gjson.Result) (out party) {
	for _, side := range sides {
		if !side.IsObject() {
			continue
		}
		side.ForEach(func(key, v gjson.Result) bool {
			switch key.Str {
			case "number", "bankAccount":
				out.number = v.String()
			case "name":
				out.name = v.Str
			case "holder":
				out.name = first(v.Get("name").Str, out.name)
			case "participant":
				out.participant = v
			}
			return true
		})
		return out
	}
	return out
}
