package yoco_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
	"github.com/hookfold/hookfold/pkg/provider/yoco"
)

// The entities of the samples' story.
const (
	payment  = "p_Lw3nGv7RtY1cQe5ZkA9uDhBx"
	checkout = "ch_V6mJx2KpTq9fSd4WnC8yRbEg"
	refund   = "rfd_Bz5KtYq1Xw8LmR4nVc7JsD3g"
)

// observed decodes the named samples.
func observed(t *testing.T, names ...string) []lifecycle.Observation {
	t.Helper()
	_, all := providertest.Load(t, samples)
	var out []lifecycle.Observation
	for _, name := range names {
		n := len(out)
		for _, s := range all {
			if s.Name != name {
				continue
			}
			e := providertest.Record(yoco.New(), &s.Delivery, provider.Evidence{})
			observations, err := yoco.New().Decode(&e)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, observations...)
		}
		if len(out) == n {
			t.Fatalf("no sample %s", name)
		}
	}
	return out
}

// asked decodes the answer to a look-up, a day after the story.
func asked(t *testing.T, kind, id, status, body string) []lifecycle.Observation {
	t.Helper()
	at := time.Date(2025, 3, 10, 0, 0, 0, 0, time.UTC)
	observations, err := yoco.New().Decode(answer(kind, id, status, body, at))
	if err != nil {
		t.Fatal(err)
	}
	return observations
}

func answer(kind, id, status, body string, at time.Time) *event.Event {
	return &event.Event{
		ID: "lookup-" + kind + body, Connection: "yoco-test", Type: event.LookupType(yoco.Name), Kind: kind, Entity: id, Time: at, Recorded: at,
		Headers: map[string]string{event.HeaderStatus: status}, Body: []byte(body),
	}
}

// state folds those of the observations that are of one entity.
func state(t *testing.T, kind, id string, all []lifecycle.Observation) lifecycle.EntityState {
	t.Helper()
	for _, d := range yoco.New().Lifecycles() {
		if d.Kind != kind {
			continue
		}
		l, err := lifecycle.New(d)
		if err != nil {
			t.Fatal(err)
		}
		var own []lifecycle.Observation
		for _, o := range all {
			if o.Entity.Kind == kind && o.Entity.ID == id {
				own = append(own, o)
			}
		}
		sum, _ := l.Fold(own)
		return l.State(sum)
	}
	t.Fatalf("no lifecycle of %s", kind)
	return lifecycle.EntityState{}
}

// The payload's clock is two hours ahead of the envelope's in Yoco's own samples; the envelope's orders and dates.
func TestTrap_PayloadClockAhead(t *testing.T) {
	want := time.Date(2025, 6, 15, 15, 51, 55, 260284000, time.UTC)
	for _, o := range observed(t, "payment.succeeded-clock-ahead") {
		if !o.Occurred.Equal(want) {
			t.Errorf("%s occurred at %v, want the envelope's %v", o.Entity.Ref(), o.Occurred, want)
		}
		l := state(t, o.Entity.Kind, o.Entity.ID, []lifecycle.Observation{o})
		if !l.CreatedAt.Equal(want) || !l.UpdatedAt.Equal(want) {
			t.Errorf("%s created %v, updated %v, want %v", o.Entity.Ref(), l.CreatedAt, l.UpdatedAt, want)
		}
	}
	if object := observed(t, "payment.succeeded-clock-ahead")[0].Attributes.Object; !bytes.Contains(object, []byte(`"createdDate":"2025-06-15T17:51:53.104000Z"`)) {
		t.Errorf("the payload's own time is not kept in the object %s", object)
	}
}

// One payment failed after it succeeded, by Yoco's clock: it has succeeded, with no failure and no conflict.
func TestTrap_SucceededWinsOverFailed(t *testing.T) {
	failedLast := observed(t, "payment.succeeded", "payment.failed-then-succeeded")
	for _, order := range [][]lifecycle.Observation{failedLast, {failedLast[2], failedLast[3], failedLast[0], failedLast[1]}} {
		p := state(t, yoco.KindPayment, payment, order)
		if p.Status != lifecycle.Succeeded || p.Conflict || *p.Attributes.Failure != (lifecycle.Failure{}) {
			t.Errorf("payment: %+v", p)
		}
		c := state(t, yoco.KindCheckout, checkout, order)
		if c.ProviderStatus != "completed" || c.Conflict {
			t.Errorf("checkout: %+v", c)
		}
	}
}

// A failed payment ends nothing of its checkout; another payment completes it.
func TestTrap_CheckoutOutlivesFailedPayment(t *testing.T) {
	all := observed(t, "payment.failed")
	if c := state(t, yoco.KindCheckout, checkout, all); c.Status != lifecycle.Pending || c.ProviderStatus != "started" {
		t.Errorf("after the failure: %+v", c)
	}
	all = append(all, observed(t, "payment.succeeded")...)
	c := state(t, yoco.KindCheckout, checkout, all)
	if c.Status != lifecycle.Succeeded || c.Conflict || *c.Attributes.Money.Amount != 45900 {
		t.Errorf("after the retry: %+v", c)
	}
	if len(c.Wants) != 1 || c.Wants[0].Reason != lifecycle.WantThin {
		t.Errorf("a derived checkout wants the API's object: %+v", c.Wants)
	}
	all = append(all, asked(t, yoco.KindCheckout, checkout, "200", completed)...)
	if c := state(t, yoco.KindCheckout, checkout, all); len(c.Wants) != 0 || c.Attributes.Relation.AccountID != "mer-0001" || c.Attributes.Reference.Text != "basket-7" {
		t.Errorf("after the look-up: %+v", c)
	}
}

// A refund leaves its payment's status alone, and names a payment that was never heard of.
func TestRefund(t *testing.T) {
	all := observed(t, "refund.succeeded", "refund.failed", "refund.succeeded-full")
	if p := state(t, yoco.KindPayment, payment, all); p.Status != lifecycle.Unknown || p.ProviderStatus != "" || p.Attributes.Relation.ParentID != checkout {
		t.Errorf("payment known by its refunds only: %+v", p)
	}
	all = append(all, observed(t, "payment.succeeded")...)
	p := state(t, yoco.KindPayment, payment, all)
	if p.Status != lifecycle.Succeeded || !p.UpdatedAt.Equal(time.Date(2025, 3, 4, 9, 12, 33, 518204000, time.UTC)) || p.Attributes.Object == nil {
		t.Errorf("payment: %+v", p)
	}
	r := state(t, yoco.KindRefund, refund, all)
	if r.Status != lifecycle.Succeeded || *r.Attributes.Money.Amount != 15900 || r.Attributes.Money.Direction != lifecycle.Out || r.Attributes.Relation.ParentID != payment {
		t.Errorf("refund: %+v", r)
	}
	f := state(t, yoco.KindRefund, "rfd_Qe7ZnB4mKs1YxT8cVw5LdJ2h", all)
	if f.Status != lifecycle.Failed || f.Attributes.Failure.Reason != "insufficient_balance" {
		t.Errorf("failed refund: %+v", f)
	}
}

// A refund that is said to have both succeeded and failed is undocumented: a conflict, which the API decides.
func TestRefundConflict(t *testing.T) {
	all := observed(t, "refund.succeeded")
	failed := all[0]
	failed.ID, failed.Status = "evt_other", "failed"
	all = append(all, failed)
	if r := state(t, yoco.KindRefund, refund, all); !r.Conflict || len(r.Wants) != 1 || r.Wants[0].Reason != lifecycle.WantConflict {
		t.Fatalf("no conflict: %+v", r)
	}
	all = append(all, asked(t, yoco.KindPayment, payment, "200", `{"refunds":[{"id":"`+refund+`","amount":15900,"status":"succeeded"}]}`)...)
	if r := state(t, yoco.KindRefund, refund, all); r.Status != lifecycle.Succeeded || r.Rule != lifecycle.RuleLookup {
		t.Errorf("after the look-up: %+v", r)
	}
}

const completed = `{"id":"ch_V6mJx2KpTq9fSd4WnC8yRbEg","status":"completed","amount":45900,"currency":"ZAR","redirectUrl":"https://c.yoco.com/checkout/ch_V6mJx2KpTq9fSd4WnC8yRbEg","paymentId":"p_Lw3nGv7RtY1cQe5ZkA9uDhBx","successUrl":"https://shop.example/ok","cancelUrl":null,"failureUrl":null,"metadata":{"orderId":"order-1007"},"merchantId":"mer-0001","lineItems":null,"externalId":"basket-7","processingMode":"live"}`

func TestLookup(t *testing.T) {
	type seen struct {
		Ref, Status string
		Mode        lifecycle.Mode
		Amount      int64
		Currency    string
		Parent      string
	}
	const amounts = `"total_amount":{"amount":45900,"currency":"ZAR"}`
	for _, c := range []struct {
		name, kind, id, status, body string
		want                         []seen
	}{
		{"completed checkout", "checkout", checkout, "200", completed, []seen{
			{"checkout/" + checkout, "completed", "live", 45900, "ZAR", ""},
			{"payment/" + payment, "succeeded", "live", 45900, "ZAR", checkout},
		}},
		{"open checkout", "checkout", "ch_1", "200", `{"id":"ch_1","status":"created","amount":200,"currency":"ZAR","paymentId":null,"processingMode":"test"}`, []seen{
			{"checkout/ch_1", "created", "test", 200, "ZAR", ""},
		}},
		{"unheard-of checkout status", "checkout", "ch_1", "", `{"id":"ch_1","status":"lapsed"}`, []seen{{Ref: "checkout/ch_1", Status: "lapsed"}}},
		{"unknown checkout", "checkout", "ch_2", "404", "not here", []seen{{Ref: "checkout/ch_2"}}},
		{"checkout that is gone", "checkout", "ch_2", "410", "", []seen{{Ref: "checkout/ch_2"}}},
		{"refunds of a payment", "payment", payment, "200", `{"refunds":[{"id":"rfd_1","amount":100,"status":"succeeded"},{"id":"rfd_1"},{"id":"rfd_2","amount":200,"status":"failed"}]}`, []seen{
			{Ref: "payment/" + payment},
			{"refund/rfd_1", "succeeded", "", 100, "ZAR", payment},
			{"refund/rfd_2", "failed", "", 200, "ZAR", payment},
		}},
		{"refund in its payment's list", "refund", "rfd_2", "200", `{"refunds":[{"id":"rfd_1","amount":100,"status":"succeeded"},{"id":"rfd_2","amount":200,"status":"failed"}]}`, []seen{
			{"refund/rfd_2", "failed", "", 200, "ZAR", ""},
			{"refund/rfd_1", "succeeded", "", 100, "ZAR", ""},
		}},
		{"versioned payment", "payment", payment, "200", `{"id":"7d1","status":"approved",` + amounts + `,"checkout_id":"ch_1","created_at":"2025-03-04T09:12:31Z"}`, []seen{
			{"payment/" + payment, "approved", "", 45900, "ZAR", "ch_1"},
		}},
		{"versioned refund", "refund", "rfd_1", "200", `{"id":"rfd_1","status":"rejected","total_amount":100,"currency":"ZAR","payment_id":"p_1"}`, []seen{
			{"refund/rfd_1", "rejected", "", 100, "ZAR", "p_1"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []seen
			for _, o := range asked(t, c.kind, c.id, c.status, c.body) {
				s := seen{Ref: o.Entity.Ref(), Status: o.Status, Mode: o.Mode}
				if m := o.Attributes.Money; m != nil {
					s.Currency = m.Currency
					if m.Amount != nil {
						s.Amount = *m.Amount
					}
				}
				if r := o.Attributes.Relation; r != nil {
					s.Parent = r.ParentID
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLookup_Parked(t *testing.T) {
	for _, c := range []struct{ name, kind, status, body string }{
		{"foreign kind", "dispute", "200", completed},
		{"server error", "checkout", "500", completed},
		{"not JSON", "checkout", "200", "<html>"},
		{"no id", "checkout", "200", `{"status":"completed"}`},
		{"another checkout", "checkout", "200", `{"id":"ch_9","status":"completed"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := yoco.New().Decode(answer(c.kind, checkout, c.status, c.body, time.Unix(0, 0)))
			var parked *provider.Parked
			if !errors.As(err, &parked) {
				t.Errorf("%v, want a *Parked", err)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	d := sampleOf900Bytes(b)
	e := providertest.Record(yoco.New(), &d, provider.Evidence{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := yoco.New().Decode(&e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDescribe(b *testing.B) {
	d := sampleOf900Bytes(b)
	b.ReportAllocs()
	for b.Loop() {
		if yoco.New().Describe(&d).Entity == "" {
			b.Fatal("no entity")
		}
	}
}

// sampleOf900Bytes is payment.succeeded with the metadata of a talkative merchant.
func sampleOf900Bytes(b *testing.B) provider.Delivery {
	_, all := providertest.Load(b, samples)
	for _, s := range all {
		if s.Name == "payment.succeeded" {
			d := providertest.Clone(s.Delivery)
			note := bytes.Repeat([]byte("an order that was placed, "), 15)
			d.Body = bytes.Replace(d.Body, []byte(`"orderId":"`), append([]byte(`"orderId":"`), note...), 1)
			return d
		}
	}
	b.Fatal("no sample")
	return provider.Delivery{}
}

// A provider's event must not pass for Hookfold's own answer to a look-up.
func TestDescribe_LookupIsNoType(t *testing.T) {
	d := provider.Delivery{Body: []byte(`{"id":"evt_1","type":"lookup","payload":{"id":"p_1","type":"payment","status":"succeeded"}}`)}
	if got := yoco.New().Describe(&d); got.Type != "" || got.Entity != "p_1" {
		t.Errorf("described as %+v", got)
	}
}
