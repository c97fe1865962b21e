package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A store's path may be a file, or a symbolic link to one in the same directory. Replace puts another file in the place of
// the one at the path, so that whoever opens the path gets the one or the other, whole; the files that SQLite keeps beside
// a database bear the name of the link's target, so that those of the two cannot be taken for each other.
//
// Stores that have the old file open notice: the old file is marked as retired, in a transaction, before the path changes,
// and every transaction of a Store looks for the mark. From the mark on, no Store commits to the old file; each goes on
// with its successor, which holds all that was ever committed to the old one. Should the process that replaces die between
// the mark and the change of the path, the next Store that finds the mark changes the path.

// Keys of the table meta.
const (
	metaRetired = "retired"
	metaID      = "id" // tells this file from all others; numbers of files are used again
)

// retirement is the mark of a file that another took the place of. Both names are of files in the same directory.
type retirement struct {
	Successor string `json:"successor"`
	Kept      string `json:"kept"` // the retired file's own name from now on
}

// retiredError says that a file is retired.
type retiredError struct {
	path string
	retirement
}

func (e *retiredError) Error() string {
	return fmt.Sprintf("projections: %s was replaced by %s", e.path, e.Successor)
}

// Replacement says what Replace did.
type Replacement struct {
	// Kept is the old file; empty where there was none.
	Kept string
	// Held is for how long Stores could not commit.
	Held time.Duration
}

// Replace puts successor, a closed store in the same directory, in the place of the store at path, under the eyes of
// Stores and Readers that have it open, in this process and in others. It holds the write lock of the old file while it
// calls settle, which must see to it that the successor holds everything that the log holds by then, and close it. Then
// look-ups that were tried, and how often, are taken over from the old file.
func Replace(ctx context.Context, path, successor string, settle func(context.Context) error) (Replacement, error) {
	if filepath.Dir(path) != filepath.Dir(successor) {
		return Replacement{}, fmt.Errorf("projections: %s cannot take the place of %s: they must be in the same directory", successor, path)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := settle(ctx); err != nil {
			return Replacement{}, err
		}
		return Replacement{}, place(path, successor, "")
	}
	if err != nil {
		return Replacement{}, fmt.Errorf("projections: %w", err)
	}
	kept, err := keptName(path)
	if err != nil {
		return Replacement{}, err
	}
	out := Replacement{Kept: kept}
	c, damaged, err := lockForReplacement(path)
	if err != nil {
		return out, explain(path, "replacing", err)
	}
	began := time.Now()
	if damaged { // nobody can commit to it
		if err := settle(ctx); err != nil {
			return out, err
		}
		return out, place(path, successor, kept)
	}
	r := retirement{Successor: filepath.Base(successor), Kept: filepath.Base(kept)}
	err = settle(ctx)
	if err == nil {
		err = carryOver(c, successor)
		err = keepUnless(isDamaged(err), err) // then there is nothing to be taken over
	}
	if err == nil {
		err = retire(c, r)
	}
	out.Held = time.Since(began)
	if isDamaged(err) { // it cannot be written at all, by nobody
		//nolint:errcheck // nothing was written
		c.script("ROLLBACK")
		return out, errors.Join(c.close(), place(path, successor, kept))
	}
	if err != nil {
		if !c.raw.AutoCommit() {
			err = errors.Join(err, c.script("ROLLBACK"))
		}
		return out, explain(path, "replacing", errors.Join(err, c.close()))
	}
	// The old file becomes whole without its write-ahead log, unless a reader still needs that.
	whole := false
	if err := c.script("PRAGMA busy_timeout = 2000"); err != nil {
		return out, explain(path, "replacing", errors.Join(err, c.close()))
	}
	n, _, err := c.integer("PRAGMA wal_checkpoint(TRUNCATE)")
	if err == nil {
		whole = n == 0
		err = follow(path, info, r)
	}
	if err = errors.Join(err, c.close()); err != nil {
		return out, explain(path, "replacing", err)
	}
	if linked, err := os.Lstat(path); err == nil && linked.Mode()&fs.ModeSymlink != 0 && kept != "" && whole {
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return out, fmt.Errorf("projections: %w", err)
			}
		}
	}
	return out, nil
}

// keptName is the name under which the file at path stays when the path goes to another. It is given only then: a file in
// use must not have two. A link's target has its own name.
func keptName(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("projections: %w", err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return filepath.EvalSymlinks(path)
	}
	probe := fmt.Sprintf("%s.probe-%d", path, os.Getpid())
	if err := os.Link(path, probe); err != nil {
		return "", fmt.Errorf("projections: the old store could not be kept: %w", err)
	}
	if err := os.Remove(probe); err != nil {
		return "", fmt.Errorf("projections: %w", err)
	}
	return path + ".before-" + time.Now().UTC().Format("20060102T150405.000Z"), nil
}

// lockForReplacement opens a store's file, whatever its version, and takes its write lock.
func lockForReplacement(path string) (c *conn, damaged bool, err error) {
	c, err = openConn(path, "rw")
	if err != nil {
		return nil, isDamaged(err), keepUnless(isDamaged(err), err)
	}
	if err = c.script("PRAGMA busy_timeout = 30000; PRAGMA synchronous = FULL"); err == nil {
		if err = c.script("BEGIN IMMEDIATE"); err == nil {
			if _, err = metaValue(c, "schema"); err == nil {
				return c, false, nil
			}
		}
	}
	damaged = isDamaged(err)
	return nil, damaged, errors.Join(keepUnless(damaged, err), c.close())
}

// retire marks the file whose write lock c holds, and gives up the lock.
func retire(c *conn, r retirement) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := setMeta(c, metaRetired, string(text)); err != nil {
		return err
	}
	return c.script("COMMIT")
}

// standing says whether the file may be written by a Store: it is the whole log's, and not retired.
func (w *writer) standing(path string) error {
	text, err := metaValue(w.c, metaRetired)
	if err != nil {
		return err
	}
	if text != "" {
		e := &retiredError{path: path}
		if err := json.Unmarshal([]byte(text), &e.retirement); err != nil {
			return fmt.Errorf("the mark of a file that was replaced cannot be read: %w", err)
		}
		return e
	}
	cut, err := metaValue(w.c, metaCut)
	if err == nil && cut != "" {
		err = fmt.Errorf("this store holds a part of the log only (%s): it is for reading; name another file", cut)
	}
	return err
}

// Replaced says that another file took the place of the one that is read: open another Reader to see what is new.
func (r *Reader) Replaced() (bool, error) {
	text, err := metaValue(r.c, metaRetired)
	if err != nil {
		return false, explain(r.path, "reading", err)
	}
	return text != "", nil
}

// follow changes the path to a retired file's successor, unless that was done already. The successor's write lock keeps
// others from replacing it meanwhile.
func follow(path string, retired fs.FileInfo, r retirement) error {
	successor := filepath.Join(filepath.Dir(path), r.Successor)
	c, err := openConn(successor, "rw")
	if err != nil {
		return fmt.Errorf("%s was replaced by %s, which cannot be opened: put it back, or rebuild the store: %w", path, successor, err)
	}
	if err = c.script("PRAGMA busy_timeout = 10000"); err == nil {
		err = c.script("BEGIN IMMEDIATE")
	}
	if err != nil {
		return errors.Join(err, c.close())
	}
	mark, err := metaValue(c, metaRetired)
	now, gone := os.Stat(path)
	if err == nil && mark == "" && gone == nil && os.SameFile(now, retired) {
		err = place(path, successor, filepath.Join(filepath.Dir(path), r.Kept))
	}
	return errors.Join(err, c.script("ROLLBACK"), c.close())
}

// place makes the path a link to the successor, in one rename. kept is the other name of what was at the path.
func place(path, successor, kept string) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && kept != "" {
		// What the write-ahead log holds and the file does not belongs to the old file still. Others may do the same.
		for _, suffix := range []string{"", "-wal"} {
			err := os.Link(path+suffix, kept+suffix)
			if err != nil && !errors.Is(err, fs.ErrExist) && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
				return fmt.Errorf("projections: the old store cannot be kept: %w", err)
			}
		}
	}
	link := fmt.Sprintf("%s.link-%d", path, os.Getpid())
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("projections: %w", err)
	}
	if err := os.Symlink(filepath.Base(successor), link); err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	if err := os.Rename(link, path); err != nil {
		return errors.Join(fmt.Errorf("projections: %w", err), os.Remove(link))
	}
	return syncDir(filepath.Dir(path))
}

// openCurrent opens the file that is at the path, or what took its place.
func openCurrent(ctx context.Context, c *Config) (*writer, error) {
	for range 10 {
		w, info, err := openKnown(ctx, c)
		var r *retiredError
		if !errors.As(err, &r) {
			if err == nil {
				w.file = info
			}
			return w, err
		}
		if info == nil {
			continue
		}
		if err := follow(c.Path, info, r.retirement); err != nil {
			return nil, explain(c.Path, "opening", err)
		}
	}
	return nil, fmt.Errorf("projections: %s is being replaced over and over: end the other rebuilds, and try again", c.Path)
}

// openKnown opens the path's file and says which one that is; nil where the path changed meanwhile.
func openKnown(ctx context.Context, c *Config) (*writer, fs.FileInfo, error) {
	before, missing := os.Stat(c.Path)
	w, err := openWriter(ctx, c)
	after, gone := os.Stat(c.Path)
	if gone != nil || missing == nil && !os.SameFile(before, after) {
		after = nil
		if err == nil {
			err = errors.Join(&retiredError{path: c.Path}, w.close())
		}
	}
	if err != nil {
		return nil, after, err
	}
	return w, after, nil
}

// replaced says whether another file is at the path than the one that the writer has open.
func (w *writer) replaced(path string) bool {
	now, err := os.Stat(path)
	return err != nil || !os.SameFile(now, w.file)
}

// adopt takes over a file that is another than the last one. What was acknowledged must be in it, since the log will not
// be read again from before that.
func (s *Store) adopt(w *writer) error {
	id, err := metaValue(w.c, metaID)
	if err != nil {
		return explain(s.config.Path, "opening", err)
	}
	if s.file == "" || s.file == id {
		s.file = id
		return nil
	}
	spans := make(map[int32]*span, len(s.spans))
	for p, sp := range s.spans {
		next, err := w.nextOffset(p)
		if err != nil {
			return explain(s.config.Path, "reading offsets from", err)
		}
		reached := sp.next
		if n := len(sp.ahead); n > 0 {
			reached = sp.ahead[n-1].end
		}
		if next < reached {
			return fmt.Errorf("projections: the file at %s was replaced by one that ends at offset %d of partition %d, before what was acknowledged (%d): "+
				"restart this process, so that it reads on from where the file stands", s.config.Path, next, p, reached)
		}
		spans[p] = &span{next: next}
	}
	s.config.Logger.Info("the store's file was replaced; going on with the new one", "path", s.config.Path)
	s.spans, s.file = spans, id
	return nil
}
