package projections

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

var benchWords = []string{"created", "processing", "confirmed", "returned", "rejected"}

// history is the workload: events of random entities in a random order, 750-byte objects.
type history struct {
	order   []int32 // entity of each event
	seen    []uint8 // events of each entity so far
	ids     []string
	padding string
	next    int64
}

// Within "spread" events of each other the order is random; 0 means over the whole history. Live traffic is near: an
// entity's events follow one another within minutes. Over the whole history is the worst case.
func newHistory(entities, each, spread int) *history {
	h := &history{order: make([]int32, 0, entities*each), seen: make([]uint8, entities), ids: make([]string, entities)}
	r := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, 700)
	for i := range raw {
		raw[i] = byte('a' + r.IntN(26))
	}
	h.padding = string(raw)
	for e := range entities {
		var id [16]byte
		for i := range id {
			id[i] = byte(r.Uint32())
		}
		h.ids[e] = "out_" + hex.EncodeToString(id[:])
		for range each {
			h.order = append(h.order, int32(e))
		}
	}
	if spread == 0 {
		spread = len(h.order)
	}
	at := make([]int, len(h.order)) // when each event comes
	for i := range at {
		at[i] = i + r.IntN(spread)
	}
	if spread == len(h.order) {
		at = r.Perm(len(h.order))
	}
	sort.Sort(byTime{at, h.order})
	return h
}

type byTime struct {
	at    []int
	order []int32
}

func (b byTime) Len() int           { return len(b.at) }
func (b byTime) Less(i, j int) bool { return b.at[i] < b.at[j] }
func (b byTime) Swap(i, j int) {
	b.at[i], b.at[j] = b.at[j], b.at[i]
	b.order[i], b.order[j] = b.order[j], b.order[i]
}

// facts makes the next n events.
func (h *history) facts(n int) []Fact {
	out := make([]Fact, 0, n)
	observations := make([]lifecycle.Observation, n)
	for i := range min(n, len(h.order)-int(h.next)) {
		e := h.order[h.next]
		word := benchWords[min(int(h.seen[e]), 3)]
		o := &observations[i]
		at := epoch.Add(time.Duration(h.next) * 10 * time.Millisecond)
		*o = lifecycle.Observation{
			Entity: lifecycle.Entity{Connection: "acme-live", Kind: "transfer", ID: h.ids[e]},
			ID:     "evt_" + strconv.FormatInt(h.next*7919%1_000_003, 36) + h.ids[e][4:24], Type: "acme.transfer." + word,
			Source: lifecycle.SourceWebhook, Mode: lifecycle.ModeLive, Status: word, Occurred: at, Recorded: at.Add(123456 * time.Microsecond),
			Fingerprint: lifecycle.Fingerprint{byte(h.next), byte(h.next >> 8), byte(h.next >> 16), h.seen[e]},
		}
		h.seen[e]++
		o.Attributes.Money = &lifecycle.Money{Direction: lifecycle.Out, Amount: lifecycle.Minor(h.next), Currency: "EUR"}
		o.Attributes.Origin = &lifecycle.Origin{Created: epoch}
		o.Attributes.Relation = &lifecycle.Relation{AccountID: "acc_1234567890"}
		o.Attributes.Reference = &lifecycle.Reference{Text: "order 1234"}
		o.Attributes.Counterparty = &lifecycle.Counterparty{Name: "Example Ltd"}
		o.Attributes.Failure = &lifecycle.Failure{}
		o.Attributes.Object = []byte(`{"id":"` + h.ids[e] + `","p":"` + h.padding + `"}`)
		out = append(out, Fact{Partition: int32(e % 6), Offset: h.next, Prev: h.next, Observations: observations[i : i+1 : i+1]})
		h.next++
	}
	return out
}

// BenchmarkStore commits 200,000 entities of 5 events (or as many as HOOKFOLD_BENCH_ENTITIES says), random ids, in
// batches of a given size. Making the events is not counted.
func BenchmarkStore(b *testing.B) {
	entities := 200_000
	if n, err := strconv.Atoi(os.Getenv("HOOKFOLD_BENCH_ENTITIES")); err == nil {
		entities = n
	}
	for _, p := range []struct{ spread, size int }{{50_000, 1_000}, {50_000, 20_000}, {0, 1_000}, {0, 20_000}, {0, 50_000}} {
		size := p.size
		name := fmt.Sprintf("near/batch=%d", size)
		if p.spread == 0 {
			name = fmt.Sprintf("random/batch=%d", size)
		}
		b.Run(name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				c := testConfig(b)
				c.MaxBatch = size
				s := open(b, c)
				h := newHistory(entities, 5, p.spread)
				for int(h.next) < len(h.order) {
					facts := h.facts(size)
					b.StartTimer()
					require.NoError(b, s.CommitAll(context.Background(), facts))
					b.StopTimer()
				}
				b.StartTimer()
				require.NoError(b, s.Close())
				b.StopTimer()
			}
			b.ReportMetric(float64(entities*5*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkCommit is one caller per fact, as a worker has: many in flight, one transaction.
func BenchmarkCommit(b *testing.B) {
	c := testConfig(b)
	s := open(b, c)
	h := newHistory(200_000, 5, 50_000)
	var mu sync.Mutex
	var facts []Fact
	b.SetParallelism(5_000)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			if len(facts) == 0 {
				if facts = h.facts(1_000); len(facts) == 0 {
					h = newHistory(200_000, 5, 50_000)
					facts = h.facts(1_000)
				}
			}
			f := facts[0]
			facts = facts[1:]
			mu.Unlock()
			if err := s.Commit(context.Background(), f); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkIdle is one record at a time: the time of a whole transaction.
func BenchmarkIdle(b *testing.B) {
	s := open(b, testConfig(b))
	h := newHistory(20_000, 5, 1_000)
	facts := h.facts(len(h.order))
	for i := 0; b.Loop(); i++ {
		require.NoError(b, s.Commit(context.Background(), facts[i%len(facts)]))
	}
}
