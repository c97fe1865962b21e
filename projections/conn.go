package projections

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// conn is a connection of the driver without database/sql: one goroutine uses it at a time, and its statements are
// prepared once. The driver runs reset, bind and first step in one crossing into C for queries, so everything is a query.
type conn struct {
	raw   *sqlite3.SQLiteConn
	stmts map[string]*stmt
}

type stmt struct {
	raw  *sqlite3.SQLiteStmt
	args []driver.NamedValue
	row  []driver.Value
}

// openConn opens a file; mode is that of SQLite's URIs: rwc, rw or ro.
func openConn(path, mode string) (*conn, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=" + mode + "&_mutex=no&_stmt_cache_size=0"
	c, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	// SQLite looks where a path leads, and then opens that and follows no link. Where a link took a file's place in between, it looks again.
	for tries := 1; tries < 10 && changed(err); tries++ {
		c, err = (&sqlite3.SQLiteDriver{}).Open(dsn)
	}
	if err != nil {
		return nil, err
	}
	raw, ok := c.(*sqlite3.SQLiteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("projections: the driver gave a connection of type %T", c), c.Close())
	}
	return &conn{raw: raw, stmts: make(map[string]*stmt)}, nil
}

// changed says that a path was opened that was a file and is a link, or the other way round.
func changed(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code == sqlite3.ErrCantOpen && (e.SystemErrno == syscall.ELOOP || e.SystemErrno == syscall.EINVAL)
}

// script runs statements without arguments.
func (c *conn) script(sql string) error {
	_, err := c.raw.ExecContext(context.Background(), sql, nil)
	return err
}

func (c *conn) prepare(sql string) (*stmt, error) {
	if s := c.stmts[sql]; s != nil {
		return s, nil
	}
	p, err := c.raw.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", sql, err)
	}
	raw, ok := p.(*sqlite3.SQLiteStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("projections: the driver gave a statement of type %T", p), p.Close())
	}
	s := &stmt{raw: raw}
	c.stmts[sql] = s
	return s, nil
}

// prepareOnce is prepare for a statement that runs for every entity: s remembers it, since looking for a long text is not free.
func (c *conn) prepareOnce(s **stmt, sql string) (err error) {
	if *s == nil {
		*s, err = c.prepare(sql)
	}
	return err
}

// exec runs a statement that returns no rows. Arguments are int64, string, []byte or nil.
func (c *conn) exec(sql string, args ...driver.Value) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	return s.exec(args...)
}

// query calls fn with each row. The row is reused, its strings and byte slices are not.
func (c *conn) query(sql string, fn func(row []driver.Value) error, args ...driver.Value) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	return s.query(fn, args...)
}

func (s *stmt) query(fn func(row []driver.Value) error, args ...driver.Value) error {
	rows, err := s.start(args)
	if err != nil {
		return err
	}
	if s.row == nil {
		s.row = make([]driver.Value, len(rows.Columns()))
	}
	for {
		err = rows.Next(s.row)
		if err == nil {
			err = fn(s.row)
		}
		if err != nil {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// integer runs a query that returns one integer; ok is false where it returns no row.
func (c *conn) integer(sql string, args ...driver.Value) (n int64, ok bool, err error) {
	err = c.query(sql, func(row []driver.Value) error {
		n, ok = row[0].(int64)
		return nil
	}, args...)
	return n, ok, err
}

func (s *stmt) start(args []driver.Value) (driver.Rows, error) {
	for len(s.args) < len(args) {
		s.args = append(s.args, driver.NamedValue{Ordinal: len(s.args) + 1})
	}
	for i, a := range args {
		s.args[i].Value = a
	}
	return s.raw.QueryContext(context.Background(), s.args[:len(args)])
}

func (s *stmt) exec(args ...driver.Value) error {
	rows, err := s.start(args)
	if err != nil {
		return err
	}
	return rows.Close()
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.raw.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// explain says what to do about an error of SQLite.
func explain(path, what string, err error) error {
	advice := "the caller may try again"
	var e sqlite3.Error
	if errors.As(err, &e) {
		switch e.Code {
		case sqlite3.ErrFull:
			advice = "the disk is full: free space; the store goes on by itself"
		case sqlite3.ErrIoErr:
			advice = "the disk failed or is full: look at its space and its health; the store goes on by itself once it can write"
		case sqlite3.ErrReadonly, sqlite3.ErrPerm, sqlite3.ErrCantOpen:
			advice = "the file cannot be written: see that the file and its directory exist and belong to this user; the store goes on by itself"
		case sqlite3.ErrBusy, sqlite3.ErrLocked:
			advice = "another process holds the write lock for too long: end it or wait; the store goes on by itself"
		case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
			advice = "the file is damaged: move it away and rebuild the store from the log"
		}
	}
	return fmt.Errorf("projections: %s %s: %w (%s)", what, path, err, advice)
}

// DiskFull says whether an error of this package is that the disk has no space: once there is some, the same call can succeed.
func DiskFull(err error) bool {
	var e sqlite3.Error
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.As(err, &e) && (e.Code == sqlite3.ErrFull || e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT)
}

// isDamaged says whether a file is no database, or a damaged one.
func isDamaged(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB)
}
