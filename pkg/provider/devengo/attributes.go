package devengo

import (
	"cmp"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// fields are those of an object that some view shows, whatever its kind; one that the object lacks does not exist.
type fields struct {
	status, created, reference, failure       gjson.Result
	name, currency, identifiers, balance      gjson.Result // account
	legalName, commercialName, taxID          gjson.Result // account holder
	holderID                                  gjson.Result // account
	accountID, amount, recipient, destination gjson.Result // payments
	// Who is on the other side: thirdParty before release 202606, counterparty since.
	thirdParty, counterparty gjson.Result
}

func readFields(object gjson.Result) fields {
	var f fields
	object.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
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
		return true
	})
	return f
}

// attributes are the groups that the object speaks of: a field that is null writes an empty group, one that is missing none.
func (f *fields) attributes(kind string) lifecycle.Attributes {
	var a lifecycle.Attributes
	if f.created.Exists() {
		a.Origin = &lifecycle.Origin{Created: provider.Time(f.created)}
	}
	if f.reference.Exists() {
		a.Reference = &lifecycle.Reference{Text: provider.Text(f.reference)}
	}
	if f.failure.Exists() {
		a.Failure = failure(f.failure)
	}
	switch kind {
	case kindAccount:
		f.account(&a)
	case kindAccountHolder:
		if f.legalName.Exists() || f.commercialName.Exists() || f.taxID.Exists() {
			name := cmp.Or(provider.Text(f.legalName), provider.Text(f.commercialName))
			a.Profile = &lifecycle.Profile{Name: name, Identifier: provider.Text(f.taxID)}
		}
	case kindIncoming:
		f.payment(&a, lifecycle.In)
	case kindOutgoing:
		f.payment(&a, lifecycle.Out)
	default:
		f.otherSide(&a)
		if party := f.party(); party.Exists() || f.destination.Exists() {
			a.Subject = &lifecycle.Subject{Text: cmp.Or(identifier(party.Get("account.identifiers")), provider.Text(f.destination.Get("iban")))}
		}
	}
	return a
}

func (f *fields) account(a *lifecycle.Attributes) {
	if f.name.Exists() || f.currency.Exists() || f.identifiers.Exists() {
		a.Profile = &lifecycle.Profile{
			Name: provider.Text(f.name), Currency: provider.Currency(f.currency), Identifier: identifier(f.identifiers),
		}
	}
	if f.balance.Exists() {
		a.Balance = &lifecycle.Balance{
			Available: provider.Minor(f.balance.Get("available.cents")), Total: provider.Minor(f.balance.Get("total.cents")),
		}
	}
	if f.holderID.Exists() {
		a.Relation = &lifecycle.Relation{ParentID: provider.Text(f.holderID)}
	}
}

func (f *fields) payment(a *lifecycle.Attributes, direction lifecycle.Direction) {
	if f.amount.Exists() {
		a.Money = &lifecycle.Money{
			Direction: direction, Amount: provider.Minor(f.amount.Get("cents")), Currency: provider.Currency(f.amount.Get("currency")),
		}
	}
	if f.accountID.Exists() {
		a.Relation = &lifecycle.Relation{AccountID: provider.Text(f.accountID)}
	}
	f.otherSide(a)
}

// party is the other side, in the newer shape where both are there.
func (f *fields) party() gjson.Result {
	if f.counterparty.Exists() {
		return f.counterparty
	}
	return f.thirdParty
}

func (f *fields) otherSide(a *lifecycle.Attributes) {
	if party := f.party(); party.Exists() || f.recipient.Exists() {
		a.Counterparty = &lifecycle.Counterparty{Name: cmp.Or(provider.Text(party.Get("name")), provider.Text(f.recipient))}
	}
}

// identifier is the first account number of a list that is given: an IBAN, or a British sort code and account number with
// a space between. Accounts that are not active yet list an IBAN that is null.
func identifier(list gjson.Result) string {
	var out string
	list.ForEach(func(_, entry gjson.Result) bool {
		out = provider.Text(entry.Get("iban"))
		if number := provider.Text(entry.Get("account_number")); out == "" && number != "" {
			out = provider.Text(entry.Get("sort_code")) + " " + number
		}
		return out == ""
	})
	return out
}

// failure is {code: "ERR-0002", type: "closed_account", reason: "AC04"}: our reason is the type, and the network's own
// code in brackets. Null means that nothing failed.
func failure(v gjson.Result) *lifecycle.Failure {
	out := &lifecycle.Failure{Code: provider.Text(v.Get("code")), Reason: provider.Text(v.Get("type"))}
	if reason := provider.Text(v.Get("reason")); reason != "" {
		if out.Reason != "" {
			reason = out.Reason + " (" + reason + ")"
		}
		out.Reason = reason
	}
	return out
}
