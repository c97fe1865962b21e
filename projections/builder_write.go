package projections

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Keys of the table meta.
const (
	metaCut     = "cut"      // of a store that holds a part of the log
	metaMark    = "built_to" // of an unfinished build: the mark
	metaSession = "session"  // of an unfinished build: since when the machine runs
)

// build merges, folds and writes:
//
//	runs ─▶ merge ─▶ portions ─▶ folders ─▶ in order ─▶ SQLite, one transaction for many entities
func (b *Builder) build(ctx context.Context, m *merge) (lifecycle.Digest, error) {
	w, err := b.openFile()
	if err != nil {
		return lifecycle.Digest{}, explain(b.c.Path, "building", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work, ordered, free := make(chan *portion, portionsBeside), make(chan *portion, portionsBeside), make(chan *portion, portionsBeside)
	var wg sync.WaitGroup
	for range b.c.Folders {
		f := b.newFolder()
		wg.Go(func() {
			b.c.Begun()
			for p := range work {
				p.err = f.fold(p)
				close(p.ready)
			}
		})
	}
	var cutting error
	written := w.written.clone() // as it was when this process began
	wg.Go(func() {
		defer close(ordered)
		defer close(work)
		b.c.Begun()
		cutting = portions(ctx, m, &written, free, func(p *portion) error {
			select {
			case ordered <- p:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			work <- p // taken by a folder, or they wait for one before it
			return nil
		})
	})
	var failed error
	for p := range ordered {
		if failed != nil {
			continue
		}
		select {
		case <-p.ready:
			failed = p.err
		case <-ctx.Done():
			failed = context.Cause(ctx)
		}
		if failed == nil {
			failed = w.portion(p)
		}
		if failed != nil {
			cancel(failed)
			continue
		}
		if p.recycle() {
			select {
			case free <- p:
			default:
			}
		}
	}
	wg.Wait()
	if failed == nil {
		failed = cutting
	}
	if failed == nil {
		failed = w.finish(b)
	}
	if failed != nil {
		// What was not committed is written again.
		return lifecycle.Digest{}, explain(b.c.Path, "building", errors.Join(failed, w.close()))
	}
	if err := w.close(); err != nil {
		return lifecycle.Digest{}, explain(b.c.Path, "closing", err)
	}
	return w.digest, syncFile(b.c.Path)
}

// bulk writes entities that are not in the file.
type bulk struct {
	*writer
	written mark
	digest  lifecycle.Digest
	open    bool // a transaction is
	rows    int64
	total   int64
	folded  func(int64)

	partial      *stored // of an entity in parts
	partialNum   int64
	observations int64
}

// openFile creates the file, or opens an unfinished one. It is written with a journal but without syncs, so that a killed
// process leaves it whole; after a failure of the machine it is begun anew. The runs are synced.
func (b *Builder) openFile() (_ *bulk, err error) {
	for {
		c, err := openConn(b.c.Path, "rwc")
		if err != nil {
			return nil, err
		}
		w := &bulk{folded: b.c.Folded, writer: &writer{
			c: c, version: -1,
			kinds: make(map[kindKey]*kind), forms: make(map[formKey]int64), nums: make(map[numKey]int64),
		}}
		again, err := w.begin(b)
		if err == nil && !again {
			return w, nil
		}
		if err = errors.Join(err, w.close()); err != nil {
			return nil, err
		}
		for _, p := range []string{b.c.Path, b.c.Path + "-journal"} {
			if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
}

// begin prepares the connection; again says that the file is of no use and must be removed.
func (w *bulk) begin(b *Builder) (again bool, err error) {
	for _, sql := range []string{
		fmt.Sprintf("PRAGMA page_size = %d", pageSize),
		"PRAGMA journal_mode = TRUNCATE",
		"PRAGMA synchronous = OFF",
		"PRAGMA locking_mode = EXCLUSIVE",
		fmt.Sprintf("PRAGMA cache_size = -%d", b.c.Memory>>10/8),
		"PRAGMA temp_store = MEMORY",
	} {
		if err := w.c.script(sql); err != nil {
			return false, err
		}
	}
	session := bootID()
	_, there, err := w.c.integer(`SELECT 1 FROM sqlite_schema WHERE name = 'meta'`)
	if err != nil {
		return isDamaged(err), keepUnless(isDamaged(err), err)
	}
	if !there {
		return false, w.transaction(func() error {
			return errors.Join(w.create(&Config{Topic: b.c.Topic, TopicID: b.c.TopicID}), setMeta(w.c, metaSession, session))
		})
	}
	have, err := metaValue(w.c, metaSession)
	if err != nil {
		return isDamaged(err), keepUnless(isDamaged(err), err)
	}
	text, err := metaValue(w.c, metaMark)
	if err != nil {
		return false, err
	}
	if have == "" || have != session {
		return true, nil
	}
	if text != "" {
		if w.written, err = parseMark(text); err != nil {
			return true, nil //nolint:nilerr // begun anew
		}
	}
	if err := w.sync(); err != nil {
		return false, err
	}
	w.digest, err = w.writer.digest()
	return false, err
}

func keepUnless(drop bool, err error) error {
	if drop {
		return nil
	}
	return err
}

// bootID says since when the machine runs, empty where the system does not tell.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

func (m *mark) String() string {
	return strconv.FormatUint(m.rank, 16) + " " + hex.EncodeToString(m.key)
}

func (m *mark) clone() mark { return mark{m.set, m.rank, bytes.Clone(m.key)} }

func parseMark(s string) (m mark, err error) {
	rank, key, _ := strings.Cut(s, " ")
	if m.rank, err = strconv.ParseUint(rank, 16, 64); err != nil {
		return m, err
	}
	m.key, err = hex.DecodeString(key)
	m.set = true
	return m, err
}

func (w *bulk) portion(p *portion) error {
	if !w.open {
		if err := w.c.script("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		w.open = true
	}
	for i := range p.parked {
		if err := w.park(&p.parked[i]); err != nil {
			return err
		}
	}
	for i := range p.entities {
		if err := w.entity(&p.entities[i]); err != nil {
			return err
		}
	}
	if err := w.flushRows(); err != nil || w.rows < rowsPerCommit || p.carry != nil {
		return err
	}
	return w.commit()
}

func (w *bulk) commit() error {
	if !w.open {
		return nil
	}
	err := w.c.exec(`UPDATE total SET hi = ?, lo = ?`, int64(w.digest.Hi), int64(w.digest.Lo))
	if err == nil && w.written.set {
		err = setMeta(w.c, metaMark, w.written.String())
	}
	if err == nil {
		err = w.c.script("COMMIT")
	}
	if err != nil {
		return err
	}
	w.open, w.total, w.rows = false, w.total+w.rows, 0
	if w.folded != nil {
		w.folded(w.total)
	}
	return nil
}

func (w *bulk) park(r *parkedRow) error {
	return w.c.exec(`INSERT OR IGNORE INTO set_aside VALUES (?, ?, ?, ?, ?, ?, ?, 1)`,
		int64(r.at.Partition), r.at.Offset, r.p.Connection, r.p.ObservationID, r.p.Type, r.p.Reason, r.p.Detail)
}

// entity writes all rows of an entity, or of a part of it.
func (w *bulk) entity(b *built) error {
	k, err := w.kind(b.kind, b.lc)
	if err != nil {
		return err
	}
	old, fresh := w.partial, false
	if !b.begun || old == nil {
		w.last++
		old, fresh, w.partialNum, w.observations = &stored{}, true, w.last, 0
	}
	num := w.partialNum
	for i := range b.rows {
		if err := w.observed(num, old, &b.rows[i], b.lc); err != nil {
			return err
		}
	}
	for _, r := range b.bodies {
		err := w.c.exec(`INSERT INTO bodies VALUES (?, ?, ?, ?)`, num, r.id, fingerprintNumber(r.fingerprint), formatTime(r.recorded))
		if err != nil {
			return err
		}
	}
	for _, r := range b.differing {
		err := w.c.exec(`INSERT INTO strange VALUES (?, ?, ?, ?)`, num, string(lifecycle.AnomalyDiffering), r.id, formatTime(r.first))
		if err != nil {
			return err
		}
	}
	w.observations += int64(len(b.rows))
	w.digest = w.digest.Add(b.f.digest).Sub(old.digest)
	it := item{obs: &lifecycle.Observation{Entity: b.entity}, kind: k, num: num}
	if err := w.store(&it, old, &b.f, w.observations, fresh); err != nil {
		return err
	}
	w.rows += int64(len(b.rows))
	w.written.set, w.written.rank, w.written.key = true, b.rank, append(w.written.key[:0], b.key...)
	w.partial = nil
	if b.more {
		old.digest, old.marks = b.f.digest, int64(len(b.f.state.Anomalies)+len(b.f.state.Wants))
		w.partial = old
	}
	return nil
}

func (w *bulk) observed(num int64, old *stored, r *timelineRow, l *lifecycle.Lifecycle) error {
	form, err := w.form(&r.o, l)
	if err != nil {
		return err
	}
	if len(old.hashes) >= 4*maxSeen {
		if err := w.spill(num, old); err != nil {
			return err
		}
	}
	w.lastSeen++
	old.add(w.lastSeen, hashOf(r.o.ID))
	return w.addRow(w.lastSeen, num, r.o.ID, form,
		null(r.occurred), r.recorded, int64(r.at.Partition), r.at.Offset, int64(binary.BigEndian.Uint64(r.o.Fingerprint[:])))
}

// finish writes offsets and makes the file what a Store leaves behind.
func (w *bulk) finish(b *Builder) error {
	if !w.open {
		if err := w.c.script("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		w.open = true
	}
	for p, end := range b.manifest.Ends {
		if end <= b.manifest.Starts[p] {
			continue
		}
		if err := w.c.exec(`INSERT OR REPLACE INTO offsets VALUES (?, ?)`, int64(p), end); err != nil {
			return err
		}
	}
	if b.c.Cut != "" {
		if err := setMeta(w.c, metaCut, b.c.Cut); err != nil {
			return err
		}
	}
	if err := w.commit(); err != nil {
		return err
	}
	for _, sql := range []string{
		"PRAGMA synchronous = FULL", `DELETE FROM meta WHERE key IN ('built_to', 'session')`,
		"PRAGMA locking_mode = NORMAL", "PRAGMA journal_mode = WAL",
	} {
		if err := w.c.script(sql); err != nil {
			return err
		}
	}
	return nil
}

// syncFile makes a closed file last through a failure of the machine. It must not be open in this process: closing the
// second handle would give up SQLite's locks.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
}
