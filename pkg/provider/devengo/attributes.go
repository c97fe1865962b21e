package devengo

import (
	"cmp"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// fields are those of an object that some view shows, whatever its kind; one that the object lacks does not exist.
type fields struct {
	status, created, reference, failure       provider.Value
	name, currency, identifiers, balance      provider.Value // account
	legalName, commercialName, taxID          provider.Value // account holder
	holderID                                  provider.Value // account
	accountID, amount, recipient, destination provider.Value // payments
	// Who is on the other side: thirdParty before release 202606, counterparty since.
	thirdParty, counterparty provider.Value
}

func readFields(object provider.Value) fields {
	var f fields
	for value := object.First(); value.Exists(); value = value.Next() {
		switch value.Key() {
		case "status":
			f.status = value
		case "created_at":
			f.created = value
		case "company_reference":
			f.reference = value
		case "error":
			f.failure = value
		case "name":
			f.name = value
		case "currency":
			f.currency = value
		case "identifiers":
			f.identifiers = value
		case "balance":
			f.balance = value
		case "legal_name":
			f.legalName = value
		case "commercial_name":
			f.commercialName = value
		case "taxid":
			f.taxID = value
		case "account_holder_id":
			f.holderID = value
		case "account_id":
			f.accountID = value
		case "amount":
			f.amount = value
		case "recipient":
			f.recipient = value
		case "destination":
			f.destination = value
		case "third_party":
			f.thirdParty = value
		case "counterparty":
			f.counterparty = value
		}
	}
	return f
}

// found is an observation and all that its attributes point to, so that it costs one allocation.
type found struct {
	observations [1]lifecycle.Observation
	origin       lifecycle.Origin
	profile      lifecycle.Profile
	balance      lifecycle.Balance
	money        lifecycle.Money
	amount       int64
	relation     lifecycle.Relation
	reference    lifecycle.Reference
	counterparty lifecycle.Counterparty
	failure      lifecycle.Failure
	subject      lifecycle.Subject
}

// attributes fills in the groups that the object speaks of: a field that is null writes an empty group, one that is missing none.
func (f *fields) attributes(kind string, into *found) {
	a := &into.observations[0].Attributes
	if f.created.Exists() {
		into.origin.Created = f.created.Time()
		a.Origin = &into.origin
	}
	if f.reference.Exists() {
		into.reference.Text = f.reference.Text()
		a.Reference = &into.reference
	}
	if f.failure.Exists() {
		into.failure = failure(f.failure)
		a.Failure = &into.failure
	}
	switch kind {
	case kindAccount:
		f.account(into, a)
	case kindAccountHolder:
		if f.legalName.Exists() || f.commercialName.Exists() || f.taxID.Exists() {
			into.profile = lifecycle.Profile{Name: cmp.Or(f.legalName.Text(), f.commercialName.Text()), Identifier: f.taxID.Text()}
			a.Profile = &into.profile
		}
	case kindIncoming:
		f.payment(into, a, lifecycle.In)
	case kindOutgoing:
		f.payment(into, a, lifecycle.Out)
	default:
		f.otherSide(into, a)
		if party := f.party(); party.Exists() || f.destination.Exists() {
			into.subject.Text = cmp.Or(identifier(party.Get("account", "identifiers")), f.destination.Get("iban").Text())
			a.Subject = &into.subject
		}
	}
}

func (f *fields) account(into *found, a *lifecycle.Attributes) {
	if f.name.Exists() || f.currency.Exists() || f.identifiers.Exists() {
		into.profile = lifecycle.Profile{Name: f.name.Text(), Currency: f.currency.Currency(), Identifier: identifier(f.identifiers)}
		a.Profile = &into.profile
	}
	if f.balance.Exists() {
		into.balance = lifecycle.Balance{
			Available: f.balance.Get("available", "cents").Minor(), Total: f.balance.Get("total", "cents").Minor(),
		}
		a.Balance = &into.balance
	}
	if f.holderID.Exists() {
		into.relation.ParentID = f.holderID.Text()
		a.Relation = &into.relation
	}
}

func (f *fields) payment(into *found, a *lifecycle.Attributes, direction lifecycle.Direction) {
	if f.amount.Exists() {
		into.money = lifecycle.Money{Direction: direction, Currency: f.amount.Get("currency").Currency()}
		if n, ok := f.amount.Get("cents").Integer(); ok {
			into.amount = n
			into.money.Amount = &into.amount
		}
		a.Money = &into.money
	}
	if f.accountID.Exists() {
		into.relation.AccountID = f.accountID.Text()
		a.Relation = &into.relation
	}
	f.otherSide(into, a)
}

// party is the other side, in the newer shape where both are there.
func (f *fields) party() provider.Value {
	if f.counterparty.Exists() {
		return f.counterparty
	}
	return f.thirdParty
}

func (f *fields) otherSide(into *found, a *lifecycle.Attributes) {
	if party := f.party(); party.Exists() || f.recipient.Exists() {
		into.counterparty.Name = cmp.Or(party.Get("name").Text(), f.recipient.Text())
		a.Counterparty = &into.counterparty
	}
}

// identifier is the first account number of a list that is given: an IBAN, or a British sort code and account number with
// a space between. Accounts that are not active yet list an IBAN that is null.
func identifier(list provider.Value) string {
	var out string
	for entry := list.First(); entry.Exists(); entry = entry.Next() {
		out = entry.Get("iban").Text()
		if number := entry.Get("account_number").Text(); out == "" && number != "" {
			out = entry.Get("sort_code").Text() + " " + number
		}
		if out != "" {
			break
		}
	}
	return out
}

// failure is {code: "ERR-0002", type: "closed_account", reason: "AC04"}: our reason is the type, and the network's own
// code in brackets. Null means that nothing failed.
func failure(v provider.Value) lifecycle.Failure {
	out := lifecycle.Failure{Code: v.Get("code").Text(), Reason: v.Get("type").Text()}
	if reason := v.Get("reason").Text(); reason != "" {
		if out.Reason != "" {
			reason = out.Reason + " (" + reason + ")"
		}
		out.Reason = reason
	}
	return out
}
