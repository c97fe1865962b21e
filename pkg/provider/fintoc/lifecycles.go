package fintoc

import (
	"slices"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// The kinds: Fintoc's own words for its objects.
const (
	kindPaymentIntent       = "payment_intent"
	kindCheckoutSession     = "checkout_session"
	kindRefund              = "refund"
	kindTransfer            = "transfer"
	kindPayout              = "payout"
	kindCharge              = "charge"
	kindInvoice             = "invoice"
	kindSubscriptionIntent  = "subscription_intent"
	kindSubscription        = "subscription"
	kindDispute             = "dispute"
	kindLink                = "link"
	kindAccount             = "account"
	kindAccountNumber       = "account_number"
	kindAccountVerification = "account_verification"
)

// refreshIntent is an object without a lifecycle of its own: its outcome belongs to the link or account it names.
const refreshIntent = "refresh_intent"

// Words that decoding speaks of itself. The first four are no statuses of Fintoc's: they are claimed where its objects have
// none, or one that does not say it.
const (
	wordDeleted  = "deleted"           // of an account number, by the event account_number.deleted
	wordLinked   = "linked"            // of a bank account that a link gives access to
	wordRemoved  = "removed_from_link" // of a bank account whose field of that name is true
	wordRefresh  = "refresh_intent/"   // begins the outcome of a refresh intent that nobody documented
	wordFinished = "finished"
	wordActive   = "active"
	wordInactive = "inactive"
	wordLogin    = "login_required"
	wordEnabled  = "enabled"
	wordDisabled = "disabled"
)

// isKind says whether Fintoc's word for an object is one of the kinds.
func isKind(object string) bool {
	switch object {
	case kindPaymentIntent, kindCheckoutSession, kindRefund, kindTransfer, kindPayout, kindCharge, kindInvoice,
		kindSubscriptionIntent, kindSubscription, kindDispute, kindLink, kindAccount, kindAccountNumber, kindAccountVerification:
		return true
	}
	return false
}

// Lifecycles are the definitions of all kinds. Where Fintoc documents the set of statuses but not their order, the edges
// are inferred from what the words mean; comments say where more than that is inferred.
func (*Provider) Lifecycles() []lifecycle.Definition {
	define := func(kind string, family lifecycle.Family, states []lifecycle.State) lifecycle.Definition {
		return lifecycle.Definition{Provider: Name, Kind: kind, Family: family, States: states}
	}
	return []lifecycle.Definition{
		define(kindPaymentIntent, lifecycle.Payment, paymentIntentStates()),
		define(kindCheckoutSession, lifecycle.Payment, checkoutSessionStates()),
		define(kindRefund, lifecycle.Payment, refundStates()),
		define(kindTransfer, lifecycle.Payment, transferStates()),
		define(kindPayout, lifecycle.Payment, payoutStates()),
		define(kindCharge, lifecycle.Payment, chargeStates()),
		define(kindInvoice, lifecycle.Payment, invoiceStates()),
		define(kindSubscriptionIntent, lifecycle.Mandate, subscriptionIntentStates()),
		define(kindSubscription, lifecycle.Mandate, subscriptionStates()),
		define(kindDispute, lifecycle.Dispute, disputeStates()),
		define(kindLink, lifecycle.Link, linkStates()),
		define(kindAccount, lifecycle.Account, accountStates()),
		define(kindAccountNumber, lifecycle.Account, accountNumberStates()),
		define(kindAccountVerification, lifecycle.Verification, accountVerificationStates()),
	}
}

// paymentIntentStates: the set is documented as complete, and so is pending's way to succeeded and failed; that the other
// two ends may follow pending is inferred. Accounts of older API versions never see pending.
func paymentIntentStates() []lifecycle.State {
	ends := []string{"succeeded", "failed", "rejected", "expired"}
	return []lifecycle.State{
		{Word: "created", Status: lifecycle.Pending, Next: []string{"in_progress"}},
		{Word: "in_progress", Status: lifecycle.Processing, Next: append([]string{"requires_action", "pending"}, ends...)},
		{Word: "requires_action", Status: lifecycle.Pending, Next: []string{"in_progress"}},
		{Word: "pending", Status: lifecycle.Processing, Next: ends},
		{Word: "succeeded", Status: lifecycle.Succeeded, Final: true},
		{Word: "failed", Status: lifecycle.Failed, Final: true},
		{Word: "rejected", Status: lifecycle.Failed, Final: true},
		{Word: "expired", Status: lifecycle.Expired, Final: true},
	}
}

// checkoutSessionStates: a finished session is not a paid one. Decoding claims finished/STATUS with the status of the
// session's payment, and those words follow each other as the payment's do. Plain finished is claimed where the session
// carries no payment (it enrolled a subscription or a payment method); what that means for money nobody can say.
func checkoutSessionStates() []lifecycle.State {
	finished := lifecycle.State{Word: wordFinished, Status: lifecycle.Unknown}
	var refined []lifecycle.State
	for _, s := range paymentIntentStates() {
		fine := lifecycle.State{Word: finishedWord(s.Word), Label: wordFinished, Status: s.Status, Final: s.Final}
		for _, next := range s.Next {
			fine.Next = append(fine.Next, finishedWord(next))
		}
		finished.Next = append(finished.Next, fine.Word)
		refined = append(refined, fine)
	}
	return slices.Concat([]lifecycle.State{
		{Word: "created", Status: lifecycle.Pending, Next: []string{"in_progress"}},
		{Word: "in_progress", Status: lifecycle.Processing, Next: []string{wordFinished, "expired"}},
		{Word: "expired", Status: lifecycle.Expired, Final: true},
		finished,
	}, refined)
}

// finishedWord is what a finished session claims whose payment has the given status.
func finishedWord(payment string) string { return wordFinished + "/" + payment }

// refundStates: the set is documented as complete. From where a refund can be canceled is not; both are allowed.
func refundStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "created", Status: lifecycle.Pending, Next: []string{"in_progress"}},
		{Word: "in_progress", Status: lifecycle.Processing, Next: []string{"succeeded", "failed", "canceled"}},
		{Word: "succeeded", Status: lifecycle.Succeeded, Final: true},
		{Word: "failed", Status: lifecycle.Failed, Final: true},
		{Word: "canceled", Status: lifecycle.Canceled, Final: true},
	}
}

// transferStates: succeeded is not the end. A Chilean clearing house can take a transfer back (returned), and an inbound
// one in Mexico can be sent back by its receiver (return_pending), which can fail (succeeded again). What reversed,
// partially_succeeded and reject_failed mean is not documented; they stay unknown.
func transferStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "pending", Status: lifecycle.Processing, Next: []string{"succeeded", "failed", "rejected", "returned"}},
		{Word: "succeeded", Status: lifecycle.Succeeded, Next: []string{"return_pending", "returned"}},
		{Word: "return_pending", Status: lifecycle.Processing, Next: []string{"returned", "succeeded"}},
		{Word: "failed", Status: lifecycle.Failed, Final: true},
		{Word: "rejected", Status: lifecycle.Failed, Final: true},
		{Word: "returned", Status: lifecycle.Returned, Final: true},
	}
}

// payoutStates: the set is documented as complete; that a payout which succeeded can be returned is inferred.
func payoutStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "in_progress", Status: lifecycle.Processing, Next: []string{"succeeded", "canceled"}},
		{Word: "succeeded", Status: lifecycle.Succeeded, Final: true, Next: []string{"returned"}},
		{Word: "canceled", Status: lifecycle.Canceled, Final: true},
		{Word: "returned", Status: lifecycle.Returned, Final: true},
	}
}

// chargeStates: pending is documented as what a charge begins with, in_progress is named by Fintoc's command line only.
func chargeStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "pending", Status: lifecycle.Processing, Next: []string{"in_progress"}},
		{Word: "in_progress", Status: lifecycle.Processing, Next: []string{"succeeded", "failed"}},
		{Word: "succeeded", Status: lifecycle.Succeeded, Final: true},
		{Word: "failed", Status: lifecycle.Failed, Final: true},
	}
}

// invoiceStates: draft and open are documented. The words for a paid and for a voided invoice are inferred from the events'
// names, the second in both of its spellings.
func invoiceStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "draft", Status: lifecycle.Pending, Next: []string{"open"}},
		{Word: "open", Status: lifecycle.Pending, Next: []string{"paid", "void", "voided"}},
		{Word: "paid", Status: lifecycle.Succeeded, Final: true},
		{Word: "void", Status: lifecycle.Canceled, Final: true, Next: []string{"voided"}},
		{Word: "voided", Status: lifecycle.Canceled, Final: true, Next: []string{"void"}},
	}
}

// subscriptionIntentStates: the ends are documented by their events; what may stand between created and them is not.
func subscriptionIntentStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "created", Status: lifecycle.Pending, Next: []string{"succeeded", "failed", "rejected"}},
		{Word: "succeeded", Status: lifecycle.Active, Final: true},
		{Word: "failed", Status: lifecycle.Failed, Final: true},
		{Word: "rejected", Status: lifecycle.Failed, Final: true},
	}
}

// subscriptionStates holds both products of the name: direct debit begins pending, recurring billing begins incomplete.
// Only direct debit's set is documented; further words of recurring billing are unknown until they are seen.
func subscriptionStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "pending", Status: lifecycle.Pending, Next: []string{wordActive, "canceled"}},
		{Word: "incomplete", Status: lifecycle.Pending, Next: []string{wordActive, "canceled"}},
		{Word: wordActive, Status: lifecycle.Active, Next: []string{"canceled"}},
		{Word: "canceled", Status: lifecycle.Canceled, Final: true},
	}
}

// disputeStates: the words are documented. What they become is seen from the dispute: one that the merchant won was
// rejected, one that the merchant lost was accepted; that an expired one stands (no documents came in time) is inferred.
func disputeStates() []lifecycle.State {
	ends := []string{"won", "lost", "expired"}
	return []lifecycle.State{
		{Word: "waiting_documentation", Status: lifecycle.Open, Next: append([]string{"in_review"}, ends...)},
		{Word: "in_review", Status: lifecycle.Open, Next: ends},
		{Word: "won", Status: lifecycle.Rejected, Final: true},
		{Word: "lost", Status: lifecycle.Accepted, Final: true},
		{Word: "expired", Status: lifecycle.Accepted, Final: true},
	}
}

// linkStates: a user who connects again makes a link active again, so they go by time. inactive is named by Fintoc's
// command line only; that it means closed is inferred, and it is not held to be the end.
func linkStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: wordActive, Status: lifecycle.Active, Next: []string{wordLogin, wordInactive}},
		{Word: wordLogin, Status: lifecycle.LoginRequired, Next: []string{wordActive, wordInactive}},
		{Word: wordInactive, Status: lifecycle.Closed, Next: []string{wordActive}},
	}
}

// accountStates holds both shapes of the name. A business account has a status of its own, complete and documented. A bank
// account under a link has none: linked and removed_from_link are ours, inferred from where it stands.
func accountStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: wordActive, Status: lifecycle.Active, Next: []string{"blocked", "closed"}},
		{Word: "blocked", Status: lifecycle.Blocked, Next: []string{wordActive, "closed"}},
		{Word: "closed", Status: lifecycle.Closed, Final: true},
		{Word: wordLinked, Status: lifecycle.Active, Next: []string{wordRemoved}},
		{Word: wordRemoved, Status: lifecycle.Closed, Next: []string{wordLinked}},
	}
}

// accountNumberStates: which status a deleted account number has is not documented. The event account_number.deleted
// therefore claims deleted where the object still has one of the living statuses.
func accountNumberStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: wordEnabled, Status: lifecycle.Active, Next: []string{wordDisabled, wordDeleted}},
		{Word: wordDisabled, Status: lifecycle.Blocked, Next: []string{wordEnabled, wordDeleted}},
		{Word: wordDeleted, Status: lifecycle.Closed, Final: true},
	}
}

func accountVerificationStates() []lifecycle.State {
	return []lifecycle.State{
		{Word: "pending", Status: lifecycle.Pending, Next: []string{"succeeded", "failed"}},
		{Word: "succeeded", Status: lifecycle.Verified, Final: true},
		{Word: "failed", Status: lifecycle.Failed, Final: true},
	}
}
