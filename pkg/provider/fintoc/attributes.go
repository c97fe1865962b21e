package fintoc

import (
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// attributes writes the facts of an object of the given kind. A group is written where the object carries any of its
// members, null included; groups of which it has none are left alone, since nested objects can be abridged.
func (r *resource) attributes(kind string, a *lifecycle.Attributes) {
	a.Object = redacted(r.raw)
	if r.createdAt.exists() {
		a.Origin = &lifecycle.Origin{Created: provider.Time(r.createdAt.parse())}
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
		if account := r.accountNumber.get("account_id").text(); account != "" {
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
		a.Profile = &lifecycle.Profile{Name: r.description.text(), Identifier: r.number.text()}
		a.Relation = &lifecycle.Relation{AccountID: r.accountID.text()}
	case kindAccountVerification:
		a.Relation = parent(r.transferID)
		a.Failure = failure(r.reason)
		if r.counterparty.exists() {
			a.Subject = &lifecycle.Subject{Text: r.counterparty.get("account_number").text()}
		}
	}
}

// account writes what an account of either shape is called and holds. A balance that is null is one that this event does
// not tell, not an empty one.
func (r *resource) account(a *lifecycle.Attributes) {
	p := &lifecycle.Profile{Currency: provider.Currency(r.currency.parse())}
	a.Profile = p
	if r.isBusiness() {
		p.Name, p.Identifier = firstText(r.description, r.entity.get("holder_name")), r.rootNumber.text()
		if available := provider.Minor(r.availableBalance.parse()); available != nil {
			a.Balance = &lifecycle.Balance{Available: available}
		}
		return
	}
	p.Name, p.Identifier = firstText(r.name, r.officialName), r.number.text()
	if r.balance.isObject() {
		a.Balance = &lifecycle.Balance{
			Available: provider.Minor(r.balance.get("available").parse()),
			Total:     provider.Minor(r.balance.get("current").parse()),
		}
	}
}

// money writes the amount: integers in the currency's smallest unit, as Fintoc documents them.
func (r *resource) money(a *lifecycle.Attributes, way lifecycle.Direction, amounts ...value) {
	for _, amount := range amounts {
		if amount.exists() {
			a.Money = &lifecycle.Money{Direction: way, Amount: provider.Minor(amount.parse()), Currency: provider.Currency(r.currency.parse())}
			return
		}
	}
}

func direction(v value) lifecycle.Direction {
	switch v.str() {
	case "inbound":
		return lifecycle.In
	case "outbound":
		return lifecycle.Out
	}
	return ""
}

// failure is Fintoc's one word for what went wrong: it has codes, and no sentences. Nil where the object does not have the
// member.
func failure(code value) *lifecycle.Failure {
	if !code.exists() {
		return nil
	}
	return &lifecycle.Failure{Code: code.text()}
}

// reference is the first of the members that is not empty; nil where the object has none of them.
func reference(members ...value) *lifecycle.Reference {
	if !exists(members) {
		return nil
	}
	return &lifecycle.Reference{Text: firstText(members...)}
}

// parent is the entity that this one came from; nil where none is named, since another event may name it.
func parent(members ...value) *lifecycle.Relation {
	for _, m := range members {
		if id := idOf(m); id != "" {
			return &lifecycle.Relation{ParentID: id}
		}
	}
	return nil
}

// counterparty is the name of the first holder that has one. A holder that is null or has no name is one whose name Fintoc
// does not give; nil where the object has none of the members.
func counterparty(holders ...value) *lifecycle.Counterparty {
	if !exists(holders) {
		return nil
	}
	for _, h := range holders {
		if !h.isObject() {
			continue // null, or an id alone
		}
		if name := firstText(h.get("holder_name"), h.get("name")); name != "" {
			return &lifecycle.Counterparty{Name: name}
		}
	}
	return &lifecycle.Counterparty{}
}

func exists(members []value) bool {
	for _, m := range members {
		if m.exists() {
			return true
		}
	}
	return false
}
