package projections

import "database/sql/driver"

// walBytes is how long the write-ahead log may get before it is copied into the file. The longer, the more often a page is
// copied once for many transactions.
const walBytes = 128 << 20

// fewPages are not worth another pass without the turn.
const fewPages = 2_000

// checkpoints copies the write-ahead log into the file whenever it is asked to, on a connection of its own, so that
// transactions need not wait for the disk. What they write meanwhile is copied during the turn, so that the log is empty
// for once and is written from its start again.
func (s *Store) checkpoints() {
	defer close(s.checkpointed)
	for range s.full {
		if err := s.checkpoint(); err != nil {
			s.config.Logger.Warn("the write-ahead log could not be copied into the store's file; this is tried again",
				"err", explain(s.config.Path, "checkpointing", err))
		}
	}
}

func (s *Store) checkpoint() (err error) {
	c, err := openConn(s.config.Path, "rw")
	if err != nil {
		return err
	}
	defer func() {
		if e := c.close(); err == nil {
			err = e
		}
	}()
	if err := c.script("PRAGMA synchronous = NORMAL"); err != nil {
		return err
	}
	if err := copyBeside(c); err != nil {
		return err
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return c.script("PRAGMA wal_checkpoint(PASSIVE)")
}

// copyBeside copies while transactions go on, again and again until little is left, or until they write as fast as it copies.
func copyBeside(c *conn) error {
	before, err := uncopied(c)
	for err == nil && before >= fewPages {
		left := int64(0)
		if err = c.script("PRAGMA wal_checkpoint(PASSIVE)"); err == nil {
			left, err = uncopied(c)
		}
		if left > before/2 {
			break
		}
		before = left
	}
	return err
}

// askForCheckpoint has the write-ahead log copied where it is long. The caller has the turn.
func (s *Store) askForCheckpoint() {
	var pages int64
	err := s.w.c.query("PRAGMA wal_checkpoint(NOOP)", func(row []driver.Value) error {
		pages = integer(row[1])
		return nil
	})
	if err != nil {
		s.config.Logger.Warn("the length of the write-ahead log is not known", "err", explain(s.config.Path, "reading", err))
	}
	if pages < s.w.walPages {
		return
	}
	select {
	case s.full <- struct{}{}:
	default: // it is being copied
	}
}

// uncopied is how many pages of the write-ahead log are not yet in the file.
func uncopied(c *conn) (pages int64, err error) {
	err = c.query("PRAGMA wal_checkpoint(NOOP)", func(row []driver.Value) error {
		pages = integer(row[1]) - integer(row[2])
		return nil
	})
	return pages, err
}
