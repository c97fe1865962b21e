package projections

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Reader reads a store's file, while others write it or not. It is for one goroutine at a time.
type Reader struct {
	c    *conn
	path string
}

// OpenReader opens an existing file for reading.
func OpenReader(path string) (*Reader, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("projections: there is no store at %s: hookfold up or hookfold worker makes it, or hookfold rebuild: %w", path, fs.ErrNotExist)
	}
	c, err := openConn(path, "ro")
	if err == nil {
		if err = c.script("PRAGMA busy_timeout = 10000"); err == nil {
			if _, err = metaValue(c, "schema"); err == nil {
				return &Reader{c, path}, nil
			}
		}
		err = errors.Join(err, c.close())
	}
	return nil, explain(path, "opening for reading", err)
}

// Close ends the reader.
func (r *Reader) Close() error { return r.c.close() }

// Snapshot runs fn so that everything it reads is of one moment, whatever is written meanwhile.
func (r *Reader) Snapshot(fn func() error) error {
	if err := r.c.script("BEGIN"); err != nil {
		return explain(r.path, "reading", err)
	}
	err := fn()
	if e := r.c.script("ROLLBACK"); err == nil && e != nil {
		err = explain(r.path, "reading", e)
	}
	return err
}

// Digest is the sum of the digests of all entities.
func (r *Reader) Digest() (lifecycle.Digest, error) {
	d, err := (&writer{c: r.c}).digest()
	if err != nil {
		err = explain(r.path, "reading", err)
	}
	return d, err
}

// EntityDigest is an entity with the digest of its summary.
type EntityDigest struct {
	Entity lifecycle.Entity
	Digest lifecycle.Digest
}

// errStopped ends a query whose caller wants no more rows.
var errStopped = errors.New("stopped")

// EntityDigests iterates over all entities by connection, kind and id, ascending, so that two stores can be merged. The
// iteration ends with the first error.
func (r *Reader) EntityDigests(ctx context.Context) iter.Seq2[EntityDigest, error] {
	return func(yield func(EntityDigest, error) bool) {
		err := r.c.query(`SELECT k.connection, k.kind, e.id, e.digest FROM kinds k JOIN entities e ON e.kind = k.num
			ORDER BY k.connection, k.kind, e.id, k.provider`, func(row []driver.Value) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			digest, _ := row[3].([]byte)
			e := lifecycle.Entity{Connection: text(row[0]), Kind: text(row[1]), ID: text(row[2])}
			if !yield(EntityDigest{e, decodeDigest(digest)}, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(EntityDigest{}, explain(r.path, "reading", err))
		}
	}
}

// TimelineEntry is a row of the view timeline.
type TimelineEntry struct {
	ObservationID, Type string
	Source              lifecycle.Source
	ProviderStatus      string    // empty where it claims none
	Occurred            time.Time // zero where the provider gives none
	Recorded            time.Time
	At                  Position
	Effect              lifecycle.Effect
}

// Timeline returns the observations of an entity, by the time that orders them, then by id; none where it is not known.
func (r *Reader) Timeline(ctx context.Context, e lifecycle.Entity) ([]TimelineEntry, error) {
	var out []TimelineEntry
	err := r.c.query(`SELECT observation_id, type, source, provider_status, occurred_at, recorded_at, log_partition, log_offset, effect
		FROM timeline WHERE connection = ? AND kind = ? AND id = ?`, func(row []driver.Value) error {
		occurred, err := parseTime(text(row[4]))
		if err != nil {
			return err
		}
		recorded, err := parseTime(text(row[5]))
		if err != nil {
			return err
		}
		out = append(out, TimelineEntry{
			ObservationID: text(row[0]), Type: text(row[1]), Source: lifecycle.Source(text(row[2])), ProviderStatus: text(row[3]),
			Occurred: occurred, Recorded: recorded, At: Position{int32(integer(row[6])), integer(row[7])},
			Effect: lifecycle.Effect(text(row[8])),
		})
		return ctx.Err()
	}, e.Connection, e.Kind, e.ID)
	if err != nil {
		return nil, explain(r.path, "reading", err)
	}
	sortTimeline(out)
	return out, nil
}
