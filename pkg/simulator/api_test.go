package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// stage is an API with a clock that the test sets, and a client that knows the credentials.
type stage struct {
	t     testing.TB
	plan  *Plan
	api   *API
	now   time.Time // simulated
	wall  time.Time
	nonce int
}

func newStage(t testing.TB, o Options) *stage {
	s := &stage{t: t, plan: mustPlan(t, o), wall: time.Unix(1_800_000_000, 0)}
	s.now = s.plan.End().Add(48 * time.Hour)
	s.api = NewAPI(APIConfig{Plan: s.plan, Now: func() time.Time { return s.now }, Wall: func() time.Time { return s.wall }})
	return s
}

// ask sends a request with good credentials, each in a time of its own, so that limits are kept.
func (s *stage) ask(method, path, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	s.wall = s.wall.Add(time.Minute)
	return s.send(s.request(method, path, body))
}

func (s *stage) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w
}

func (s *stage) request(method, path, body string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	provider, rest, _ := strings.Cut(path[1:], "/")
	c := s.plan.Connection(provider + "-sim")
	switch provider {
	case Devengo:
		s.nonce++
		nonce, stamp := fmt.Sprint("nonce", s.nonce), fmt.Sprint(s.wall.Unix())
		for name, value := range map[string]string{
			"Id": c.KeyID, "Nonce": nonce, "Timestamp": stamp, "Signature": devengoSignature(c.APISecret, []byte(body), nonce, stamp, c.KeyID),
		} {
			r.Header.Set("X-Devengo-Api-Key-"+name, value)
		}
	case Fintoc:
		r.Header.Set("Authorization", c.APISecret)
	case Yoco:
		key := c.APISecret
		if strings.HasPrefix(rest, "v1/") {
			key = c.Token
		}
		r.Header.Set("Authorization", "Bearer "+key)
	case Delfinance:
		r.Header.Set("x-delbank-api-key", c.APISecret)
		r.Header.Set("x-delfinance-account-id", c.AccountID)
	}
	return r
}

func decoded[T any](t testing.TB, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("HTTP %d %s: %v", w.Code, w.Body, err)
	}
	return v
}

// Every documented read path answers with the entity, in the provider's shape, dated in simulated time.
func TestReadPaths(t *testing.T) {
	s := newStage(t, Options{Seed: 6, Stories: 400})
	for _, c := range []struct{ kind, path, id string }{ // id is where the answer has it
		{"account", "/devengo/v1/accounts/", "account.id"}, {"outgoing_payment", "/devengo/v1/payments/", "payment.id"},
		{"incoming_payment", "/devengo/v1/incoming_payments/", "incoming_payment.id"}, {"verification", "/devengo/v1/verifications/", "verification.id"},
		{"payment_intent", "/fintoc/v1/payment_intents/", "id"}, {"payment_intent", "/fintoc/v2/payment_intents/", "id"},
		{"checkout_session", "/fintoc/v2/checkout_sessions/", "id"}, {"charge", "/fintoc/v1/charges/", "id"},
		{"subscription", "/fintoc/v1/subscriptions/", "id"}, {"subscription_intent", "/fintoc/v1/subscription_intents/", "id"},
		{"account_verification", "/fintoc/v2/account_verifications/", "id"}, {"account_number", "/fintoc/v2/account_numbers/", "id"},
		{"checkout", "/yoco/checkouts/", "id"}, {"payment", "/yoco/v1/payments/", "id"},
		{"pix_payment", "/delfinance/baas/api/v2/transfers/", "endToEndId"}, {"transfer", "/delfinance/baas/api/v2/transfers/", "id"},
		{"ted", "/delfinance/baas/api/v2/external/transfers/ted/", "id"}, {"infraction", "/delfinance/baas/api/v1/infraction-notifications/", "id"},
		{"customer", "/delfinance/baas/api/v1/customers/", "document"},
	} {
		provider := strings.Split(c.path, "/")[1]
		var e *Entity
		for _, candidate := range s.plan.Entities {
			if candidate.Kind == c.kind && candidate.Provider == provider {
				e = candidate
			}
		}
		if e == nil {
			t.Fatalf("no %s in the plan", c.kind)
		}
		w := s.ask("GET", c.path+e.ID, "")
		if w.Code != 200 || w.Header().Get("Date") != s.now.UTC().Format(http.TimeFormat) {
			t.Errorf("%s: HTTP %d, Date %s: %s", c.path, w.Code, w.Header().Get("Date"), w.Body)
			continue
		}
		o := decoded[map[string]any](t, w)
		wrapper, id, nested := strings.Cut(c.id, ".")
		if nested {
			o, _ = o[wrapper].(map[string]any)
		} else {
			id = wrapper
		}
		if o[id] != e.ID {
			t.Errorf("%s: %v, want %s", c.path, o, e.ID)
		}
		if w := s.ask("GET", c.path+"nobody", ""); w.Code != 404 {
			t.Errorf("%snobody: HTTP %d", c.path, w.Code)
		}
	}
}

// pages follows a list to its end and returns the ids.
func (s *stage) pages(path string, ids func(w *httptest.ResponseRecorder) []string, next func(w *httptest.ResponseRecorder) string) []string {
	s.t.Helper()
	var out []string
	for path != "" {
		w := s.ask("GET", path, "")
		if w.Code != 200 {
			s.t.Fatalf("%s: HTTP %d %s", path, w.Code, w.Body)
		}
		out = append(out, ids(w)...)
		if path = next(w); path != "" {
			path = path[strings.Index(path, "example.com")+len("example.com"):]
		}
	}
	return out
}

func TestListsArePaged(t *testing.T) {
	s := newStage(t, Options{Seed: 6, Stories: 400})
	field := func(list []map[string]any, name string) (out []string) {
		for _, o := range list {
			out = append(out, fmt.Sprint(o[name]))
		}
		return out
	}
	bare := func(name string) func(w *httptest.ResponseRecorder) []string {
		return func(w *httptest.ResponseRecorder) []string { return field(decoded[[]map[string]any](t, w), name) }
	}
	link := func(w *httptest.ResponseRecorder) string {
		for _, part := range strings.Split(w.Header().Get("Link"), ", ") {
			if address, rel, _ := strings.Cut(part, "; "); rel == `rel="next"` {
				return strings.Trim(address, "<>")
			}
		}
		return ""
	}
	type wrapped struct {
		Payments   []map[string]any
		Links      map[string]string
		Data       []map[string]any
		NextCursor *string `json:"next_cursor"`
	}
	n := 0 // Delfinance's lists say nothing of the next page
	for _, c := range []struct {
		provider, kind, path string
		ids                  func(w *httptest.ResponseRecorder) []string
		next                 func(w *httptest.ResponseRecorder) string
	}{
		{Devengo, "outgoing_payment", "/devengo/v1/payments?page_size=7", func(w *httptest.ResponseRecorder) []string { return field(decoded[wrapped](t, w).Payments, "id") },
			func(w *httptest.ResponseRecorder) string { return decoded[wrapped](t, w).Links["next"] }},
		{Fintoc, "payment_intent", "/fintoc/v1/payment_intents?per_page=9", bare("id"), link},
		{Fintoc, "transfer", "/fintoc/v2/transfers?limit=4", bare("id"), link},
		{Yoco, "payment", "/yoco/v1/payments/?limit=11", func(w *httptest.ResponseRecorder) []string { return field(decoded[wrapped](t, w).Data, "id") },
			func(w *httptest.ResponseRecorder) string {
				if next := decoded[wrapped](t, w).NextCursor; next != nil {
					return "example.com/yoco/v1/payments/?limit=11&cursor=" + *next
				}
				return ""
			}},
		{Delfinance, "infraction", "/delfinance/baas/api/v1/infraction-notifications?size=2&page=1", bare("id"), func(w *httptest.ResponseRecorder) string {
			if n++; fmt.Sprint(n) == w.Header()["pageCount"][0] {
				return ""
			}
			return fmt.Sprintf("example.com/delfinance/baas/api/v1/infraction-notifications?size=2&page=%d", n+1)
		}},
	} {
		want := map[string]bool{}
		for _, e := range s.plan.Entities {
			if e.Provider == c.provider && e.Kind == c.kind {
				want[e.ID] = true
			}
		}
		got := s.pages(c.path, c.ids, c.next)
		for _, id := range got {
			if !want[id] {
				t.Errorf("%s: %s is twice there, or should not be", c.path, id)
			}
			delete(want, id)
		}
		if len(want) > 0 || len(got) < 5 {
			t.Errorf("%s: %d listed, %d not", c.path, len(got), len(want))
		}
	}
}

// The API tells what was true then, and with lag what was true before; never an old state that time alone would make believed.
func TestTimeAndLag(t *testing.T) {
	status := func(s *stage, e *Entity) (int, string) {
		w := s.ask("GET", "/devengo/v1/payments/"+e.ID, "")
		if w.Code != 200 {
			return w.Code, ""
		}
		return w.Code, fmt.Sprint(decoded[map[string]map[string]any](t, w)["payment"]["status"])
	}
	o := Options{Seed: 6, Providers: []string{Devengo}, Stories: 200}
	fresh := newStage(t, o)
	o.Chaos.API = APIChaos{Lag: 1, NotFound: 1, LagFor: 2 * time.Hour}
	lagging := newStage(t, o)
	stale, hidden := 0, 0
	for i, e := range fresh.plan.Entities {
		if e.Kind != "outgoing_payment" {
			continue
		}
		twin := lagging.plan.Entities[i]
		for _, c := range e.Changes {
			fresh.now, lagging.now = c.At, c.At
			code, got := status(fresh, e)
			if present := e.at(c.At); code != 200 || got != present.Word {
				t.Fatalf("%s at %v: HTTP %d %q, want %q", e.ID, c.At, code, got, present.Word)
			}
			code, old := status(lagging, twin)
			switch {
			case c.At.Before(e.Created().Add(time.Hour)):
				hidden++
				if code != 404 {
					t.Errorf("%s is known at once", e.ID)
				}
			case old != got:
				stale++
				if e.kind.circle(old, got) {
					t.Errorf("%s: %s told when it is %s", e.ID, old, got)
				}
			}
		}
		fresh.now = e.Created().Add(-time.Second)
		if code, _ := status(fresh, e); code != 404 {
			t.Errorf("%s is known before it is made", e.ID)
		}
		lagging.now = lagging.plan.End().Add(48 * time.Hour)
		if _, got := status(lagging, twin); got != e.Last().Word {
			t.Errorf("%s lags for ever", e.ID)
		}
	}
	if stale == 0 || hidden == 0 {
		t.Errorf("%d stale, %d hidden answers", stale, hidden)
	}
}

func TestLimitsAreCounted(t *testing.T) {
	s := newStage(t, Options{Seed: 6, Stories: 40})
	for range 7 {
		s.send(s.request("GET", "/fintoc/v1/charges", ""))
	}
	c := s.api.Counts()[Fintoc]
	if c.Requests != 7 || c.OverLimit != 2 || c.Statuses[429] != 2 || c.Statuses[200] != 5 {
		t.Errorf("%+v", c)
	}
	s.wall = s.wall.Add(time.Second)
	if w := s.send(s.request("GET", "/fintoc/v1/charges", "")); w.Code != 200 {
		t.Errorf("in the next second: HTTP %d", w.Code)
	}
	w := s.ask("GET", "/devengo/v1/accounts", "")
	if w.Header().Get("X-RateLimit-Limit") != "1500" || w.Header().Get("X-RateLimit-Remaining") != "1499" {
		t.Errorf("Devengo's headers: %v", w.Header())
	}
}

func TestCredentials(t *testing.T) {
	s := newStage(t, Options{Seed: 6, Stories: 4})
	for _, c := range []struct {
		path   string
		spoil  func(r *http.Request)
		status int
	}{
		{"/devengo/v1/accounts", func(r *http.Request) { r.Header.Del("X-Devengo-Api-Key-Signature") }, 401},
		{"/devengo/v1/accounts", func(r *http.Request) { r.Header.Set("X-Devengo-Api-Key-Timestamp", "1") }, 401},
		{"/devengo/v1/accounts", func(r *http.Request) { r.Header.Set("X-Devengo-Api-Key-Nonce", "other") }, 401},
		{"/fintoc/v1/charges", func(r *http.Request) { r.Header.Set("Authorization", "pk_live_1") }, 401},
		{"/yoco/webhooks", func(r *http.Request) { r.Header.Del("Authorization") }, 403},
		{"/yoco/v1/payments/", func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+s.plan.Connection("yoco-sim").APISecret)
		}, 403},
		{"/delfinance/baas/api/v1/webhooks", func(r *http.Request) { r.Header.Del("x-delfinance-account-id") }, 401},
	} {
		r := s.request("GET", c.path, "")
		c.spoil(r)
		if w := s.send(r); w.Code != c.status {
			t.Errorf("%s: HTTP %d, want %d", c.path, w.Code, c.status)
		}
	}
	again := s.request("GET", "/devengo/v1/accounts", "")
	if s.send(again).Code != 200 || s.send(again).Code != 401 {
		t.Error("a nonce is good twice")
	}
	for range maxUnauthorized + 1 {
		r := s.request("GET", "/fintoc/v1/charges", "")
		r.Header.Set("Authorization", "wrong")
		s.wall = s.wall.Add(time.Second)
		s.send(r)
	}
	if w := s.ask("GET", "/fintoc/v1/charges", ""); w.Code != 401 || !s.api.Counts()[Fintoc].Locked {
		t.Errorf("a key that was tried too often is not locked: HTTP %d", w.Code)
	}
}

func TestFaultsOfTheAPI(t *testing.T) {
	for _, c := range []struct {
		name   string
		chaos  APIChaos
		status []int
	}{
		{"limit", APIChaos{Limit: 1}, []int{429}}, {"error", APIChaos{Error: 1}, []int{500, 502, 503}}, {"outage", APIChaos{Outage: 1}, []int{503}},
	} {
		s := newStage(t, Options{Seed: 6, Stories: 4, Chaos: Chaos{API: c.chaos}})
		for range 5 {
			w := s.ask("GET", "/fintoc/v1/charges", "")
			if !strings.Contains(fmt.Sprint(c.status), fmt.Sprint(w.Code)) || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s: HTTP %d %s", c.name, w.Code, w.Body)
			}
		}
		if n := s.api.Counts()[Fintoc].OverLimit; n != 0 {
			t.Errorf("%s: %d over the limit, and none was", c.name, n)
		}
	}
	some := 0
	s := newStage(t, Options{Seed: 6, Stories: 4, Chaos: Chaos{API: APIChaos{Error: 0.5}}})
	for range 100 {
		if s.ask("GET", "/fintoc/v1/charges", "").Code >= 500 {
			some++
		}
	}
	if some < 35 || some > 65 {
		t.Errorf("%d of 100 answers are errors, want about half", some)
	}
}

func TestWebhooksAreManaged(t *testing.T) {
	for _, c := range []struct {
		at, create, bad, id, wrapper, list, patch, secret string
		gone                                              int
	}{
		{"/devengo/v1/webhooks", `{"url":"https://a.example/x"}`, `{"url":"x"}`, "id", "webhook", "webhooks", `{"status":"disabled"}`, "secret", 204},
		{"/fintoc/v1/webhook_endpoints", `{"url":"https://a.example/x","enabled_events":["charge.failed"]}`, `{"url":"http://a.example/x"}`, "id", "", "", `{"disabled":true}`, "secret", 204},
		{"/yoco/webhooks", `{"name":"x","url":"https://a.example/x"}`, `{"name":"x","url":"http://a.example/x"}`, "id", "", "subscriptions", "", "secret", 204},
		{"/delfinance/baas/api/v1/webhooks", `{"eventType":"PIX_RECEIVED","url":"https://a.com/x","authorizationScheme":"HEADER","authorization":"k: v"}`,
			`{"eventType":"PIX_RECEIVED","url":"https://a.technology/x"}`, "id", "", "", `{"url":"https://b.com/x"}`, "", 200},
	} {
		s := newStage(t, Options{Seed: 6, Stories: 4})
		unwrap := func(w *httptest.ResponseRecorder) map[string]any {
			o := decoded[map[string]any](t, w)
			if c.wrapper != "" {
				o, _ = o[c.wrapper].(map[string]any)
			}
			return o
		}
		if w := s.ask("POST", c.at, c.bad); w.Code < 400 || w.Code > 499 {
			t.Errorf("%s: a bad webhook: HTTP %d", c.at, w.Code)
		}
		w := s.ask("POST", c.at, c.create)
		made := unwrap(w)
		if w.Code != 201 || c.secret != "" && len(fmt.Sprint(made[c.secret])) < 32 {
			t.Fatalf("%s: HTTP %d %s", c.at, w.Code, w.Body)
		}
		id := fmt.Sprint(made[c.id])
		if f, ok := made[c.id].(float64); ok {
			id = fmt.Sprintf("%.0f", f)
		}
		got := s.ask("GET", c.at+"/"+id, "")
		if o := unwrap(got); got.Code != 200 || c.secret != "" && o[c.secret] != nil {
			t.Errorf("%s: HTTP %d %v: secrets are shown once", c.at, got.Code, o)
		}
		if list := s.ask("GET", c.at, ""); list.Code != 200 || !strings.Contains(list.Body.String(), id) || c.list != "" && !strings.Contains(list.Body.String(), `"`+c.list+`":[`) {
			t.Errorf("%s: list: HTTP %d %s", c.at, list.Code, list.Body)
		}
		if c.patch != "" {
			if w := s.ask("PATCH", c.at+"/"+id, c.patch); w.Code != 200 || w.Body.String() == got.Body.String() {
				t.Errorf("%s: update: HTTP %d %s", c.at, w.Code, w.Body)
			}
		}
		if w := s.ask("DELETE", c.at+"/"+id, ""); w.Code != c.gone {
			t.Errorf("%s: delete: HTTP %d", c.at, w.Code)
		}
		if w := s.ask("GET", c.at+"/"+id, ""); w.Code != 404 {
			t.Errorf("%s: after delete: HTTP %d", c.at, w.Code)
		}
	}
}
