package projections

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// logOf is a log of one observation a record, that History can read again.
type logOf []Fact

func newLog(partitions int, observations ...lifecycle.Observation) logOf {
	var log logOf
	next := make([]int64, partitions)
	for i, o := range observations {
		p := i % partitions
		log = append(log, Fact{Partition: int32(p), Offset: next[p], Prev: next[p], Observations: []lifecycle.Observation{o}})
		next[p]++
	}
	return log
}

func (l logOf) history(_ context.Context, at []Position) (out []lifecycle.Observation, err error) {
	for _, f := range l {
		if slices.Contains(at, Position{f.Partition, f.Offset}) {
			out = append(out, f.Observations...)
		}
	}
	return out, nil
}

// storeOf commits batches to a fresh store and returns its dump.
func storeOf(t require.TestingT, dir string, lifecycles []*lifecycle.Lifecycle, log logOf, o DumpOptions, commit func(*Store)) string {
	path := filepath.Join(dir, fmt.Sprintf("%d.db", rand.Int64()))
	s, err := Open(context.Background(), Config{Path: path, Topic: "hookfold.events", Lifecycles: lifecycles, History: log.history})
	require.NoError(t, err)
	commit(s)
	require.NoError(t, s.Close())
	r, err := OpenReader(path)
	require.NoError(t, err)
	var b fmtBuffer
	require.NoError(t, r.Dump(context.Background(), &b, o))
	require.NoError(t, r.Close())
	require.NoError(t, os.Remove(path))
	return string(b)
}

type fmtBuffer []byte

func (b *fmtBuffer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

func inBatches(t require.TestingT, s *Store, facts []Fact, size func() int) {
	for len(facts) > 0 {
		n := min(max(1, size()), len(facts))
		require.NoError(t, s.CommitAll(context.Background(), facts[:n]))
		facts = facts[n:]
	}
}

// permute calls fn with every order of the numbers below n.
func permute(n int, fn func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var walk func(int)
	walk = func(k int) {
		if k == n {
			fn(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			walk(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	walk(0)
}

// recorded changes when a delivery was recorded, body what was in it.
func recorded(o lifecycle.Observation, second int) lifecycle.Observation {
	o.Recorded = epoch.Add(time.Duration(second) * time.Second)
	return o
}

func body(o lifecycle.Observation, n byte, word string) lifecycle.Observation {
	o.Fingerprint[0], o.Status = n, word
	o.Attributes.Object = fmt.Appendf(nil, `{"body":%d,"status":%q}`, n, word)
	return o
}

func timeless(o lifecycle.Observation) lifecycle.Observation {
	o.Occurred = time.Time{}
	return o
}

func lookup(o lifecycle.Observation) lifecycle.Observation {
	o.Source, o.Type = lifecycle.SourceLookup, "acme.lookup"
	return o
}

func unsigned(o lifecycle.Observation) lifecycle.Observation {
	o.Unsigned = true
	return o
}

func TestEveryOrderOfASmallHistoryGivesTheSameBytes(t *testing.T) {
	check := transfer("v1", "confirmed", 5)
	check.Entity.Kind, check.Type = "check", "acme.check.confirmed"
	for name, history := range map[string][]lifecycle.Observation{
		"plain":     {transfer("e1", "created", 1), transfer("e2", "processing", 2), transfer("e3", "confirmed", 3), transfer("e4", "returned", 4)},
		"conflict":  {transfer("e1", "processing", 1), transfer("e2", "confirmed", 2), transfer("e3", "rejected", 2), lookup(transfer("l1", "confirmed", 9))},
		"unknown":   {transfer("e1", "limbo", 3), transfer("e2", "created", 1), transfer("e3", "odd", 2), transfer("e4", "rejected", 4)},
		"timeless":  {timeless(transfer("e1", "created", 4)), timeless(transfer("e2", "processing", 1)), timeless(transfer("e2", "processing", 9)), timeless(recorded(transfer("e1", "created", 1), 0))},
		"duplicate": {transfer("e1", "created", 1), recorded(transfer("e1", "created", 1), 0), recorded(transfer("e1", "created", 1), 7), transfer("e2", "confirmed", 2), transfer("e2", "confirmed", 2)},
		"bodies": {
			body(recorded(transfer("e1", "created", 1), 5), 1, "created"), body(recorded(transfer("e1", "created", 1), 3), 2, "confirmed"),
			body(recorded(transfer("e1", "created", 1), 7), 3, "rejected"), body(recorded(transfer("e1", "created", 1), 9), 2, "confirmed"), transfer("e2", "processing", 2),
		},
		"bodies that lose twice": {
			body(recorded(transfer("e1", "created", 1), 3), 2, "created"), body(recorded(transfer("e1", "created", 1), 8), 1, "confirmed"),
			body(recorded(transfer("e1", "created", 1), 5), 1, "confirmed"), body(recorded(transfer("e1", "created", 1), 9), 3, "rejected"),
		},
		"bodies at once": {
			body(recorded(transfer("e1", "created", 1), 5), 2, "rejected"), body(recorded(transfer("e1", "created", 1), 5), 1, "confirmed"),
			body(recorded(transfer("e1", "created", 1), 5), 1, "confirmed"), body(recorded(transfer("e1", "created", 1), 4), 2, "rejected"),
		},
		"unsigned": {unsigned(check), recorded(check, 0), unsigned(recorded(check, 1)), unsigned(recorded(check, -1)), lookup(transfer("l", "", 1))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lifecycles, dir, log := testLifecycles(t), t.TempDir(), newLog(1, history...)
			var want string
			sizes := rand.New(rand.NewPCG(3, 4))
			permute(len(log), func(order []int) {
				facts := make([]Fact, 0, len(log))
				for _, i := range order {
					facts = append(facts, log[i])
				}
				got := storeOf(t, dir, lifecycles, log, DumpOptions{}, func(s *Store) {
					inBatches(t, s, facts, func() int { return 1 + sizes.IntN(len(log)) })
				})
				if want == "" {
					want = got
				}
				require.Equal(t, want, got, "order %v", order)
			})
			requireReference(t, lifecycles, log, want)
		})
	}
}

// requireReference holds a dump against the fold of the whole set. Between deliveries that are alike to the fold the place
// in the log decides.
func requireReference(t require.TestingT, lifecycles []*lifecycle.Lifecycle, log logOf, got string) {
	by := make(map[lifecycle.Entity][]lifecycle.Observation)
	inOrder := slices.SortedFunc(slices.Values(log), func(a, b Fact) int {
		return Position{a.Partition, a.Offset}.compare(Position{b.Partition, b.Offset})
	})
	for _, f := range inOrder {
		by[f.Observations[0].Entity] = append(by[f.Observations[0].Entity], f.Observations[0])
	}
	var sum lifecycle.Digest
	for e, observations := range by {
		for _, l := range lifecycles {
			if l.Kind != e.Kind {
				continue
			}
			folded, differing := l.Fold(observations)
			sum = sum.Add(lifecycle.DigestOf(e, folded.AppendBinary(nil)))
			for _, d := range differing {
				require.Contains(t, got, fmt.Sprintf(`connection=%q kind=%q id=%q reason="differing_bodies" detail=%q first_seen_at=%q`,
					e.Connection, e.Kind, e.ID, d.ID, formatTime(d.FirstSeen)))
			}
			kept, _ := lifecycle.Dedupe(observations)
			require.Contains(t, got, fmt.Sprintf("observations=%d", len(kept)))
		}
	}
	require.Contains(t, got, sum.String(), "the digest is that of the fold of the whole set")
}

// drawObservation draws from few values, so that ties, repetitions and conflicts are common.
func drawObservation(t *rapid.T) lifecycle.Observation {
	words := []string{"created", "processing", "confirmed", "rejected", "returned", "limbo"}
	second := rapid.IntRange(0, 4).Draw(t, "recorded")
	id := rapid.SampledFrom([]string{"e1", "e2", "e3", "e4", "e5"}).Draw(t, "id")
	// What comes from the body is a function of it; when it was recorded and how it was let in is not.
	n := byte(rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "body"))
	o := transfer(id, words[(int(id[1])+int(n)*2)%len(words)], int(id[1]-'0')%3)
	o = body(recorded(o, second), n, o.Status)
	if id == "e2" || id == "e5" {
		o = timeless(o)
	}
	if id == "e3" {
		o = lookup(o)
	}
	o.Entity.ID = rapid.SampledFrom([]string{"t1", "t1", "t2"}).Draw(t, "entity")
	o.Entity.Kind = rapid.SampledFrom([]string{"transfer", "transfer", "check", "account", "cheque"}).Draw(t, "kind")
	o.Unsigned = rapid.Bool().Draw(t, "unsigned")
	return o
}

func TestRandomHistoriesGiveTheSameBytes(t *testing.T) {
	lifecycles, dir := testLifecycles(t), t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		history := rapid.SliceOfN(rapid.Custom(drawObservation), 1, 30).Draw(t, "history")
		log := newLog(rapid.IntRange(1, 3).Draw(t, "partitions"), history...)
		want := storeOf(t, dir, lifecycles, log, DumpOptions{}, func(s *Store) { inBatches(t, s, log, func() int { return 1 }) })
		requireReference(t, lifecycles, log, want)
		facts := rapid.Permutation(log).Draw(t, "order")
		again := rapid.SliceOfN(rapid.SampledFrom([]Fact(log)), 0, 10).Draw(t, "again")
		facts = append(facts, again...)
		got := storeOf(t, dir, lifecycles, log, DumpOptions{}, func(s *Store) {
			if !rapid.Bool().Draw(t, "concurrent") {
				inBatches(t, s, facts, func() int { return rapid.IntRange(1, 9).Draw(t, "batch") })
				return
			}
			var wait sync.WaitGroup
			for _, f := range facts {
				wait.Go(func() {
					if err := s.Commit(context.Background(), f); err != nil {
						panic(err)
					}
				})
			}
			wait.Wait()
		})
		require.Equal(t, want, got)
	})
}

func TestBatchSizesPartitionsAndStoresMakeNoDifference(t *testing.T) {
	lifecycles, dir := testLifecycles(t), t.TempDir()
	var history []lifecycle.Observation
	r := rand.New(rand.NewPCG(7, 8))
	words := []string{"created", "processing", "confirmed", "rejected", "returned", "limbo"}
	for i := range 3_000 {
		n := r.IntN(2)
		o := transfer(fmt.Sprintf("e%d", i/2), words[(i/2*7+n)%len(words)], i/2%100)
		o = body(recorded(o, r.IntN(2_000)), byte(n), o.Status)
		o.Entity.ID = fmt.Sprintf("t%d", i/2%200)
		history = append(history, o)
	}
	one, eight := newLog(1, history...), newLog(8, history...)
	want := storeOf(t, dir, lifecycles, one, DumpOptions{WithoutPositions: true}, func(s *Store) { inBatches(t, s, one, func() int { return 1 }) })
	for name, run := range map[string]struct {
		log  logOf
		size int
	}{"batches of 1,000": {one, 1_000}, "8 partitions": {eight, 100}, "8 partitions, batches of 1,000": {eight, 1_000}} {
		t.Run(name, func(t *testing.T) {
			facts := slices.Clone(run.log)
			r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			got := storeOf(t, dir, lifecycles, run.log, DumpOptions{WithoutPositions: true}, func(s *Store) {
				inBatches(t, s, facts, func() int { return run.size })
			})
			require.Equal(t, want, got)
		})
	}
}
