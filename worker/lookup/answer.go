package lookup

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Event is the observation of an answer: of type NAME.lookup, about the entity that was asked for, dated by the answer's Date.
// Its id is the same for the same answer, so that one that is appended twice is one observation; now is when it came.
func Event(connection, providerName string, a provider.Answer, now time.Time) event.Event {
	date := a.Date.UTC()
	if y := date.Year(); a.Date.IsZero() || y < 1 || y > 9999 {
		date = now.UTC()
	}
	body := sha256.Sum256(a.Body)
	sum := sha256.New()
	for _, part := range []string{connection, a.Kind, a.ID, strconv.Itoa(a.Status), date.Format(time.RFC3339Nano), hex.EncodeToString(body[:])} {
		fmt.Fprintf(sum, "%d:%s", len(part), part) //nolint:errcheck // a hash takes everything
	}
	e := event.Event{
		ID:         "lookup:" + hex.EncodeToString(sum.Sum(nil)[:16]),
		Connection: connection,
		Type:       event.LookupType(providerName),
		Kind:       a.Kind,
		Entity:     a.ID,
		Time:       date,
		Recorded:   now.UTC(),
		Headers:    map[string]string{event.HeaderStatus: strconv.Itoa(a.Status)},
		Body:       a.Body,
	}
	if event.Printable(a.ContentType) && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.ContentType)), "application/cloudevents") {
		e.ContentType = a.ContentType // a structured CloudEvent is what the record must not be taken for
	}
	return e
}
