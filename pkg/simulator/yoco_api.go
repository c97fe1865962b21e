package simulator

// Yoco's APIs. Of the Checkout API: /checkouts/{id}, and /payments/{id}/refunds of its second host, as Yoco's shop plugin reads them,
// and /webhooks, of which a secret key may have several although one is advised. Of the versioned API, with its own token: payments and
// refunds with a cursor, filters on creation and a window of at most 31 days. Error bodies in both shapes. The limit is not published;
// ten requests a second are allowed here.
//
// Not imitated: idempotency keys, payouts, orders, and everything that moves money.

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

func equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

func (yoco) allowance() (int, time.Duration) { return 10, time.Second }

func (p yoco) routes(s *surface) {
	s.refused = http.StatusForbidden
	s.authorized = func(r *http.Request, _ []byte) bool {
		key := s.connection.APISecret
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			key = s.connection.Token
		}
		return equal(r.Header.Get("Authorization"), "Bearer "+key)
	}
	s.fail = func(status int, code string) any {
		return object{
			"errorCode": code, "errorMessage": http.StatusText(status), "description": http.StatusText(status), "errorType": code,
			"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code,
		}
	}
	s.mux.HandleFunc("GET /checkouts/{id}", func(w http.ResponseWriter, r *http.Request) { s.one(w, "checkout", r.PathValue("id"), same) })
	s.mux.HandleFunc("GET /payments/{id}/refunds", func(w http.ResponseWriter, r *http.Request) {
		refunds := []object{}
		for _, o := range s.all("refund") {
			if o["payment_id"] == r.PathValue("id") {
				status := map[any]string{"approved": "succeeded", "pending": "pending", "failed": "failed"}[o["status"]]
				refunds = append(refunds, object{"id": o["id"], "amount": o["total_amount"].(object)["amount"], "status": status})
			}
		}
		s.answer(w, http.StatusOK, object{"refunds": refunds})
	})
	for _, kind := range []string{"payment", "refund"} {
		one := func(w http.ResponseWriter, r *http.Request) {
			if id := r.PathValue("id"); id != "" {
				s.one(w, kind, id, same)
				return
			}
			p.list(s, w, r, s.all(kind))
		}
		s.mux.HandleFunc("GET /v1/"+kind+"s/{id}", one)
		s.mux.HandleFunc("GET /v1/"+kind+"s/{$}", one)
		s.mux.HandleFunc("GET /v1/"+kind+"s", one)
	}
	s.manage("/webhooks", same,
		func(w http.ResponseWriter, _ *http.Request) {
			s.answer(w, http.StatusOK, object{"subscriptions": s.hooks.all()})
		}, nil, http.StatusNoContent,
		func(w http.ResponseWriter, r *http.Request) {
			in := struct{ Name, URL string }{}
			if err := readJSON(r, &in); err != nil || in.Name == "" || !strings.HasPrefix(in.URL, "https://") {
				s.fault(w, http.StatusBadRequest, "invalid_request")
				return
			}
			made := s.hooks.add(func(r *rand.Rand) *hook {
				id := "sub_" + word(r, alnum, 24)
				return &hook{id: id, shown: object{"id": id, "name": in.Name, "url": in.URL, "mode": s.connection.Mode, "createdDate": millis(s.Now())},
					secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(word(r, alnum, 32)))}
			})
			s.answer(w, http.StatusCreated, made.shown.with(object{"secret": made.secret}))
		})
}

// window is how much time a list may be asked for at once.
const window = 31 * 24 * time.Hour

// list answers with a page of the versioned API, newest first. The cursor is the id of the last entry before.
func (yoco) list(s *surface, w http.ResponseWriter, r *http.Request, all []object) {
	q := r.URL.Query()
	bounds := func(field string) (from, to time.Time, ok bool) {
		from, to = instant(q.Get(field+"__gte")), instant(q.Get(field+"__lte"))
		switch {
		case from.IsZero() && to.IsZero():
			return from, s.Now().Add(window), true
		case from.IsZero():
			from = to.Add(-window)
		case to.IsZero():
			to = from.Add(window)
		}
		return from, to, to.Sub(from) <= window
	}
	created, createdTo, ok := bounds("created_at")
	updated, updatedTo, also := bounds("updated_at")
	if !ok || !also {
		s.fault(w, http.StatusUnprocessableEntity, "invalid_range")
		return
	}
	all = slices.DeleteFunc(all, func(o object) bool {
		c, u := instant(fmt.Sprint(o["created_at"])), instant(fmt.Sprint(o["updated_at"]))
		return c.Before(created) || c.After(createdTo) || u.Before(updated) || u.After(updatedTo) || q.Get("status") != "" && o["status"] != q.Get("status")
	})
	slices.Reverse(all)
	if after := q.Get("cursor"); after != "" {
		all = all[slices.IndexFunc(all, func(o object) bool { return o["id"] == after })+1:]
	}
	part := page(all, 1, number(r, "limit", 50, 100))
	var next any
	if len(part) < len(all) {
		next = part[len(part)-1]["id"]
	}
	s.answer(w, http.StatusOK, object{"data": listed(part), "next_cursor": next})
}
