package yoco_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
	"github.com/hookfold/hookfold/pkg/provider/yoco"
)

func TestWebhooks(t *testing.T) {
	header := map[string]string{"Authorization": "Bearer " + apiKey}
	const made = `{"id":"sub_1","name":"hookfold","url":"https://h.example.com/w","mode":"live"`
	list := apitest.Exchange{Want: "GET /webhooks", Header: header, Answer: `{"subscriptions":[` + made + `,"createdDate":"x"}]}`}
	server := apitest.Serve(t,
		apitest.Exchange{Want: "POST /webhooks", Header: header, Body: `{"name":"hookfold","url":"https://h.example.com/w"}`, Answer: made + `,"secret":"whsec_1"}`},
		apitest.Exchange{Want: "POST /webhooks", Header: header, Body: `{"name":"d","url":"https://h.example.com/w"}`, Status: 201, Answer: made + `}`},
		list,
		apitest.Exchange{Want: "GET /webhooks", Header: header, Answer: `[` + made + `}]`},
		list, list,
		apitest.Exchange{Want: "GET /webhooks", Answer: `{}`},
		apitest.Exchange{Want: "DELETE /webhooks/sub_1", Header: header, Answer: `{"message":"deleted"}`},
		apitest.Exchange{Want: "DELETE /webhooks/sub_1", Header: header, Status: 404},
		apitest.Exchange{Want: "DELETE /webhooks/sub_1", Header: header, Status: 500},
	)
	w, err := yoco.New().Webhooks(apiConn(server.URL, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Webhook{ID: "sub_1", Description: "hookfold", URL: "https://h.example.com/w", Status: "live", Secret: "whsec_1"}
	got, err := w.Create(t.Context(), provider.WebhookSpec{URL: "https://h.example.com/w"})
	if diff := cmp.Diff([]provider.Webhook{want}, got); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	got, err = w.Create(t.Context(), provider.WebhookSpec{URL: "https://h.example.com/w", Description: "d"})
	apitest.Fails(t, err, provider.Unavailable, "the webhook's secret")
	if len(got) != 1 || got[0].ID != "sub_1" {
		t.Errorf("what was made all the same: %+v", got)
	}
	want.Secret = ""
	for range 2 {
		got, err := w.List(t.Context())
		if diff := cmp.Diff([]provider.Webhook{want}, got); diff != "" || err != nil {
			t.Errorf("%s %v", diff, err)
		}
	}
	one, err := w.Get(t.Context(), "sub_1")
	if diff := cmp.Diff(want, one); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	_, err = w.Get(t.Context(), "sub_2")
	if e := apitest.Fails(t, err, provider.Rejected, "no such webhook"); e.Status != 404 {
		t.Error(e)
	}
	_, err = w.List(t.Context())
	apitest.Fails(t, err, provider.Unavailable, "does not hold a list")
	for range 2 { // deleted, and gone already
		if err := w.Delete(t.Context(), "sub_1"); err != nil {
			t.Error(err)
		}
	}
	apitest.Fails(t, w.Delete(t.Context(), "sub_1"), provider.Unavailable, "DELETE /webhooks/{id}")
	if _, err := w.Update(t.Context(), "sub_1", provider.WebhookSpec{}); !errors.Is(err, provider.ErrUnsupported) {
		t.Error(err)
	}
}

func TestWebhookCheck(t *testing.T) {
	w, err := yoco.New().Webhooks(apiConn("", ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	off, on := false, true
	for _, c := range []struct {
		spec  provider.WebhookSpec
		field string
	}{
		{provider.WebhookSpec{URL: "https://h.example.com/w", Enabled: &on}, ""},
		{provider.WebhookSpec{URL: "http://h.example.com/w"}, "url"},
		{provider.WebhookSpec{URL: "https://u:p@h.example.com/w"}, "url"},
		{provider.WebhookSpec{URL: "https://h.example.com/w", Events: []string{"payment.succeeded"}}, "events"},
		{provider.WebhookSpec{URL: "https://h.example.com/w", Enabled: &off}, "enabled"},
	} {
		problems := w.Check(c.spec)
		if c.field == "" && len(problems) > 0 || c.field != "" && (len(problems) != 1 || problems[0].Field != c.field) {
			t.Errorf("%+v: %+v, want %q", c.spec, problems, c.field)
		}
		if c.field != "" {
			_, err := w.Create(t.Context(), c.spec)
			apitest.Fails(t, err, provider.Rejected, c.field)
		}
	}
	if _, err := w.Create(t.Context(), provider.WebhookSpec{}); err == nil {
		t.Error("a webhook without an address")
	}
}
