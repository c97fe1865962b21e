package simulator

// Delfinance (Delbank), as docs.delfinance.com.br and docs.delbank.com.br describe it.
//
// Imitated: the static credential in a header (there is no signature, timestamp or event id), one URL for each event type, bodies
// without an envelope whose eventType is missing or another than the one subscribed to, amounts in reais, times with none to seven
// decimals and, in failed refunds, without a zone. Charges of both versions that are paid by Pix or boleto and at times twice, Pix
// received and sent, refunds in both directions, internal transfers and TEDs of both sides, infractions, account statuses and
// whitelabel customers.
//
// Made up, since no document says it: the retry schedule, the body of a TED, and that a connection hears of several accounts.
//
// Not imitated: BASIC and BEARER credentials, rotation (a webhook has one credential, and PATCH replaces it at once), Pix that are
// scheduled or wait for approval, a second rejection of the same customer (its delivery would be the same bytes).

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

type delfinance struct{}

func delfinanceKinds() map[string]*kind {
	pix := func(name string) *kind {
		return &kind{name, "payment", []state{
			{"PIX_PROCESSING", "processing", "PIX_EFFECTIVE*5 PIX_ERROR"},
			{"PIX_EFFECTIVE", "succeeded", ""}, {"PIX_ERROR", "failed", ""},
		}}
	}
	kinds := map[string]*kind{}
	for _, k := range []*kind{
		{"charge", "payment", []state{{"Pending", "pending", "Paid"}, {"Paid", "succeeded", ""}}},
		pix("pix_receipt"), pix("pix_payment"), pix("pix_refund"),
		{"transfer", "payment", []state{{"EFFECTIVE", "succeeded", ""}}},
		{"ted", "payment", []state{{"DONE", "succeeded", ""}}},
		{"infraction", "dispute", []state{
			{"PENDING", "open", ". ACCEPTED*2 REJECTED*2 CANCELED"},
			{"ACCEPTED", "accepted", ""}, {"REJECTED", "rejected", ""}, {"CANCELED", "canceled", ""},
		}},
		{"account", "account", []state{{"ACTIVE", "active", ".*2 BLOCKED"}, {"BLOCKED", "blocked", ". ACTIVE*2"}}},
		{"customer", "verification", []state{
			{"submitted", "pending", "DOCUMENTATION_REJECTED APPROVED*2"},
			{"DOCUMENTATION_REJECTED", "failed", ". APPROVED*2"}, {"APPROVED", "verified", ""},
		}},
	} {
		kinds[k.name] = k
	}
	return kinds
}

func (delfinance) connection(r *rand.Rand) *Connection {
	return &Connection{
		Header: "x-webhook-key", Credential: word(r, alnum, 40), APISecret: word(r, alnum, 40), AccountID: word(r, digits, 5),
	}
}

// sign signs nothing: it sends the credential.
func (delfinance) sign(c *Connection, _ []string, _ *Delivery, _ time.Time) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set(c.Header, c.Credential)
	return h
}

func (delfinance) retries() []time.Duration {
	return []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour}
}

func (delfinance) tolerance() time.Duration { return 0 }

func (delfinance) forge(body string) string {
	return strings.NewReplacer("PIX_EFFECTIVE", "PIX_ERROR", "PIX_ERROR", "PIX_EFFECTIVE", "ACTIVE", "BLOCKED", "BLOCKED", "ACTIVE", "PENDING", "CANCELED", `"ACCEPTED"`, `"REJECTED"`, `"REJECTED"`, `"ACCEPTED"`, `"CANCELED"`, `"ACCEPTED"`,
		`"amount":`, `"amount":9`, `"document":"`, `"document":"9`).Replace(body)
}

const delfinanceISPB = "38224857"

// reais is an amount of centavos as Delfinance writes it: a number with up to two decimals.
func reais(centavos int64) json.Number {
	text := fmt.Sprintf("%d.%02d", centavos/100, centavos%100)
	return json.Number(strings.TrimSuffix(strings.TrimSuffix(text, "0"), ".0"))
}

// zulu is a time with as many decimals as the provider feels like.
func zulu(r *rand.Rand, t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05") + pick(r, "Z", ".5Z", ".274Z", ".9997672Z")
}

// unzoned is a time without a zone, which is UTC.
func unzoned(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

// endToEnd is the id of a Pix (E) or of a refund (D). Its minute is local time, as in the provider's samples.
func endToEnd(r *rand.Rand, letter, ispb string, t time.Time) string {
	return letter + ispb + t.UTC().Add(-3*time.Hour).Format("200601021504") + word(r, alnum, 11)
}

// party is one side of a movement: ours or another's.
func (w *writer) party(ours bool) object {
	if ours {
		return object{
			"number": w.connection.AccountID, "branch": "0001", "type": "CURRENT", "participant": object{"ispb": delfinanceISPB, "name": "DELCRED SCD S.A."},
			"holder": object{"name": "Loja Exemplo", "document": "00000000000000", "type": "LEGAL"},
		}
	}
	return object{
		"number": word(w.r, digits, 7), "branch": "0001", "type": "PAYMENT", "participant": object{"ispb": "00000009", "name": "Banco Exemplo"},
		"holder": object{"name": person(w.r), "document": "***" + word(w.r, digits, 6) + "**", "type": "NATURAL"},
	}
}

// tell adds an event about an entity. Delfinance has no event ids: the fact is its type, entity, and what else sets it apart.
func (w *writer) tell(e *Entity, typ string, at time.Time, body object, apart ...string) {
	w.event(happening{
		at: at, typ: typ, path: typ, fact: strings.Join(append([]string{typ, e.Kind, e.ID}, apart...), " "), about: e, body: body.text(),
		nameless: typ == "WHITELABEL_CUSTOMER_DOCUMENTATION_REJECTED",
	})
}

func (p delfinance) story(w *writer) {
	kinds := delfinanceKinds()
	switch n := w.r.IntN(20); {
	case n < 4:
		p.charge(w, kinds)
	case n < 8:
		p.receipt(w, kinds)
	case n < 13:
		p.payment(w, kinds)
	case n < 16:
		p.transfer(w, kinds)
	case n < 17:
		p.infraction(w, kinds["infraction"])
	case n < 19:
		p.account(w, kinds["account"])
	default:
		p.customer(w, kinds["customer"])
	}
}
