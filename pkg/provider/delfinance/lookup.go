package delfinance

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// decodeLookup reads the API's answer about the entity that the subject names. A 404, and a list that does not hold the
// entity, claim no status.
//
// Answers are the object itself (payments, transfers, TEDs, charges, customers) or a list (the bank statement, in which
// received Pix and refunds are found; infractions; a customer's accounts).
func decodeLookup(e *event.Event) ([]lifecycle.Observation, error) {
	kind, id := e.Kind, e.Entity
	if !slices.ContainsFunc(Provider{}.Lifecycles(), func(d lifecycle.Definition) bool { return d.Kind == kind }) || id == "" {
		return nil, provider.Park(provider.ParkedType, "the answer to a look-up of a kind that Delfinance does not have")
	}
	o := provider.Observe(e, kind, id)
	switch status := e.Headers[event.HeaderStatus]; {
	case status == "404", status == "410":
		return []lifecycle.Observation{o}, nil
	case status != "" && !(len(status) == 3 && status[0] == '2'):
		return nil, provider.Park(provider.ParkedShape, "the answer to a look-up is neither a success nor a 404")
	}
	items, listed, err := answer(e.Body)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		b := read(item)
		if !speaksOf(kind, id, &b) {
			continue
		}
		o.Status = first(b.status, statementStatus(kind, b.transaction()))
		o.Attributes = attributes(kind, id, "", &b, &fields{})
		if kind == kindAccount && b.available != "" {
			o.Attributes.Object = nil // a balance is not the account
		}
		return []lifecycle.Observation{o}, nil
	}
	if !listed {
		return nil, provider.Park(provider.ParkedShape, "the answer to a look-up speaks of another %s than was asked for", kind)
	}
	return []lifecycle.Observation{o}, nil
}

// answer is a body as objects: itself, or the members of a list.
func answer(body []byte) (items []gjson.Result, listed bool, err error) {
	trimmed := bytes.TrimSpace(body)
	if !bytes.HasPrefix(trimmed, []byte("[")) {
		r, err := provider.ParseBody(body)
		return []gjson.Result{r}, false, err
	}
	const before, after = `{"items":`, `}` // a body has to be an object to be read with the common guards
	r, err := provider.ParseBody(slices.Concat([]byte(before), trimmed, []byte(after)))
	if err != nil {
		return nil, true, err
	}
	list := r.Get("items")
	if list.Raw != string(trimmed) || !list.IsArray() {
		return nil, true, provider.Park(provider.ParkedBody, "the body is not JSON")
	}
	items = slices.DeleteFunc(list.Array(), func(item gjson.Result) bool { return !item.IsObject() })
	return items, true, nil
}

// speaksOf says whether an object is about the entity, by any of the ids that name it. One without an id is taken to be:
// nothing else was asked for.
func speaksOf(kind, id string, b *fields) bool {
	var ids []string
	switch kind {
	case kindCharge:
		ids = []string{b.correlation}
	case kindReceipt, kindPayment, kindRefund:
		if !isEndToEnd(id, 'E') && !isEndToEnd(id, 'D') {
			return true // asked for by the client's key, which the answer need not repeat
		}
		ids = []string{b.endToEnd, b.idempotency}
	case kindTransfer, kindTED:
		ids = []string{b.id, b.idempotency, b.external}
	case kindInfraction:
		ids = []string{b.id}
	case kindAccount:
		ids = []string{b.account, b.number}
	case kindCustomer:
		ids = []string{b.document}
	}
	return slices.Contains(ids, id) || strings.Join(ids, "") == ""
}

// statementStatus is the status of an entry of the bank statement that names none: the statement holds only transactions
// that are effective.
func statementStatus(kind, transaction string) string {
	switch transaction {
	case "CREDIT_PIX", "DEBIT_PIX", "CREDIT_PIX_REFUND", "DEBIT_PIX_REFUND":
		if kind == kindReceipt || kind == kindPayment || kind == kindRefund {
			return wordPixEffective
		}
	case "CREDIT_TRANSFER_INTERNAL", "DEBIT_TRANSFER_INTERNAL", "CREDIT_TRANSFER_EXTERNAL", "DEBIT_TRANSFER_EXTERNAL":
		if kind == kindTransfer || kind == kindTED {
			return wordEffective
		}
	}
	return ""
}
