package projections

import (
	"database/sql/driver"
	"errors"
	"fmt"
)

// carryOver copies what is not in the log from an old store to its successor: look-ups that were tried, those that the
// clock wanted, and how often parked records were tried. It reads views, which are the same in all versions.
func carryOver(old *conn, successor string) (err error) {
	c, err := openConn(successor, "rw")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err = old.query(`SELECT connection, kind, id, reason, since, due_at, attempts, last_error FROM wants
		WHERE attempts > 0 OR reason = 'overdue'`, func(row []driver.Value) error {
		var entity int64
		err := c.query(`SELECT e.num FROM kinds k JOIN entities e ON e.kind = k.num WHERE k.connection = ? AND k.kind = ? AND e.id = ?`,
			func(found []driver.Value) error { entity = integer(found[0]); return nil }, row[0], row[1], row[2])
		if err != nil || entity == 0 {
			return err
		}
		if text(row[3]) == "overdue" {
			err = c.exec(`INSERT OR IGNORE INTO wanted (entity, reason, since, due_at) VALUES (?, ?, ?, ?)`, entity, row[3], row[4], row[5])
		}
		if err != nil {
			return err
		}
		return c.exec(`UPDATE wanted SET due_at = ?, attempts = ?, last_error = ? WHERE entity = ? AND reason = ? AND since = ?`,
			row[5], row[6], row[7], entity, row[3], row[4])
	})
	if err == nil {
		err = old.query(`SELECT log_partition, log_offset, attempts FROM parked WHERE attempts > 1`, func(row []driver.Value) error {
			return c.exec(`UPDATE set_aside SET attempts = ? WHERE partition = ? AND offset = ?`, row[2], row[0], row[1])
		})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("taking over what was tried: %w", err), c.script("ROLLBACK"))
	}
	return c.script("COMMIT")
}
