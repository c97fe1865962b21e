package devengo

import "github.com/hookfold/hookfold/pkg/lifecycle"

// Lifecycles are those of Devengo's kinds. Words and their meaning are documented unless a comment says otherwise; of the
// edges, most are inferred from the order in which the documentation names the states. Where statuses can follow each
// other both ways and their events fall in one second, the one listed later counts.
func (Provider) Lifecycles() []lifecycle.Definition {
	return []lifecycle.Definition{
		{Provider: Name, Kind: kindAccount, Family: lifecycle.Account, States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"delayed", "active"}},
			{Word: "delayed", Status: lifecycle.Pending, Next: []string{"active"}},
			{Word: "active", Status: lifecycle.Active, Next: []string{"deactivated", "closed"}},
			// Closing was tried, but the banking infrastructure stood in the way. The word is inferred from the event's name.
			{Word: "deactivated", Status: lifecycle.Blocked, Next: []string{"closed"}},
			{Word: "closed", Status: lifecycle.Closed, Final: true},
		}},
		{Provider: Name, Kind: kindAccountHolder, Family: lifecycle.Account, States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"collecting", "validating"}},
			// The words collecting and deactivated are inferred from the events' names.
			{Word: "collecting", Status: lifecycle.Pending, Next: []string{"validating"}},
			{Word: "validating", Status: lifecycle.Pending, Next: []string{"active"}},
			{Word: "active", Status: lifecycle.Active, Next: []string{"deactivated", "archived"}},
			{Word: "deactivated", Status: lifecycle.Blocked, Next: []string{"archived"}},
			{Word: "archived", Status: lifecycle.Closed, Final: true},
		}},
		{Provider: Name, Kind: kindIncoming, Family: lifecycle.Payment, States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"confirmed", "rejected"}},
			{Word: "confirmed", Status: lifecycle.Succeeded, Final: true},
			{Word: "rejected", Status: lifecycle.Failed, Final: true}, // that it is final is inferred
		}},
		outgoing(),
		microdeposit(kindVerification),
		microdeposit(kindAccessVerification),
		holderVerification(),
	}
}

// outgoing: a payment that is confirmed is at its end, unless it is reversed.
func outgoing() lifecycle.Definition {
	return lifecycle.Definition{Provider: Name, Kind: kindOutgoing, Family: lifecycle.Payment, States: []lifecycle.State{
		{Word: "created", Status: lifecycle.Pending, Next: []string{"validating"}},
		{Word: "validating", Status: lifecycle.Pending, Next: []string{"blocked", "pending", "denied"}},
		{Word: "blocked", Status: lifecycle.Held, Next: []string{"pending", "denied"}},
		// An outage of the infrastructure delays a payment at any time before it is executed, and it queues again: inferred
		// from the words used of holder verifications.
		{Word: "delayed", Status: lifecycle.Pending, Next: []string{"pending"}},
		{Word: "pending", Status: lifecycle.Pending, Next: []string{"processing", "delayed"}},
		{Word: "processing", Status: lifecycle.Processing, Next: []string{"retrying", "confirmed", "rejected", "delayed"}},
		// Sent once, however many retries there are; whether a retry shows as processing again is not documented.
		{Word: "retrying", Status: lifecycle.Processing, Next: []string{"processing", "confirmed", "rejected"}},
		{Word: "denied", Status: lifecycle.Failed, Final: true},
		{Word: "rejected", Status: lifecycle.Failed, Final: true},
		{Word: "confirmed", Status: lifecycle.Succeeded, Final: true, Next: []string{"reversed"}},
		{Word: "reversed", Status: lifecycle.Returned, Final: true}, // from which states is inferred
	}}
}

// microdeposit: a code sent with a small payment, under its older name and its newer one.
func microdeposit(kind string) lifecycle.Definition {
	return lifecycle.Definition{Provider: Name, Kind: kind, Family: lifecycle.Verification, States: []lifecycle.State{
		{Word: "created", Status: lifecycle.Pending, Next: []string{"delivered", "rejected"}},
		{Word: "delivered", Status: lifecycle.Pending, Next: []string{"confirmed", "failed", "expired"}},
		{Word: "rejected", Status: lifecycle.Failed, Final: true},
		{Word: "confirmed", Status: lifecycle.Verified, Final: true},
		{Word: "failed", Status: lifecycle.Failed, Final: true},
		{Word: "expired", Status: lifecycle.Expired, Final: true}, // that it is final is inferred
	}}
}

// holderVerification: whether an account belongs to a holder. Which of its statuses are final is inferred.
func holderVerification() lifecycle.Definition {
	outcomes := []string{"confirmed", "rejected", "failed", "delayed"}
	return lifecycle.Definition{Provider: Name, Kind: kindHolderVerification, Family: lifecycle.Verification, States: []lifecycle.State{
		{Word: "created", Status: lifecycle.Pending, Next: []string{"pending", "processed"}},
		{Word: "delayed", Status: lifecycle.Pending, Next: []string{"pending"}},
		{Word: "pending", Status: lifecycle.Pending, Next: []string{"processing", "delayed"}},
		{Word: "processing", Status: lifecycle.Pending, Next: outcomes},
		{Word: "processed", Status: lifecycle.Pending, Next: outcomes}, // the older word for processing
		{Word: "rejected", Status: lifecycle.Failed, Final: true},
		{Word: "confirmed", Status: lifecycle.Verified, Final: true},
		{Word: "failed", Status: lifecycle.Failed, Final: true},
	}}
}
