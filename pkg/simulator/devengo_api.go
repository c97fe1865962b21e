package simulator

// Devengo's API, as /reference/basics-* and the official Ruby client show it: signed requests that are good for 60 s and once, the
// wrapper keys, page and page_size with links and a total, errors with their type's address, 1500 requests a minute with the
// X-RateLimit headers, and /v1/webhooks.
//
// Not imitated: e-mail and password with their tokens, API releases, idempotency keys, delivery logs, and everything that moves money.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (devengo) allowance() (int, time.Duration) { return 1500, time.Minute }

func (p devengo) routes(s *surface) {
	s.authorized = func(r *http.Request, body []byte) bool { return p.authorized(s, r, body) }
	s.fail = func(status int, code string) any {
		name := map[int]string{401: "authorization", 404: "not_found_error", 429: "rate_limit_error"}[status]
		if name == "" {
			name = "invalid_request_error"
		}
		return object{"error": object{
			"code": name, "message": code, "title": http.StatusText(status), "detail": code, "type": "https://errors.devengo.com/" + name, "backtrace": nil,
		}}
	}
	s.every = func(h http.Header, used, limit int, reset time.Time) {
		h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
		h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, limit-used)))
		h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	}
	for _, k := range []struct{ path, wrapper, kind string }{
		{"accounts", "account", "account"}, {"payments", "payment", "outgoing_payment"},
		{"incoming_payments", "incoming_payment", "incoming_payment"}, {"account_holders", "account_holder", "account_holder"}, {"verifications", "verification", "verification"},
	} {
		s.mux.HandleFunc("GET /v1/"+k.path+"/{id}", func(w http.ResponseWriter, r *http.Request) {
			s.one(w, k.kind, r.PathValue("id"), func(o object) any { return object{k.wrapper: o} })
		})
		s.mux.HandleFunc("GET /v1/"+k.path, func(w http.ResponseWriter, r *http.Request) { p.list(s, w, r, k.path, s.all(k.kind)) })
	}
	p.webhooks(s)
}

// authorized holds a request to base64(HMAC-SHA256(secret, base64(body) + nonce + timestamp + key id)).
func (devengo) authorized(s *surface, r *http.Request, body []byte) bool {
	id, nonce := r.Header.Get("X-Devengo-Api-Key-Id"), r.Header.Get("X-Devengo-Api-Key-Nonce")
	stamp, signature := r.Header.Get("X-Devengo-Api-Key-Timestamp"), r.Header.Get("X-Devengo-Api-Key-Signature")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || nonce == "" || id != s.connection.KeyID || s.nonces[nonce] || s.Wall().Sub(time.Unix(at, 0)).Abs() > time.Minute {
		return false
	}
	if !hmac.Equal([]byte(signature), []byte(devengoSignature(s.connection.APISecret, body, nonce, stamp, id))) {
		return false
	}
	s.nonces[nonce] = true
	return true
}

func devengoSignature(secret string, body []byte, nonce, stamp, id string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	if len(body) > 0 {
		fmt.Fprint(mac, base64.StdEncoding.EncodeToString(body))
	}
	fmt.Fprint(mac, nonce, stamp, id)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// list answers with a page. Its links are absolute; next and prev are missing at the ends.
func (devengo) list(s *surface, w http.ResponseWriter, r *http.Request, wrapper string, all []object) {
	n, size := number(r, "page", 1, 1<<30), number(r, "page_size", 100, 100)
	last := max(1, (len(all)+size-1)/size)
	link := func(n int) string {
		return fmt.Sprintf("http://%s/devengo/v1/%s?page=%d&page_size=%d", r.Host, wrapper, n, size)
	}
	links := object{"self": link(n), "first": link(1), "last": link(last)}
	if n < last {
		links["next"] = link(n + 1)
	}
	if n > 1 {
		links["prev"] = link(n - 1)
	}
	s.answer(w, http.StatusOK, object{
		wrapper: listed(page(all, n, size)), "links": links, "meta": object{"pagination": object{"total_items": len(all)}},
	})
}

func (p devengo) webhooks(s *surface) {
	var events []any
	account, incoming, outgoing, verification := devengoKinds()
	for _, k := range []*kind{account, incoming, outgoing, verification} {
		for _, st := range k.states {
			name := st.word
			if k == account && name == "active" {
				name = "activated"
			}
			events = append(events, k.name+"."+name)
		}
	}
	s.mux.HandleFunc("GET /v1/webhooks/events", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, http.StatusOK, object{"events": events}) })
	wrapped := func(o object) any { return object{"webhook": o} }
	s.manage("/v1/webhooks", wrapped,
		func(w http.ResponseWriter, r *http.Request) { p.list(s, w, r, "webhooks", s.hooks.all()) },
		func(in object) (object, bool) {
			return only(in, "url", "status", "listened_events", "description"), true
		}, http.StatusNoContent,
		func(w http.ResponseWriter, r *http.Request) {
			in := object{}
			address := ""
			if err := readJSON(r, &in); err == nil {
				address, _ = in["url"].(string)
			}
			if !strings.HasPrefix(address, "http") {
				s.fault(w, http.StatusUnprocessableEntity, "url")
				return
			}
			made := s.hooks.add(func(r *rand.Rand) *hook {
				id := "whk_" + word(r, alnum, 22)
				shown := object{"id": id, "status": "enabled", "description": nil, "listened_events": events}.with(only(in, "url", "description", "listened_events"))
				return &hook{id: id, shown: shown, secret: word(r, hexits, 40)}
			})
			s.answer(w, http.StatusCreated, wrapped(made.shown.with(object{"secret": made.secret})))
		})
}
