//go:build linux

package faults

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	connection = "world"
	secret     = "3f9a1c7be2d84605b1f7c9d2a6e80b4453ad17c9"
	sigHeader  = "X-Devengo-Webhooks-Sig"
)

// story is what becomes of a payment: the provider's words in their order, and what the last one means.
type story struct {
	words  []string
	status string // Hookfold's word for the last
}

// stories are written down by hand from the provider's documentation. No word of theirs can follow a later one, so that the
// end is the same whatever the events' times say.
var stories = []story{
	{[]string{"created", "validating", "pending", "processing", "confirmed"}, "succeeded"},
	{[]string{"created", "validating", "pending", "processing", "retrying", "confirmed"}, "succeeded"},
	{[]string{"created", "validating", "delayed", "pending", "processing", "confirmed"}, "succeeded"},
	{[]string{"created", "validating", "pending", "processing", "rejected"}, "failed"},
	{[]string{"created", "validating", "blocked", "denied"}, "failed"},
	{[]string{"created", "validating", "pending", "processing", "confirmed", "reversed"}, "returned"},
	{[]string{"created", "validating", "blocked"}, "held"},
	{[]string{"created", "validating", "pending"}, "pending"},
}

// entity is one payment and all events of it.
type entity struct {
	id     string
	amount int64
	story  story
	events []delivery
}

// word is the provider's last word.
func (e *entity) word() string { return e.story.words[len(e.story.words)-1] }

// delivery is one event as the provider sends it.
type delivery struct {
	id, body string
	at       string // the provider's time, RFC 3339
}

// newEntity makes up payment n. The provider's clock is off by up to an hour from one event to the next, and its events come
// out of order.
func newEntity(r *rand.Rand, n int, now time.Time) *entity {
	e := &entity{id: fmt.Sprintf("pyo_%08d%08x", n, r.Uint32()), amount: 1 + r.Int64N(1_000_000), story: stories[r.IntN(len(stories))]}
	for i, word := range e.story.words {
		at := now.Add(time.Duration(r.IntN(7200)-3600) * time.Second).UTC().Format(time.RFC3339)
		id := fmt.Sprintf("evt_%08d%08x%d", n, r.Uint32(), i)
		e.events = append(e.events, delivery{id: id, at: at, body: fmt.Sprintf(
			`{"id":%q,"api_version":"v1","type":"outgoing_payment.%s","created_at":%q,"data":{"object":{"id":%q,"account_id":"acc_faults",`+
				`"company_reference":"ord-%d","status":%q,"recipient":"Nobody","description":"order %d","amount":{"cents":%d,"currency":"EUR"},`+
				`"instant":false,"internal":false,"retried":false,"created_at":%q,"error":null,"links":{},"fee":{"cents":10,"currency":"EUR"},"metadata":{}}}}`,
			id, word, at, e.id, n, word, n, e.amount, now.UTC().Format(time.RFC3339))})
	}
	r.Shuffle(len(e.events), func(i, j int) { e.events[i], e.events[j] = e.events[j], e.events[i] })
	return e
}

// sign gives the header of a delivery signed at a time.
func sign(key, body string, at time.Time) http.Header {
	t := fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(t + "." + body))
	return http.Header{sigHeader: {"t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))}, "Content-Type": {"application/json"}}
}

// forgeries are deliveries that nobody may record.
func forgeries(body string, now time.Time) map[string]http.Header {
	altered := sign(secret, body+" ", now)
	return map[string]http.Header{
		"unsigned":              {"Content-Type": {"application/json"}},
		"with another key":      sign("another", body, now),
		"signed half a day ago": sign(secret, body, now.Add(-12*time.Hour)),
		"altered":               altered,
	}
}
