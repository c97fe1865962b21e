package yoco_test

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
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
	"github.com/hookfold/hookfold/pkg/provider/yoco"
)

const (
	apiKey = "sk_live_INVENTEDkey"
	token  = "invented-access-token"
)

func apiConn(base, token string) provider.Connection {
	return provider.Connection{Name: "yoco", Provider: "yoco", Mode: lifecycle.ModeLive, API: provider.API{BaseURL: base, Secret: apiKey, Token: token}}
}

func client(t *testing.T, conn provider.Connection, c *http.Client) provider.Client {
	t.Helper()
	out, err := yoco.New().Client(conn, c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFetch(t *testing.T) {
	withKey, withToken := map[string]string{"Authorization": "Bearer " + apiKey}, map[string]string{"Authorization": "Bearer " + token}
	const checkout = `{"id":"ch_1","status":"completed","amount":45900,"currency":"ZAR","paymentId":"p_1","processingMode":"live"}`
	server := apitest.Serve(t,
		apitest.Exchange{Want: "GET /checkouts/ch_1", Header: withKey, Answer: checkout},
		apitest.Exchange{Want: "GET /checkouts/ch_2", Header: withKey, Status: 404},
		apitest.Exchange{Want: "GET /payments/p_1/refunds", Header: withKey, Answer: `{"refunds":[{"id":"rfd_1","amount":100,"status":"succeeded"}]}`},
		apitest.Exchange{Want: "GET /v1/payments/p_1", Header: withToken, Answer: `{"id":"p_1","status":"approved","total_amount":{"amount":45900,"currency":"ZAR"},"checkout_id":"ch_1"}`},
		apitest.Exchange{Want: "GET /v1/refunds/rfd_1", Header: withToken, Answer: `{"id":"rfd_1","status":"rejected","total_amount":{"amount":1,"currency":"ZAR"},"payment_id":"p_1"}`},
		apitest.Exchange{Want: "GET /checkouts/ch_1", Header: withKey, Answer: checkout},
	)
	without, with := client(t, apiConn(server.URL, ""), nil), client(t, apiConn(server.URL, token), nil)
	for _, test := range []struct {
		c                        provider.Client
		kind, id, status, second string
		code                     int
	}{
		{without, "checkout", "ch_1", "completed", "payment/p_1", 200},
		{without, "checkout", "ch_2", "", "", 404},
		{without, "payment", "p_1", "", "refund/rfd_1", 200},
		{with, "payment", "p_1", "approved", "", 200},
		{with, "refund", "rfd_1", "rejected", "", 200},
		{with, "checkout", "ch_1", "completed", "payment/p_1", 200},
	} {
		answer, err := test.c.Fetch(t.Context(), test.kind, test.id)
		if err != nil || answer.Status != test.code {
			t.Fatalf("%s: %+v, %v", test.id, answer, err)
		}
		out := apitest.Decode(t, yoco.New(), answer)
		second := ""
		if len(out) > 1 {
			second = out[1].Entity.Kind + "/" + out[1].Entity.ID
		}
		if out[0].Status != test.status || second != test.second {
			t.Errorf("%s: %q and %q, want %q and %q", test.id, out[0].Status, second, test.status, test.second)
		}
	}
	for _, kind := range []string{"refund", "payout", ""} {
		if _, err := without.Fetch(t.Context(), kind, "x"); !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("%q: %v", kind, err)
		}
	}
	if _, err := without.List(t.Context(), provider.ListQuery{Kind: "payment"}); !errors.Is(err, provider.ErrUnsupported) {
		t.Error(err)
	}
}

func TestKinds(t *testing.T) {
	for _, test := range []struct {
		key, token  string
		fetch, list []string
	}{
		{apiKey, "", []string{"checkout", "payment"}, nil},
		{apiKey, token, []string{"checkout", "payment", "refund"}, []string{"payment", "refund"}},
		{"", token, []string{"payment", "refund"}, []string{"payment", "refund"}},
	} {
		conn := apiConn("", test.token)
		conn.API.Secret = test.key
		c := client(t, conn, nil)
		if fetch, list := c.Kinds(); !slices.Equal(fetch, test.fetch) || !slices.Equal(list, test.list) {
			t.Errorf("%v, %v", fetch, list)
		}
		if test.key == "" {
			if _, err := c.Fetch(t.Context(), "checkout", "ch_1"); !errors.Is(err, provider.ErrUnsupported) {
				t.Error(err)
			}
		}
	}
}

// transport answers from memory.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(asked *[]string, bodies ...string) *http.Client {
	return &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		*asked = append(*asked, r.Method+" "+r.URL.String())
		body := bodies[min(len(*asked), len(bodies))-1]
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	})}
}

// TestHosts: each surface has its own host; an address of Yoco's as base_url does not mix them up.
func TestHosts(t *testing.T) {
	for _, test := range []struct {
		mode            lifecycle.Mode
		key, base, want string
	}{
		{"live", apiKey, "", "https://api.yoco.com/v1/payments/p_1"},
		{"live", apiKey, "https://payments.yoco.com/api", "https://api.yoco.com/v1/payments/p_1"},
		{"test", "sk_test_x", "", "https://api.yocosandbox.com/v1/payments/p_1"},
		{"both", "sk_test_x", "", "https://api.yocosandbox.com/v1/payments/p_1"},
		{"both", apiKey, "", "https://api.yoco.com/v1/payments/p_1"},
		{"live", apiKey, "http://127.0.0.1:9/yoco/", "http://127.0.0.1:9/yoco/v1/payments/p_1"},
		{"live", apiKey, "https://evil-yoco.com", "https://evil-yoco.com/v1/payments/p_1"},
	} {
		var asked []string
		conn := apiConn(test.base, token)
		conn.Mode, conn.API.Secret = test.mode, test.key
		if _, err := client(t, conn, answering(&asked, "{}")).Fetch(t.Context(), "payment", "p_1"); err != nil || asked[0] != "GET "+test.want {
			t.Errorf("%+v: %v, %v", test, asked, err)
		}
	}
	var asked []string
	c := client(t, apiConn("https://payments.yoco.com/api", ""), answering(&asked, `{"refunds":[]}`))
	for kind, id := range map[string]string{"payment": "p_1"} {
		if _, err := c.Fetch(t.Context(), kind, id); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Fetch(t.Context(), "checkout", "ch_1"); err != nil {
		t.Error(err)
	}
	if want := []string{"GET https://payments-online.yoco.com/payments/p_1/refunds", "GET https://payments.yoco.com/api/checkouts/ch_1"}; !slices.Equal(asked, want) {
		t.Errorf("%v", asked)
	}
}

// TestList: span by span of less than 31 days, and by Yoco's cursor within each.
func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is the year 2000
		var asked []string
		c := client(t, apiConn("", token), answering(&asked,
			`{"data":[{"id":"p_1","status":"approved","total_amount":{"amount":1,"currency":"ZAR"},"created_at":"1999-12-01T00:00:00Z"},
				{"id":"p_0","status":"failed","created_at":"1999-10-01T00:00:00Z"}],"next_cursor":"a.b"}`,
			`{"data":[{"status":"x"}],"next_cursor":null}`,
			`{"data":[],"next_cursor":null}`))
		q := provider.ListQuery{Kind: "payment", Since: time.Now().Add(-40 * 24 * time.Hour)}
		var ids []string
		skipped := 0
		for {
			page, err := c.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.Answers {
				ids = append(ids, a.ID+" "+apitest.Decode(t, yoco.New(), a)[0].Status)
			}
			skipped += page.Skipped
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		const at = "GET https://api.yoco.com/v1/payments/?created_at__gte=1999-11-22T00%3A00%3A00Z&created_at__lte=1999-12-22T00%3A00%3A00Z&"
		want := []string{at + "limit=50", strings.Replace(at, "?", "?", 1) + "cursor=a.b&limit=50",
			"GET https://api.yoco.com/v1/payments/?created_at__gte=1999-12-22T00%3A00%3A00Z&created_at__lte=2000-01-21T00%3A00%3A00Z&limit=50"}
		if !slices.Equal(asked, want) {
			t.Errorf("asked\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
		}
		if !slices.Equal(ids, []string{"p_1 approved"}) || skipped != 1 {
			t.Errorf("%v, %d skipped", ids, skipped)
		}

		asked = nil
		for q = (provider.ListQuery{Kind: "refund"}); ; {
			page, err := client(t, apiConn("", token), answering(&asked, `{"data":[]}`)).List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if len(asked) != 61 || !strings.Contains(asked[0], "/v1/refunds/?created_at__gte=1995-01-02") {
			t.Errorf("everything took %d requests, first %s", len(asked), asked[0])
		}
		for _, cursor := range []string{"x", "12", ".", "-1.a", "99999999999999999999.a"} {
			_, err := c.List(t.Context(), provider.ListQuery{Kind: "payment", Cursor: cursor})
			apitest.Fails(t, err, provider.Rejected, "begin without one")
		}
		_, err := client(t, apiConn("", token), answering(&asked, `{"payments":[]}`)).List(t.Context(), provider.ListQuery{Kind: "payment"})
		apitest.Fails(t, err, provider.Unavailable, "does not hold a list")
	})
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		status       int
		answer, text string
		class        provider.ErrorClass
	}{
		{403, `{"errorCode":"forbidden","description":"key of Jane"}`, "forbidden: not authorized; check api.secret", provider.Unauthorized},
		{401, ``, "check api.secret", provider.Unauthorized},
		{409, `{"errorType":"conflict"}`, "conflict (HTTP 409)", provider.Rejected},
		{422, `[]`, "HTTP 422", provider.Rejected},
		{429, `{"type":"about:blank","title":"Too many","status":429,"code":"rate_limited"}`, "rate_limited", provider.RateLimited},
		{500, `{`, "HTTP 500", provider.Unavailable},
	} {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET /checkouts/ch_PERSON", Status: test.status, Answer: test.answer, AnswerHeader: map[string]string{"Retry-After": "9"}})
		_, err := client(t, apiConn(server.URL, ""), nil).Fetch(t.Context(), "checkout", "ch_PERSON")
		if e := apitest.Fails(t, err, test.class, test.text, apiKey, "Jane", "ch_PERSON", server.URL); e.RetryAfter != 9*time.Second {
			t.Errorf("wait %s", e.RetryAfter)
		}
	}
}

func TestCheckAPI(t *testing.T) {
	for _, test := range []struct {
		api   provider.API
		field string
	}{
		{provider.API{Secret: apiKey, Token: token}, ""},
		{provider.API{Token: token}, ""},
		{provider.API{Secret: apiKey, Token: "sk_live_x"}, "api.token"},
		{provider.API{Secret: apiKey + " "}, "api.secret"},
		{provider.API{Secret: apiKey, AccountID: "x"}, "api.account_id"},
		{provider.API{Secret: apiKey, BaseURL: "https://a:b@payments.yoco.com/api"}, "api.base_url"},
	} {
		problems := yoco.New().Check(provider.Connection{Mode: "live", Secrets: []string{secret(0)}, API: test.api})
		if test.field == "" && len(problems) > 0 || test.field != "" && (len(problems) != 1 || problems[0].Field != test.field || problems[0].Mend == "") {
			t.Errorf("%+v: %+v, want %q", test.api, problems, test.field)
		}
	}
	for _, api := range []provider.API{{}, {Secret: "x"}} {
		_, err := yoco.New().Client(provider.Connection{Name: "c", API: api}, nil)
		_, err2 := yoco.New().Webhooks(provider.Connection{Name: "c", API: api}, nil)
		if err == nil || err2 == nil || !strings.Contains(err.Error(), "api.secret") {
			t.Errorf("%+v: %v, %v", api, err, err2)
		}
	}
	if _, err := yoco.New().Webhooks(provider.Connection{Name: "c", API: provider.API{Token: token}}, nil); err == nil {
		t.Error("webhooks are managed with the key, not with the token")
	}
}

func FuzzAnswers(f *testing.F) {
	apitest.FuzzAnswers(f, yoco.New(), apiConn("https://api.example.com", token), `{"id":"id-1","status":"completed"}`, `{"data":[{"id":"a"}],"next_cursor":"b"}`, `{"subscriptions":[{"id":"a","secret":"whsec_x"}]}`)
}
