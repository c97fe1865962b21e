package worker

import (
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
)

func BenchmarkRecord(b *testing.B) {
	e := event.Event{
		ID: "evt_kq0lNPQa4hctEg3uBa4aHC", Connection: "bench", Type: "devengo.outgoing_payment.confirmed", Kind: "outgoing_payment", Entity: "pyo_kq0lNPQa4hctEg3uBa4aHC",
		Time: time.Now(), Recorded: time.Now(), ContentType: "application/json", Body: make([]byte, 900),
		Headers: map[string]string{"verification-scheme": "devengo-v1", "verification-secret": "0123456789abcdef", "http-x-devengo-webhooks-sig": "t=1795326278,v1=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Record(&e); err != nil {
			b.Fatal(err)
		}
	}
}
