package delfinance_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/delfinance"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

const (
	apiKey     = "invented-api-key"
	credential = "invented-0123456789abcdef0123456789"
)

func apiConn(base string) provider.Connection {
	return provider.Connection{
		Name: "delfinance-test", Provider: "delfinance", Mode: lifecycle.ModeTest,
		Authorization: provider.Authorization{Scheme: "HEADER", Header: "x-webhook-key", Value: credential},
		API:           provider.API{BaseURL: base, Secret: apiKey, AccountID: "40001"},
	}
}

// both are the headers that every request has.
var both = map[string]string{"X-Delbank-Api-Key": apiKey, "X-Delfinance-Account-Id": "40001", "Authorization": ""}

func client(t *testing.T, conn provider.Connection, c *http.Client) provider.Client {
	t.Helper()
	out, err := delfinance.New().Client(conn, c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFetch(t *testing.T) {
	const e2e, refund = "E38224857202603101530K7TQ2MZP4XA", "D38224857202603101601H6FD9JGS2UE"
	for _, test := range []struct{ kind, id, path, answer, status string }{
		{"pix_payment", e2e, "/baas/api/v2/transfers/" + e2e, `{"endToEndId":"` + e2e + `","status":"PIX_EFFECTIVE","amount":20.0}`, "PIX_EFFECTIVE"},
		{"pix_payment", "4c0f8f8e-4f2a", "/baas/api/v2/transfers/4c0f8f8e-4f2a", `{"endToEndId":"` + e2e + `","status":"PIX_ERROR"}`, "PIX_ERROR"},
		{"transfer", "3b1c0a52", "/baas/api/v2/transfers/3b1c0a52", `{"id":"3b1c0a52","status":"EFFECTIVE","type":"INTERNAL"}`, "EFFECTIVE"},
		{"ted", "8a7f0c3d", "/baas/api/v2/external/transfers/ted/8a7f0c3d", `{"id":"8a7f0c3d","status":"DONE","type":"TED"}`, "DONE"},
		{"charge", "7f6d2c1e", "/baas/v1/charges/7f6d2c1e", `{"correlationId":"7f6d2c1e","status":"Pending","amount":149.90}`, "Pending"},
		{"pix_receipt", e2e, "/baas/api/v2/transactions?endToEndId=" + e2e, `[{"endToEndId":"` + e2e + `","amount":100.0,"type":{"name":"CREDIT_PIX"}}]`, "PIX_EFFECTIVE"},
		{"pix_refund", refund, "/baas/api/v2/transactions?endToEndId=" + refund, `[{"endToEndId":"` + refund + `","amount":50.0,"type":{"name":"DEBIT_PIX_REFUND"}}]`, "PIX_EFFECTIVE"},
		{"infraction", "6e0c1f3a", "/baas/api/v1/infraction-notifications/6e0c1f3a", `{"id":"6e0c1f3a","status":"PENDING"}`, "PENDING"},
		{"account", "40001", "/baas/api/v1/balances", `{"amountAvailable":12.5}`, ""},
		{"customer", "12345678909", "/baas/api/v1/customers/12345678909", `{"document":"12345678909","status":"APPROVED","accounts":[{"api\u004bey":"LEAKED"}]}`, "APPROVED"},
	} {
		t.Run(test.kind, func(t *testing.T) {
			x := apitest.Exchange{Want: "GET " + test.path, Header: both, Answer: test.answer}
			missing := apitest.Exchange{Want: x.Want, Header: both, Status: 404, Answer: `{"title":"Not Found","status":404,"traceId":"00-x"}`}
			domain := apitest.Exchange{Want: x.Want, Header: both, Status: 422, Answer: `{"title":"x","status":422,"code":"START_PAYMENT_NOT_FOUND","errors":["12345678909"]}`}
			gateway := apitest.Exchange{Want: x.Want, Header: both, Status: 404, Answer: `{"message":"no route for 12345678909"}`}
			server := apitest.Serve(t, x, missing, domain, gateway)
			c := client(t, apiConn(server.URL), nil)
			answer, err := c.Fetch(t.Context(), test.kind, test.id)
			if err != nil || answer.Status != 200 || !answer.Date.Equal(apitest.Date) || strings.Contains(string(answer.Body), "LEAKED") {
				t.Fatalf("%+v, %v", answer, err)
			}
			if o := apitest.Decode(t, delfinance.New(), answer); o[0].Status != test.status || o[0].Unsigned {
				t.Errorf("status %q, want %q", o[0].Status, test.status)
			}
			for range 2 {
				if answer, err = c.Fetch(t.Context(), test.kind, test.id); err != nil || answer.Status != 404 || apitest.Decode(t, delfinance.New(), answer)[0].Status != "" {
					t.Errorf("%+v, %v", answer, err)
				}
			}
			_, err = c.Fetch(t.Context(), test.kind, test.id)
			apitest.Fails(t, err, provider.Rejected, "gateway knows no such path", "12345678909", apiKey)
		})
	}
	c := client(t, apiConn("http://127.0.0.1:1"), nil)
	for kind, id := range map[string]string{"account": "40002", "qrcode": "x", "": "x"} {
		if _, err := c.Fetch(t.Context(), kind, id); !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("%s/%s: %v", kind, id, err)
		}
	}
}

// TestNothingFound: a statement that does not hold the Pix is no word of it, as a 404 would be.
func TestNothingFound(t *testing.T) {
	x := apitest.Exchange{Want: "GET /baas/api/v2/transactions?endToEndId=E1", Answer: " [ ] "}
	server := apitest.Serve(t, x)
	answer, err := client(t, apiConn(server.URL), nil).Fetch(t.Context(), "pix_receipt", "E1")
	if err != nil || answer.Status != 404 || apitest.Decode(t, delfinance.New(), answer)[0].Status != "" {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		status       int
		answer, text string
		class        provider.ErrorClass
	}{
		{401, `{"message":"Missing required header: x-delbank-api-key"}`, "gateway: not authorized; check api.secret, api.account_id", provider.Unauthorized},
		{400, `{"message":"Blocked key"}`, "gateway", provider.Unauthorized}, // with which status it answers is not documented
		{403, ``, "check api.secret", provider.Unauthorized},
		{429, `{"message":"slow down"}`, "gateway", provider.RateLimited},
		{502, `{"message":"bad gateway"}`, "gateway", provider.Unavailable},
		{422, `{"title":"x","code":"UNPROCESSABLE_ENTITY","errors":["MARIA"]}`, "UNPROCESSABLE_ENTITY", provider.Rejected},
		{400, `{"type":"https://tools.ietf.org/x","title":"One or more","status":400,"traceId":"t","errors":{"$.MARIA":["MARIA"]}}`, "validation", provider.Rejected},
		{401, `{"title":"x","code":"KEY_NOT_FOUND"}`, "KEY_NOT_FOUND: not authorized", provider.Unauthorized},
		{500, `<html>`, "HTTP 500", provider.Unavailable},
	} {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET /baas/api/v1/customers/12345678909", Status: test.status, Answer: test.answer})
		_, err := client(t, apiConn(server.URL), nil).Fetch(t.Context(), "customer", "12345678909")
		apitest.Fails(t, err, test.class, test.text, apiKey, "12345678909", "MARIA", server.URL)
	}
}

// transport answers from memory.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestList: the pages of each list, and where they end.
func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is midnight UTC of 2000-01-01, the day before in Brasília
		since := time.Date(1999, 12, 1, 2, 59, 0, 0, time.UTC) // still November there
		for _, test := range []struct {
			kind, path string
			since      time.Time
			pages      []string
			count      string
			ids        string
			status     string
		}{
			{"charge", "/baas/v1/charges?endDate=2000-01-01&limit=50&page=%&startDate=1999-11-30", since,
				[]string{`[{"correlationId":"c1","status":"Pending","createdAt":"1999-12-02T00:00:00"},{"correlationId":"c0","status":"Pending","createdAt":"1999-11-30T00:00:00"}]`,
					`[{"correlationId":"c2","status":"Pending"}]`, `[]`}, "", "c1 c2", "Pending"},
			{"charge", "/baas/v1/charges?limit=50&page=%", time.Time{}, []string{`[]`}, "", "", ""},
			{"pix_receipt", "/baas/api/v2/transactions?limit=50&page=%&type=CREDIT_PIX", time.Time{}, []string{`[{"endToEndId":"E1","amount":1,"type":{"name":"CREDIT_PIX"}},{"amount":2}]`, `[]`}, "", "E1", "PIX_EFFECTIVE"},
			{"pix_payment", "/baas/api/v2/transactions?limit=50&page=%&type=DEBIT_PIX", time.Time{}, []string{`[{"endToEndId":"E1","type":{"name":"DEBIT_PIX"}}]`, `[]`}, "", "E1", "PIX_EFFECTIVE"},
			{"pix_refund", "/baas/api/v2/transactions?limit=50&page=%&type=CREDIT_PIX_REFUND&type=DEBIT_PIX_REFUND", time.Time{}, []string{`[{"endToEndId":"D1","type":{"name":"CREDIT_PIX_REFUND"}}]`, `[]`}, "", "D1", "PIX_EFFECTIVE"},
			{"infraction", "/baas/api/v1/infraction-notifications?page=%&size=50", since,
				[]string{`[{"id":"i1","status":"PENDING","createdAt":"1999-12-12T10:25:32.793Z","authorization":"LEAKED"}]`, `[{"id":"i2","status":"PENDING"},{"id":"i0","status":"PENDING","createdAt":"1999-03-12T10:25:32.793Z"}]`}, "2", "i1 i2", "PENDING"},
		} {
			asked := 0
			conn := apiConn("https://api.example.com")
			c := client(t, conn, &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				asked++
				if want := strings.Replace(test.path, "%", string(rune('0'+asked)), 1); r.URL.RequestURI() != want {
					t.Errorf("%s: asked %s, want %s", test.kind, r.URL.RequestURI(), want)
				}
				header := http.Header{"Content-Type": {"application/json"}}
				if test.count != "" {
					header.Set("pageCount", test.count)
				}
				return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(strings.NewReader(test.pages[asked-1]))}, nil
			})})
			var ids []string
			for q := (provider.ListQuery{Kind: test.kind, Since: test.since}); ; {
				page, err := c.List(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range page.Answers {
					if o := apitest.Decode(t, delfinance.New(), a); o[0].Status != test.status || strings.Contains(string(a.Body), "LEAKED") {
						t.Errorf("%s: %q from %s", a.ID, o[0].Status, a.Body)
					}
					ids = append(ids, a.ID)
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if got := strings.Join(ids, " "); got != test.ids || asked != len(test.pages) {
				t.Errorf("%s: %s in %d pages, want %s in %d", test.kind, got, asked, test.ids, len(test.pages))
			}
		}
	})
}

func TestListFails(t *testing.T) {
	same := apitest.Exchange{Want: "GET /baas/v1/charges?limit=50&page=1", Answer: `[{"correlationId":"c1","status":"Pending"}]`}
	again := same
	again.Want = "GET /baas/v1/charges?limit=50&page=2"
	server := apitest.Serve(t, same, again, apitest.Exchange{Want: "GET /baas/v1/charges?limit=50&page=1", Answer: `{}`})
	c := client(t, apiConn(server.URL), nil)
	page, err := c.List(t.Context(), provider.ListQuery{Kind: "charge"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.List(t.Context(), provider.ListQuery{Kind: "charge", Cursor: page.Next})
	apitest.Fails(t, err, provider.Rejected, "the same page comes again and again")
	_, err = c.List(t.Context(), provider.ListQuery{Kind: "charge"})
	apitest.Fails(t, err, provider.Unavailable, "does not hold a list")
	for _, cursor := range []string{"2", "x.y", "0.y", "-1.y"} {
		_, err = c.List(t.Context(), provider.ListQuery{Kind: "charge", Cursor: cursor})
		apitest.Fails(t, err, provider.Rejected, "begin without one")
	}
	for _, kind := range []string{"transfer", "ted", "account", "customer"} { // not to be told, or answered with keys
		if _, err := c.List(t.Context(), provider.ListQuery{Kind: kind}); !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if fetch, list := c.Kinds(); len(fetch) != 9 || !slices.Equal(list, []string{"charge", "pix_receipt", "pix_payment", "pix_refund", "infraction"}) {
		t.Errorf("%v, %v", fetch, list)
	}
}

func TestCheckAPI(t *testing.T) {
	for _, test := range []struct {
		mode  lifecycle.Mode
		api   provider.API
		field string
	}{
		{"test", provider.API{Secret: "k", AccountID: "1"}, ""},
		{"live", provider.API{Secret: "k", AccountID: "1"}, "api.client_cert"},
		{"live", provider.API{Secret: "k", AccountID: "1", BaseURL: "https://proxy.example.com"}, ""},
		{"live", provider.API{Secret: "k", AccountID: "1", BaseURL: "https://api.delbank.com.br"}, "api.client_cert"},
		{"live", provider.API{Secret: "k", AccountID: "1", BaseURL: "https://apisandbox.delbank.com.br", ClientCert: "/none", ClientKey: "/none"}, "api.base_url"},
		{"test", provider.API{Secret: "k", AccountID: "1", BaseURL: "https://api.delbank.com.br"}, "api.base_url"},
		{"test", provider.API{Secret: "k", AccountID: "1", BaseURL: "delbank"}, "api.base_url"},
		{"test", provider.API{Secret: "k", AccountID: "1", ClientCert: "/none"}, "api.client_cert"},
		{"test", provider.API{Secret: "k", AccountID: "1", ClientCert: "/none", ClientKey: "/none"}, "api.client_cert"},
		{"test", provider.API{Secret: "k\n", AccountID: "1"}, "api.secret"},
		{"test", provider.API{Secret: "k", AccountID: "1", Version: "v"}, "api.version"},
	} {
		conn := apiConn("")
		conn.Mode, conn.API = test.mode, test.api
		problems := delfinance.New().Check(conn)
		if test.field == "" && len(problems) > 0 || test.field != "" && (len(problems) == 0 || problems[0].Field != test.field || problems[0].Mend == "") {
			t.Errorf("%s %+v: %+v, want %q", test.mode, test.api, problems, test.field)
		}
		if _, err := delfinance.New().Client(conn, nil); (err != nil) != (test.field != "") {
			t.Errorf("%s %+v: client error %v", test.mode, test.api, err)
		}
	}
	conn := apiConn("")
	conn.API = provider.API{}
	if _, err := delfinance.New().Client(conn, nil); err == nil || !strings.Contains(err.Error(), "api.secret") {
		t.Error(err)
	}
}

func FuzzAnswers(f *testing.F) {
	apitest.FuzzAnswers(f, delfinance.New(), apiConn("https://api.example.com"), `{"endToEndId":"E1","status":"PIX_EFFECTIVE"}`, `[{"correlationId":"a","endToEndId":"E1","id":1,"createdAt":"2026-03-10T16:07:48","apiKey":"x"}]`,
		`{"id":1,"eventType":"PIX_RECEIVED","authorization":"x"}`, `{"title":"x","code":"A_NOT_FOUND"}`)
}
