package projections

import "database/sql/driver"

// walPages is how many pages the write-ahead log may hold before it is copied into the file. The more, the more often a
// page is written once for many transactions; 32,768 are 128 MiB.
const walPages = 32_768

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
	for before := int64(walPages); ; { // until what is written meanwhile does not get less
		if err := c.script("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			return err
		}
		left, err := uncopied(c)
		if err != nil {
			return err
		}
		if left < walPages/16 || left > before/2 {
			break
		}
		before = left
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return c.script("PRAGMA wal_checkpoint(PASSIVE)")
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
	if pages < walPages {
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
