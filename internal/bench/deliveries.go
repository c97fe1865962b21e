package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/provider/devengo"
)

const (
	connection = "bench"
	secret     = "bench-secret"
	kind       = "outgoing_payment"
)

// words are the statuses of a payment's life, in order: the events of an entity.
var words = []string{"created", "validating", "pending", "processing", "confirmed"}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// maker makes events as Devengo sends them, of invented payments.
type maker struct {
	r     *rand.Rand
	size  int
	began time.Time
	n     int
}

func newMaker(size int) *maker {
	return &maker{r: rand.New(rand.NewPCG(1, 2)), size: size, began: time.Now().Add(-time.Hour).Truncate(time.Second)}
}

func (m *maker) id(prefix string) string {
	b := make([]byte, 0, 32)
	b = append(b, prefix...)
	for range 22 {
		b = append(b, alphabet[m.r.IntN(len(alphabet))])
	}
	return string(b)
}

// delivery is what a record or a request is made of.
type delivery struct {
	id, word string
	at       time.Time
	body     []byte
}

// next makes the event of an entity that tells of its nth status, each a millisecond after the last.
func (m *maker) next(entity string, nth int) delivery {
	m.n++
	d := delivery{id: m.id("evt_"), word: kind + "." + words[min(nth, len(words)-1)], at: m.began.Add(time.Duration(m.n) * time.Millisecond).UTC()}
	at := d.at.Format(time.RFC3339Nano)
	body := fmt.Appendf(make([]byte, 0, m.size+16), `{"id":%q,"api_version":"v1","type":%q,"created_at":%q,"data":{"object":{`+
		`"id":%q,"account_id":"acc_kq0lNPQa4hctEg3uBa4aHC","company_reference":"ord-%d","status":%q,"description":"Refund",`+
		`"amount":{"cents":%d,"currency":"EUR"},"instant":true,"internal":false,"retried":false,"eta":%q,"created_at":%q,`+
		`"processor":{"network":"SEPA","scheme":"SCT-INST"},"error":null,"links":null,"counterparty":{"id":%q,"name":"Nobody Real",`+
		`"account":{"identifiers":[{"type":"iban","iban":"ES6000491500051234567892"}],"bank":{"name":"Example Bank","bic":"EXAMESMMXXX"}}},`+
		`"fee":{"cents":10,"currency":"EUR"},"metadata":{"note":"`,
		d.id, d.word, at, entity, m.n, strings.TrimPrefix(d.word, kind+"."), 100+m.r.IntN(100_000), at, at, m.id("ctp_"))
	for len(body) < m.size-5 {
		body = append(body, alphabet[m.r.IntN(len(alphabet))])
	}
	d.body = append(body, `"}}}}`...)
	return d
}

// requests are so many whole HTTP requests of random entities, signed.
func (m *maker) requests(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = m.request(m.id("pyo_"), i%len(words))
	}
	return out
}

func (m *maker) request(entity string, nth int) []byte {
	d := m.next(entity, nth)
	head := fmt.Sprintf("POST /webhooks/%s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nUser-Agent: Devengo\r\n"+
		"%s: %s\r\nContent-Length: %d\r\n\r\n", connection, devengo.Header, devengo.Sign(secret, time.Now(), d.body), len(d.body))
	return append([]byte(head), d.body...)
}
