package projections

import "database/sql/driver"

// Offsets are the next offsets of all partitions of which something was committed.
func (r *Reader) Offsets() (map[int32]int64, error) {
	next := make(map[int32]int64)
	err := r.c.query(`SELECT partition, next_offset FROM offsets`, func(row []driver.Value) error {
		next[int32(integer(row[0]))] = integer(row[1])
		return nil
	})
	if err != nil {
		return nil, explain(r.path, "reading offsets from", err)
	}
	return next, nil
}
