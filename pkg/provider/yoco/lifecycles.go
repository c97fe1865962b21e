package yoco

import "github.com/hookfold/hookfold/pkg/lifecycle"

// Yoco's kinds.
const (
	KindPayment  = "payment"
	KindRefund   = "refund"
	KindCheckout = "checkout"
)

// Lifecycles are those of payments, refunds and checkouts.
//
// Webhooks only tell how a payment or refund ended. The words pending, approved, cancelled and rejected are those of
// Yoco's versioned API, which a look-up can answer with.
func (*Provider) Lifecycles() []lifecycle.Definition {
	return []lifecycle.Definition{
		{
			Provider: Name, Kind: KindPayment, Family: lifecycle.Payment,
			States: []lifecycle.State{
				{Word: "pending", Status: lifecycle.Pending, Next: []string{"failed", "cancelled", "succeeded", "approved"}},
				// A customer may try again on the same page. Whether a retry is a new payment is not documented, so what
				// succeeded wins over what failed, whatever came first.
				{Word: "failed", Status: lifecycle.Failed, Final: true, Next: []string{"cancelled", "succeeded", "approved"}},
				{Word: "cancelled", Status: lifecycle.Canceled, Final: true, Next: []string{"failed", "succeeded", "approved"}},
				// The two surfaces' words for one and the same; neither stands against the other.
				{Word: "succeeded", Status: lifecycle.Succeeded, Final: true, Next: []string{"approved"}},
				{Word: "approved", Status: lifecycle.Succeeded, Final: true, Next: []string{"succeeded"}},
			},
		},
		{
			Provider: Name, Kind: KindRefund, Family: lifecycle.Payment,
			States: []lifecycle.State{
				{Word: "pending", Status: lifecycle.Pending, Next: []string{"failed", "rejected", "succeeded", "approved"}},
				// A refund that is tried again has a new id, so failed and succeeded of one id are a conflict.
				{Word: "failed", Status: lifecycle.Failed, Final: true, Next: []string{"rejected"}},
				{Word: "rejected", Status: lifecycle.Failed, Final: true, Next: []string{"failed"}},
				{Word: "succeeded", Status: lifecycle.Succeeded, Final: true, Next: []string{"approved"}},
				{Word: "approved", Status: lifecycle.Succeeded, Final: true, Next: []string{"succeeded"}},
			},
		},
		{
			// The set of statuses is documented, their order is inferred; that a declined payment leads back to started
			// is inferred too. Failure, cancellation and expiry have no documented word: such a word is unknown, not final.
			Provider: Name, Kind: KindCheckout, Family: lifecycle.Payment,
			States: []lifecycle.State{
				{Word: "created", Status: lifecycle.Pending, Next: []string{"started"}},
				{Word: "started", Status: lifecycle.Pending, Next: []string{"processing"}},
				{Word: "processing", Status: lifecycle.Processing, Next: []string{"started", "completed"}},
				{Word: "completed", Status: lifecycle.Succeeded, Final: true},
			},
		},
	}
}
