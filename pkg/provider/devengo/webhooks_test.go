package devengo_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/devengo"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

func webhooks(t *testing.T, conn provider.Connection) provider.WebhookAPI {
	t.Helper()
	w, err := devengo.New().Webhooks(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhooks(t *testing.T) {
	const made = `{"webhook":{"id":"whk_1","url":"https://h.example.com/w","status":"enabled","description":"d","listened_events":["account.created"]`
	off := false
	server := apitest.Serve(t,
		apitest.Exchange{Want: "POST /v1/webhooks", Check: signed, Header: map[string]string{"Content-Type": "application/json"},
			Body: `{"url":"https://h.example.com/w","description":"d","listened_events":["account.created"]}`, Status: 201, Answer: made + `,"secret":"5ec"}}`},
		apitest.Exchange{Want: "POST /v1/webhooks", Check: signed, Body: `{"url":"https://h.example.com/w?a=b&c=d"}`, Status: 201, Answer: made + `,"secret":"5ec"}}`},
		apitest.Exchange{Want: "PATCH /v1/webhooks/whk_1", Check: signed, Body: `{"status":"disabled"}`, Status: 500},
		apitest.Exchange{Want: "GET /v1/webhooks?page=1&page_size=100", Check: signed, Answer: `{"webhooks":[{"id":"whk_1","status":"enabled"}],"links":{"next":"https://x/?page=2"}}`},
		apitest.Exchange{Want: "GET /v1/webhooks?page=2&page_size=100", Check: signed, Answer: `{"webhooks":[{"id":"whk_2","status":"disabled"}],"links":{}}`},
		apitest.Exchange{Want: "GET /v1/webhooks/whk_1", Check: signed, Answer: made + `}}`},
		apitest.Exchange{Want: "PATCH /v1/webhooks/whk_1", Check: signed, Body: `{"url":"https://h.example.com/v","status":"disabled","listened_events":["a.b"]}`, Answer: made + `}}`},
		apitest.Exchange{Want: "DELETE /v1/webhooks/whk_1", Check: signed, Status: 204},
		apitest.Exchange{Want: "DELETE /v1/webhooks/whk_1", Check: signed, Status: 404, Answer: `{"error":{"code":"not_found"}}`},
		apitest.Exchange{Want: "GET /v1/webhooks/whk_1", Answer: `{}`},
	)
	w := webhooks(t, signedConn(server.URL+"/v1"))
	spec := provider.WebhookSpec{URL: "https://h.example.com/w", Description: "d", Events: []string{"account.created"}}
	want := provider.Webhook{ID: "whk_1", URL: "https://h.example.com/w", Description: "d", Status: "enabled", Events: []string{"account.created"}, Secret: "5ec"}
	got, err := w.Create(t.Context(), spec)
	if diff := cmp.Diff([]provider.Webhook{want}, got); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	got, err = w.Create(t.Context(), provider.WebhookSpec{URL: "https://h.example.com/w?a=b&c=d", Enabled: &off})
	apitest.Fails(t, err, provider.Unavailable, "PATCH /webhooks/{id}", "5ec")
	if len(got) != 1 || got[0].Secret != "5ec" {
		t.Errorf("what was made before the error is %+v", got)
	}
	list, err := w.List(t.Context())
	if err != nil || len(list) != 2 || list[1].ID != "whk_2" || list[1].Status != "disabled" {
		t.Errorf("%+v, %v", list, err)
	}
	want.Secret = ""
	one, err := w.Get(t.Context(), "whk_1")
	if diff := cmp.Diff(want, one); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	if _, err = w.Update(t.Context(), "whk_1", provider.WebhookSpec{URL: "https://h.example.com/v", Events: []string{"a.b"}, Enabled: &off}); err != nil {
		t.Error(err)
	}
	if err := w.Delete(t.Context(), "whk_1"); err != nil {
		t.Error(err)
	}
	apitest.Fails(t, w.Delete(t.Context(), "whk_1"), provider.Rejected, "DELETE /webhooks/{id}: not_found (HTTP 404)")
	_, err = w.Get(t.Context(), "whk_1")
	apitest.Fails(t, err, provider.Unavailable, "does not hold a webhook")

	if _, err := w.Update(t.Context(), "whk_1", provider.WebhookSpec{Description: "x"}); !errors.Is(err, provider.ErrUnsupported) {
		t.Error(err)
	}
	_, err = w.Create(t.Context(), provider.WebhookSpec{})
	apitest.Fails(t, err, provider.Rejected, "url: ")
}

func TestWebhookCheck(t *testing.T) {
	live := provider.Connection{Mode: lifecycle.ModeLive, API: provider.API{KeyID: "k", Secret: "s"}}
	test := live
	test.Mode = lifecycle.ModeTest
	for _, c := range []struct {
		conn  provider.Connection
		spec  provider.WebhookSpec
		field string
	}{
		{live, provider.WebhookSpec{URL: "https://user:pw@h.example.com/w", Events: []string{"outgoing_payment.confirmed", "new_kind.happened"}}, ""},
		{live, provider.WebhookSpec{URL: "http://h.example.com/w"}, "url"},
		{test, provider.WebhookSpec{URL: "http://h.example.com/w"}, ""},
		{test, provider.WebhookSpec{URL: "http://localhost/w"}, "url"},
		{live, provider.WebhookSpec{URL: "https://127.0.0.1/w"}, "url"},
		{live, provider.WebhookSpec{Events: []string{"a.b", "account.*"}}, "events[1]"},
		{live, provider.WebhookSpec{Events: []string{"PIX_RECEIVED"}}, "events[0]"},
	} {
		problems := webhooks(t, c.conn).Check(c.spec)
		if c.field == "" && len(problems) > 0 || c.field != "" && (len(problems) != 1 || problems[0].Field != c.field) {
			t.Errorf("%+v: %+v, want %q", c.spec, problems, c.field)
		}
	}
}
