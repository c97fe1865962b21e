package delfinance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

func TestNaturalKeys(t *testing.T) {
	const e2e, refund = "E18236120202603101412s09ab3c7d12", "D38224857202603101601H6FD9JGS2UE"
	for _, test := range []struct{ what, path, body, want string }{
		{"charge", "CHARGE_PAID", `{"correlationId":"c","referenceId":"r","nsu":7}`, "CHARGE_PAID:c:r"},
		{"charge without reference", "CHARGE_PAID", `{"correlationId":"c","nsu":7}`, "CHARGE_PAID:7"},
		{"charge v2 with reference", "CHARGE_PAID", `{"eventType":"CHARGE_PAID_V2","correlationId":"c","referenceId":"r","ourNumber":"1"}`, "CHARGE_PAID:c:r"},
		{"charge v2", "CHARGE_PAID", `{"eventType":"CHARGE_PAID_V2","correlationId":"c","ourNumber":"1"}`, "CHARGE_PAID:c:1:" + digest([]byte(`{"ourNumber":"1", "correlationId":"c","eventType":"CHARGE_PAID_V2"}`))},
		{"receipt", "PIX_RECEIVED", `{"endToEndId":"` + e2e + `"}`, "PIX_RECEIVED:" + e2e},
		{"payment", "PIX_PAYMENT_UPDATED", `{"endToEndId":"` + e2e + `","status":"PIX_ERROR"}`, "PIX_PAYMENT_UPDATED:" + e2e + ":PIX_ERROR"},
		{"payment, status by type", "PIX_PAYMENT_UPDATED", `{"eventType":"PIX_PAYMENT_ERROR","endToEndId":"` + e2e + `"}`, "PIX_PAYMENT_UPDATED:" + e2e + ":PIX_ERROR"},
		{"payment by client key", "PIX_PAYMENT_UPDATED", `{"idempotencyKey":"k","status":"PIX_ERROR"}`, "PIX_PAYMENT_UPDATED:k:PIX_ERROR"},
		{"refund sent", "PIX_PAYMENT_UPDATED", `{"endToEndId":"` + refund + `","status":"PIX_EFFECTIVE"}`, "PIX_PAYMENT_UPDATED:" + refund + ":PIX_EFFECTIVE"},
		{"refund failed", "PIX_REFUND_PAYMENT_UPDATED", `{"endToEndId":"` + refund + `","status":"PIX_ERROR"}`, "PIX_REFUND_PAYMENT_UPDATED:" + refund + ":PIX_ERROR"},
		{"refund by client key", "PIX_REFUND_PAYMENT_UPDATED", `{"idempotencyKey":"k","status":"PIX_ERROR"}`, "PIX_REFUND_PAYMENT_UPDATED:k:PIX_ERROR"},
		{"refund by the key of its Pix", "PIX_REFUND_PAYMENT_UPDATED", `{"idempotencyKey":"` + e2e + `","status":"PIX_ERROR"}`, ""},
		{"refund received", "PIX_REFUNDED", `{"endToEndId":"` + refund + `"}`, "PIX_REFUNDED:" + refund},
		{"transfer", "TRANSFER_INTERNAL_CREDITED", `{"id":"C1","status":"EFFECTIVE"}`, "TRANSFER_INTERNAL_CREDITED:C1:EFFECTIVE"},
		{"ted", "TRANSFER_EXTERNAL_DEBITED", `{"id":"1","status":"DONE"}`, "TRANSFER_EXTERNAL_DEBITED:1:DONE"},
		{"ted without status", "TRANSFER_EXTERNAL_DEBITED", `{"id":"1"}`, ""},
		{"infraction", "INFRACTION_NOTIFICATION_CREATED", `{"id":"1","status":"PENDING","updatedAt":"2026-03-12T10:25:32.793Z"}`, "INFRACTION_NOTIFICATION_CREATED:1:PENDING:2026-03-12T10:25:32.793Z"},
		{"infraction without time", "INFRACTION_NOTIFICATION_CREATED", `{"id":"1","status":"PENDING"}`, ""},
		{"account", "ACCOUNT_STATUS_UPDATED", `{"bankAccount":40001,"status":"ACTIVE","updatedAt":"2026-03-10T13:31:47.9997672Z"}`, "ACCOUNT_STATUS_UPDATED:40001:ACTIVE:2026-03-10T13:31:47.9997672Z"},
		{"approved", typeCustomerApproved, `{"document":"12345678909","bankAccountNumber":40317}`, typeCustomerApproved + ":" + hidden("12345678909") + ":40317"},
		{"approved without account", typeCustomerApproved, `{"document":"12345678909","bankAccountNumber":null}`, ""},
		{"rejected", typeCustomerRejected, `{"document":"12345678909","bankAccountNumber":null}`, typeCustomerRejected + ":" + hidden("12345678909") + ":2026-03-12T10Z"},
		{"separator in a part", "TRANSFER_INTERNAL_CREDITED", `{"id":"a:b","status":"c"}`, "TRANSFER_INTERNAL_CREDITED:" + hidden("a:b") + ":c"},
		{"control character", "TRANSFER_INTERNAL_CREDITED", `{"id":"a\u0000","status":"c"}`, ""},
		{"too long", "TRANSFER_INTERNAL_CREDITED", `{"id":"` + strings.Repeat("a", event.MaxAttribute) + `","status":"c"}`, ""},
		{"new type", "PIX_RECEIVED_REVERSED", `{"endToEndId":"` + e2e + `","status":"X"}`, ""},
		{"not JSON", "PIX_RECEIVED", `<xml/>`, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			if got := New().Describe(delivery(test.path, test.body)).ID; got != test.want {
				t.Errorf("key %q, want %q", got, test.want)
			}
		})
	}
}

// The type comes from the URL, and from the body where the URL names none.
func TestTypes(t *testing.T) {
	for _, test := range []struct{ what, path, body, word, kind string }{
		{"path alone", "INFRACTION_NOTIFICATION_CREATED", `{"id":"1"}`, "INFRACTION_NOTIFICATION_CREATED", kindInfraction},
		{"path in lower case", "pix_received", `{"endToEndId":"E1"}`, "PIX_RECEIVED", kindReceipt},
		{"body alone", "", `{"eventType":"PIX_REFUNDED","endToEndId":"D1"}`, "PIX_REFUNDED", kindRefund},
		{"body alone, its own word", "", `{"eventType":"PIX_PAYMENT_ERROR","endToEndId":"E1"}`, "PIX_PAYMENT_ERROR", kindPayment},
		{"neither", "", `{"id":"1","endToEndId":"E1","status":"PENDING"}`, "", ""},
		{"not JSON", "PIX_RECEIVED", `no`, "PIX_RECEIVED", ""},
		{"URL of another type", "PIX_RECEIVED", `{"eventType":"TRANSFER_INTERNAL_DEBITED","id":"1"}`, "PIX_RECEIVED", kindTransfer},
		{"new type of a known kind", "TRANSFER_INTERNAL_FAILED", `{"id":"1"}`, "TRANSFER_INTERNAL_FAILED", kindTransfer},
		{"new type", "PARTNER_ENROLLED", `{"id":"1"}`, "PARTNER_ENROLLED", ""},
		{"new type, known body", "SOMETHING", `{"eventType":"PIX_RECEIVED","endToEndId":"E1"}`, "SOMETHING", kindReceipt},
		{"control characters", "PIX\n", `{"id":"1"}`, "", ""},
		{"too long", strings.Repeat("A", event.MaxAttribute), `{"id":"1"}`, "", ""},
		{"nested type is not the body's", "", `{"proof":{"eventType":"PIX_RECEIVED"},"endToEndId":"E1"}`, "", ""},
		{"refund by its id", "PIX_PAYMENT_UPDATED", `{"endToEndId":"D1"}`, "PIX_PAYMENT_UPDATED", kindRefund},
		{"refund by its parent", "PIX_PAYMENT_UPDATED", `{"endToEndId":"E2","originalEndToEndId":"E1"}`, "PIX_PAYMENT_UPDATED", kindRefund},
		{"refund by its operation", "PIX_PAYMENT_UPDATED", `{"endToEndId":"E2","operationType":"DEBIT_REFUND"}`, "PIX_PAYMENT_UPDATED", kindRefund},
		{"refund by its type", "PIX_PAYMENT_UPDATED", `{"eventType":"PIX_REFUND_PAYMENT_EFFECTIVE","endToEndId":"E2"}`, "PIX_PAYMENT_UPDATED", kindRefund},
		{"receipt by its operation", "PIX_PAYMENT_UPDATED", `{"endToEndId":"E2","operationType":"RECEIPT"}`, "PIX_PAYMENT_UPDATED", kindReceipt},
	} {
		t.Run(test.what, func(t *testing.T) {
			about := New().Describe(delivery(test.path, test.body))
			if about.Type != test.word || about.Kind != test.kind {
				t.Errorf("type %q of kind %q, want %q of %q", about.Type, about.Kind, test.word, test.kind)
			}
		})
	}
}

// Whoever holds the static credential can post to any URL of a connection, but not in the place of the API: an answer to a
// look-up counts as signed.
func TestDeliveryCannotPassForLookup(t *testing.T) {
	const body = `{"eventType":"PIX_PAYMENT_EFFECTIVE","endToEndId":"E18236120202603101412s09ab3c7d12","status":"PIX_EFFECTIVE"}`
	for _, d := range []*provider.Delivery{
		delivery("lookup", body), delivery("LookUp", body), delivery("", strings.Replace(body, "PIX_PAYMENT_EFFECTIVE", "lookup", 1)),
	} {
		if about := New().Describe(d); strings.EqualFold(about.Type, "lookup") {
			t.Errorf("described as type %q", about.Type)
		}
	}
}

// No document of a person stands in an event id.
func TestKeysHideDocuments(t *testing.T) {
	_, all := providertest.Load(t, samples)
	for _, sample := range all {
		id := New().Describe(&sample.Delivery).ID
		for _, document := range []string{"12345678909", "98765432100", "11222333000181", "456789"} {
			if strings.Contains(id, document) {
				t.Errorf("%s: key %q holds a document", sample.Name, id)
			}
		}
	}
}

// Every documented event type has a sample.
func TestEveryTypeHasASample(t *testing.T) {
	for _, word := range strings.Fields(`CHARGE_PAID PIX_RECEIVED PIX_PAYMENT_UPDATED PIX_REFUNDED PIX_REFUND_PAYMENT_UPDATED
		TRANSFER_INTERNAL_CREDITED TRANSFER_INTERNAL_DEBITED TRANSFER_EXTERNAL_CREDITED TRANSFER_EXTERNAL_DEBITED
		INFRACTION_NOTIFICATION_CREATED INFRACTION_NOTIFICATION_UPDATED ACCOUNT_STATUS_UPDATED
		WHITELABEL_CUSTOMER_DOCUMENTATION_REJECTED WHITELABEL_CUSTOMER_APPROVED`) {
		if _, err := os.Stat(filepath.Join(samples, fmt.Sprintf("%s.http", word))); err != nil {
			t.Error(err)
		}
		if !isKnown(word) {
			t.Errorf("%s is not known", word)
		}
	}
}
