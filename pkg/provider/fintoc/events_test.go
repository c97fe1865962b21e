package fintoc_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// record is the event that a sample becomes in the log.
func record(t testing.TB, s providertest.Sample) event.Event {
	t.Helper()
	d := providertest.Clone(s.Delivery)
	return providertest.Record(fintoc.New(), &d, provider.Evidence{Scheme: fintoc.Scheme})
}

// hooked is the event of a webhook with the given resource, made a number of minutes after the start of a day.
func hooked(word string, minute int, data string) event.Event {
	at := time.Date(2026, 5, 4, 0, minute, 0, 0, time.UTC)
	d := provider.Delivery{
		Connection: "c", Received: at.Add(time.Second),
		Body: []byte(`{"id":"evt_` + word + strconv.Itoa(minute) + `","object":"event","type":"` + word + `","mode":"live","created_at":"` +
			at.Format(time.RFC3339Nano) + `","data":` + data + `}`),
	}
	return providertest.Record(fintoc.New(), &d, provider.Evidence{})
}

// answered is the answer of the API to a look-up.
func answered(subject string, minute, status int, body string) event.Event {
	at := time.Date(2026, 5, 4, 0, minute, 0, 0, time.UTC)
	kind, id, _ := strings.Cut(subject, "/")
	return event.Event{
		ID: "lookup-" + strconv.Itoa(minute), Connection: "c", Type: event.LookupType(fintoc.Name), Kind: kind, Entity: id,
		Time: at, Recorded: at, Headers: map[string]string{event.HeaderStatus: strconv.Itoa(status)}, Body: []byte(body),
	}
}

// states folds events in every order and returns the state of each entity; the order must not matter.
func states(t *testing.T, events ...event.Event) map[string]lifecycle.EntityState {
	t.Helper()
	lifecycles := make(map[string]*lifecycle.Lifecycle)
	for _, d := range fintoc.New().Lifecycles() {
		l, err := lifecycle.New(d)
		if err != nil {
			t.Fatal(err)
		}
		lifecycles[d.Kind] = l
	}
	var want map[string]lifecycle.EntityState
	permute(events, func(events []event.Event) {
		sums := make(map[string]lifecycle.Summary)
		for i := range events {
			observations, err := fintoc.New().Decode(&events[i])
			if err != nil {
				t.Fatal(err)
			}
			for j := range observations {
				o := &observations[j]
				l := lifecycles[o.Entity.Kind]
				sums[o.Entity.Ref()] = l.Join(sums[o.Entity.Ref()], l.Observe(o))
			}
		}
		got := make(map[string]lifecycle.EntityState)
		for ref, sum := range sums {
			kind, _, _ := strings.Cut(ref, "/")
			got[ref] = lifecycles[kind].State(sum)
		}
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("another order gives another state: %s", diff)
		}
	})
	return want
}

// permute calls f with every order of the events.
func permute(events []event.Event, f func([]event.Event)) {
	var walk func(n int)
	walk = func(n int) {
		if n == len(events) {
			f(events)
			return
		}
		for i := n; i < len(events); i++ {
			events[n], events[i] = events[i], events[n]
			walk(n + 1)
			events[n], events[i] = events[i], events[n]
		}
	}
	walk(0)
}

// What a sequence of events makes of an entity, in every order of arrival.
func TestHistories(t *testing.T) {
	transfer := func(status string) string {
		return `{"id":"tr_1","object":"transfer","status":"` + status + `","amount":286400,"currency":"MXN","direction":"inbound",` +
			`"account_number":{"id":"acno_1","object":"account_number","account_id":"acc_1","number":"738","status":"enabled","created_at":"2026-01-05T12:00:00Z"}}`
	}
	link := func(status string) string {
		return `{"id":"link_1","object":"link","status":"` + status + `","accounts":[{"id":"acc_1","object":"account","name":"A","balance":{"available":1,"current":2}}]}`
	}
	refresh := func(of, status string) string {
		id := map[string]string{"link": "link_1", "account": "acc_1"}[of]
		return `{"object":"refresh_intent","refreshed_object":"` + of + `","refreshed_object_id":"` + id + `","status":"` + status + `"}`
	}
	session := func(status, payment string) string {
		return `{"id":"cs_1","object":"checkout_session","status":"` + status + `","payment_resource":{"payment_intent":{"id":"pi_1","object":"payment_intent","amount":5,"currency":"CLP","status":"` + payment + `"}}}`
	}
	payment := func(status string) string {
		return `{"id":"pi_1","object":"payment_intent","amount":5,"currency":"CLP","status":"` + status + `","created_at":"2026-05-03T00:00:00Z"}`
	}
	cases := []struct {
		name   string
		events []event.Event
		ref    string
		status lifecycle.Status
		word   string
	}{
		{"a transfer that succeeded comes back", []event.Event{
			hooked("transfer.outbound.succeeded", 1, transfer("succeeded")), hooked("transfer.outbound.returned", 2, transfer("returned")),
		}, "transfer/tr_1", lifecycle.Returned, "returned"},
		{"a return by the receiver that fails", []event.Event{
			hooked("transfer.inbound.succeeded", 1, transfer("succeeded")), hooked("transfer.inbound.return_pending", 2, transfer("return_pending")),
			hooked("transfer.inbound.return_failed", 3, transfer("succeeded")),
		}, "transfer/tr_1", lifecycle.Succeeded, "succeeded"},
		{"a return by the receiver that goes through", []event.Event{
			hooked("transfer.inbound.succeeded", 1, transfer("succeeded")), hooked("transfer.inbound.return_pending", 2, transfer("return_pending")),
			hooked("transfer.inbound.returned", 3, transfer("returned")),
		}, "transfer/tr_1", lifecycle.Returned, "returned"},
		{"a word that nobody explains, after success", []event.Event{
			hooked("transfer.inbound.succeeded", 1, transfer("succeeded")), hooked("transfer.inbound.reversed", 2, transfer("reversed")),
		}, "transfer/tr_1", lifecycle.Unknown, "reversed"},
		{"a late transfer does not revive a deleted account number", []event.Event{
			hooked("account_number.deleted", 1, `{"id":"acno_1","object":"account_number","status":"enabled"}`),
			hooked("transfer.inbound.succeeded", 2, transfer("succeeded")),
		}, "account_number/acno_1", lifecycle.Closed, "deleted"},
		{"a link whose credentials changed", []event.Event{
			hooked("link.created", 1, link("active")), hooked("link.credentials_changed", 2, link("login_required")),
		}, "link/link_1", lifecycle.LoginRequired, "login_required"},
		{"a link that can be read again", []event.Event{
			hooked("link.credentials_changed", 1, link("login_required")), hooked("link.refresh_intent.succeeded", 2, refresh("link", "succeeded")),
		}, "link/link_1", lifecycle.Active, "active"},
		{"a link whose refresh was rejected", []event.Event{
			hooked("link.created", 1, link("active")), hooked("link.refresh_intent.rejected", 2, refresh("link", "rejected")),
		}, "link/link_1", lifecycle.LoginRequired, "login_required"},
		{"a refresh that failed says nothing of the link", []event.Event{
			hooked("link.credentials_changed", 1, link("login_required")), hooked("link.refresh_intent.failed", 2, refresh("link", "failed")),
		}, "link/link_1", lifecycle.LoginRequired, "login_required"},
		{"nor of the account", []event.Event{
			hooked("link.created", 1, link("active")), hooked("account.refresh_intent.failed", 2, refresh("account", "failed")),
			hooked("account.refresh_intent.rejected", 3, refresh("account", "rejected")),
		}, "account/acc_1", lifecycle.Active, "linked"},
		{"an outcome of a refresh that nobody explains", []event.Event{
			hooked("link.created", 1, link("active")), hooked("link.refresh_intent.postponed", 2, refresh("link", "postponed")),
		}, "link/link_1", lifecycle.Unknown, "refresh_intent/postponed"},
		{"a session is finished, its payment is not", []event.Event{
			hooked("checkout_session.expired", 1, session("in_progress", "created")), hooked("checkout_session.finished", 2, session("finished", "pending")),
		}, "checkout_session/cs_1", lifecycle.Processing, "finished"},
		{"a finished session is not a paid one", []event.Event{
			hooked("checkout_session.finished", 2, session("finished", "pending")), hooked("checkout_session.finished", 3, session("finished", "failed")),
		}, "checkout_session/cs_1", lifecycle.Failed, "finished"},
		{"the payment's end reaches the session by a look-up", []event.Event{
			hooked("checkout_session.finished", 1, session("finished", "pending")), hooked("payment_intent.succeeded", 2, payment("succeeded")),
			answered("checkout_session/cs_1", 3, 200, session("finished", "succeeded")),
		}, "checkout_session/cs_1", lifecycle.Succeeded, "finished"},
		{"a look-up that lags does not undo a payment", []event.Event{
			hooked("payment_intent.succeeded", 1, payment("succeeded")), answered("payment_intent/pi_1", 2, 200, payment("in_progress")+"\n"),
		}, "payment_intent/pi_1", lifecycle.Succeeded, "succeeded"},
		{"a look-up that finds nothing", []event.Event{
			hooked("payment_intent.pending", 1, payment("pending")), answered("payment_intent/pi_1", 2, 404, ""),
		}, "payment_intent/pi_1", lifecycle.Processing, "pending"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, ok := states(t, c.events...)[c.ref]
			if !ok || s.Status != c.status || s.ProviderStatus != c.word || s.Conflict {
				t.Errorf("%s is %s (%s), conflict %v; want %s (%s)", c.ref, s.Status, s.ProviderStatus, s.Conflict, c.status, c.word)
			}
		})
	}
}

// A nested payment that is abridged does not stand in for the whole object, and adds the session it came from.
func TestNestedPayment(t *testing.T) {
	whole := `{"id":"pi_1","object":"payment_intent","amount":5,"currency":"CLP","status":"succeeded","error_reason":null,"metadata":{"order":"7"},"created_at":"2026-05-03T00:00:00Z"}`
	s := states(t,
		hooked("payment_intent.succeeded", 1, whole),
		hooked("checkout_session.finished", 2, `{"id":"cs_1","object":"checkout_session","status":"finished","payment_resource":{"payment_intent":{"id":"pi_1","object":"payment_intent","status":"succeeded"}}}`),
	)["payment_intent/pi_1"]
	if string(s.Attributes.Object) != whole {
		t.Errorf("object %s, want the whole one", s.Attributes.Object)
	}
	if s.Attributes.Relation == nil || s.Attributes.Relation.ParentID != "cs_1" {
		t.Errorf("relation %+v, want the checkout session as parent", s.Attributes.Relation)
	}
	if len(s.Wants) > 0 {
		t.Errorf("wants %v", s.Wants)
	}
}

// An account that a link lists twice is observed once, so that one event never speaks against itself.
func TestAccountsOnce(t *testing.T) {
	e := hooked("link.created", 1, `{"id":"link_1","object":"link","status":"active","accounts":[{"id":"acc_1","name":"A"},{"id":"acc_1","name":"B"},{"name":"C"},"acc_2",null,{"id":"acc_3","object":"loan"}]}`)
	observations, err := fintoc.New().Decode(&e)
	if err != nil || len(observations) != 2 {
		t.Fatalf("%d observations, error %v; want the link and one account", len(observations), err)
	}
	if p := observations[1].Attributes.Profile; p == nil || p.Name != "A" {
		t.Errorf("profile %+v, want the first", p)
	}
}

func TestParked(t *testing.T) {
	long := strings.Repeat("x", event.MaxAttribute)
	cases := []struct {
		name   string
		event  event.Event
		reason provider.ParkedReason
	}{
		{"an object that is no kind", hooked("customer.created", 1, `{"id":"cus_1","object":"customer"}`), provider.ParkedType},
		{"neither object nor a type that tells", hooked("something.new", 1, `{"id":"x_1"}`), provider.ParkedType},
		{"no id", hooked("charge.failed", 1, `{"object":"charge","status":"failed"}`), provider.ParkedShape},
		{"an id too long", hooked("charge.failed", 1, `{"id":"`+long+`","object":"charge"}`), provider.ParkedShape},
		{"an id that no header can carry", hooked("charge.failed", 1, `{"id":"a\u0000b","object":"charge"}`), provider.ParkedShape},
		{"a status too long", hooked("charge.failed", 1, `{"id":"ch_1","object":"charge","status":"`+long+`x"}`), provider.ParkedShape},
		{"a refresh of nothing", hooked("account.refresh_intent.failed", 1, `{"object":"refresh_intent","refreshed_object":"account"}`), provider.ParkedShape},
		{"a refresh of something else", hooked("account.refresh_intent.failed", 1, `{"object":"refresh_intent","refreshed_object":"user","refreshed_object_id":"u"}`), provider.ParkedShape},
		{"data is a list", hooked("charge.failed", 1, `[{"id":"ch_1"}]`), provider.ParkedShape},
		{"a look-up that failed", answered("charge/ch_1", 1, 503, `{"error":{}}`), provider.ParkedShape},
		{"a look-up that tells of another", answered("charge/ch_1", 1, 200, `{"id":"ch_2","object":"charge","status":"failed"}`), provider.ParkedShape},
		{"a look-up that tells of another kind", answered("charge/ch_1", 1, 200, `{"id":"ch_1","object":"refund","status":"failed"}`), provider.ParkedShape},
		{"a look-up of a list", answered("charge/ch_1", 1, 200, `[{"id":"ch_1","object":"charge"}]`), provider.ParkedBody},
		{"a look-up of no kind", answered("customer/cus_1", 1, 404, ``), provider.ParkedType},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			observations, err := fintoc.New().Decode(&c.event)
			var parked *provider.Parked
			if !errors.As(err, &parked) || parked.Reason != c.reason || len(observations) > 0 {
				t.Errorf("%d observations, error %v; want parked for %s", len(observations), err, c.reason)
			}
		})
	}
}

// An event whose data has no object is placed by its type.
func TestObjectMissing(t *testing.T) {
	e := hooked("transfer.outbound.failed", 1, `{"id":"tr_1","status":"failed"}`)
	observations, err := fintoc.New().Decode(&e)
	if err != nil || len(observations) != 1 || observations[0].Entity.Ref() != "transfer/tr_1" || e.Subject() != "transfer/tr_1" {
		t.Errorf("observations %+v, error %v, subject %s", observations, err, e.Subject())
	}
}

// The answers to look-ups are objects without an envelope; their mode is the object's.
func TestLookups(t *testing.T) {
	e := answered("account/acc_1", 1, 200, "{\"id\":\"acc_1\",\"object\":\"account\",\"mode\":\"test\",\"status\":\"active\",\"available_balance\":-5,\"currency\":\"mxn\"}\n")
	observations, err := fintoc.New().Decode(&e)
	if err != nil || len(observations) != 1 {
		t.Fatalf("%d observations, error %v", len(observations), err)
	}
	o := observations[0]
	if o.Source != lifecycle.SourceLookup || o.Mode != lifecycle.ModeTest || o.Status != "active" || *o.Attributes.Balance.Available != -5 ||
		o.Attributes.Profile.Currency != "MXN" || strings.HasSuffix(string(o.Attributes.Object), "\n") {
		t.Errorf("observation %+v", o)
	}
}
