package fintoc_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

func webhooks(t *testing.T, conn provider.Connection) provider.WebhookAPI {
	t.Helper()
	w, err := fintoc.New().Webhooks(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhooks(t *testing.T) {
	const object = `{"id":"we_1","object":"webhook_endpoint","url":"https://h.example.com/w","description":"d","enabled_events":["charge.failed"],"status":"enabled","mode":"test","secret":`
	header := authorized("2026-02-01")
	off, on := false, true
	all := func(_ *http.Request, body []byte) error {
		var in struct {
			Events []string `json:"enabled_events"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return err
		}
		if !slices.Contains(in.Events, "payment_intent.succeeded") || slices.Contains(in.Events, "link.created") || slices.Contains(in.Events, "*") || len(in.Events) < 30 {
			return fmt.Errorf("events %v", in.Events)
		}
		return nil
	}
	server := apitest.Serve(t,
		apitest.Exchange{Want: "POST /v1/webhook_endpoints", Header: header, Body: `{"url":"https://h.example.com/w","description":"d","enabled_events":["charge.failed"]}`, Status: 201, Answer: object + `"whsec_1"}`},
		apitest.Exchange{Want: "PATCH /v1/webhook_endpoints/we_1", Header: header, Body: `{"disabled":true}`, Answer: `{"id":"we_1","disabled":true}`},
		apitest.Exchange{Want: "GET /v1/webhook_endpoints?page=1&per_page=300", Header: header, Answer: "[" + object + `null}]`, AnswerHeader: map[string]string{"Link": `<x?page=2>; rel="next"`}},
		apitest.Exchange{Want: "GET /v1/webhook_endpoints?page=2&per_page=300", Header: header, Answer: `[{"id":"we_2","disabled":false}]`},
		apitest.Exchange{Want: "GET /v1/webhook_endpoints/we_1", Header: header, Answer: object + `null}`},
		apitest.Exchange{Want: "PATCH /v1/webhook_endpoints/we_1", Header: header, Body: `{"disabled":false,"url":"https://h.example.com/v","description":"e","enabled_events":["charge.succeeded"]}`, Answer: object + `null}`},
		apitest.Exchange{Want: "DELETE /v1/webhook_endpoints/we_1", Header: header, Status: 204},
		apitest.Exchange{Want: "DELETE /v1/webhook_endpoints/we_1", Header: header, Status: 404, Answer: `{"error":{"code":"missing_resource"}}`},
		apitest.Exchange{Want: "GET /v1/webhook_endpoints/we_1", Answer: `{}`},
	)
	w := webhooks(t, apiConn(server.URL))
	want := provider.Webhook{ID: "we_1", URL: "https://h.example.com/w", Description: "d", Status: "disabled", Events: []string{"charge.failed"}, Secret: "whsec_1"}
	made, err := w.Create(t.Context(), provider.WebhookSpec{URL: "https://h.example.com/w", Description: "d", Events: []string{"charge.failed"}, Enabled: &off})
	if diff := cmp.Diff([]provider.Webhook{want}, made); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	list, err := w.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Secret != "" || list[1].Status != "enabled" {
		t.Errorf("%+v, %v", list, err)
	}
	want.Secret, want.Status = "", "enabled"
	one, err := w.Get(t.Context(), "we_1")
	if diff := cmp.Diff(want, one); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	if _, err := w.Update(t.Context(), "we_1", provider.WebhookSpec{URL: "https://h.example.com/v", Description: "e", Events: []string{"charge.succeeded"}, Enabled: &on}); err != nil {
		t.Error(err)
	}
	if err := w.Delete(t.Context(), "we_1"); err != nil {
		t.Error(err)
	}
	apitest.Fails(t, w.Delete(t.Context(), "we_1"), provider.Rejected, "missing_resource (HTTP 404)", "we_1")
	_, err = w.Get(t.Context(), "we_1")
	apitest.Fails(t, err, provider.Unavailable, "does not hold a webhook endpoint")

	server = apitest.Serve(t, apitest.Exchange{Want: "POST /v1/webhook_endpoints", Check: func(r *http.Request, body []byte) error { return all(r, body) },
		Body: allEvents(t), Answer: object + `"whsec_1"}`})
	if _, err := webhooks(t, apiConn(server.URL)).Create(t.Context(), provider.WebhookSpec{URL: "https://h.example.com/w"}); err != nil {
		t.Error(err)
	}
}

// allEvents is the request for all documented types, as docs.fintoc.com lists them.
func allEvents(t *testing.T) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"url": "https://h.example.com/w", "enabled_events": []string{
		"link.credentials_changed", "link.refresh_intent.succeeded",
		"account.refresh_intent.succeeded", "account.refresh_intent.failed", "account.refresh_intent.rejected",
		"account_verification.succeeded", "account_verification.failed",
		"payment_intent.succeeded", "payment_intent.rejected", "payment_intent.failed", "payment_intent.expired", "payment_intent.pending",
		"checkout_session.finished", "checkout_session.expired",
		"refund.in_progress", "refund.succeeded", "refund.failed",
		"payout.created", "payout.succeeded", "payout.canceled",
		"subscription_intent.succeeded", "subscription_intent.failed", "subscription_intent.rejected",
		"subscription.activated", "subscription.canceled",
		"charge.succeeded", "charge.failed",
		"transfer.outbound.succeeded", "transfer.outbound.failed", "transfer.outbound.returned",
		"transfer.inbound.succeeded", "transfer.inbound.returned", "transfer.inbound.return_failed",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestWebhookCheck(t *testing.T) {
	w := webhooks(t, apiConn(""))
	for _, c := range []struct {
		spec  provider.WebhookSpec
		field string
	}{
		{provider.WebhookSpec{URL: "https://h.example.com/w", Events: []string{"transfer.inbound.return_failed"}}, ""},
		{provider.WebhookSpec{URL: "http://h.example.com/w"}, "url"},
		{provider.WebhookSpec{URL: "https://u:p@h.example.com/w"}, "url"},
		{provider.WebhookSpec{Events: []string{"link.created"}}, "events[0]"},
		{provider.WebhookSpec{Events: []string{"charge.failed", "*"}}, "events[1]"},
	} {
		problems := w.Check(c.spec)
		if c.field == "" && len(problems) > 0 || c.field != "" && (len(problems) != 1 || problems[0].Field != c.field) {
			t.Errorf("%+v: %+v, want %q", c.spec, problems, c.field)
		}
		if c.field != "" {
			_, err := w.Update(t.Context(), "we_1", c.spec)
			apitest.Fails(t, err, provider.Rejected, c.field, "u:p")
		}
	}
	if _, err := w.Create(t.Context(), provider.WebhookSpec{}); err == nil {
		t.Error("a webhook without an address")
	}
}
