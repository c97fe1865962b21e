package projections

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// built feeds a log to a builder and returns the dump of its file. stop interrupts it after so many blocks, each time
// anew; nil never does.
func buildFrom(t require.TestingT, c BuilderConfig, log []Fact, blockSize int) string {
	c.Starts, c.Ends = bounds(log)
	b, err := OpenBuilder(c)
	require.NoError(t, err)
	feed(t, b, log, blockSize, -1)
	digest, err := b.Finish(context.Background())
	require.NoError(t, err)
	r, err := OpenReader(c.Path)
	require.NoError(t, err)
	stored, err := r.Digest()
	require.NoError(t, err)
	require.Equal(t, stored, digest)
	var out fmtBuffer
	require.NoError(t, r.Dump(context.Background(), &out, DumpOptions{}))
	require.NoError(t, r.Close())
	require.NoDirExists(t, c.Path+".building")
	return string(out)
}

func bounds(log []Fact) (starts, ends map[int32]int64) {
	starts, ends = map[int32]int64{}, map[int32]int64{}
	for _, f := range log {
		starts[f.Partition] = 0
		ends[f.Partition] = max(ends[f.Partition], f.Offset+1)
	}
	return starts, ends
}

// feed adds a log to a builder from where that stands, at most so many blocks.
func feed(t require.TestingT, b *Builder, log []Fact, blockSize, blocks int) {
	next := b.Next()
	byPartition := map[int32][]Fact{}
	for _, f := range log {
		if f.Offset >= next[f.Partition] {
			byPartition[f.Partition] = append(byPartition[f.Partition], f)
		}
	}
	for len(byPartition) > 0 && blocks != 0 {
		for p, facts := range byPartition {
			slices.SortFunc(facts, func(x, y Fact) int { return int(x.Offset - y.Offset) })
			n := min(blockSize, len(facts))
			require.NoError(t, b.Add(context.Background(), b.Encode(facts[:n], p, facts[n-1].Offset+1)))
			if byPartition[p] = facts[n:]; n == len(facts) {
				delete(byPartition, p)
			}
			blocks--
		}
	}
}

func committed(t require.TestingT, lifecycles []*lifecycle.Lifecycle, log logOf) string {
	dir, err := os.MkdirTemp("", "builder")
	require.NoError(t, err)
	defer func() { require.NoError(t, os.RemoveAll(dir)) }()
	return storeOf(t, dir, lifecycles, log, DumpOptions{}, func(s *Store) {
		inBatches(t, s, log, func() int { return 7 })
	})
}

func TestBuilderWritesWhatAStoreWrites(t *testing.T) {
	lifecycles := append(testLifecycles(t), poison(t))
	rapid.Check(t, func(rt *rapid.T) {
		observations := rapid.SliceOfN(rapid.Custom(drawObservation), 1, 60).Draw(rt, "observations")
		log := newLog(rapid.IntRange(1, 4).Draw(rt, "partitions"), observations...)
		for i := range log {
			switch rapid.IntRange(0, 15).Draw(rt, "fate") {
			case 0:
				log[i] = Fact{Partition: log[i].Partition, Offset: log[i].Offset, Prev: log[i].Prev,
					Parked: &Parked{"acme-live", "x", "acme.x", "not_json", "the body is not JSON"}}
			case 1:
				log[i].Observations[0].Entity.Kind = "nobody knows"
			case 2:
				log[i].Observations[0].Entity.ID = "a\x00b"
			case 3:
				// With an id of its own: of two deliveries of which only one makes the fold panic, a store parks that one if it
				// comes first, until it is tried again.
				log[i].Observations[0].Entity.Kind, log[i].Observations[0].ID = "poison", fmt.Sprint("p", i)
			}
		}
		dir, err := os.MkdirTemp("", "builder")
		require.NoError(rt, err)
		defer func() { require.NoError(rt, os.RemoveAll(dir)) }()
		got := buildFrom(rt, BuilderConfig{
			Path: filepath.Join(dir, "b.db"), Topic: "hookfold.events", Lifecycles: lifecycles, Folders: rapid.IntRange(1, 3).Draw(rt, "folders"),
		}, log, rapid.IntRange(1, 9).Draw(rt, "block"))
		require.Equal(rt, committed(rt, lifecycles, log), got)
	})
}

// bulkLog is a history of entities with a few observations each, one entity with very many, and repetitions.
func bulkLog(entities, each, long int) logOf {
	h := newHistory(entities, each, 0)
	log := logOf(h.facts(entities * each))
	next := map[int32]int64{}
	for range long {
		o := transfer(fmt.Sprintf("long_%d", len(log)), "processing", len(log))
		o.Attributes.Object = fmt.Appendf(nil, `{"n":%d,"p":%q}`, len(log), h.padding)
		log = append(log, Fact{Partition: int32(len(log) % 6), Observations: []lifecycle.Observation{o}})
		if len(log)%10 == 0 {
			log = append(log, log[len(log)-5], log[len(log)/2])
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	r.Shuffle(len(log), func(i, j int) { log[i], log[j] = log[j], log[i] })
	for i := range log {
		p := log[i].Partition
		log[i].Offset, log[i].Prev = next[p], next[p]
		next[p]++
	}
	return log
}

func TestBuilderOfManyRunsAndLongEntities(t *testing.T) {
	log := bulkLog(3_000, 5, 15_000)
	c := BuilderConfig{
		Path: filepath.Join(t.TempDir(), "b.db"), Topic: "hookfold.events", Lifecycles: testLifecycles(t), Memory: minMemory, Folders: 2,
	}
	got := buildFrom(t, c, log, 100)
	want := storeOf(t, t.TempDir(), testLifecycles(t), log, DumpOptions{}, func(s *Store) {
		require.NoError(t, s.CommitAll(t.Context(), log))
	})
	require.Equal(t, want, got)
}

// TestBuilderGoesOn interrupts a build while it reads and while it writes.
func TestBuilderGoesOn(t *testing.T) {
	log := bulkLog(14_000, 5, 1_000)
	c := BuilderConfig{
		Path: filepath.Join(t.TempDir(), "b.db"), Topic: "hookfold.events", Lifecycles: testLifecycles(t), Memory: minMemory,
	}
	want := storeOf(t, t.TempDir(), testLifecycles(t), log, DumpOptions{}, func(s *Store) {
		require.NoError(t, s.CommitAll(t.Context(), log))
	})
	c.Starts, c.Ends = bounds(log)
	progressed := false
	for i := range 10 {
		b, err := OpenBuilder(c)
		require.NoError(t, err)
		require.Equal(t, i > 0, b.Resumed())
		progressed = progressed || b.Facts() > 0
		feed(t, b, log, 100, 70+i)
		require.NoError(t, b.await()) // then it is forgotten, as by a crash
	}
	require.True(t, progressed, "an interrupted build must keep its runs")
	ctx, cancel := context.WithCancel(t.Context())
	c.Folded = func(int64) { cancel() }
	b, err := OpenBuilder(c)
	require.NoError(t, err)
	feed(t, b, log, 100, -1)
	_, err = b.Finish(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotZero(t, b.Facts())
	c.Folded = nil
	require.Equal(t, want, buildFrom(t, c, log, 100))
	_, err = OpenBuilder(c)
	require.ErrorContains(t, err, "is there already")
}
