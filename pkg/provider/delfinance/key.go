package delfinance

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
)

// rejectionWindow is how long a second rejection of the same customer's documents is taken for a repetition of the first.
// The two are the same bytes, with neither time nor id, so only their arrival tells them apart.
const rejectionWindow = time.Hour

// naturalKey is the id of the fact that a delivery reports: the same for every delivery of it, whatever the bytes. It begins
// with the event type, and no person can be read from it. Empty where the body does not hold what it takes; the hash of the
// body stands in then.
func naturalKey(word, kind string, d *provider.Delivery, b, p *fields) string {
	if !isKnown(says(word, b)) {
		return "" // nobody knows what sets two facts of a new type apart
	}
	status := statusOf(kind, word, b, p)
	switch kind {
	case kindCharge: // a charge can be paid more than once
		switch {
		case b.reference != "":
			return join(word, b.correlation, b.reference)
		case b.nsu != "":
			return join(word, b.nsu)
		case b.correlation != "":
			return join(word, b.correlation, first(b.ourNumber, "-"), digest(d.Body))
		}
	case kindReceipt:
		return join(word, first(b.endToEnd, p.endToEnd, b.reference))
	case kindRefund:
		if says(word, b) == "PIX_REFUNDED" {
			return join(word, first(b.endToEnd, p.endToEnd))
		}
		own := first(b.endToEnd, p.endToEnd)
		if own == "" && !isEndToEnd(b.idempotency, 'E') { // that of the Pix, which may have several refunds
			own = b.idempotency
		}
		return join(word, own, status)
	case kindPayment:
		return join(word, first(b.endToEnd, b.idempotency), status)
	case kindTransfer, kindTED:
		return join(word, b.id, status)
	case kindInfraction:
		return join(word, b.id, status, b.updated)
	case kindAccount:
		return join(word, b.account, status, b.updated)
	case kindCustomer:
		if status == wordApproved {
			return join(word, hidden(b.document), b.accountNumber)
		}
		return join(word, hidden(b.document), d.Received.UTC().Truncate(rejectionWindow).Format("2006-01-02T15Z"))
	}
	return ""
}

// join makes a key of its parts; empty where one is missing. A part that holds the separator is hashed.
func join(parts ...string) string {
	for i, part := range parts {
		if part == "" {
			return ""
		}
		if strings.Contains(part, keySeparator) && i > 0 && !isTimestamp(part) {
			parts[i] = hidden(part)
		}
	}
	return strings.Join(parts, keySeparator)
}

const keySeparator = ":"

// isTimestamp says whether a part is a time, whose colons confuse nothing: it is always the last part.
func isTimestamp(part string) bool { return !parseTime(part).IsZero() }

// hidden stands for a text that must not be readable in a key, as the number of a person's document. It keeps it out of
// logs and consoles; it is no protection from someone who tries out all numbers.
func hidden(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("delfinance natural key\x00" + text))
	return hex.EncodeToString(sum[:12])
}
