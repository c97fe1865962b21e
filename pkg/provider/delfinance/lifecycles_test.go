package delfinance

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Histories of one entity, each word an observation a minute after the one before; words in brackets are look-ups.
func TestHistories(t *testing.T) {
	for _, test := range []struct {
		kind, history string
		status        lifecycle.Status
		word          string
		conflict      bool
		wants         string
	}{
		{kindPayment, "PIX_PROCESSING", lifecycle.Processing, "PIX_PROCESSING", false, "unsigned"},
		{kindPayment, "PIX_EFFECTIVE PIX_PROCESSING", lifecycle.Succeeded, "PIX_EFFECTIVE", false, "unsigned"},
		{kindPayment, "PIX_EFFECTIVE [PIX_EFFECTIVE]", lifecycle.Succeeded, "PIX_EFFECTIVE", false, ""},
		{kindPayment, "PIX_EFFECTIVE PIX_ERROR", lifecycle.Failed, "PIX_ERROR", true, "conflict unsigned"},
		{kindPayment, "PIX_EFFECTIVE PIX_ERROR [PIX_EFFECTIVE]", lifecycle.Succeeded, "PIX_EFFECTIVE", true, ""},
		{kindPayment, "PIX_SCHEDULED", lifecycle.Unknown, "PIX_SCHEDULED", false, "unknown_status unsigned"},
		{kindPayment, "PIX_EFFECTIVE PIX_SCHEDULED", lifecycle.Succeeded, "PIX_EFFECTIVE", false, "unsigned"},
		{kindReceipt, "PIX_EFFECTIVE [EFFECTIVE]", lifecycle.Succeeded, "EFFECTIVE", false, ""},
		{kindRefund, "PIX_ERROR", lifecycle.Failed, "PIX_ERROR", false, "unsigned"},
		{kindTransfer, "EFFECTIVE", lifecycle.Succeeded, "EFFECTIVE", false, "unsigned"},
		{kindTED, "EFFECTIVE [DONE]", lifecycle.Succeeded, "DONE", false, ""},
		{kindTED, "[DONE] EFFECTIVE", lifecycle.Succeeded, "EFFECTIVE", false, "unsigned"},
		{kindCharge, "paid [Pending]", lifecycle.Succeeded, "paid", false, "unsigned"},
		{kindCharge, "[Voided]", lifecycle.Canceled, "Voided", false, ""},
		{kindCharge, "[PAID] [voided]", lifecycle.Succeeded, "PAID", false, ""},
		{kindCharge, "voided paid", lifecycle.Succeeded, "paid", false, "unsigned"},
		{kindCharge, "paid [Paid]", lifecycle.Succeeded, "Paid", false, ""},
		{kindInfraction, "PENDING", lifecycle.Open, "PENDING", false, ""},
		{kindInfraction, "ACCEPTED PENDING", lifecycle.Accepted, "ACCEPTED", false, ""},
		{kindInfraction, "PENDING REJECTED", lifecycle.Rejected, "REJECTED", false, ""},
		{kindInfraction, "CANCELED", lifecycle.Canceled, "CANCELED", false, ""},
		{kindAccount, "ACTIVE BLOCKED", lifecycle.Blocked, "BLOCKED", false, ""},
		{kindAccount, "BLOCKED ACTIVE", lifecycle.Active, "ACTIVE", false, ""},
		{kindAccount, "BLOCKED [APPROVED]", lifecycle.Active, "APPROVED", false, ""},
		{kindAccount, "CLOSED", lifecycle.Unknown, "CLOSED", false, "unknown_status"},
		{kindCustomer, "DOCUMENTATION_REJECTED", lifecycle.Failed, "DOCUMENTATION_REJECTED", false, ""},
		{kindCustomer, "APPROVED DOCUMENTATION_REJECTED", lifecycle.Verified, "APPROVED", false, ""},
		{kindCustomer, "DOCUMENTATION_REJECTED [DOCUMENTATION_DENIED] APPROVED", lifecycle.Verified, "APPROVED", false, ""},
	} {
		t.Run(test.kind+" "+test.history, func(t *testing.T) {
			var observations []lifecycle.Observation
			for i, word := range strings.Fields(test.history) {
				bare := strings.Trim(word, "[]")
				at := time.Date(2026, 3, 10, 12, i, 0, 0, time.UTC)
				o := lifecycle.Observation{
					Entity: lifecycle.Entity{Connection: "c", Kind: test.kind, ID: "1"}, ID: fmt.Sprint(i), Type: "t",
					Source: lifecycle.SourceWebhook, Unsigned: true, Status: bare, Occurred: at, Recorded: at,
					Attributes: lifecycle.Attributes{Object: []byte("{}")},
				}
				if bare != word {
					o.Source, o.Unsigned = lifecycle.SourceLookup, false
				}
				observations = append(observations, o)
			}
			l := compiled(t, test.kind)
			sum, _ := l.Fold(observations)
			state := l.State(sum)
			var wants []string
			for _, w := range state.Wants {
				wants = append(wants, string(w.Reason))
			}
			if state.Status != test.status || state.ProviderStatus != test.word || state.Conflict != test.conflict || strings.Join(wants, " ") != test.wants {
				t.Errorf("%s (%s), conflict %v, wants %v", state.Status, state.ProviderStatus, state.Conflict, wants)
			}
		})
	}
}

// Money wants the API's word, the rest does not.
func TestWantsSigned(t *testing.T) {
	for _, d := range New().Lifecycles() {
		if d.WantsSigned != (d.Family == lifecycle.Payment) {
			t.Errorf("%s: WantsSigned is %v", d.Kind, d.WantsSigned)
		}
	}
}

// The table of statuses that users read is that of the code.
func TestDocumentedStatuses(t *testing.T) {
	text, err := os.ReadFile("../../../docs/providers/delfinance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "<!-- statuses -->\n")
	table, _, end := strings.Cut(table, "<!-- end -->")
	if !found || !end {
		t.Fatal("the page has no table between <!-- statuses --> and <!-- end -->")
	}
	var want strings.Builder
	want.WriteString("| kind | family | provider status | status | final | may be followed by |\n|---|---|---|---|---|---|\n")
	for _, d := range New().Lifecycles() {
		for _, s := range d.States {
			final := ""
			if s.Final {
				final = "yes"
			}
			fmt.Fprintf(&want, "| `%s` | %s | `%s` | `%s` | %s | %s |\n", d.Kind, d.Family, s.Word, s.Status, final, strings.Join(s.Next, ", "))
		}
	}
	if table != want.String() {
		t.Errorf("the table is not the code's, which is:\n%s", want.String())
	}
}
