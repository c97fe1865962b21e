package simulator

// Fintoc's API, as its reference and SDKs show it: the secret key in Authorization (with or without Bearer), bare arrays, page numbers
// with Link and X-Total-Count under /v1, cursors newest first with a Link that is empty at the end under /v2, filters on creation and
// status, the error object, five requests a second, and /v1/webhook_endpoints with a secret that is shown once.
//
// Not imitated: link tokens and what is read with them, business accounts, API versions, test events, and everything that moves money.

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (fintoc) allowance() (int, time.Duration) { return 5, time.Second }

func (p fintoc) routes(s *surface) {
	s.authorized = func(r *http.Request, _ []byte) bool {
		return equal(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), s.connection.APISecret)
	}
	s.fail = func(status int, code string) any {
		typ := "invalid_request_error"
		switch {
		case status == http.StatusUnauthorized:
			typ = "authentication_error"
		case status >= 500:
			typ = "api_error"
		}
		return object{"error": object{"type": typ, "code": code, "message": http.StatusText(status), "param": nil, "doc_url": "https://docs.fintoc.com"}}
	}
	for path, kind := range map[string]string{
		"/v1/payment_intents": "payment_intent", "/v2/payment_intents": "payment_intent", "/v1/checkout_sessions": "checkout_session",
		"/v2/checkout_sessions": "checkout_session", "/v1/refunds": "refund", "/v1/charges": "charge", "/v1/subscriptions": "subscription",
		"/v1/subscription_intents": "subscription_intent", "/v1/payouts": "payout", "/v2/transfers": "transfer",
		"/v2/account_numbers": "account_number", "/v2/account_verifications": "account_verification",
	} {
		s.mux.HandleFunc("GET "+path+"/{id}", func(w http.ResponseWriter, r *http.Request) { s.one(w, kind, r.PathValue("id"), same) })
		if path != "/v1/checkout_sessions" {
			s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { p.list(s, w, r, path, s.all(kind)) })
		}
	}
	s.mux.HandleFunc("GET /v1/links", func(w http.ResponseWriter, r *http.Request) {
		links := s.all("link")
		for i, o := range links {
			links[i] = o.with(object{"accounts": nil})
		}
		p.list(s, w, r, "/v1/links", links)
	})
	for _, path := range []string{"/v2/accounts", "/v1/disputes", "/v2/invoices", "/v2/subscriptions"} { // there are none
		s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { p.list(s, w, r, path, nil) })
	}
	p.webhooks(s)
}

// list filters and answers with a page.
func (p fintoc) list(s *surface, w http.ResponseWriter, r *http.Request, path string, all []object) {
	q := r.URL.Query()
	since, until := instant(q.Get("since")), instant(q.Get("until"))
	all = slices.DeleteFunc(slices.Clone(all), func(o object) bool {
		created := instant(fmt.Sprint(o["created_at"]))
		return !since.IsZero() && !created.IsZero() && created.Before(since) || !until.IsZero() && !created.IsZero() && created.After(until) ||
			q.Get("status") != "" && o["status"] != q.Get("status") || q.Get("direction") != "" && o["direction"] != q.Get("direction")
	})
	link := func(rel string, set url.Values) string {
		to := r.URL.Query()
		for name, values := range set {
			to[name] = values
		}
		return fmt.Sprintf(`<http://%s/fintoc%s?%s>; rel="%s"`, r.Host, path, to.Encode(), rel)
	}
	if strings.HasPrefix(path, "/v2") {
		p.cursor(s, w, r, all, link)
		return
	}
	n, size := number(r, "page", 1, 1<<30), number(r, "per_page", 30, 300)
	last := max(1, (len(all)+size-1)/size)
	at := func(rel string, n int) string { return link(rel, url.Values{"page": {fmt.Sprint(n)}}) }
	links := []string{at("first", 1), at("last", last)}
	if n < last {
		links = append(links, at("next", n+1))
	}
	if n > 1 {
		links = append(links, at("prev", n-1))
	}
	w.Header().Set("Link", strings.Join(links, ", "))
	w.Header().Set("X-Total-Count", fmt.Sprint(len(all)))
	s.answer(w, http.StatusOK, listed(page(all, n, size)))
}

// cursor answers with what comes after an id, newest first.
func (fintoc) cursor(s *surface, w http.ResponseWriter, r *http.Request, all []object, link func(string, url.Values) string) {
	slices.Reverse(all)
	if after := r.URL.Query().Get("starting_after"); after != "" {
		i := slices.IndexFunc(all, func(o object) bool { return o["id"] == after })
		if i < 0 {
			s.fault(w, http.StatusUnprocessableEntity, "invalid_request")
			return
		}
		all = all[i+1:]
	}
	size := number(r, "limit", 30, 300)
	part := page(all, 1, size)
	w.Header().Set("Link", "")
	if len(part) < len(all) {
		w.Header().Set("Link", link("next", url.Values{"starting_after": {fmt.Sprint(part[len(part)-1]["id"])}}))
	}
	s.answer(w, http.StatusOK, listed(part))
}

// instant reads a time; zero where there is none.
func instant(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

func (p fintoc) webhooks(s *surface) {
	accept := func(in object) (object, bool) {
		members := only(in, "url", "enabled_events", "description")
		if disabled, ok := in["disabled"].(bool); ok {
			members["disabled"], members["status"] = disabled, map[bool]string{true: "disabled", false: "enabled"}[disabled]
		}
		return members, true
	}
	s.manage("/v1/webhook_endpoints", same,
		func(w http.ResponseWriter, r *http.Request) { p.list(s, w, r, "/v1/webhook_endpoints", s.hooks.all()) }, accept, http.StatusNoContent,
		func(w http.ResponseWriter, r *http.Request) {
			in := object{}
			address := ""
			if err := readJSON(r, &in); err == nil {
				address, _ = in["url"].(string)
			}
			if events, _ := in["enabled_events"].([]any); !strings.HasPrefix(address, "https://") || len(events) == 0 {
				s.fault(w, http.StatusUnprocessableEntity, "invalid_request")
				return
			}
			made := s.hooks.add(func(r *rand.Rand) *hook {
				id := "we_" + word(r, alnum, 16)
				shown := object{
					"id": id, "object": "webhook_endpoint", "status": "enabled", "disabled": false, "description": nil, "mode": s.connection.Mode,
					"created_at": millis(s.Now()), "secret": nil,
				}.with(only(in, "url", "enabled_events", "description"))
				return &hook{id: id, shown: shown, secret: "whsec_" + word(r, alnum, 32)}
			})
			s.answer(w, http.StatusCreated, made.shown.with(object{"secret": made.secret}))
		})
}
