package devengo_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/devengo"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

const (
	keyID     = "tst_apk_1INVENTED"
	apiSecret = "invented api secret"
	password  = "invented password"
)

func signedConn(base string) provider.Connection {
	return provider.Connection{Name: "devengo-test", Provider: "devengo", Mode: lifecycle.ModeTest, API: provider.API{BaseURL: base, KeyID: keyID, Secret: apiSecret}}
}

func client(t *testing.T, conn provider.Connection) provider.Client {
	t.Helper()
	c, err := devengo.New().Client(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signed holds a request against the documentation of signed requests.
func signed(r *http.Request, body []byte) error {
	nonce, stamp := r.Header.Get("X-Devengo-Api-Key-Nonce"), r.Header.Get("X-Devengo-Api-Key-Timestamp")
	data := ""
	if len(body) > 0 {
		data = base64.StdEncoding.EncodeToString(body)
	}
	mac := hmac.New(sha256.New, []byte(apiSecret))
	fmt.Fprintf(mac, "%s%s%s%s", data, nonce, stamp, keyID)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	switch {
	case err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 30*time.Second:
		return fmt.Errorf("timestamp %q", stamp)
	case len(nonce) != 32:
		return fmt.Errorf("nonce %q", nonce)
	case r.Header.Get("X-Devengo-Api-Key-Id") != keyID:
		return errors.New("not the key's id")
	case r.Header.Get("X-Devengo-Api-Key-Signature") != base64.StdEncoding.EncodeToString(mac.Sum(nil)):
		return errors.New("wrong signature")
	case r.Header.Get("Authorization") != "":
		return errors.New("both ways of authentication")
	}
	return nil
}

func TestFetch(t *testing.T) {
	for _, test := range []struct{ kind, id, path, key, status string }{
		{"account", "acc_1", "/accounts/acc_1", "account", "active"},
		{"outgoing_payment", "pyo_1", "/payments/pyo_1", "payment", "confirmed"},
		{"incoming_payment", "pyi_1", "/incoming_payments/pyi_1", "incoming_payment", "confirmed"},
		{"verification", "vrf_1", "/verifications/vrf_1", "verification", "delivered"},
		{"account_holder", "ach_1", "/account_holders/ach_1", "account_holder", "active"},
	} {
		t.Run(test.kind, func(t *testing.T) {
			server := apitest.Serve(t,
				apitest.Exchange{Want: "GET /v1" + test.path, Check: signed, Answer: fmt.Sprintf(`{%q:{"id":%q,"status":%q,"created_at":"2026-03-02T11:30:35Z"}}`, test.key, test.id, test.status)},
				apitest.Exchange{Want: "GET /v1" + test.path, Check: signed, Status: 404, Answer: `{"error":{"type":"https://errors.devengo.com/not_found"}}`},
				apitest.Exchange{Want: "GET /v1" + test.path, Check: signed, Status: 410, Answer: `{"error":{"type":"https://errors.devengo.com/gone"}}`})
			c := client(t, signedConn(server.URL+"/v1"))
			for _, want := range []struct {
				code int
				word string
			}{{200, test.status}, {404, ""}, {410, ""}} {
				answer, err := c.Fetch(t.Context(), test.kind, test.id)
				if err != nil || answer.Status != want.code || !answer.Date.Equal(apitest.Date) || answer.ContentType != "application/json" {
					t.Fatalf("%+v, %v", answer, err)
				}
				if o := apitest.Decode(t, devengo.New(), answer); o[0].Status != want.word {
					t.Errorf("%d: status %q, want %q", want.code, o[0].Status, want.word)
				}
			}
		})
	}
	c := client(t, signedConn("http://127.0.0.1:1"))
	for _, kind := range []string{"access_verification", "holder_verification", "x", ""} {
		if _, err := c.Fetch(t.Context(), kind, "1"); !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := c.List(t.Context(), provider.ListQuery{Kind: kind}); !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("list of %s: %v", kind, err)
		}
	}
}

// TestNonces: no nonce is used twice.
func TestNonces(t *testing.T) {
	seen := map[string]bool{}
	check := func(r *http.Request, _ []byte) error {
		if nonce := r.Header.Get("X-Devengo-Api-Key-Nonce"); seen[nonce] {
			return errors.New("the nonce was used before")
		} else {
			seen[nonce] = true
		}
		return nil
	}
	x := apitest.Exchange{Want: "GET /accounts/acc_1", Check: check, Answer: "{}"}
	server := apitest.Serve(t, x, x, x)
	c := client(t, signedConn(server.URL))
	for range 3 {
		if _, err := c.Fetch(t.Context(), "account", "acc_1"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrors(t *testing.T) {
	now := time.Now().UTC().Format(http.TimeFormat)
	for _, test := range []struct {
		name, answer string
		status       int
		header       map[string]string
		class        provider.ErrorClass
		text         string
		wait         time.Duration
	}{
		{"newer type", `{"error":{"type":"https://errors.devengo.com/invalid_parameters","code":"old","message":"Lucía"}}`, 422, nil, provider.Rejected, ": invalid_parameters (", 0},
		{"older type", `{"error":{"type":"invalid_request_error","code":"x"}}`, 400, nil, provider.Rejected, ": invalid_request_error (", 0},
		{"code alone", `{"error":{"code":"authorization"}}`, 401, map[string]string{"Date": now}, provider.Unauthorized, ": authorization: not authorized; check api.key_id", 0},
		{"clock", `{"error":{"code":"authorization"}}`, 401, map[string]string{"Date": time.Now().Add(-5 * time.Minute).UTC().Format(http.TimeFormat)}, provider.Unauthorized, "differs from Devengo's by 5m", 0},
		{"exception", `{"exception":"boom"}`, 500, nil, provider.Unavailable, "HTTP 500", 0},
		{"not JSON", `oops`, 502, nil, provider.Unavailable, "HTTP 502", 0},
		{"limit", `{}`, 429, map[string]string{"X-RateLimit-Reset": strconv.FormatInt(apitest.Date.Unix()+20, 10)}, provider.RateLimited, "HTTP 429", 20 * time.Second},
		{"limit and Retry-After", `{}`, 429, map[string]string{"X-RateLimit-Reset": "1", "Retry-After": "3"}, provider.RateLimited, "HTTP 429", 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := apitest.Serve(t, apitest.Exchange{Want: "GET /payments/pyo_PERSON", Status: test.status, Answer: test.answer, AnswerHeader: test.header})
			_, err := client(t, signedConn(server.URL)).Fetch(t.Context(), "outgoing_payment", "pyo_PERSON")
			e := apitest.Fails(t, err, test.class, test.text, apiSecret, keyID, "pyo_PERSON", "Lucía", server.URL)
			if e.RetryAfter != test.wait || !strings.Contains(e.Text, "GET /payments/{id}") {
				t.Errorf("%q, wait %s", e.Text, e.RetryAfter)
			}
		})
	}
}

func TestList(t *testing.T) {
	server := apitest.Serve(t,
		apitest.Exchange{Want: "GET /v1/payments?page=1&page_size=100", Check: signed, Answer: `{"payments":[
			{"id":"pyo_1","status":"confirmed","created_at":"2026-03-01T00:00:00Z","amount":{"cents":1999,"currency":"EUR"}},
			{"id":"pyo_0","status":"confirmed","created_at":"2026-01-01T00:00:00Z"},{"status":"lost"}],
			"links":{"self":"https://api.devengo.com/v1/payments?page=1","next":"https://elsewhere.test/v1/payments?page=2&page_size=100"},"meta":{"pagination":{"total_items":150}}}`},
		apitest.Exchange{Want: "GET /v1/payments?page=2&page_size=100", Check: signed, Answer: `{"payments":[{"id":"pyo_2","status":"denied","created_at":"2026-03-02T00:00:00Z"}],"links":{"self":"x"}}`},
		apitest.Exchange{Want: "GET /v1/accounts?page=1&page_size=100", Answer: `{"accounts":[],"meta":{"pagination":{"total_items":101}}}`},
		apitest.Exchange{Want: "GET /v1/accounts?page=2&page_size=100", Answer: `{"accounts":[],"meta":{"pagination":{"total_items":101}}}`},
		apitest.Exchange{Want: "GET /v1/accounts?page=1&page_size=100", Answer: `{"accounts":[],"links":{"next":"?page=1"}}`},
		apitest.Exchange{Want: "GET /v1/accounts?page=1&page_size=100", Answer: `{"account":{}}`},
	)
	c := client(t, signedConn(server.URL+"/v1"))
	q := provider.ListQuery{Kind: "outgoing_payment", Since: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
	first, err := c.List(t.Context(), q)
	if err != nil || len(first.Answers) != 1 || first.Next != "2" || first.Skipped != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	if o := apitest.Decode(t, devengo.New(), first.Answers[0]); o[0].Status != "confirmed" || *o[0].Attributes.Money.Amount != 1999 {
		t.Errorf("%+v", o[0])
	}
	q.Cursor = first.Next
	second, err := c.List(t.Context(), q)
	if err != nil || len(second.Answers) != 1 || second.Next != "" || apitest.Decode(t, devengo.New(), second.Answers[0])[0].Status != "denied" {
		t.Fatalf("%+v, %v", second, err)
	}
	for _, step := range []struct{ cursor, next string }{{"", "2"}, {"2", ""}, {"", ""}} { // by the total; at its end; a link that leads nowhere
		if page, err := c.List(t.Context(), provider.ListQuery{Kind: "account", Cursor: step.cursor}); err != nil || page.Next != step.next {
			t.Errorf("from %q: %+v, %v", step.cursor, page, err)
		}
	}
	_, err = c.List(t.Context(), provider.ListQuery{Kind: "account"})
	apitest.Fails(t, err, provider.Unavailable, "GET /accounts: the answer does not hold a list")
	_, err = c.List(t.Context(), provider.ListQuery{Kind: "account", Cursor: "x"})
	apitest.Fails(t, err, provider.Rejected, "begin without one")
}

// loginServer plays the older authentication: tokens t1, t2 …, each with its own claim exp.
type loginServer struct {
	mu      sync.Mutex
	exp     string
	logins  int
	asked   []string // the tokens that requests came with
	refuse  map[string]bool
	offline int           // status of logins, 0 for good ones
	gate    chan struct{} // where there is one, requests wait for it
}

func (s *loginServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := httptest.NewRecorder()
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.URL.Path == "/v1/auth/tokens":
		s.logins++
		if s.offline != 0 {
			w.WriteHeader(s.offline)
			fmt.Fprint(w, `{"error":{"code":"authorization"}}`)
			break
		}
		w.WriteHeader(201)
		payload := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"n":%d,"exp":%s}`, s.logins, s.exp))
		fmt.Fprintf(w, `{"token":"e30.%s.c2ln","refresh_token":"r"}`, payload)
	case !isBearer || s.refuse[token]:
		s.asked = append(s.asked, "refused")
		w.WriteHeader(401)
		fmt.Fprint(w, `{"error":{"code":"authorization"}}`)
	default:
		s.asked = append(s.asked, token)
		fmt.Fprint(w, `{"account":{"id":"acc_1","status":"active"}}`)
	}
	return w.Result(), nil
}

func loginClient(t *testing.T, s *loginServer) provider.Client {
	t.Helper()
	conn := provider.Connection{Name: "c", Mode: lifecycle.ModeTest, API: provider.API{Email: "ops@example.test", Password: password}}
	c, err := devengo.New().Client(conn, &http.Client{Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLogin: one login serves until the token's own end, whatever form it is given in.
func TestLogin(t *testing.T) {
	for _, quote := range []string{"", `"`} {
		synctest.Test(t, func(t *testing.T) {
			s := &loginServer{exp: quote + strconv.FormatInt(time.Now().Add(30*time.Minute).Unix(), 10) + quote}
			c := loginClient(t, s)
			get := func() {
				if _, err := c.Fetch(t.Context(), "account", "acc_1"); err != nil {
					t.Fatal(err)
				}
			}
			var group sync.WaitGroup
			for range 5 {
				group.Go(get)
			}
			group.Wait()
			<-time.After(28 * time.Minute) // within the bubble
			if get(); s.logins != 1 {
				t.Errorf("%d logins before the token ends", s.logins)
			}
			s.exp = strconv.FormatInt(time.Now().Add(30*time.Minute).Unix(), 10)
			<-time.After(90 * time.Second)
			if get(); s.logins != 2 {
				t.Errorf("%d logins after the token has ended", s.logins)
			}
		})
	}
}

// TestLoginWithoutEnd: a token that does not say when it ends is taken to live half an hour.
func TestLoginWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &loginServer{exp: "null"}
		c := loginClient(t, s)
		for range 4 {
			if _, err := c.Fetch(t.Context(), "account", "acc_1"); err != nil {
				t.Fatal(err)
			}
			<-time.After(20 * time.Minute)
		}
		if s.logins != 2 {
			t.Errorf("%d logins in 60 minutes, want 2", s.logins)
		}
	})
}

// TestTokenRevoked: a token that is refused early is renewed once; one that is new and refused is a refusal.
func TestTokenRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &loginServer{exp: strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10), refuse: map[string]bool{}}
		c := loginClient(t, s)
		if _, err := c.Fetch(t.Context(), "account", "acc_1"); err != nil {
			t.Fatal(err)
		}
		s.refuse[s.asked[0]] = true
		if _, err := c.Fetch(t.Context(), "account", "acc_1"); err != nil || s.logins != 2 {
			t.Errorf("%v after %d logins", err, s.logins)
		}
		s = &loginServer{exp: "1", refuse: map[string]bool{}}
		c = loginClient(t, s)
		s.refuse["e30."+base64.RawURLEncoding.EncodeToString([]byte(`{"n":1,"exp":1}`))+".c2ln"] = true
		_, err := c.Fetch(t.Context(), "account", "acc_1")
		apitest.Fails(t, err, provider.Unauthorized, "check api.email and api.password", password, "e30.")
		if s.logins != 1 || len(s.asked) != 1 {
			t.Errorf("%d logins, %v", s.logins, s.asked)
		}
	})
}

// TestLoginRefused: a login that is refused is not tried again, also not by those who waited for it; one that fails for another
// reason is.
func TestLoginRefused(t *testing.T) {
	for status, logins := range map[int]int{401: 1, 403: 1, 422: 1, 503: 4, 429: 4} {
		synctest.Test(t, func(t *testing.T) {
			s := &loginServer{offline: status}
			c := loginClient(t, s)
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					_, err := c.Fetch(t.Context(), "account", "acc_1")
					class := map[int]provider.ErrorClass{503: provider.Unavailable, 429: provider.RateLimited}[status]
					if class == "" {
						class = provider.Unauthorized
					}
					apitest.Fails(t, err, class, "POST /auth/tokens", password, "ops@example.test")
				})
			}
			group.Wait()
			if s.logins != logins {
				t.Errorf("HTTP %d: %d logins, want %d", status, s.logins, logins)
			}
		})
	}
}

// TestLoginWaits: who waits for another's login waits no longer than its own context.
func TestLoginWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &loginServer{exp: "null", gate: make(chan struct{})}
		c := loginClient(t, s)
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := c.Fetch(t.Context(), "account", "acc_1"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // until it is under way
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Fetch(ctx, "account", "acc_1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(s.gate)
		group.Wait()
	})
}

func TestClientNeedsCredentials(t *testing.T) {
	for field, api := range map[string]provider.API{
		"api.key_id":   {},
		"api.secret":   {KeyID: "x"},
		"api.password": {Email: "x"},
		"api.base_url": {KeyID: "x", Secret: "y", BaseURL: "devengo"},
	} {
		_, err := devengo.New().Client(provider.Connection{Name: "c", API: api}, nil)
		_, err2 := devengo.New().Webhooks(provider.Connection{Name: "c", API: api}, nil)
		if err == nil || err2 == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: %v, %v; want %s", api, err, err2, field)
		}
	}
	fetch, list := client(t, signedConn("")).Kinds()
	if len(fetch) != 5 || len(list) != 5 {
		t.Errorf("kinds %v, %v", fetch, list)
	}
}

func TestCheckAPI(t *testing.T) {
	good := provider.Connection{Mode: lifecycle.ModeTest, Secrets: []string{"f00dfeed"}}
	for _, test := range []struct {
		api    provider.API
		fields string
	}{
		{provider.API{Email: "a@example.test", Password: "p"}, ""},
		{provider.API{Email: "a@example.test"}, "api.password"},
		{provider.API{Password: "p"}, "api.email"},
		{provider.API{KeyID: "k", Secret: "s", Email: "a@example.test", Password: "p"}, "api.email"},
		{provider.API{KeyID: "k", Secret: "s\n"}, "api.secret"},
		{provider.API{KeyID: "k", Secret: "s", Token: "t", Version: "v"}, "api.token api.version"},
		{provider.API{BaseURL: "https://user:pass@api.devengo.com"}, "api.base_url"},
	} {
		conn := good
		conn.API = test.api
		var fields []string
		for _, p := range devengo.New().Check(conn) {
			fields = append(fields, p.Field)
		}
		if got := strings.Join(fields, " "); got != test.fields {
			t.Errorf("%+v: %s, want %s", test.api, got, test.fields)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	apitest.FuzzAnswers(f, devengo.Provider{}, signedConn("https://api.example.com"), `{"account":{"id":"id-1","status":"active"}}`, `{"payments":[{"id":"a"}],"links":{"next":"?page=3"}}`,
		`{"webhook":{"id":"w"}}`, `{"webhooks":[{}],"meta":{"pagination":{"total_items":1e9}}}`)
}
