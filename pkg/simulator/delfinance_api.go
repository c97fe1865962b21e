package simulator

// Delfinance's API: the two headers that every call needs, what was sent by either of its ids, charges, the bank statement (the only
// place for what was received and for refunds, and only for what is effective), infractions with paging in response headers, customers
// and their accounts, and one webhook an event type whose credential is shown in clear. Keys are locked after too many bad attempts.
// The errors have the shapes of gateway and domain. No limit is documented; ten requests a second are allowed here.
//
// Not imitated: client certificates, address lists, QR codes, token paging of the statement, and everything that moves money.

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (delfinance) allowance() (int, time.Duration) { return 10, time.Second }

func (p delfinance) routes(s *surface) {
	s.authorized = func(r *http.Request, _ []byte) bool {
		return equal(r.Header.Get("x-delbank-api-key"), s.connection.APISecret) && equal(r.Header.Get("x-delfinance-account-id"), s.connection.AccountID)
	}
	s.fail = func(status int, code string) any {
		switch status {
		case http.StatusUnauthorized:
			return object{"message": "Missing or invalid header: x-delbank-api-key"}
		case http.StatusNotFound:
			return object{"title": "Not Found", "status": status, "traceId": "00-simulator-00"}
		}
		return object{"title": http.StatusText(status), "status": status, "code": strings.ToUpper(code), "errors": []any{http.StatusText(status)}}
	}
	s.mux.HandleFunc("GET /baas/api/v2/transfers/{id}", func(w http.ResponseWriter, r *http.Request) { p.transferred(s, w, r.PathValue("id")) })
	for path, kind := range map[string]string{
		"/baas/api/v2/external/transfers/ted": "ted", "/baas/v1/charges": "charge", "/baas/api/v1/infraction-notifications": "infraction",
		"/baas/api/v1/customers": "customer",
	} {
		s.mux.HandleFunc("GET "+path+"/{id}", func(w http.ResponseWriter, r *http.Request) { s.one(w, kind, r.PathValue("id"), same) })
	}
	s.mux.HandleFunc("GET /baas/v1/charges", func(w http.ResponseWriter, r *http.Request) { p.charges(s, w, r) })
	s.mux.HandleFunc("GET /baas/api/v1/infraction-notifications", func(w http.ResponseWriter, r *http.Request) {
		all := s.all("infraction")
		n, size := number(r, "page", 1, 1<<30), number(r, "size", 50, 100)
		for name, value := range map[string]int{"currentPage": n, "pageSize": size, "pageCount": (len(all) + size - 1) / size, "rowCount": len(all)} {
			w.Header()[name] = []string{fmt.Sprint(value)}
		}
		s.answer(w, http.StatusOK, listed(page(all, n, size)))
	})
	s.mux.HandleFunc("GET /baas/api/v1/customers/{id}/bank-accounts", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, http.StatusOK, listed(s.all("account"))) })
	s.mux.HandleFunc("GET /baas/api/v1/balances", func(w http.ResponseWriter, _ *http.Request) {
		s.answer(w, http.StatusOK, object{"amountAvailable": reais(123456)})
	})
	s.mux.HandleFunc("GET /baas/api/v2/transactions", func(w http.ResponseWriter, r *http.Request) { p.statement(s, w, r) })
	p.webhooks(s)
}

// transferred finds a Pix that was sent or an internal transfer, by the provider's id or the client's. That it finds transfers that
// were received is made up; a refund is not among what it is documented for.
func (delfinance) transferred(s *surface, w http.ResponseWriter, id string) {
	for _, kind := range []string{"pix_payment", "transfer"} {
		for _, e := range s.kinds[kind] {
			if o, ok := s.shows(e); ok && (e.ID == id || o["idempotencyKey"] == id || o["id"] == id) {
				s.answer(w, http.StatusOK, o)
				return
			}
		}
	}
	s.fault(w, http.StatusNotFound, "not_found")
}

func (delfinance) charges(s *surface, w http.ResponseWriter, r *http.Request) {
	from, to := instant(r.URL.Query().Get("startDate")), instant(r.URL.Query().Get("endDate"))
	all := slices.DeleteFunc(s.all("charge"), func(o object) bool {
		created := instant(fmt.Sprint(o["createdAt"]))
		return !from.IsZero() && created.Before(from) || !to.IsZero() && !created.Before(to.Add(24*time.Hour))
	})
	s.answer(w, http.StatusOK, listed(page(all, number(r, "page", 1, 1<<30), number(r, "limit", 10, 200))))
}

// brasilia is what a bare date of the statement means: midnight there.
const brasilia = 3 * time.Hour

// statement lists what is effective, of all kinds.
func (delfinance) statement(s *surface, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, to := instant(q.Get("startDate")), instant(q.Get("endDate"))
	all := []object{}
	for _, e := range s.Plan.Entities {
		name, ok := transaction(e)
		if e.Connection != s.connection.Name || !ok || q.Get("endToEndId") != "" && e.ID != q.Get("endToEndId") ||
			len(q["type"]) > 0 && !slices.Contains(q["type"], name) {
			continue
		}
		o, ok := s.shows(e)
		if !ok || slices.Contains([]any{"PIX_PROCESSING", "PIX_ERROR"}, o["status"]) {
			continue
		}
		created := instant(fmt.Sprint(o["createdAt"]))
		if !from.IsZero() && created.Before(from.Add(brasilia)) || !to.IsZero() && !created.Before(to.Add(24*time.Hour+brasilia)) {
			continue
		}
		all = append(all, o.with(object{"type": object{"name": name, "description": name}}))
	}
	s.answer(w, http.StatusOK, page(all, number(r, "page", 1, 1<<30), number(r, "limit", 10, 200)))
}

// transaction is the statement's type of an entity.
func transaction(e *Entity) (string, bool) {
	side := map[string]string{"in": "CREDIT_", "out": "DEBIT_"}[e.Direction]
	name := map[string]string{
		"pix_receipt": "PIX", "pix_payment": "PIX", "pix_refund": "PIX_REFUND", "transfer": "TRANSFER_INTERNAL", "ted": "TRANSFER_EXTERNAL",
	}[e.Kind]
	return side + name, name != ""
}

// hookURL is the documented rule: a scheme, and a domain whose last label has at most six characters.
var hookURL = regexp.MustCompile(`^https?://[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]{1,6}(:\d+)?([/?#].*)?$`)

func (p delfinance) webhooks(s *surface) {
	accept := func(in object) (object, bool) {
		address, ok := in["url"].(string)
		members := only(in, "url", "eventType", "authorization", "authorizationScheme")
		members["updatedAt"] = zulu(rand.New(rand.NewPCG(1, 1)), s.Now())
		return members, !ok || hookURL.MatchString(address)
	}
	s.manage("/baas/api/v1/webhooks", same, func(w http.ResponseWriter, _ *http.Request) { s.answer(w, http.StatusOK, s.hooks.all()) }, accept, http.StatusOK,
		func(w http.ResponseWriter, r *http.Request) {
			in := object{}
			if err := readJSON(r, &in); err != nil || in["eventType"] == nil || in["url"] == nil {
				s.fault(w, http.StatusBadRequest, "invalid_request")
				return
			}
			members, ok := accept(in)
			if !ok {
				s.fault(w, http.StatusUnprocessableEntity, "unprocessable_entity")
				return
			}
			made := s.hooks.add(func(r *rand.Rand) *hook {
				id := 1000 + r.IntN(9000)
				return &hook{id: fmt.Sprint(id), shown: object{"id": id, "bankAccount": s.connection.AccountID, "externalId": nil, "createdAt": seconds(s.Now())}.with(members)}
			})
			s.answer(w, http.StatusCreated, made.shown)
		})
}
