package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// DefaultMemory bounds what a Builder and who feeds it hold in memory, in bytes.
const DefaultMemory = 512 << 20

// Limits of a Builder, in shares of its memory and in numbers.
const (
	pileShare   = 8 // two piles at a time: one is filled while the other is written
	bufferShare = 8 // of all run buffers
	minMemory   = 32 << 20
	maxRuns     = 256
	runBuffer   = 1 << 20 // at most, of one run that is written or read
)

// BuilderConfig says what is built, and where.
type BuilderConfig struct {
	// Path is the file to be built. Beside it stands Path.building, a directory, until the file is finished.
	Path           string
	Topic, TopicID string
	Lifecycles     []*lifecycle.Lifecycle
	// Starts are the oldest offsets of the log's partitions, Ends where the building ends: one after the last record.
	Starts, Ends map[int32]int64
	// Cut names a cut through the log, empty where the whole log is folded. A store with a cut is refused by Open.
	Cut string
	// Program names the program and its settings. What another program left behind is not continued.
	Program string
	// Memory bounds what is held in memory, in bytes; 0 means DefaultMemory.
	Memory int64
	// Folders is how many goroutines fold; 0 means one.
	Folders int
	Logger  *slog.Logger
	// Begun is called first by every goroutine that works for long, so that it can be given a thread with a priority of its
	// own; nil: not at all.
	Begun func()
	// Folded is called now and then with how many observations have been written; nil: not at all.
	Folded func(observations int64)
}

// Builder makes a store's file in bulk: what is read is sorted by entity on disk, then each entity is folded once and
// written once. The file is the same, row by row, as a Store would have made of the same records. It must not be there, or
// be an unfinished one of the same log, which is then continued.
//
// Encode may be called by any number of goroutines; everything else by one.
type Builder struct {
	c          BuilderConfig
	dir        string
	lifecycles map[[2]string]*lifecycle.Lifecycle
	manifest   manifest
	resumed    bool

	pile    *pile
	next    map[int32]int64 // with what is in the pile
	facts   int64
	flushed chan error // the result of the run that is being written; nil where none is
	free    sync.Pool
}

// manifest is what stands on disk of a build that is not finished. It changes by a rename.
type manifest struct {
	Schema, Fold   int
	Topic, TopicID string
	Cut, Program   string
	Starts, Ends   map[int32]int64
	Next           map[int32]int64 // everything before is in the runs
	Facts          int64           // how many records that are
	Runs           []string
	Serial         int // of the last run
}

// OpenBuilder begins a build, or takes up one that was left unfinished; see Resumed.
func OpenBuilder(c BuilderConfig) (*Builder, error) {
	if c.Path == "" || c.Topic == "" {
		return nil, errors.New("projections: BuilderConfig needs a path and a topic")
	}
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	if c.Memory < minMemory {
		return nil, fmt.Errorf("projections: %d bytes of memory are too few to build a store: give at least %d", c.Memory, minMemory)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Begun == nil {
		c.Begun = func() {}
	}
	c.Folders = max(c.Folders, 1)
	b := &Builder{c: c, dir: c.Path + ".building", lifecycles: make(map[[2]string]*lifecycle.Lifecycle)}
	for _, l := range c.Lifecycles {
		b.lifecycles[[2]string{l.Provider, l.Kind}] = l
	}
	fresh := manifest{
		Schema: SchemaVersion, Fold: lifecycle.Version, Topic: c.Topic, TopicID: c.TopicID, Cut: c.Cut, Program: c.Program,
		Starts: maps.Clone(c.Starts), Ends: maps.Clone(c.Ends), Next: maps.Clone(c.Starts),
	}
	left, err := b.leftover()
	if err != nil {
		return nil, err
	}
	if left != nil && left.continues(&fresh) {
		b.manifest, b.resumed = *left, true
	} else {
		b.manifest = fresh
		if err := b.clear(); err != nil {
			return nil, err
		}
	}
	b.pile, b.next, b.facts = &pile{}, maps.Clone(b.manifest.Next), b.manifest.Facts
	return b, nil
}

// continues says whether a build that was left behind goes on to what is wanted now. It ends where it was to end.
func (m *manifest) continues(w *manifest) bool {
	if m.Schema != w.Schema || m.Fold != w.Fold || m.Topic != w.Topic || m.TopicID != w.TopicID || m.Cut != w.Cut || m.Program != w.Program {
		return false
	}
	for p, next := range m.Next {
		if next < w.Starts[p] { // the log lost what was not yet read
			return false
		}
	}
	for p, end := range m.Ends {
		if end > w.Ends[p] || m.Cut != "" && end != w.Ends[p] {
			return false
		}
	}
	return len(m.Ends) == len(w.Ends)
}

func (b *Builder) leftover() (*manifest, error) {
	text, err := os.ReadFile(filepath.Join(b.dir, "manifest.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	var m manifest
	if json.Unmarshal(text, &m) != nil {
		return nil, nil // not ours to understand: begin anew
	}
	for _, r := range m.Runs {
		if _, err := os.Stat(filepath.Join(b.dir, r)); err != nil {
			return nil, nil
		}
	}
	return &m, nil
}

// clear makes the directory anew, and removes an unfinished file. A finished one is not overwritten.
func (b *Builder) clear() error {
	if _, err := os.Stat(b.dir); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(b.c.Path); err == nil {
			return fmt.Errorf("projections: %s is there already: name another file, or move it away", b.c.Path)
		}
	}
	for _, p := range []string{b.c.Path, b.c.Path + "-journal", b.c.Path + "-wal", b.c.Path + "-shm"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("projections: %w", err)
		}
	}
	if err := os.RemoveAll(b.dir); err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	if err := os.MkdirAll(b.dir, 0o750); err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	return b.save()
}

func (b *Builder) save() error {
	text, err := json.Marshal(&b.manifest)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(b.dir, "manifest.json"), text)
}

// replaceFile writes a file so that it is there whole or not at all.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return errors.Join(err, syncDir(filepath.Dir(path)))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Resumed says whether an unfinished build is continued.
func (b *Builder) Resumed() bool { return b.resumed }

// Next is where the log has to be read on, Ends where to stop; a build that is continued ends where it was to end.
func (b *Builder) Next() map[int32]int64 { return maps.Clone(b.manifest.Next) }
func (b *Builder) Ends() map[int32]int64 { return maps.Clone(b.manifest.Ends) }

// Facts is how many records of the log have been added, before an interruption too.
func (b *Builder) Facts() int64 { return b.facts }

// Encode prepares facts of one partition, consecutive and in the order of the log; next is the offset after the last.
// Their order among several blocks of a partition is kept by Add. It is safe for concurrent use.
func (b *Builder) Encode(facts []Fact, partition int32, next int64) *Block {
	k, _ := b.free.Get().(*Block)
	if k == nil {
		k = &Block{data: make([]byte, 0, portionBytes+64<<10)}
	}
	k.data, k.entries, k.Facts, k.next = k.data[:0], k.entries[:0], len(facts), map[int32]int64{partition: next}
	for f := range facts {
		fact := &facts[f]
		parked := fact.Parked
		at := Position{fact.Partition, fact.Offset}
		for i := range fact.Observations {
			o := &fact.Observations[i]
			if p := b.encode(k, o, at); p != nil && parked == nil {
				parked = p
			}
		}
		if parked != nil {
			start := len(k.data)
			k.data = appendParked(k.data, parked, at)
			k.entries = append(k.entries, entry{at: uint32(start)})
		}
	}
	return k
}

func (b *Builder) encode(k *Block, o *lifecycle.Observation, at Position) (parked *Parked) {
	start := len(k.data)
	defer func() {
		if p := recover(); p != nil {
			k.data = k.data[:start]
			parked = refusal(o, ReasonPanic, panicDetail(o, p))
		}
	}()
	provider, _, _ := strings.Cut(o.Type, ".")
	l := b.lifecycles[[2]string{provider, o.Entity.Kind}]
	if l == nil {
		return refusal(o, ReasonUnknownKind, fmt.Sprintf("no lifecycle for kind %q of provider %q", o.Entity.Kind, provider))
	}
	rank := kindRank(o.Entity.Connection, o.Entity.Kind)
	k.data = appendRecord(k.data, rank, provider, o, at, func(to []byte) []byte { return l.AppendObserved(to, o, &k.scratch) })
	k.entries = append(k.entries, entry{rank: record(k.data[start:]).rank(), at: uint32(start)})
	return nil
}

// Add takes a block over. Blocks of one partition must come in the order of the log, without a gap.
func (b *Builder) Add(ctx context.Context, k *Block) error {
	b.pile.add(k)
	maps.Copy(b.next, k.next)
	b.facts += int64(k.Facts)
	if b.pile.bytes < b.c.Memory/pileShare {
		return nil
	}
	return b.flush(ctx)
}

// Reached says that the log holds nothing more before these offsets: what a partition ends with may be no record.
func (b *Builder) Reached(next map[int32]int64) { maps.Copy(b.next, next) }

// flush has the pile written to a run, while the next one is filled.
func (b *Builder) flush(ctx context.Context) error {
	if err := b.await(); err != nil {
		return err
	}
	p, next, facts := b.pile, maps.Clone(b.next), b.facts
	b.pile = &pile{}
	b.flushed = make(chan error, 1)
	go func(done chan error) {
		b.c.Begun()
		done <- b.write(ctx, p, next, facts)
	}(b.flushed)
	return nil
}

// await waits for the run that is being written.
func (b *Builder) await() error {
	if b.flushed == nil {
		return nil
	}
	err := <-b.flushed
	b.flushed = nil
	return err
}

func (b *Builder) write(ctx context.Context, p *pile, next map[int32]int64, facts int64) error {
	p.sort()
	b.manifest.Serial++
	name := strconv.Itoa(b.manifest.Serial) + ".run"
	if err := writeRun(ctx, filepath.Join(b.dir, name), (&pileSource{p: p}).next); err != nil {
		return fmt.Errorf("projections: writing a sorted run beside %s: %w (free space on the disk and begin again: it goes on from here)", b.c.Path, err)
	}
	for _, k := range p.blocks {
		b.free.Put(k)
	}
	b.manifest.Runs = append(b.manifest.Runs, name)
	b.manifest.Next, b.manifest.Facts = next, facts
	return b.save()
}

// Finish folds what was added and writes the file. After an error or a crash, the same build can be taken up again.
func (b *Builder) Finish(ctx context.Context) (lifecycle.Digest, error) {
	var none lifecycle.Digest
	if err := b.await(); err != nil {
		return none, err
	}
	for p, end := range b.manifest.Ends {
		if b.next[p] < end {
			return none, fmt.Errorf("projections: partition %d was added up to offset %d, not up to %d", p, b.next[p], end)
		}
	}
	for len(b.manifest.Runs) > maxRuns {
		if err := b.mergeRuns(ctx); err != nil {
			return none, err
		}
	}
	b.pile.sort()
	sources := []sequence{&pileSource{p: b.pile}}
	buffer := int(b.c.Memory/bufferShare) / max(len(b.manifest.Runs), 1)
	for _, name := range b.manifest.Runs {
		s, err := openRun(filepath.Join(b.dir, name), min(max(buffer, 16<<10), runBuffer))
		if err != nil {
			return none, fmt.Errorf("projections: %w", err)
		}
		sources = append(sources, s)
	}
	m, err := newMerge(sources)
	if err != nil {
		return none, fmt.Errorf("projections: %w", err)
	}
	digest, err := b.build(ctx, m)
	if err = errors.Join(err, m.close()); err != nil {
		return none, err
	}
	if err := os.RemoveAll(b.dir); err != nil {
		return none, fmt.Errorf("projections: %w", err)
	}
	return digest, nil
}

// mergeRuns makes one run out of the oldest, so that there are never too many files to merge at once.
func (b *Builder) mergeRuns(ctx context.Context) error {
	var sources []sequence
	old := b.manifest.Runs[:maxRuns]
	for _, name := range old {
		s, err := openRun(filepath.Join(b.dir, name), int(b.c.Memory/bufferShare)/maxRuns)
		if err != nil {
			return fmt.Errorf("projections: %w", err)
		}
		sources = append(sources, s)
	}
	m, err := newMerge(sources)
	if err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	b.manifest.Serial++
	name := strconv.Itoa(b.manifest.Serial) + ".run"
	given := false
	err = writeRun(ctx, filepath.Join(b.dir, name), func() (record, error) {
		if given {
			if err := m.drop(); err != nil {
				return nil, err
			}
		}
		given = true
		return m.peek(), nil
	})
	if err = errors.Join(err, m.close()); err != nil {
		return fmt.Errorf("projections: merging sorted runs beside %s: %w", b.c.Path, err)
	}
	b.manifest.Runs = append(append([]string(nil), b.manifest.Runs[maxRuns:]...), name)
	if err := b.save(); err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(filepath.Join(b.dir, name)); err != nil {
			return fmt.Errorf("projections: %w", err)
		}
	}
	return nil
}

// Discard removes everything that was built so far.
func (b *Builder) Discard() error {
	err := b.await()
	return errors.Join(err, b.clear(), os.RemoveAll(b.dir))
}
