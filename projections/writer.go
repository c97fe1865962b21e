package projections

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"strconv"
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// pageSize is that of a new file. A row of an entity is some 1.5 KiB, and entities are written in no order of their rows: a page is read and
// written for each, so a small one costs less than what fits worse into it.
const pageSize = 2048

// maxCached bounds each of the writer's maps of row numbers; a full map is emptied.
const maxCached = 1 << 18

// writer is the connection that writes, and what it remembers of the file. Row numbers never change and are never taken
// back, so they may be remembered although other processes write; a writer whose transaction was rolled back is thrown
// away, since it may remember numbers that were never committed.
type writer struct {
	c        *conn
	file     fs.FileInfo // which file that is
	walPages int64       // how many pages the write-ahead log may hold
	version  int64       // data_version when last was read
	last     int64       // greatest entity number
	// lastSeen is the greatest number of a timeline row.
	lastSeen int64
	kinds    map[kindKey]*kind
	forms    map[formKey]int64
	nums     map[numKey]int64 // may be mistaken: whoever loads an entity by it looks whether it is the one
	seed     maphash.Seed
	pending  []driver.Value // rows of the table observed that are not yet inserted

	insertRow, insertRows, selectEntity, selectNum *stmt // those that run for every entity
}

type kindKey struct{ connection, kind, provider string }

// kind is a kind of entity of a connection, with its lifecycle.
type kind struct {
	kindKey
	num  int64
	lc   *lifecycle.Lifecycle
	rows *rowWriter
}

// formKey is what is the same for many observations.
type formKey struct {
	typ      string
	source   lifecycle.Source
	word     string
	label    string
	mode     lifecycle.Mode
	unsigned bool
}

// numKey stands for an entity. It is a hash only: of some hundred thousand texts each would cost the garbage collector a look.
type numKey uint64

func (w *writer) numKey(it *item) numKey {
	return numKey(maphash.String(w.seed, it.obs.Entity.ID) ^ uint64(it.kind.num)*0x9e3779b97f4a7c15)
}

// openWriter opens the file, creates the schema where there is none, and checks versions.
func openWriter(ctx context.Context, c *Config) (*writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err := openConn(c.Path, "rwc")
	if err != nil {
		return nil, explain(c.Path, "opening", err)
	}
	w := &writer{
		c: raw, version: -1,
		kinds: make(map[kindKey]*kind), forms: make(map[formKey]int64), nums: make(map[numKey]int64),
		seed: maphash.MakeSeed(),
	}
	if err := w.setUp(c); err != nil {
		err = errors.Join(err, w.close())
		var v *VersionError
		if errors.As(err, &v) {
			return nil, v
		}
		if errors.As(err, new(*retiredError)) {
			return nil, err
		}
		return nil, explain(c.Path, "opening", err)
	}
	return w, nil
}

// setUp prepares the connection. synchronous=NORMAL syncs the write-ahead log when it is copied into the file, not with
// every transaction: a power failure can take the last ones with it, rows and offsets together, and they are read from the
// log of observations again. What a killed process has written is the kernel's already, so that kill -9 loses nothing.
func (w *writer) setUp(c *Config) error {
	for _, sql := range []string{
		fmt.Sprintf("PRAGMA busy_timeout = %d", c.BusyTimeout.Milliseconds()),
		fmt.Sprintf("PRAGMA page_size = %d", pageSize), // counts for a new file only
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = NORMAL",
		fmt.Sprintf("PRAGMA cache_size = -%d", c.CacheBytes>>10),
		"PRAGMA wal_autocheckpoint = 0", // see checkpoint.go
		"PRAGMA journal_size_limit = 268435456",
		"PRAGMA temp_store = MEMORY",
	} {
		if err := w.c.script(sql); err != nil {
			return err
		}
	}
	size, _, err := w.c.integer("PRAGMA page_size")
	if err != nil {
		return err
	}
	w.walPages = walBytes / max(size, 1)
	return w.transaction(func() error {
		_, there, err := w.c.integer(`SELECT 1 FROM sqlite_schema WHERE name = 'meta'`)
		if err != nil {
			return err
		}
		if !there {
			return w.create(c)
		}
		return w.check(c)
	})
}

func (w *writer) create(c *Config) error {
	if err := w.c.script(tables + views()); err != nil {
		return err
	}
	return errors.Join(
		setMeta(w.c, "schema", strconv.Itoa(SchemaVersion)), setMeta(w.c, "fold", strconv.Itoa(lifecycle.Version)),
		setMeta(w.c, "topic", c.Topic), setMeta(w.c, "topic_id", c.TopicID),
		setMeta(w.c, metaID, rand.Text()),
	)
}

func (w *writer) check(c *Config) error {
	if err := w.standing(c.Path); err != nil {
		return err
	}
	for _, v := range []struct{ key, what, want string }{
		{"schema", "schema version", strconv.Itoa(SchemaVersion)},
		{"fold", "fold version", strconv.Itoa(lifecycle.Version)},
		{"topic", "topic", c.Topic},
		{"topic_id", "topic id", c.TopicID},
	} {
		have, err := metaValue(w.c, v.key)
		if err != nil {
			return err
		}
		if v.key == "topic_id" && (v.want == "" || have == "") {
			if v.want == "" {
				continue
			}
			if err := setMeta(w.c, v.key, v.want); err != nil { // known only now
				return err
			}
			continue
		}
		if have != v.want {
			return &VersionError{c.Path, v.what, have, v.want}
		}
	}
	return nil
}

// transaction runs fn in one transaction that holds the write lock from its start.
func (w *writer) transaction(fn func() error) error {
	if err := w.c.script("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = w.c.script("COMMIT")
	}
	if err != nil && !w.c.raw.AutoCommit() {
		if e := w.c.script("ROLLBACK"); e != nil {
			err = errors.Join(err, e)
		}
	}
	return err
}

// sync reads again what another connection may have changed.
func (w *writer) sync() error {
	version, _, err := w.c.integer(`PRAGMA data_version`)
	if err != nil || version == w.version {
		return err
	}
	if w.last, _, err = w.c.integer(`SELECT coalesce(max(num), 0) FROM entities`); err != nil {
		return err
	}
	if w.lastSeen, _, err = w.c.integer(`SELECT coalesce(max(num), 0) FROM observed`); err != nil {
		return err
	}
	w.version = version
	return nil
}

// forget drops what is remembered of the file, after a transaction that was rolled back.
func (w *writer) forget() {
	w.version = -1
	w.dropRows()
	clear(w.kinds)
	clear(w.forms)
	clear(w.nums)
}

func (w *writer) close() error { return w.c.close() }

// kind returns the number of a kind; l is its lifecycle.
func (w *writer) kind(key kindKey, l *lifecycle.Lifecycle) (*kind, error) {
	if k := w.kinds[key]; k != nil {
		return k, nil
	}
	num, err := w.number("kinds", "connection = ? AND kind = ? AND provider = ?",
		[]driver.Value{key.connection, key.kind, key.provider}, []driver.Value{string(l.Family)})
	if err != nil {
		return nil, err
	}
	if len(w.kinds) >= maxCached {
		clear(w.kinds)
	}
	key = kindKey{strings.Clone(key.connection), strings.Clone(key.kind), strings.Clone(key.provider)} // parts of something larger
	k := &kind{kindKey: key, num: num, lc: l, rows: newRowWriter(l.Family)}
	w.kinds[key] = k
	return k, nil
}

// form returns the number of an observation's form.
func (w *writer) form(o *lifecycle.Observation, l *lifecycle.Lifecycle) (int64, error) {
	key := formKey{o.Type, o.Source, o.Status, l.Label(o.Status), o.Mode, o.Unsigned}
	if num, ok := w.forms[key]; ok {
		return num, nil
	}
	unsigned := int64(0)
	if o.Unsigned {
		unsigned = 1
	}
	num, err := w.number("forms", "type = ? AND source = ? AND word = ? AND label = ? AND mode = ? AND unsigned = ?",
		[]driver.Value{key.typ, string(key.source), key.word, key.label, string(key.mode), unsigned}, nil)
	if err != nil {
		return 0, err
	}
	if len(w.forms) >= maxCached {
		clear(w.forms)
	}
	key.typ, key.word, key.label = strings.Clone(key.typ), strings.Clone(key.word), strings.Clone(key.label) // parts of something larger
	w.forms[key] = num
	return num, nil
}

// number finds a row by its key, or adds one with the key and more columns.
func (w *writer) number(table, where string, key, more []driver.Value) (int64, error) {
	num, ok, err := w.c.integer("SELECT num FROM "+table+" WHERE "+where, key...)
	if ok || err != nil {
		return num, err
	}
	values := "(NULL"
	args := append(append([]driver.Value(nil), key...), more...)
	for range args {
		values += ", ?"
	}
	num, ok, err = w.c.integer("INSERT INTO "+table+" VALUES "+values+") RETURNING num", args...)
	if err == nil && !ok {
		err = fmt.Errorf("no number for a new row of %s", table)
	}
	return num, err
}

func (w *writer) digest() (lifecycle.Digest, error) {
	var d lifecycle.Digest
	err := w.c.query(`SELECT hi, lo FROM total`, func(row []driver.Value) error {
		hi, _ := row[0].(int64)
		lo, _ := row[1].(int64)
		d = lifecycle.Digest{Hi: uint64(hi), Lo: uint64(lo)}
		return nil
	})
	return d, err
}

func (w *writer) nextOffset(partition int32) (int64, error) {
	n, _, err := w.c.integer(`SELECT next_offset FROM offsets WHERE partition = ?`, int64(partition))
	return n, err
}

// probe writes and takes back so many bytes.
func (w *writer) probe(bytes int) error {
	for _, n := range []int{bytes, 0} {
		err := w.transaction(func() error { return w.c.exec(`UPDATE probe SET filler = zeroblob(?)`, int64(n)) })
		if err != nil {
			return err
		}
	}
	return nil
}
