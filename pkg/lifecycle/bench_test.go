package lifecycle_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// BenchmarkFold is what a store does for each observation that comes alone: read the summary, join, read the state, write.
func BenchmarkFold(b *testing.B) {
	l := payment(b)
	object := bytes.Repeat([]byte("x"), 750)
	var history []lifecycle.Observation
	for i, word := range []string{"created", "queued", "processing", "confirmed", "reversed"} {
		history = append(history, lifecycle.Observation{
			Entity: lifecycle.Entity{Connection: "devengo-live", Kind: "payment", ID: "pyo_6fG7hI8jK9lM0nO1pQ2rS3"},
			ID:     fmt.Sprintf("evt_5eF6gH7iJ8kL9mN0oP1qR%d", i), Type: "test.payment." + word, Source: lifecycle.SourceWebhook, Mode: lifecycle.ModeLive,
			Status: word, Occurred: start.Add(time.Duration(i) * time.Second), Recorded: start.Add(time.Minute),
			Attributes: lifecycle.Attributes{
				Origin: &lifecycle.Origin{Created: start}, Money: &lifecycle.Money{Direction: lifecycle.Out, Amount: lifecycle.Minor(1999), Currency: "EUR"},
				Relation: &lifecycle.Relation{AccountID: "acc_2bC3dE4fG5hI6jK7lM8nO9"}, Reference: &lifecycle.Reference{Text: "ord-9001"},
				Counterparty: &lifecycle.Counterparty{Name: "Nobody Real"}, Failure: &lifecycle.Failure{}, Object: object,
			},
		})
	}
	b.ReportAllocs()
	var encoded []byte
	for i := 0; b.Loop(); i++ {
		o := &history[i%len(history)]
		var sum lifecycle.Summary
		if i%len(history) > 0 {
			var err error
			if sum, err = lifecycle.DecodeSummary(encoded); err != nil {
				b.Fatal(err)
			}
		}
		sum = l.Join(sum, l.Observe(o))
		state := l.State(sum)
		encoded = sum.AppendBinary(encoded[:0])
		if d := lifecycle.DigestOf(o.Entity, encoded); d == (lifecycle.Digest{}) || state.Current == "" {
			b.Fatal("nothing came out")
		}
	}
}
