package delfinance

import "github.com/hookfold/hookfold/pkg/lifecycle"

// The kinds.
const (
	kindCharge     = "charge"
	kindReceipt    = "pix_receipt" // a Pix received; Delfinance's operationType for it is RECEIPT
	kindPayment    = "pix_payment" // a Pix sent
	kindRefund     = "pix_refund"  // of a Pix, in either direction
	kindTransfer   = "transfer"    // between accounts at Delfinance
	kindTED        = "ted"
	kindInfraction = "infraction"
	kindAccount    = "account"
	kindCustomer   = "customer"
)

// Words that the decoder itself has to claim, since the event carries no status.
const (
	wordEffective    = "EFFECTIVE"
	wordPixEffective = "PIX_EFFECTIVE"
	wordPixError     = "PIX_ERROR"
	wordPaid         = "paid"
	wordApproved     = "APPROVED"
	wordDocuments    = "DOCUMENTATION_REJECTED"
)

// Lifecycles are the definitions of the nine kinds. Delfinance publishes a full set of statuses for infractions only.
// Where more words are out there than are known, they fold to unknown and ask for a look-up.
func (Provider) Lifecycles() []lifecycle.Definition {
	money := func(kind string, states []lifecycle.State) lifecycle.Definition {
		return lifecycle.Definition{Provider: name, Kind: kind, Family: lifecycle.Payment, States: states, WantsSigned: true}
	}
	other := func(kind string, family lifecycle.Family, states []lifecycle.State) lifecycle.Definition {
		return lifecycle.Definition{Provider: name, Kind: kind, Family: family, States: states}
	}
	return []lifecycle.Definition{
		money(kindCharge, chargeStates()),
		money(kindReceipt, pixStates()),
		money(kindPayment, pixStates()),
		money(kindRefund, pixStates()),
		money(kindTransfer, []lifecycle.State{
			{Word: wordEffective, Status: lifecycle.Succeeded, Final: true},
		}),
		money(kindTED, []lifecycle.State{
			// Two words for one thing: DONE is what the API answers, EFFECTIVE what a delivery is inferred to say.
			{Word: "DONE", Status: lifecycle.Succeeded, Final: true, Next: []string{wordEffective}},
			{Word: wordEffective, Status: lifecycle.Succeeded, Final: true, Next: []string{"DONE"}},
		}),
		other(kindInfraction, lifecycle.Dispute, []lifecycle.State{
			// The set is documented as complete; that the last three are final is inferred.
			{Word: "PENDING", Status: lifecycle.Open, Next: []string{"ACCEPTED", "REJECTED", "CANCELED"}},
			{Word: "ACCEPTED", Status: lifecycle.Accepted, Final: true},
			{Word: "REJECTED", Status: lifecycle.Rejected, Final: true},
			{Word: "CANCELED", Status: lifecycle.Canceled, Final: true},
		}),
		other(kindAccount, lifecycle.Account, []lifecycle.State{
			// ACTIVE and BLOCKED are documented as examples. APPROVED is what third parties read from the API as active.
			{Word: "ACTIVE", Status: lifecycle.Active, Next: []string{"BLOCKED"}},
			{Word: "BLOCKED", Status: lifecycle.Blocked, Next: []string{"ACTIVE", wordApproved}},
			{Word: wordApproved, Status: lifecycle.Active, Next: []string{"BLOCKED"}},
		}),
		other(kindCustomer, lifecycle.Verification, []lifecycle.State{
			// Documents can be sent again, so a rejection is not the end (inferred). DOCUMENTATION_DENIED is the API's word
			// for it, as third parties read it.
			{Word: wordDocuments, Status: lifecycle.Failed, Next: []string{"DOCUMENTATION_DENIED", wordApproved}},
			{Word: "DOCUMENTATION_DENIED", Status: lifecycle.Failed, Next: []string{wordDocuments, wordApproved}},
			{Word: wordApproved, Status: lifecycle.Verified, Final: true},
		}),
	}
}

// pixStates are the statuses of a Pix. Of a received Pix only PIX_EFFECTIVE is ever announced. EFFECTIVE is inferred to be
// the bank statement's word, which is where a received Pix and a refund are looked up.
func pixStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "PIX_PROCESSING", Status: lifecycle.Processing, Next: []string{wordPixEffective, wordPixError}},
		{Word: wordPixEffective, Status: lifecycle.Succeeded, Final: true, Next: []string{wordEffective}},
		{Word: wordEffective, Status: lifecycle.Succeeded, Final: true, Next: []string{wordPixEffective}},
		{Word: wordPixError, Status: lifecycle.Failed, Final: true},
	}
}

// chargeStates are the statuses of a charge. Only Pending is documented, from a sample; that paying and voiding show in the
// status is documented, their spelling is not, so each of the three is known in three spellings. A void does not undo or
// prevent a payment, so a voided charge can still become paid.
func chargeStates() []lifecycle.State {
	pending, voided, paid := []string{"Pending", "PENDING", "pending"}, []string{"voided", "Voided", "VOIDED"}, []string{wordPaid, "Paid", "PAID"}
	var states []lifecycle.State
	add := func(words []string, status lifecycle.Status, final bool, next ...string) {
		for _, w := range words {
			var others []string
			for _, o := range words {
				if o != w {
					others = append(others, o)
				}
			}
			states = append(states, lifecycle.State{Word: w, Status: status, Final: final, Next: append(others, next...)})
		}
	}
	add(pending, lifecycle.Pending, false, voided[0], paid[0])
	add(voided, lifecycle.Canceled, true, paid[0])
	add(paid, lifecycle.Succeeded, true)
	return states
}
