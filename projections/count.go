package projections

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Tally counts what is in a store. Its zero value has counted nothing yet; see Reader.Count.
type Tally struct {
	// Entities are how many there are, and how many of them are in conflict.
	Entities map[TallyKey]TallyCount
	// Anomalies, Wants and Parked are how many there are, by reason. They are counted last.
	Anomalies, Wants, Parked map[string]int64
	// Done says that all was counted; Counted are the entities so far, of about Total.
	Done           bool
	Counted, Total int64

	// File tells the file that is counted from all others; see Where.
	File string

	next int64 // entities up to this number are counted
}

// TallyKey is by what entities are counted.
type TallyKey struct {
	Connection string
	Family     lifecycle.Family
	Status     lifecycle.Status
}

// TallyCount is a number of entities, and how many of them are in conflict.
type TallyCount struct{ Entities, Conflicts int64 }

// Count goes on counting, until all is counted or it is past a time; it always gets on by a few thousand entities. There is no index
// by status, so that writing stays cheap: to count is to read every row once, which takes seconds where there are
// millions. What changes meanwhile may be counted as it was. Where another file took the place of the one that was counted,
// it begins again.
func (r *Reader) Count(ctx context.Context, t *Tally, until time.Time) error {
	err := r.count(ctx, t, until)
	if err != nil {
		err = explain(r.path, "counting", err)
	}
	return err
}

const countChunk = `SELECT kind, status, count(*), sum(conflict) FROM entities WHERE num > ? AND num <= ? GROUP BY kind, status`

func (r *Reader) count(ctx context.Context, t *Tally, until time.Time) error {
	const chunk = 5_000
	file, err := metaValue(r.c, metaID)
	if err != nil {
		return err
	}
	if t.File != file || t.Entities == nil {
		*t = Tally{File: file, Entities: make(map[TallyKey]TallyCount)}
	}
	if t.Total, _, err = r.c.integer(`SELECT coalesce(max(num), 0) FROM entities`); err != nil {
		return err
	}
	kinds, err := r.Kinds() // after the number of entities, so that each has its kind
	if err != nil {
		return err
	}
	byNum := make(map[int64]*KindEntry, len(kinds))
	for i := range kinds {
		byNum[kinds[i].num] = &kinds[i]
	}
	for t.next < t.Total {
		end := min(t.next+chunk, t.Total)
		err := r.c.query(countChunk, func(row []driver.Value) error {
			k := byNum[integer(row[0])]
			key := TallyKey{k.Connection, k.Family, lifecycle.Status(text(row[1]))}
			n := t.Entities[key]
			n.Entities += integer(row[2])
			n.Conflicts += integer(row[3])
			t.Entities[key] = n
			t.Counted += integer(row[2])
			return nil
		}, t.next, end)
		if err != nil {
			return err
		}
		t.next = end
		if err := ctx.Err(); err != nil {
			return err
		}
		if !time.Now().Before(until) {
			break
		}
	}
	if t.next < t.Total {
		return nil
	}
	for _, c := range []struct {
		into *map[string]int64
		sql  string
	}{
		{&t.Anomalies, `SELECT reason, count(*) FROM strange GROUP BY reason`},
		{&t.Wants, `SELECT reason, count(*) FROM wanted GROUP BY reason`},
		{&t.Parked, `SELECT reason, count(*) FROM set_aside GROUP BY reason`},
	} {
		counts := make(map[string]int64)
		err := r.c.query(c.sql, func(row []driver.Value) error {
			counts[text(row[0])] = integer(row[1])
			return nil
		})
		if err != nil {
			return err
		}
		*c.into = counts
	}
	t.Done = true
	return nil
}

// Recorded is an observation with its entity.
type Recorded struct {
	Entity         lifecycle.Entity
	ID, Type       string
	Source         lifecycle.Source
	ProviderStatus string
	Recorded       string // RFC 3339
}

const browseLatest = `SELECT k.connection, k.kind, e.id, o.observation_id, f.type, f.source, f.label, o.recorded_at
		FROM observed o CROSS JOIN forms f ON f.num = o.form CROSS JOIN entities e ON e.num = o.entity CROSS JOIN kinds k ON k.num = e.kind
		WHERE o.num > (SELECT coalesce(max(num), 0) FROM observed) - ? ORDER BY rtrim(o.recorded_at, 'Z') DESC LIMIT ?`

// Latest gives the n observations that were recorded last, of the last thousand in the file. Those of a store that was just rebuilt
// stand by entity, so that they are the latest only of what they were taken from.
func (r *Reader) Latest(ctx context.Context, n int) (out []Recorded, err error) {
	const window = 1_000
	err = r.c.query(browseLatest, func(row []driver.Value) error {
		out = append(out, Recorded{
			lifecycle.Entity{Connection: text(row[0]), Kind: text(row[1]), ID: text(row[2])},
			text(row[3]), text(row[4]), lifecycle.Source(text(row[5])), text(row[6]), text(row[7]),
		})
		return ctx.Err()
	}, int64(window), int64(n))
	if err != nil {
		return nil, explain(r.path, "reading", err)
	}
	return out, nil
}

// Where is how far a store has read the log.
type Where struct {
	File   string // tells this file from all others, also from those that were at its path before
	Topic  string
	Next   map[int32]int64 // the next offset of each partition
	Digest lifecycle.Digest
}

// Where says how far the store has read the log.
func (r *Reader) Where() (w Where, err error) {
	if w.Topic, err = metaValue(r.c, "topic"); err == nil {
		w.File, err = metaValue(r.c, metaID)
	}
	if err != nil {
		return w, explain(r.path, "reading", err)
	}
	if w.Next, err = r.Offsets(); err != nil {
		return w, err
	}
	w.Digest, err = r.Digest()
	return w, err
}
