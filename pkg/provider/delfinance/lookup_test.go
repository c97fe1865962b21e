package delfinance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

const (
	lookedUpPix    = "E18236120202603101412s09ab3c7d12"
	lookedUpRefund = "D38224857202603101601H6FD9JGS2UE"
)

func lookup(kind, id, status, body string) ([]lifecycle.Observation, error) {
	at := time.Date(2026, 3, 12, 10, 26, 4, 0, time.UTC)
	return New().Decode(&event.Event{
		ID: "1", Connection: "delfinance-test", Type: event.LookupType(name), Kind: kind, Entity: id, Time: at, Recorded: at,
		Headers: map[string]string{event.HeaderStatus: status}, Body: []byte(body),
	})
}

func TestLookups(t *testing.T) {
	amount := func(direction lifecycle.Direction, n int64) *lifecycle.Money {
		return &lifecycle.Money{Direction: direction, Amount: &n, Currency: "BRL"}
	}
	for _, test := range []struct {
		what, kind, id, body, status string
		money                        *lifecycle.Money
		object                       bool
	}{
		{"payment", kindPayment, lookedUpPix, `{"id":"1","endToEndId":"` + lookedUpPix + `","status":"PIX_PROCESSING","type":"PIX_QR_CODE_DYNAMIC","amount":1.5,"error":null}`, "PIX_PROCESSING", amount(lifecycle.Out, 150), true},
		{"payment by client key", kindPayment, "4c0f8f8e-4f2a-4c3e-9f0b-6f5d1c2b3a49", `{"id":"1","endToEndId":"` + lookedUpPix + `","status":"PIX_ERROR","amount":1.5}`, "PIX_ERROR", amount(lifecycle.Out, 150), true},
		{"receipt in the statement", kindReceipt, lookedUpPix, ` [{"amount":100.0,"endToEndId":"` + lookedUpPix + `","type":{"name":"CREDIT_PIX","description":"x"}}] `, "PIX_EFFECTIVE", amount(lifecycle.In, 10000), true},
		{"receipt in the statement, with a status", kindReceipt, lookedUpPix, `[{"amount":100.0,"status":"EFFECTIVE","type":{"name":"CREDIT_PIX"}}]`, "EFFECTIVE", amount(lifecycle.In, 10000), true},
		{"receipt not in the statement", kindReceipt, lookedUpPix, `[]`, "", nil, false},
		{"another in the statement", kindReceipt, lookedUpPix, `[{"amount":1,"endToEndId":"E00000000202603101412s09ab3c7d12","type":{"name":"CREDIT_PIX"}}]`, "", nil, false},
		{"refund received", kindRefund, lookedUpRefund, `[{"amount":2,"endToEndId":"` + lookedUpRefund + `","type":{"name":"CREDIT_PIX_REFUND"}}]`, "PIX_EFFECTIVE", amount(lifecycle.In, 200), true},
		{"refund sent", kindRefund, lookedUpRefund, `[{"amount":2,"endToEndId":"` + lookedUpRefund + `","type":{"name":"DEBIT_PIX_REFUND"}}]`, "PIX_EFFECTIVE", amount(lifecycle.Out, 200), true},
		{"refund of which the way is not said", kindRefund, lookedUpRefund, `{"endToEndId":"` + lookedUpRefund + `","status":"PIX_PROCESSING","amount":2}`, "PIX_PROCESSING", nil, true},
		{"undone payment in the statement", kindPayment, lookedUpPix, `[{"amount":2,"endToEndId":"` + lookedUpPix + `","type":{"name":"CREDIT_PIX_UNDONE"}}]`, "", amount(lifecycle.Out, 200), true},
		{"type as a number", kindPayment, lookedUpPix, `{"endToEndId":"` + lookedUpPix + `","status":"PIX_EFFECTIVE","type":0,"amount":2}`, "PIX_EFFECTIVE", amount(lifecycle.Out, 200), true},
		{"transfer sent", kindTransfer, "3b1c0a52-8d0e-4b31-9a0d-6a7c51f0e9d4", `{"id":"3b1c0a52-8d0e-4b31-9a0d-6a7c51f0e9d4","status":"EFFECTIVE","type":"INTERNAL","amount":0.15}`, "EFFECTIVE", amount(lifecycle.Out, 15), true},
		{"transfer received", kindTransfer, "C3b1c0a52-8d0e-4b31-9a0d-6a7c51f0e9d4", `{"id":"C3b1c0a52-8d0e-4b31-9a0d-6a7c51f0e9d4","status":"EFFECTIVE","amount":0.15}`, "EFFECTIVE", amount(lifecycle.In, 15), true},
		{"ted sent", kindTED, "1", `{"id":"1","status":"DONE","type":"TED","amount":1500.00,"payer":{"participant":{"ispb":"38224857"}},"beneficiary":{"participant":{"ispb":"00000000"}}}`, "DONE", amount(lifecycle.Out, 150000), true},
		{"ted received", kindTED, "1", `{"id":"1","status":"DONE","type":"TED","amount":1500.00,"payer":{"participant":{"ispb":"00000000"}},"beneficiary":{"participant":{"ispb":"38224857"}}}`, "DONE", amount(lifecycle.In, 150000), true},
		{"ted in one bank", kindTED, "1", `{"id":"1","status":"DONE","amount":1,"payer":{"participant":{"ispb":"38224857"}},"beneficiary":{"participant":{"ispb":"38224857"}}}`, "DONE", nil, true},
		{"charge", kindCharge, "c", `{"type":"BANKSLIP","correlationId":"c","status":"Pending","amount":12.12,"createdAt":"2026-03-01T00:00:00Z"}`, "Pending", amount(lifecycle.In, 1212), true},
		{"infraction in a list", kindInfraction, "2", `[{"id":"1","status":"PENDING"},{"id":"2","status":"REJECTED"}]`, "REJECTED", nil, true},
		{"infraction", kindInfraction, "2", `{"id":"2","status":"CANCELED"}`, "CANCELED", nil, true},
		{"customer", kindCustomer, "12345678909", `{"status":"DOCUMENTATION_DENIED","documents":[]}`, "DOCUMENTATION_DENIED", nil, true},
		{"account among a customer's", kindAccount, "40317", `[{"number":"40316","status":"BLOCKED"},{"number":"40317","status":"APPROVED","bank":{"code":"435"},"apiKey":"invented"}]`, "APPROVED", nil, true},
		{"balance", kindAccount, "40317", `{"amountAvailable":10.01}`, "", nil, false},
		{"answer without a status header is a success", kindInfraction, "2", `{"id":"2","status":"CANCELED"}`, "CANCELED", nil, true},
	} {
		t.Run(test.what, func(t *testing.T) {
			status := "200"
			if strings.Contains(test.what, "status header") {
				status = ""
			}
			observations, err := lookup(test.kind, test.id, status, test.body)
			if err != nil || len(observations) != 1 {
				t.Fatalf("%d observations, error %v", len(observations), err)
			}
			o := observations[0]
			if o.Source != lifecycle.SourceLookup || o.Unsigned || o.Entity.Kind != test.kind || o.Entity.ID != test.id || o.Status != test.status {
				t.Errorf("%+v, want status %q", o, test.status)
			}
			got := o.Attributes.Money
			if (got == nil) != (test.money == nil) || got != nil && (got.Direction != test.money.Direction || *got.Amount != *test.money.Amount) {
				t.Errorf("money %+v, want %+v", got, test.money)
			}
			if (o.Attributes.Object != nil) != test.object || strings.Contains(string(o.Attributes.Object), "invented") {
				t.Errorf("object %s", o.Attributes.Object)
			}
		})
	}
}

func TestLookupsThatAreParked(t *testing.T) {
	for _, test := range []struct {
		what, kind, status, body string
		reason                   provider.ParkedReason
	}{
		{"another payment", kindPayment, "200", `{"endToEndId":"E00000000202603101412s09ab3c7d12","status":"PIX_EFFECTIVE"}`, provider.ParkedShape},
		{"failure", kindPayment, "500", `{"status":"PIX_EFFECTIVE"}`, provider.ParkedShape},
		{"refused key", kindPayment, "401", `{"message":"Missing required header: x-delbank-api-key"}`, provider.ParkedShape},
		{"status that is none", kindPayment, "2xxx", `{}`, provider.ParkedShape},
		{"unknown kind", "refund", "404", ``, provider.ParkedType},
		{"not JSON", kindPayment, "200", `<html>`, provider.ParkedBody},
		{"cut list", kindReceipt, "200", `[{"amount":1}`, provider.ParkedBody},
		{"list that is more", kindReceipt, "200", `[],"x":[]`, provider.ParkedBody},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := lookup(test.kind, lookedUpPix, test.status, test.body)
			var parked *provider.Parked
			if !errors.As(err, &parked) || parked.Reason != test.reason {
				t.Errorf("error %v, want %s", err, test.reason)
			}
		})
	}
}
