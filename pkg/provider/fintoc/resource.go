package fintoc

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// envelope is what an event says beside its resource.
type envelope struct {
	id, word, mode string
	created        gjson.Result
	data           gjson.Result
}

// readEnvelope reads the members of an event. Events that Fintoc's old dashboard made for tests have createdAt.
func readEnvelope(root gjson.Result) (v envelope) {
	root.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "id":
			v.id = value.Str
		case "type":
			v.word = value.Str
		case "mode":
			v.mode = value.Str
		case "created_at", "createdAt":
			v.created = value
		case "data":
			v.data = value
		}
		return true
	})
	return v
}

// resource is the members of an object that decoding knows, whatever its kind; absent ones do not exist (gjson).
type resource struct {
	raw string

	id, object, mode, status, createdAt gjson.Result

	amount, total, currency, direction                             gjson.Result
	errorReason, failureCode, returnReason, reason                 gjson.Result
	referenceID, comment                                           gjson.Result
	resourceID, transferID, accountID, subscription, paymentIntent gjson.Result
	subscriptionID                                                 gjson.Result
	counterparty, senderAccount, recipientAccount, customer        gjson.Result
	paymentResource, accountNumber, accounts, active               gjson.Result
	name, officialName, description, number, rootNumber            gjson.Result
	balance, availableBalance, entity, removed                     gjson.Result
	refreshedObject, refreshedID, publicError                      gjson.Result
}

// readResource reads the members of an object in one pass.
func readResource(object gjson.Result) *resource {
	r := &resource{raw: strings.TrimRight(object.Raw, space)}
	object.ForEach(func(key, value gjson.Result) bool {
		if slot := r.slot(key.Str); slot != nil {
			*slot = value
		}
		return true
	})
	return r
}

// slot is where the member of the given name goes, nil for one that decoding does not know.
func (r *resource) slot(name string) *gjson.Result {
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
	if r.object.Str != "" {
		return r.object.Str == refreshIntent
	}
	return strings.Contains(word, "."+refreshIntent+".")
}

// modeOf is the resource's own mode, or its event's.
func (r *resource) modeOf(event string) lifecycle.Mode {
	word := r.mode.Str
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
func firstText(values ...gjson.Result) string {
	for _, v := range values {
		if text := provider.Text(v); text != "" {
			return text
		}
	}
	return ""
}

// idOf is the id of a value that is an id or an object with one.
func idOf(v gjson.Result) string {
	if v.IsObject() {
		return provider.Text(v.Get("id"))
	}
	return provider.Text(v)
}
