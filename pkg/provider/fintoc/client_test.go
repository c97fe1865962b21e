package fintoc_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

const apiKey = "sk_test_INVENTEDkey"

func apiConn(base string) provider.Connection {
	return provider.Connection{Name: "fintoc-test", Provider: "fintoc", Mode: lifecycle.ModeTest, API: provider.API{BaseURL: base, Secret: apiKey}}
}

func client(t *testing.T, conn provider.Connection) provider.Client {
	t.Helper()
	c, err := fintoc.New().Client(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// authorized are the headers that every request has: the key raw, and a version.
func authorized(version string) map[string]string {
	return map[string]string{"Authorization": apiKey, "Fintoc-Version": version}
}

func TestFetch(t *testing.T) {
	for _, test := range []struct{ kind, version, path, body, status string }{
		{"payment_intent", "", "/v2/payment_intents/x_1", `"status":"succeeded","amount":1,"currency":"CLP","widget_token":"tok_SECRET"`, "succeeded"},
		{"payment_intent", "2023-11-15", "/v1/payment_intents/x_1", `"status":"pending"`, "pending"},
		{"checkout_session", "2026-02-01", "/v2/checkout_sessions/x_1", `"status":"finished","payment_resource":{"payment_intent":{"id":"pi_1","status":"succeeded"}},"session_token":"SECRET"`, "finished/succeeded"},
		{"checkout_session", "2025-08-13", "/v1/checkout_sessions/x_1", `"status":"expired"`, "expired"},
		{"refund", "", "/v1/refunds/x_1", `"status":"in_progress"`, "in_progress"},
		{"charge", "", "/v1/charges/x_1", `"status":"failed"`, "failed"},
		{"subscription_intent", "", "/v1/subscription_intents/x_1", `"status":"succeeded"`, "succeeded"},
		{"subscription", "", "/v1/subscriptions/x_1", `"status":"active"`, "active"},
		{"invoice", "", "/v2/invoices/x_1", `"status":"open"`, "open"},
		{"transfer", "", "/v2/transfers/x_1", `"status":"returned"`, "returned"},
		{"account", "", "/v2/accounts/x_1", `"status":"active","available_balance":5`, "active"},
		{"account_number", "", "/v2/account_numbers/x_1", `"status":"enabled"`, "enabled"},
		{"account_verification", "", "/v2/account_verifications/x_1", `"status":"pending"`, "pending"},
		{"dispute", "", "/v1/disputes/x_1", `"status":"won"`, "won"},
		{"payout", "", "/v1/payouts/x_1", `"status":"returned"`, "returned"},
	} {
		t.Run(test.kind+test.version, func(t *testing.T) {
			version := test.version
			if version == "" {
				version = "2026-02-01"
			}
			server := apitest.Serve(t,
				apitest.Exchange{Want: "GET " + test.path, Header: authorized(version), Answer: fmt.Sprintf(" {\"id\":\"x_1\",\"object\":%q,\"mode\":\"test\",%s}\n", test.kind, test.body)},
				apitest.Exchange{Want: "GET " + test.path, Header: authorized(version), Status: 404, Answer: `{"error":{"type":"invalid_request_error","code":"missing_resource"}}`},
				apitest.Exchange{Want: "GET " + test.path, Header: authorized(version), Status: 404, Answer: `{"error":{"type":"invalid_request_error","code":"invalid_url"}}`})
			conn := apiConn(server.URL)
			conn.API.Version = test.version
			c := client(t, conn)
			answer, err := c.Fetch(t.Context(), test.kind, "x_1")
			if err != nil || answer.Status != 200 || strings.Contains(string(answer.Body), "SECRET") || !answer.Date.Equal(apitest.Date) {
				t.Fatalf("%+v, %v", answer, err)
			}
			o := apitest.Decode(t, fintoc.New(), answer)
			if !strings.HasPrefix(o[0].Status, strings.Split(test.status, "/")[0]) || o[0].Mode != lifecycle.ModeTest {
				t.Errorf("status %q, mode %q", o[0].Status, o[0].Mode)
			}
			if answer, err = c.Fetch(t.Context(), test.kind, "x_1"); err != nil || answer.Status != 404 || apitest.Decode(t, fintoc.New(), answer)[0].Status != "" {
				t.Errorf("%+v, %v", answer, err)
			}
			_, err = c.Fetch(t.Context(), test.kind, "x_1")
			apitest.Fails(t, err, provider.Rejected, "invalid_url (HTTP 404)", "x_1")
		})
	}
}

// TestNeedsLinkToken: what is asked for with a link_token is not asked for.
func TestNeedsLinkToken(t *testing.T) {
	c := client(t, apiConn("http://127.0.0.1:1"))
	for _, kind := range []string{"link", "refresh_intent", "movement", ""} {
		if _, err := c.Fetch(t.Context(), kind, "x"); !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("%q: %v", kind, err)
		}
	}
	if _, err := c.List(t.Context(), provider.ListQuery{Kind: "movement"}); !errors.Is(err, provider.ErrUnsupported) {
		t.Error(err)
	}
	fetch, list := c.Kinds()
	if slices.Contains(fetch, "link") || !slices.Contains(list, "link") || len(fetch) != 13 || len(list) != 14 {
		t.Errorf("kinds %v, %v", fetch, list)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		status            int
		kind, code, value string
		class             provider.ErrorClass
	}{
		{401, "authentication_error", "invalid_api_key", "check api.secret", provider.Unauthorized},
		{401, "authentication_error", "expired_api_key", "expired_api_key", provider.Unauthorized},
		{403, "authentication_error", "allowed_cidr_blocks_does_not_contain_ip", "allow this machine's address", provider.Unauthorized},
		{403, "invalid_request_error", "product_access_required", "does not have this product", provider.Rejected},
		{403, "invalid_request_error", "invalid_api_version", "check api.version", provider.Rejected},
		{402, "invalid_request_error", "", "invalid_request_error (HTTP 402)", provider.Rejected},
		{400, "institution_error", "bank_not_available", "bank_not_available", provider.Unavailable},
		{429, "api_error", "rate_limit_exceeded", "rate_limit_exceeded", provider.RateLimited},
		{500, "api_error", "internal_server_error", "internal_server_error", provider.Unavailable},
		{503, "institution_error", "", "HTTP 503", provider.Unavailable},
	} {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET /v2/transfers/tr_PERSON", Status: test.status,
			Answer: fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":"Ana Prueba 11.111.111-1","param":null}}`, test.kind, test.code)})
		_, err := client(t, apiConn(server.URL)).Fetch(t.Context(), "transfer", "tr_PERSON")
		apitest.Fails(t, err, test.class, test.value, apiKey, "tr_PERSON", "Ana", "11.111", server.URL)
	}
}

func TestList(t *testing.T) {
	since := time.Date(2026, 2, 1, 0, 0, 0, 0, time.FixedZone("", -3*3600))
	server := apitest.Serve(t,
		// v1: by number, with a filter of its own.
		apitest.Exchange{Want: "GET /v1/charges?page=1&per_page=300&since=2026-02-01T03%3A00%3A00Z", Header: authorized("2026-02-01"),
			Answer:       `[{"id":"ch_1","object":"charge","status":"failed","mode":"test","created_at":"2026-02-08T12:00:00Z"}]`,
			AnswerHeader: map[string]string{"Link": `<https://api.fintoc.com/v1/charges?link_token=SECRET&page=2&per_page=300>; rel="next", <https://api.fintoc.com/v1/charges?page=2>; rel="last"`, "X-Total-Count": "301"}},
		apitest.Exchange{Want: "GET /v1/charges?page=2&per_page=300&since=2026-02-01T03%3A00%3A00Z",
			Answer:       `[{"id":"ch_2","object":"charge","status":"succeeded","widget_token":"SECRET","created_at":"2026-02-09T12:00:00Z"}]`,
			AnswerHeader: map[string]string{"Link": `<https://api.fintoc.com/v1/charges?page=1>; rel="prev"`}},
		// v2: by the entity before, newest first.
		apitest.Exchange{Want: "GET /v2/payment_intents?limit=100",
			Answer:       `[{"id":"pi_3","object":"payment_intent","status":"succeeded","created_at":"2026-02-03T00:00:00.123456789Z"},{"id":"pi_2","object":"payment_intent","status":"failed","created_at":"2026-01-03T00:00:00Z"}]`,
			AnswerHeader: map[string]string{"Link": `<https://api.fintoc.com/v2/payment_intents?starting_after=pi_2>; rel="next"`}},
		apitest.Exchange{Want: "GET /v2/payment_intents?limit=100&starting_after=pi_2",
			Answer:       `[{"id":"pi_1","object":"payment_intent","status":"failed","created_at":"2026-01-02T00:00:00Z"}]`,
			AnswerHeader: map[string]string{"Link": `<https://api.fintoc.com/v2/payment_intents?starting_after=pi_1>; rel="next"`}},
		// An empty Link is the end; transfers have no created_at.
		apitest.Exchange{Want: "GET /v2/transfers?limit=100&since=2026-02-01T03%3A00%3A00Z",
			Answer: `[{"id":"tr_1","object":"transfer","status":"succeeded","transaction_date":"2026-01-01T00:00:00Z"},{"id":"tr_2","object":"transfer","status":"succeeded","transaction_date":"2026-03-01T00:00:00Z"}]`, AnswerHeader: map[string]string{"Link": ""}},
		apitest.Exchange{Want: "GET /v1/links?page=1&per_page=300", Answer: `[{"id":"link_1","object":"link","status":"active","accounts":null,"link_token":"SECRET"}]`},
		apitest.Exchange{Want: "GET /v2/accounts?limit=100&starting_after=acc_1", Answer: `[]`, AnswerHeader: map[string]string{"Link": `<x?starting_after=acc_1>; rel="next"`}},
		apitest.Exchange{Want: "GET /v1/refunds?page=1&per_page=300", Answer: `{"error":{}}`},
	)
	c := client(t, apiConn(server.URL))
	list := func(kind, cursor string, since time.Time, ids, next string) {
		t.Helper()
		page, err := c.List(t.Context(), provider.ListQuery{Kind: kind, Since: since, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range page.Answers {
			apitest.Decode(t, fintoc.New(), a)
			got = append(got, a.ID)
			if strings.Contains(string(a.Body), "SECRET") {
				t.Errorf("a credential in %s", a.Body)
			}
		}
		if strings.Join(got, " ") != ids || page.Next != next {
			t.Errorf("%s from %q: %v then %q, want %s then %q", kind, cursor, got, page.Next, ids, next)
		}
	}
	list("charge", "", since, "ch_1", "2")
	list("charge", "2", since, "ch_2", "")
	list("payment_intent", "", since, "pi_3", "pi_2")
	list("payment_intent", "pi_2", since, "", "") // what follows is older still
	list("transfer", "", since, "tr_2", "")
	list("link", "", time.Time{}, "link_1", "")
	list("account", "acc_1", time.Time{}, "", "") // the same again and again
	_, err := c.List(t.Context(), provider.ListQuery{Kind: "refund"})
	apitest.Fails(t, err, provider.Unavailable, "does not hold a list")
	_, err = c.List(t.Context(), provider.ListQuery{Kind: "refund", Cursor: "re_1"})
	apitest.Fails(t, err, provider.Rejected, "begin without one")
}

// TestLimit: in no second do more than 5 requests pass.
func TestLimit(t *testing.T) {
	if l := client(t, apiConn("")).Limit(); l.PerSecond+float64(l.Burst) > 5 || l.Burst < 1 {
		t.Errorf("%+v", l)
	}
}

func TestCheckAPI(t *testing.T) {
	for _, test := range []struct {
		api   provider.API
		field string
	}{
		{provider.API{}, ""},
		{provider.API{Secret: apiKey, Version: "2026-02-01", BaseURL: "http://127.0.0.1:9000/fintoc"}, ""},
		{provider.API{Version: "2026-02-01"}, "api.secret"},
		{provider.API{Secret: "pk_test_x"}, "api.secret"},
		{provider.API{Secret: "sk_live_x"}, "api.secret"},
		{provider.API{Secret: "whsec_x"}, "api.secret"},
		{provider.API{Secret: apiKey + "\n"}, "api.secret"},
		{provider.API{Secret: apiKey, Version: "v2"}, "api.version"},
		{provider.API{Secret: apiKey, BaseURL: "https://api.fintoc.com/v1/"}, "api.base_url"},
		{provider.API{Secret: apiKey, BaseURL: "api.fintoc.com"}, "api.base_url"},
		{provider.API{Secret: apiKey, KeyID: "x"}, "api.key_id"},
	} {
		conn := provider.Connection{Name: "c", Mode: lifecycle.ModeTest, Secrets: []string{"whsec_INVENTED"}, API: test.api}
		problems := fintoc.New().Check(conn)
		if test.field == "" && len(problems) > 0 || test.field != "" && (len(problems) != 1 || problems[0].Field != test.field || problems[0].Mend == "") {
			t.Errorf("%+v: %+v, want %q", test.api, problems, test.field)
		}
		_, err := fintoc.New().Client(conn, http.DefaultClient)
		if wanted := test.field != "" || test.api.Secret == ""; (err != nil) != wanted || err != nil && strings.Contains(err.Error(), apiKey) {
			t.Errorf("%+v: client error %v", test.api, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	apitest.FuzzAnswers(f, fintoc.New(), apiConn("https://api.example.com"), `{"id":"id-1","object":"transfer"}`, `[{"id":"a","link_token":"x","created_at":"2026-01-01T00:00:00Z"}]`, ` { "widget_token" : "x" } `)
}
