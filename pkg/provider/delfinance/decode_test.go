package delfinance

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// decode decodes a delivery as it would stand in the log.
func decode(t testing.TB, eventType, body string) ([]lifecycle.Observation, error) {
	t.Helper()
	d := delivery(eventType, body)
	e := providertest.Record(New(), d, provider.Evidence{})
	if strings.HasSuffix(e.Type, ".") {
		e.Type += "unknown" // as ingest writes it
	}
	return New().Decode(&e)
}

func decodeOne(t testing.TB, eventType, body string) lifecycle.Observation {
	t.Helper()
	observations, err := decode(t, eventType, body)
	if err != nil || len(observations) != 1 {
		t.Fatalf("%d observations, error %v", len(observations), err)
	}
	return observations[0]
}

// Amounts are exact in centavos, whatever way the decimals are written, and absent where they are not exact.
func TestAmounts(t *testing.T) {
	for text, want := range map[string]*int64{
		"12.12": lifecycle.Minor(1212), "100.0": lifecycle.Minor(10000), "10": lifecycle.Minor(1000), "0.15": lifecycle.Minor(15),
		"0.1": lifecycle.Minor(10), "0.29": lifecycle.Minor(29), "1.10": lifecycle.Minor(110), "4.35": lifecycle.Minor(435),
		"9007199254740993.01": lifecycle.Minor(900719925474099301), "0": lifecycle.Minor(0), "-1.5": lifecycle.Minor(-150),
		"1.005": nil, "1e2": nil, "1E400": nil, "92233720368547758.08": nil, `"12.12"`: lifecycle.Minor(1212), `"abc"`: nil, "null": nil, "true": nil,
	} {
		o := decodeOne(t, "PIX_RECEIVED", `{"endToEndId":"E1","amount":`+text+`}`)
		if diff := cmp.Diff(want, o.Attributes.Money.Amount); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		centavos := rapid.Int64Range(0, 1<<62).Draw(t, "centavos")
		o := decodeOne(&testing.T{}, "PIX_RECEIVED", fmt.Sprintf(`{"endToEndId":"E1","amount":%d.%02d}`, centavos/100, centavos%100))
		if got := o.Attributes.Money.Amount; got == nil || *got != centavos {
			t.Errorf("%d centavos become %v", centavos, got)
		}
	})
}

// Times may lack their zone, and then are UTC; the minute in an endToEndId is never one.
func TestTimes(t *testing.T) {
	utc := func(ns int) time.Time { return time.Date(2026, 3, 10, 16, 7, 48, ns, time.UTC) }
	for text, want := range map[string]time.Time{
		"2026-03-10T16:07:48":          utc(0),
		"2026-03-10T16:07:48Z":         utc(0),
		"2026-03-10T13:07:48-03:00":    utc(0),
		"2026-03-10T16:07:48.84Z":      utc(840_000_000),
		"2026-03-10T16:07:48.84":       utc(840_000_000),
		"2026-03-10T16:07:48.9997672Z": utc(999_767_200),
		"2026-03-10":                   {},
		"10/03/2026 16:07":             {},
		"":                             {},
	} {
		about := New().Describe(delivery("PIX_PAYMENT_UPDATED", `{"endToEndId":"E38224857202603101907R3LW8VNC5YB","status":"PIX_ERROR","createdAt":"`+text+`"}`))
		if !about.Time.Equal(want) || about.Time.Location() != time.UTC {
			t.Errorf("%s is read as %s, want %s", text, about.Time, want)
		}
	}
}

func TestRefunds(t *testing.T) {
	const original, refund = "E18236120202603101412s09ab3c7d12", "D38224857202603101601H6FD9JGS2UE"
	for _, test := range []struct {
		what, path, body, status, parent string
		direction                        lifecycle.Direction
		failure                          lifecycle.Failure
	}{
		{"sent, as a payment", "PIX_PAYMENT_UPDATED", `{"endToEndId":"` + refund + `","originalEndToEndId":"` + original + `","status":"PIX_EFFECTIVE"}`, "PIX_EFFECTIVE", original, lifecycle.Out, lifecycle.Failure{}},
		{"sent, by its own type", "PIX_REFUND_PAYMENT_UPDATED", `{"eventType":"PIX_REFUND_PAYMENT_EFFECTIVE","endToEndId":"` + refund + `"}`, "PIX_EFFECTIVE", "", lifecycle.Out, lifecycle.Failure{}},
		{"failed", "PIX_REFUND_PAYMENT_UPDATED", `{"endToEndId":"` + refund + `","idempotencyKey":"` + original + `","status":"PIX_ERROR","error":{"code":"DEL20","description":"why"},"payer":null,"beneficiary":null}`, "PIX_ERROR", original, lifecycle.Out, lifecycle.Failure{Code: "DEL20", Reason: "why"}},
		{"key that begins with E", "PIX_REFUND_PAYMENT_UPDATED", `{"endToEndId":"` + refund + `","idempotencyKey":"E2345678-9E0B-4F3C-8F02-1C2B8A9D7E10","status":"PIX_ERROR","error":null}`, "PIX_ERROR", "", lifecycle.Out, lifecycle.Failure{}},
		{"received", "PIX_REFUNDED", `{"eventType":"PIX_REFUNDED","endToEndId":"` + refund + `","originalEndToEndId":"` + original + `","proof":{"status":"PIX_EFFECTIVE"}}`, "PIX_EFFECTIVE", original, lifecycle.In, lifecycle.Failure{}},
		{"received, all in the proof", "PIX_REFUNDED", `{"proof":{"endToEndId":"` + refund + `","originalEndToEndId":"` + original + `","operationType":"CREDIT_REFUND"}}`, "PIX_EFFECTIVE", original, lifecycle.In, lifecycle.Failure{}},
	} {
		t.Run(test.what, func(t *testing.T) {
			o := decodeOne(t, test.path, test.body)
			parent := ""
			if o.Attributes.Relation != nil {
				parent = o.Attributes.Relation.ParentID
			}
			if o.Entity.Kind != kindRefund || o.Entity.ID != refund || o.Status != test.status || parent != test.parent || o.Attributes.Money.Direction != test.direction {
				t.Errorf("%s %s, parent %q, %s", o.Entity.Ref(), o.Status, parent, o.Attributes.Money.Direction)
			}
			if diff := cmp.Diff(&test.failure, o.Attributes.Failure); diff != "" {
				t.Error(diff)
			}
			if o.Attributes.Counterparty != nil {
				t.Error("a counterparty out of nothing")
			}
		})
	}
}

// A charge paid by Pix also speaks of the Pix; with the Pix's own event that is one receipt, in either order.
func TestChargePaidByPix(t *testing.T) {
	_, all := providertest.Load(t, samples)
	var receipts []lifecycle.Observation
	for _, sample := range all {
		if sample.Name != "CHARGE_PAID" && sample.Name != "PIX_RECEIVED" {
			continue
		}
		e := providertest.Record(New(), &sample.Delivery, provider.Evidence{})
		observations, err := New().Decode(&e)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, observations[len(observations)-1])
	}
	if len(receipts) != 2 || receipts[0].Entity != receipts[1].Entity {
		t.Fatalf("not one receipt: %+v", receipts)
	}
	l := compiled(t, kindReceipt)
	sum, _ := l.Fold(receipts)
	state := l.State(sum)
	if state.Status != lifecycle.Succeeded || state.Conflict || *state.Attributes.Money.Amount != 14990 ||
		state.Attributes.Relation.ParentID != "7f6d2c1e-4a57-4a0c-9f5e-2f0b3f9f8a11" {
		t.Errorf("%+v", state)
	}
	boleto, err := decode(t, "CHARGE_PAID", `{"correlationId":"c","referenceId":"r","source":"PCR","proof":{"endToEndId":"E1"}}`)
	if err != nil || len(boleto) != 1 {
		t.Errorf("a bank slip paid as one gives %d observations, error %v", len(boleto), err)
	}
}

// One internal transfer between two accounts of ours is two entities, one on each side, with the reference in common.
func TestTransferHasTwoSides(t *testing.T) {
	const rest = `"externalId":"ORD-1","status":"EFFECTIVE","amount":0.15,"payer":{"number":"40001","holder":{"name":"A"}},"beneficiary":{"number":"40002","holder":{"name":"B"}}}`
	out := decodeOne(t, "TRANSFER_INTERNAL_DEBITED", `{"id":"3b1c",`+rest)
	in := decodeOne(t, "TRANSFER_INTERNAL_CREDITED", `{"id":"C3b1c",`+rest)
	if out.Entity == in.Entity || out.Attributes.Reference.Text != in.Attributes.Reference.Text {
		t.Errorf("%s and %s", out.Entity.Ref(), in.Entity.Ref())
	}
	want := []string{"out", "40001", "B", "in", "40002", "A"}
	var got []string
	for _, o := range []lifecycle.Observation{out, in} {
		got = append(got, string(o.Attributes.Money.Direction), o.Attributes.Relation.AccountID, o.Attributes.Counterparty.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDerivedStatuses(t *testing.T) {
	for _, test := range []struct{ what, path, body, status string }{
		{"charge", "CHARGE_PAID", `{"correlationId":"c"}`, "paid"},
		{"charge, not by its proof", "CHARGE_PAID", `{"correlationId":"c","proof":{"status":"PIX_EFFECTIVE"}}`, "paid"},
		{"charge with a status", "CHARGE_PAID", `{"correlationId":"c","status":"Odd"}`, "Odd"},
		{"receipt", "PIX_RECEIVED", `{"endToEndId":"E1"}`, "PIX_EFFECTIVE"},
		{"receipt with a status", "PIX_RECEIVED", `{"endToEndId":"E1","proof":{"status":"PIX_ERROR"}}`, "PIX_ERROR"},
		{"payment, the object against the type", "PIX_PAYMENT_UPDATED", `{"eventType":"PIX_PAYMENT_EFFECTIVE","endToEndId":"E1","status":"PIX_ERROR"}`, "PIX_ERROR"},
		{"payment by its type", "PIX_PAYMENT_UPDATED", `{"eventType":"PIX_PAYMENT_ERROR","endToEndId":"E1"}`, "PIX_ERROR"},
		{"transfer", "TRANSFER_INTERNAL_DEBITED", `{"id":"1"}`, "EFFECTIVE"},
		{"ted says nothing", "TRANSFER_EXTERNAL_DEBITED", `{"id":"1"}`, ""},
		{"approved", typeCustomerApproved, `{"document":"1","bankAccountNumber":1}`, "APPROVED"},
		{"rejected", typeCustomerRejected, `{"document":"1","bankAccountNumber":null}`, "DOCUMENTATION_REJECTED"},
		{"new type with a status", "CHARGE_VOIDED", `{"correlationId":"c","status":"voided"}`, "voided"},
	} {
		t.Run(test.what, func(t *testing.T) {
			if got := decodeOne(t, test.path, test.body).Status; got != test.status {
				t.Errorf("status %q, want %q", got, test.status)
			}
		})
	}
}

func TestParked(t *testing.T) {
	for _, test := range []struct {
		what, path, body string
		reason           provider.ParkedReason
		detail           string
	}{
		{"no type anywhere", "", `{"id":"1","status":"PENDING"}`, provider.ParkedType, "/webhooks/delfinance-test/EVENT_TYPE"},
		{"new type", "PARTNER_ENROLLED", `{"id":"1"}`, provider.ParkedType, "/webhooks/delfinance-test/EVENT_TYPE"},
		{"new type of a known kind, no status", "CHARGE_OVERDUE", `{"correlationId":"c"}`, provider.ParkedType, "status of its charge"},
		{"no id", "PIX_RECEIVED", `{"amount":1}`, provider.ParkedShape, "endToEndId"},
		{"refund by client key only", "PIX_REFUND_PAYMENT_UPDATED", `{"idempotencyKey":"k","status":"PIX_ERROR"}`, provider.ParkedShape, "endToEndId"},
		{"id of another type", "INFRACTION_NOTIFICATION_CREATED", `{"id":{},"status":"PENDING"}`, provider.ParkedShape, "id"},
		{"id that no header carries", "INFRACTION_NOTIFICATION_CREATED", `{"id":"a\nb","status":"PENDING"}`, provider.ParkedShape, "id"},
		{"no status", "ACCOUNT_STATUS_UPDATED", `{"bankAccount":"40001"}`, provider.ParkedShape, "status"},
		{"list", "PIX_RECEIVED", `[]`, provider.ParkedBody, "object"},
		{"form", "PIX_RECEIVED", `a=b`, provider.ParkedBody, "JSON"},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := decode(t, test.path, test.body)
			var parked *provider.Parked
			if !errors.As(err, &parked) || parked.Reason != test.reason || !strings.Contains(parked.Detail, test.detail) {
				t.Errorf("error %v, want %s with %q", err, test.reason, test.detail)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1}`:                     `{"a":1}`,
		`{"authorization":"x","a":1}`: `{"a":1}`,
		`{"a":[{"apiKey":"x","b":[1,{}]},2],"c":"é"}`:    `{"a":[{"b":[1,{}]},2],"c":"é"}`,
		`{"x-delbank-api-key":"x","api_key":{"y":"z"}}`:  `{}`,
		`{"\u0061piKey":"x","a":"\u00e9"}`:               `{"a":"\u00e9"}`,
		`{"authorizationScheme":"HEADER"}`:               `{"authorizationScheme":"HEADER"}`,
		`{"APIKEY":"x","AUTHORIZATION":"y", "b" : 1.50}`: `{"b":1.50}`,
	} {
		if got := string(redact(kindAccount, in)); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

// Kinds of which no credential is documented lose one all the same, and are otherwise copied byte for byte.
func TestRedactElsewhere(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": 1.50 }`:                      `{"a": 1.50 }`,
		`{"authorization":"x","a": 1}`:      `{"a":1}`,
		`{"a":{"apiKey":"x"}}`:              `{"a":{}}`,
		`{"Authorization":"x"}`:             `{}`,
		`{"idempotencyKey":"k", "key":"k"}`: `{"idempotencyKey":"k", "key":"k"}`,
	} {
		if got := string(redact(kindPayment, in)); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

func compiled(t testing.TB, kind string) *lifecycle.Lifecycle {
	t.Helper()
	for _, d := range New().Lifecycles() {
		if d.Kind == kind {
			l, err := lifecycle.New(d)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
	}
	t.Fatalf("no kind %s", kind)
	return nil
}

func BenchmarkDecode(b *testing.B) {
	_, all := providertest.Load(b, samples)
	for _, sample := range all {
		if sample.Name != "PIX_RECEIVED" && sample.Name != "PIX_PAYMENT_UPDATED" && sample.Name != "ACCOUNT_STATUS_UPDATED" {
			continue
		}
		e := providertest.Record(New(), &sample.Delivery, provider.Evidence{})
		b.Run(fmt.Sprintf("%s/%d", sample.Name, len(e.Body)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New().Decode(&e); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("Describe/"+sample.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				New().Describe(&sample.Delivery)
			}
		})
	}
}
