package rebuild

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
)

// BenchmarkBuild is a build without a broker: what becomes of records that have been read, until they stand in the file.
// One operation is one record.
func BenchmarkBuild(b *testing.B) {
	const partitions = 6
	var lifecycles []*lifecycle.Lifecycle
	for _, p := range builtin.Providers() {
		for _, d := range p.Lifecycles() {
			l, err := lifecycle.New(d)
			if err != nil {
				b.Fatal(err)
			}
			lifecycles = append(lifecycles, l)
		}
	}
	l := &Log{Topic: "bench", Decoder: worker.NewDecoder(builtin.Providers(), nil)}
	n := max(b.N/batchRecords, 1) * batchRecords
	records := payments(b, n)
	starts, ends := make(map[int32]int64), make(map[int32]int64)
	for p := range int32(partitions) {
		starts[p], ends[p] = 0, int64(n/partitions/batchRecords*batchRecords)
	}
	builder, err := projections.OpenBuilder(projections.BuilderConfig{
		Path: filepath.Join(b.TempDir(), "built.db"), Topic: l.Topic, Lifecycles: lifecycles, Starts: starts, Ends: ends,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < n; i += batchRecords {
		part, nth := int32(i/batchRecords%partitions), int64(i/batchRecords/partitions)
		batch := records[i : i+batchRecords]
		for j := range batch {
			batch[j].Partition, batch[j].Offset = part, nth*batchRecords+int64(j)
		}
		if err := builder.Add(b.Context(), builder.Encode(l.decode(batch, Cut{}), part, (nth+1)*batchRecords)); err != nil {
			b.Fatal(err)
		}
	}
	builder.Reached(ends)
	if _, err := builder.Finish(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// payments are records as ingest writes them, five for each payment, in random order.
func payments(b *testing.B, n int) []kafka.Record {
	words := []string{"created", "validating", "pending", "processing", "confirmed"}
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]kafka.Record, n)
	for i, at := range r.Perm(n) {
		entity, nth := fmt.Sprintf("pyo_%022x", uint64(i/len(words))*0x9e3779b97f4a7c15), i%len(words)
		id := fmt.Sprintf("evt_%022x", r.Uint64())
		t := began.Add(time.Duration(i) * time.Millisecond)
		body := fmt.Appendf(nil, `{"id":%q,"api_version":"v1","type":"outgoing_payment.%s","created_at":%q,"data":{"object":{"id":%q,`+
			`"account_id":"acc_kq0lNPQa4hctEg3uBa4aHC","company_reference":"ord-%d","status":%q,"amount":{"cents":%d,"currency":"EUR"},"eta":%q,`+
			`"created_at":%q,"processor":{"network":"SEPA","scheme":"SCT-INST"},"error":null,"counterparty":{"name":"Nobody Real","account":`+
			`{"identifiers":[{"type":"iban","iban":"ES6000491500051234567892"}],"bank":{"name":"Example Bank","bic":"EXAMESMMXXX"}}},"metadata":{"note":"`,
			id, words[nth], t.Format(time.RFC3339Nano), entity, i, words[nth], 100+i, t.Format(time.RFC3339Nano), t.Format(time.RFC3339Nano))
		body = append(append(body, strings.Repeat("x", 900-len(body)-5)...), `"}}}}`...)
		e := event.Event{
			ID: id, Connection: "bench", Type: "devengo.outgoing_payment." + words[nth], Kind: "outgoing_payment", Entity: entity, Time: t,
			Recorded: t.Add(time.Second), ContentType: "application/json", Body: body,
			Headers: map[string]string{
				event.HeaderScheme: "devengo-v1", event.HeaderSecret: "2182ec05",
				event.HeaderHTTP + "x-devengo-webhooks-sig": "t=1772451047,v1=" + strings.Repeat("1981ba50", 8),
			},
		}
		m, err := e.Message()
		if err != nil {
			b.Fatal(err)
		}
		rec, err := worker.Marshaler().Marshal("bench", m)
		if err != nil {
			b.Fatal(err)
		}
		out[at] = rec
	}
	return out
}
