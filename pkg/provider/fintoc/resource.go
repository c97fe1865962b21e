package fintoc

import (
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// envelope is what an event says beside its resource.
type envelope struct {
	id, word, mode string
	created        value
}

// read reads an event and the resource in it in one pass. Events that Fintoc's old dashboard made for tests have createdAt.
func (e *envelope) read(event string, r *resource) {
	walk(event, 0, func(name string, begin int) int {
		if name == "data" && event[begin] == '{' {
			*r = resource{} // the last of several counts, as for every member
			end := walk(event, begin, func(name string, begin int) int { return r.take(event, name, begin) })
			r.raw = event[begin:end]
			return end
		}
		end := valueEnd(event, begin)
		v := value(event[begin:end])
		switch name {
		case "id":
			e.id = v.str()
		case "type":
			e.word = v.str()
		case "mode":
			e.mode = v.str()
		case "created_at", "createdAt":
			e.created = v
		}
		return end
	})
}

// resource is the members of an object that decoding knows, whatever its kind; absent ones are empty.
type resource struct {
	raw string

	id, object, mode, status, createdAt value

	amount, total, currency, direction                             value
	errorReason, failureCode, returnReason, reason                 value
	referenceID, comment                                           value
	resourceID, transferID, accountID, subscription, paymentIntent value
	subscriptionID                                                 value
	counterparty, senderAccount, recipientAccount, customer        value
	paymentResource, accountNumber, accounts, active               value
	name, officialName, description, number, rootNumber            value
	balance, availableBalance, entity, removed                     value
	refreshedObject, refreshedID, publicError                      value
}

// read reads the members of an object in one pass.
func (r *resource) read(object value) {
	r.raw = string(object)
	if object.isObject() {
		walk(r.raw, 0, func(name string, begin int) int { return r.take(r.raw, name, begin) })
	}
}

// take keeps the member whose value begins in raw at the index, if it is known, and returns the index behind it.
func (r *resource) take(raw, name string, begin int) (end int) {
	end = valueEnd(raw, begin)
	if slot := r.slot(name); slot != nil {
		*slot = value(raw[begin:end])
	}
	return end
}

// slot is where the member of the given name goes, nil for one that decoding does not know.
func (r *resource) slot(name string) *value {
	switch name {
	case "id":
		return &r.id
	case "object":
		return &r.object
	case "mode":
		return &r.mode
	case "status":
		return &r.status
	case "created_at":
		return &r.createdAt
	case "amount":
		return &r.amount
	case "total":
		return &r.total
	case "currency":
		return &r.currency
	case "direction":
		return &r.direction
	case "error_reason":
		return &r.errorReason
	case "failure_code":
		return &r.failureCode
	case "return_reason":
		return &r.returnReason
	case "reason":
		return &r.reason
	case "public_error":
		return &r.publicError
	case "reference_id":
		return &r.referenceID
	case "comment":
		return &r.comment
	case "resource_id":
		return &r.resourceID
	case "transfer_id":
		return &r.transferID
	case "account_id":
		return &r.accountID
	case "subscription":
		return &r.subscription
	case "subscription_id":
		return &r.subscriptionID
	case "payment_intent":
		return &r.paymentIntent
	case "counterparty":
		return &r.counterparty
	case "sender_account":
		return &r.senderAccount
	case "recipient_account":
		return &r.recipientAccount
	case "customer":
		return &r.customer
	case "payment_resource":
		return &r.paymentResource
	case "account_number":
		return &r.accountNumber
	case "accounts":
		return &r.accounts
	case "active":
		return &r.active
	case "name":
		return &r.name
	case "official_name":
		return &r.officialName
	case "description":
		return &r.description
	case "number":
		return &r.number
	case "root_account_number":
		return &r.rootNumber
	case "balance":
		return &r.balance
	case "available_balance":
		return &r.availableBalance
	case "entity":
		return &r.entity
	case "removed_from_link":
		return &r.removed
	case "refreshed_object", "refreshedObject":
		return &r.refreshedObject
	case "refreshed_object_id", "refreshedObjectId":
		return &r.refreshedID
	}
	return nil
}

// isRefresh says whether the resource is a refresh intent: documented samples have no id and are known by their object, and
// where that is missing too, by the event's type.
func (r *resource) isRefresh(word string) bool {
	if r.object.str() != "" {
		return r.object.str() == refreshIntent
	}
	return strings.Contains(word, "."+refreshIntent+".")
}

// modeOf is the resource's own mode, or its event's.
func (r *resource) modeOf(event string) lifecycle.Mode {
	word := r.mode.str()
	if word == "" {
		word = event
	}
	switch m := lifecycle.Mode(word); m {
	case lifecycle.ModeLive, lifecycle.ModeTest:
		return m
	}
	return ""
}

// firstText is the first of the values that is not empty.
func firstText(values ...value) string {
	for _, v := range values {
		if text := v.text(); text != "" {
			return text
		}
	}
	return ""
}

// idOf is the id of a value that is an id or an object with one.
func idOf(v value) string {
	if v.isObject() {
		v = v.get("id")
	}
	return v.text()
}
