package projections

import (
	"context"
	"database/sql/driver"
)

// ParkedEntry is a row of the view parked.
type ParkedEntry struct {
	Parked
	At       Position
	Attempts int64
}

// ParkedFilter says which parked records are meant; empty fields mean all.
type ParkedFilter struct{ Connection, Reason, Type string }

// Parked returns the parked records in the order of the log.
func (r *Reader) Parked(ctx context.Context, f ParkedFilter) ([]ParkedEntry, error) {
	var out []ParkedEntry
	err := r.c.query(`SELECT connection, observation_id, type, reason, detail, log_partition, log_offset, attempts FROM parked
		WHERE (?1 = '' OR connection = ?1) AND (?2 = '' OR reason = ?2) AND (?3 = '' OR type = ?3)
		ORDER BY log_partition, log_offset`, func(row []driver.Value) error {
		out = append(out, ParkedEntry{
			Parked:   Parked{text(row[0]), text(row[1]), text(row[2]), text(row[3]), text(row[4])},
			At:       Position{int32(integer(row[5])), integer(row[6])},
			Attempts: integer(row[7]),
		})
		return ctx.Err()
	}, f.Connection, f.Reason, f.Type)
	if err != nil {
		return nil, explain(r.path, "reading", err)
	}
	return out, nil
}

// Tried notes that parked records were tried once more, in vain. Those that are not parked any more are passed over.
func (s *Store) Tried(ctx context.Context, at []Position) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	err := s.w.transaction(func() error {
		if err := s.w.standing(s.config.Path); err != nil {
			return err
		}
		for _, p := range at {
			err := s.w.c.exec(`UPDATE set_aside SET attempts = attempts + 1 WHERE partition = ? AND offset = ?`, int64(p.Partition), p.Offset)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.drop()
		return explain(s.config.Path, "writing to", err)
	}
	return nil
}

// StillParked returns all parked records, as the store that wrote last sees them.
func (s *Store) StillParked(ctx context.Context) ([]ParkedEntry, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.turn }()
	return (&Reader{c: s.w.c, path: s.config.Path}).Parked(ctx, ParkedFilter{})
}
