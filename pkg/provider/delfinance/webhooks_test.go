package delfinance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/delfinance"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

const hooks = "/baas/api/v1/webhooks"

func webhooks(t *testing.T, conn provider.Connection) provider.WebhookAPI {
	t.Helper()
	w, err := delfinance.New().Webhooks(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func object(id, account, word, address string) string {
	return fmt.Sprintf(`{"id":%s,"bankAccount":%q,"eventType":%q,"url":%q,"authorization":"x-webhook-key: %s","authorizationScheme":"HEADER"}`, id, account, word, address, credential)
}

func request(word, address string) string {
	return fmt.Sprintf(`{"eventType":%q,"url":%q,"authorizationScheme":"HEADER","authorization":"x-webhook-key: %s"}`, word, address, credential)
}

// TestCreateAll: one webhook for each of the fourteen types, at an address of its own; what is there is not made twice; what was
// made before an error is told.
func TestCreateAll(t *testing.T) {
	const base = "https://h.example.com/webhooks/c"
	words := strings.Fields(`CHARGE_PAID PIX_RECEIVED PIX_PAYMENT_UPDATED PIX_REFUNDED PIX_REFUND_PAYMENT_UPDATED
		TRANSFER_INTERNAL_CREDITED TRANSFER_INTERNAL_DEBITED TRANSFER_EXTERNAL_CREDITED TRANSFER_EXTERNAL_DEBITED
		INFRACTION_NOTIFICATION_CREATED INFRACTION_NOTIFICATION_UPDATED ACCOUNT_STATUS_UPDATED
		WHITELABEL_CUSTOMER_DOCUMENTATION_REJECTED WHITELABEL_CUSTOMER_APPROVED`)
	script := []apitest.Exchange{{Want: "GET " + hooks, Header: both, Answer: "[" + object("7", "40001", "PIX_RECEIVED", base+"/PIX_RECEIVED") + "," + object(`"8"`, "40002", "CHARGE_PAID", base+"/CHARGE_PAID") + "]"}}
	for i, word := range words {
		x := apitest.Exchange{Want: "POST " + hooks, Header: both, Body: request(word, base+"/"+word), Answer: object(fmt.Sprint(100+i), "40001", word, base+"/"+word)}
		switch word {
		case "PIX_RECEIVED":
			x.Want, x.Answer, x.Status = "PATCH "+hooks+"/7", "", 204
		case "WHITELABEL_CUSTOMER_APPROVED":
			x.Status, x.Answer = 422, `{"title":"x","code":"UNPROCESSABLE_ENTITY","errors":["x"]}`
		}
		script = append(script, x)
	}
	w := webhooks(t, apiConn(apitest.Serve(t, script...).URL))
	made, err := w.Create(t.Context(), provider.WebhookSpec{URL: base + "/"})
	apitest.Fails(t, err, provider.Rejected, "POST "+hooks+": UNPROCESSABLE_ENTITY", credential, apiKey)
	if len(made) != len(words)-1 {
		t.Fatalf("%d made before the error", len(made))
	}
	for i, got := range made {
		id := fmt.Sprint(100 + i)
		if words[i] == "PIX_RECEIVED" {
			id = "7"
		}
		if diff := cmp.Diff(provider.Webhook{ID: id, URL: base + "/" + words[i], Events: []string{words[i]}}, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestManage(t *testing.T) {
	const base = "https://h.example.com/webhooks/c"
	old := object("7", "40001", "PIX_RECEIVED", base+"/PIX_RECEIVED")
	get := apitest.Exchange{Want: "GET " + hooks + "/7", Header: both, Answer: old}
	patch := func(word, address string) apitest.Exchange {
		return apitest.Exchange{Want: "PATCH " + hooks + "/7", Header: both, Body: request(word, address), Answer: "{}"}
	}
	server := apitest.Serve(t,
		apitest.Exchange{Want: "GET " + hooks, Header: both, Answer: "[" + old + "," + object("8", "40002", "CHARGE_PAID", "x") + `,{"id":"9","eventType":"CHARGE_PAID"}]`},
		get,
		get, patch("PIX_RECEIVED", base+"/PIX_RECEIVED"), // the credential alone
		get, patch("CHARGE_PAID", base+"/CHARGE_PAID"),
		get, patch("PIX_RECEIVED", "https://g.example.com/v/PIX_RECEIVED"),
		apitest.Exchange{Want: "GET " + hooks + "/7", Answer: `{"id":7}`},
		apitest.Exchange{Want: "DELETE " + hooks + "/7", Header: both, Status: 204},
		apitest.Exchange{Want: "GET " + hooks + "/7", Answer: `{}`},
	)
	w := webhooks(t, apiConn(server.URL))
	want := provider.Webhook{ID: "7", URL: base + "/PIX_RECEIVED", Events: []string{"PIX_RECEIVED"}}
	list, err := w.List(t.Context())
	if diff := cmp.Diff([]provider.Webhook{want, {ID: "9", Events: []string{"CHARGE_PAID"}}}, list); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	one, err := w.Get(t.Context(), "7")
	if diff := cmp.Diff(want, one); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
	for _, spec := range []provider.WebhookSpec{{}, {Events: []string{"CHARGE_PAID"}}, {URL: "https://g.example.com/v"}} {
		got, err := w.Update(t.Context(), "7", spec)
		if err != nil || got.ID != "7" || len(got.Events) != 1 || !strings.HasSuffix(got.URL, "/"+got.Events[0]) || got.Secret != "" {
			t.Errorf("%+v: %+v, %v", spec, got, err)
		}
	}
	_, err = w.Update(t.Context(), "7", provider.WebhookSpec{})
	apitest.Fails(t, err, provider.Unavailable, "event type")
	if err := w.Delete(t.Context(), "7"); err != nil {
		t.Error(err)
	}
	_, err = w.Get(t.Context(), "7")
	apitest.Fails(t, err, provider.Unavailable, "does not hold a webhook")
	_, err = w.Update(t.Context(), "7", provider.WebhookSpec{Events: []string{"A", "B"}})
	apitest.Fails(t, err, provider.Rejected, "one event type")
}

// TestAuthorization: the credential is registered in Delfinance's form, and there has to be one.
func TestAuthorization(t *testing.T) {
	for _, test := range []struct {
		authorization provider.Authorization
		want          string
	}{
		{provider.Authorization{Scheme: "header", Header: "x-key", Value: credential}, `"HEADER","authorization":"x-key: ` + credential + `"`},
		{provider.Authorization{Scheme: "HEADER", Value: "x-key: " + credential}, `"HEADER","authorization":"x-key: ` + credential + `"`},
		{provider.Authorization{Scheme: "BEARER", Value: credential}, `"BEARER","authorization":"` + credential + `"`},
	} {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET " + hooks, Answer: "[]"}, apitest.Exchange{Want: "POST " + hooks,
			Body: `{"eventType":"CHARGE_PAID","url":"https://h.example.com/w/CHARGE_PAID","authorizationScheme":` + test.want + `}`, Answer: "{}"})
		conn := apiConn(server.URL)
		conn.Authorization = test.authorization
		if _, err := webhooks(t, conn).Create(t.Context(), provider.WebhookSpec{URL: "https://h.example.com/w", Events: []string{"CHARGE_PAID"}}); err != nil {
			t.Error(err)
		}
	}
	for _, authorization := range []provider.Authorization{{}, {Scheme: "NONE"}, {Scheme: "BEARER"}} {
		conn := apiConn("")
		conn.Authorization = authorization
		if _, err := delfinance.New().Webhooks(conn, nil); err == nil {
			t.Errorf("%+v: webhooks that anyone could play", authorization)
		}
	}
	conn := apiConn("")
	conn.Mode = lifecycle.ModeLive
	if _, err := delfinance.New().Webhooks(conn, nil); err == nil || !strings.Contains(err.Error(), "client certificate") {
		t.Error(err)
	}
}

func TestWebhookCheck(t *testing.T) {
	w := webhooks(t, apiConn(""))
	on := true
	for _, c := range []struct {
		spec  provider.WebhookSpec
		field string
	}{
		{provider.WebhookSpec{URL: "https://h.example.com:8443/webhooks/c", Events: []string{"PIX_RECEIVED"}}, ""},
		{provider.WebhookSpec{URL: "http://hooks.example.com.br"}, ""},
		{provider.WebhookSpec{URL: "http://127.0.0.1:8080/webhooks/c"}, ""},
		{provider.WebhookSpec{URL: "https://hooks.example.museum/w"}, ""}, // six letters
		{provider.WebhookSpec{URL: "https://hooks.example.technology/w"}, "url"},
		{provider.WebhookSpec{URL: "https://localhost/w"}, "url"},
		{provider.WebhookSpec{URL: "https://localhost:8080/webhooks/a.b"}, "url"},
		{provider.WebhookSpec{URL: "h.example.com/w"}, "url"},
		{provider.WebhookSpec{URL: "ftp://h.example.com/w"}, "url"},
		{provider.WebhookSpec{URL: "https://u:p@h.example.com/w"}, "url"},
		{provider.WebhookSpec{URL: "https://h.example.com/w?a=b"}, "url"},
		{provider.WebhookSpec{URL: "https://h.example.com/w#a"}, "url"},
		{provider.WebhookSpec{URL: "https://" + strings.Repeat("a", 257) + ".com/w"}, "url"},
		{provider.WebhookSpec{Events: []string{"PIX_RECEIVED", "pix.received"}}, "events[1]"},
		{provider.WebhookSpec{Events: []string{"../x"}}, "events[0]"},
		{provider.WebhookSpec{Description: "x"}, "description"},
		{provider.WebhookSpec{Enabled: &on}, "enabled"},
	} {
		problems := w.Check(c.spec)
		if c.field == "" && len(problems) > 0 || c.field != "" && (len(problems) != 1 || problems[0].Field != c.field) {
			t.Errorf("%+v: %+v, want %q", c.spec, problems, c.field)
		}
		if c.field != "" {
			_, err := w.Create(t.Context(), c.spec)
			apitest.Fails(t, err, provider.Rejected, c.field, "u:p")
		}
	}
	if _, err := w.Create(t.Context(), provider.WebhookSpec{}); err == nil {
		t.Error("a webhook without an address")
	}
}
