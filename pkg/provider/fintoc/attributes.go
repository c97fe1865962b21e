package fintoc

import (
	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// attributes writes the facts of an object of the given kind. A group is written where the object carries any of its
// members, null included; groups of which it has none are left alone, since nested objects can be abridged.
func (r *resource) attributes(kind string, a *lifecycle.Attributes) {
	a.Object = redacted(r.raw)
	if r.createdAt.Exists() {
		a.Origin = &lifecycle.Origin{Created: provider.Time(r.createdAt)}
	}
	switch kind {
	case kindPaymentIntent:
		r.money(a, lifecycle.In, r.amount)
		a.Reference = reference(r.referenceID)
		a.Counterparty = counterparty(r.senderAccount, r.customer)
		a.Failure = failure(r.errorReason)
		a.Relation = parent(r.subscription)
	case kindCheckoutSession:
		r.money(a, lifecycle.In, r.amount)
		a.Counterparty = counterparty(r.customer)
	case kindRefund:
		r.money(a, lifecycle.Out, r.amount)
		a.Relation = parent(r.resourceID)
		a.Counterparty = counterparty(r.recipientAccount)
		a.Failure = failure(r.failureCode)
	case kindTransfer:
		r.money(a, direction(r.direction), r.amount)
		a.Reference = reference(r.referenceID, r.comment)
		a.Counterparty = counterparty(r.counterparty)
		a.Failure = failure(r.returnReason)
		if account := provider.Text(r.accountNumber.Get("account_id")); account != "" {
			a.Relation = &lifecycle.Relation{AccountID: account}
		}
	case kindPayout:
		r.money(a, lifecycle.Out, r.amount)
		a.Counterparty = counterparty(r.recipientAccount)
		a.Failure = failure(r.failureCode)
	case kindCharge:
		r.money(a, lifecycle.In, r.amount)
		a.Relation = parent(r.subscriptionID, r.subscription)
		a.Failure = failure(r.failureCode)
	case kindInvoice:
		// Which of the two names the amount has is not documented.
		r.money(a, lifecycle.In, r.amount, r.total)
		a.Relation = parent(r.subscription, r.subscriptionID)
		a.Counterparty = counterparty(r.customer)
	case kindDispute:
		a.Relation = parent(r.paymentIntent, r.resourceID)
	case kindAccount:
		r.account(a)
	case kindAccountNumber:
		a.Profile = &lifecycle.Profile{Name: provider.Text(r.description), Identifier: provider.Text(r.number)}
		a.Relation = &lifecycle.Relation{AccountID: provider.Text(r.accountID)}
	case kindAccountVerification:
		a.Relation = parent(r.transferID)
		a.Failure = failure(r.reason)
		if r.counterparty.Exists() {
			a.Subject = &lifecycle.Subject{Text: provider.Text(r.counterparty.Get("account_number"))}
		}
	}
}

// account writes what an account of either shape is called and holds. A balance that is null is one that this event does
// not tell, not an empty one.
func (r *resource) account(a *lifecycle.Attributes) {
	p := &lifecycle.Profile{Currency: provider.Currency(r.currency)}
	a.Profile = p
	if r.isBusiness() {
		p.Name, p.Identifier = firstText(r.description, r.entity.Get("holder_name")), provider.Text(r.rootNumber)
		if available := provider.Minor(r.availableBalance); available != nil {
			a.Balance = &lifecycle.Balance{Available: available}
		}
		return
	}
	p.Name, p.Identifier = firstText(r.name, r.officialName), provider.Text(r.number)
	if r.balance.IsObject() {
		a.Balance = &lifecycle.Balance{
			Available: provider.Minor(r.balance.Get("available")),
			Total:     provider.Minor(r.balance.Get("current")),
		}
	}
}

// money writes the amount: integers in the currency's smallest unit, as Fintoc documents them.
func (r *resource) money(a *lifecycle.Attributes, way lifecycle.Direction, amounts ...gjson.Result) {
	for _, amount := range amounts {
		if amount.Exists() {
			a.Money = &lifecycle.Money{Direction: way, Amount: provider.Minor(amount), Currency: provider.Currency(r.currency)}
			return
		}
	}
}

func direction(r gjson.Result) lifecycle.Direction {
	switch r.Str {
	case "inbound":
		return lifecycle.In
	case "outbound":
		return lifecycle.Out
	}
	return ""
}

// failure is Fintoc's one word for what went wrong: it has codes, and no sentences. Nil where the object does not have the
// member.
func failure(code gjson.Result) *lifecycle.Failure {
	if !code.Exists() {
		return nil
	}
	return &lifecycle.Failure{Code: provider.Text(code)}
}

// reference is the first of the members that is not empty; nil where the object has none of them.
func reference(members ...gjson.Result) *lifecycle.Reference {
	if !exists(members) {
		return nil
	}
	return &lifecycle.Reference{Text: firstText(members...)}
}

// parent is the entity that this one came from; nil where none is named, since another event may name it.
func parent(members ...gjson.Result) *lifecycle.Relation {
	for _, m := range members {
		if id := idOf(m); id != "" {
			return &lifecycle.Relation{ParentID: id}
		}
	}
	return nil
}

// counterparty is the name of the first holder that has one. A holder that is null or has no name is one whose name Fintoc
// does not give; nil where the object has none of the members.
func counterparty(holders ...gjson.Result) *lifecycle.Counterparty {
	if !exists(holders) {
		return nil
	}
	for _, h := range holders {
		if !h.IsObject() {
			continue // null, or an id alone
		}
		if name := firstText(h.Get("holder_name"), h.Get("name")); name != "" {
			return &lifecycle.Counterparty{Name: name}
		}
	}
	return &lifecycle.Counterparty{}
}

func exists(members []gjson.Result) bool {
	for _, m := range members {
		if m.Exists() {
			return true
		}
	}
	return false
}
