package delfinance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
)

// fields are what any body, or the proof inside of it, may hold. A body is the entity itself, without an envelope, and
// the entities share their vocabulary, so one walk over the members serves all kinds. Texts are empty where a member is
// missing, null or of another type; numbers are given by their digits.
type fields struct {
	raw string

	eventType, status, operation             string
	id, endToEnd, original, idempotency      string
	external, correlation, reference         string
	amount, created, updated, finished       string
	account, number, document, accountNumber string
	nsu, source, yourNumber, ourNumber       string
	available                                string

	failure, kind, payer, beneficiary, payee, proof gjson.Result
}

// read walks the members of an object once. Of members with the same name the last counts.
func read(r gjson.Result) (f fields) {
	f.raw = r.Raw
	r.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "eventType":
			f.eventType = provider.Text(v)
		case "status":
			f.status = provider.Text(v)
		case "operationType":
			f.operation = provider.Text(v)
		case "id":
			f.id = provider.Text(v)
		case "endToEndId":
			f.endToEnd = provider.Text(v)
		case "originalEndToEndId":
			f.original = provider.Text(v)
		case "idempotencyKey":
			f.idempotency = provider.Text(v)
		case "externalId":
			f.external = provider.Text(v)
		case "correlationId":
			f.correlation = provider.Text(v)
		case "referenceId":
			f.reference = provider.Text(v)
		case "amount":
			f.amount = provider.Text(v)
		case "createdAt":
			f.created = v.Str
		case "updatedAt":
			f.updated = v.Str
		case "finishedAt":
			f.finished = v.Str
		case "bankAccount":
			f.account = provider.Text(v)
		case "number":
			f.number = provider.Text(v)
		case "document":
			f.document = provider.Text(v)
		case "bankAccountNumber":
			f.accountNumber = provider.Text(v)
		case "nsu":
			f.nsu = provider.Text(v)
		case "source":
			f.source = provider.Text(v)
		case "yourNumber":
			f.yourNumber = provider.Text(v)
		case "ourNumber":
			f.ourNumber = provider.Text(v)
		case "amountAvailable":
			f.available = provider.Text(v)
		case "error":
			f.failure = v
		case "type":
			f.kind = v
		case "payer":
			f.payer = v
		case "beneficiary":
			f.beneficiary = v
		case "payee":
			f.payee = v
		case "proof":
			f.proof = v
		}
		return true
	})
	return f
}

// inner is the proof of a receipt, a refund or a paid charge; without one, nothing.
func (f *fields) inner() fields {
	if !f.proof.IsObject() {
		return fields{}
	}
	return read(f.proof)
}

// transaction is the name of the bank statement's type, {"type":{"name":"CREDIT_PIX"}}, or of a type that is a plain word.
// Elsewhere type has been seen as a number, which says nothing.
func (f *fields) transaction() string {
	if f.kind.IsObject() {
		return f.kind.Get("name").Str
	}
	return f.kind.Str
}

// centavos is an amount in reais, exactly; nil where there is none or it has more than two decimals.
func centavos(text string) *int64 {
	n, ok := provider.ParseDecimal(text, 2)
	if !ok {
		return nil
	}
	return &n
}

// parseTime reads Delfinance's times: RFC 3339 with up to seven decimals, and the same without a zone, which is read as UTC
// (inferred: the same field has a Z in other events). Zero where the text is none of it; the recorded time stands in.
func parseTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05"} { // both read decimals
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// isEndToEnd says whether a text has the form of a Pix end-to-end id with the given letter: E for a payment, D for a refund.
// The length is not held against it. Client ids are GUIDs, and have dashes.
func isEndToEnd(s string, letter byte) bool {
	return len(s) > 8 && s[0] == letter && strings.Trim(s[1:9], "0123456789") == "" && !strings.Contains(s, "-")
}

// digest is the SHA-256 of a body that does not depend on the order of its members or on white space.
func digest(body []byte) string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&v) == nil {
		if canonical, err := json.Marshal(v); err == nil {
			body = canonical
		}
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}
