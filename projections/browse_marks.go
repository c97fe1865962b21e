package projections

import (
	"context"
	"database/sql/driver"
	"math"
	"strconv"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// MarkFilter says which anomalies, wants or parked records are meant; empty fields mean all.
type MarkFilter struct{ Connection, Reason string }

func (f *MarkFilter) takes(connection, reason string) bool {
	return (f.Connection == "" || f.Connection == connection) && (f.Reason == "" || f.Reason == reason)
}

// AnomalyEntry is a row of the view anomalies. FirstSeen is RFC 3339.
type AnomalyEntry struct {
	Entity                    lifecycle.Entity
	Reason, Detail, FirstSeen string
}

const browseAnomalies = `SELECT s.entity, s.reason, s.detail, s.first_seen_at, k.connection, k.kind, e.id
	FROM strange s CROSS JOIN entities e ON e.num = s.entity CROSS JOIN kinds k ON k.num = e.kind
	WHERE (s.entity, s.reason, s.detail) < (?, ?, ?) ORDER BY s.entity DESC, s.reason DESC, s.detail DESC`

// Anomalies gives a page of the anomalies, those of the entities first that are last in the file; after is the Next of the page
// before, empty for the first. It fails with ErrPlaceGone where that was of another file.
func (r *Reader) Anomalies(ctx context.Context, f MarkFilter, after string, b Bounds) (Page[AnomalyEntry], error) {
	file, num, rest, err := r.placeInFile(after, 4)
	if err != nil {
		return Page[AnomalyEntry]{}, err
	}
	args := []driver.Value{int64(math.MaxInt64), "", ""}
	if rest != nil {
		args = []driver.Value{num, rest[0], rest[1]}
	}
	g := gathering[AnomalyEntry]{ctx: ctx, bounds: b}
	err = r.c.query(browseAnomalies, func(row []driver.Value) error {
		at := integer(row[0])
		a := AnomalyEntry{
			Entity: lifecycle.Entity{Connection: text(row[4]), Kind: text(row[5]), ID: text(row[6])},
			Reason: text(row[1]), Detail: text(row[2]), FirstSeen: text(row[3]),
		}
		return g.look(a, f.takes(a.Entity.Connection, a.Reason), func() string { return placeInFile(file, at, a.Reason, a.Detail) })
	}, args...)
	return g.done(r.path, err)
}

// WantedEntry is a row of the view wants with its entity.
type WantedEntry struct {
	Entity lifecycle.Entity
	WantEntry
}

const browseWants = `SELECT w.entity, w.reason, w.since, w.due_at, w.attempts, w.last_error, k.connection, k.kind, e.id
	FROM wanted w CROSS JOIN entities e ON e.num = w.entity CROSS JOIN kinds k ON k.num = e.kind
	WHERE (w.reason, w.due_at, w.entity) > (?, ?, ?) ORDER BY w.reason, w.due_at, w.entity`

// WantedPage gives a page of the wants, by reason and by when they are due; after is the Next of the page before, empty for the
// first. It fails with ErrPlaceGone where that was of another file. A want whose due time moves meanwhile moves in the list.
func (r *Reader) WantedPage(ctx context.Context, f MarkFilter, after string, b Bounds) (Page[WantedEntry], error) {
	file, num, rest, err := r.placeInFile(after, 4)
	if err != nil {
		return Page[WantedEntry]{}, err
	}
	args := []driver.Value{f.Reason, "", int64(math.MinInt64)}
	if rest != nil {
		args = []driver.Value{rest[0], rest[1], num}
	}
	g := gathering[WantedEntry]{ctx: ctx, bounds: b}
	err = r.c.query(browseWants, func(row []driver.Value) error {
		at, reason := integer(row[0]), text(row[1])
		if f.Reason != "" && reason > f.Reason {
			return errStopped // what is left has other reasons
		}
		w := WantedEntry{
			lifecycle.Entity{Connection: text(row[6]), Kind: text(row[7]), ID: text(row[8])},
			WantEntry{reason, text(row[2]), text(row[3]), integer(row[4]), text(row[5])},
		}
		return g.look(w, f.takes(w.Entity.Connection, reason), func() string { return placeInFile(file, at, reason, w.DueAt) })
	}, args...)
	return g.done(r.path, err)
}

const browseParked = `SELECT connection, observation_id, type, reason, detail, partition, offset, attempts FROM set_aside
	WHERE (partition, offset) < (?, ?) ORDER BY partition DESC, offset DESC`

// ParkedPage gives a page of the parked records, the latest of each partition first; after is the Next of the page before,
// empty for the first.
func (r *Reader) ParkedPage(ctx context.Context, f MarkFilter, after string, b Bounds) (Page[ParkedEntry], error) {
	parts, err := placeParts(after, 2)
	if err != nil {
		return Page[ParkedEntry]{}, err
	}
	args := []driver.Value{int64(math.MaxInt64), int64(0)}
	for i, p := range parts {
		if args[i], err = strconv.ParseInt(p, 10, 64); err != nil {
			return Page[ParkedEntry]{}, ErrPlace
		}
	}
	g := gathering[ParkedEntry]{ctx: ctx, bounds: b}
	err = r.c.query(browseParked, func(row []driver.Value) error {
		partition, offset := integer(row[5]), integer(row[6])
		p := ParkedEntry{
			Parked: Parked{text(row[0]), text(row[1]), text(row[2]), text(row[3]), text(row[4])},
			At:     Position{int32(partition), offset}, Attempts: integer(row[7]),
		}
		return g.look(p, f.takes(p.Connection, p.Reason), func() string {
			return placeOf(strconv.FormatInt(partition, 10), strconv.FormatInt(offset, 10))
		})
	}, args...)
	return g.done(r.path, err)
}

// placeInFile writes down a place that holds for one file only, since it names an entity by the number that it has there.
func placeInFile(file string, entity int64, rest ...string) string {
	return placeOf(append([]string{file, strconv.FormatInt(entity, 10)}, rest...)...)
}

// placeInFile reads what the function of that name wrote: the number, and the rest, nil for the empty place. file is the id
// of the file that is read.
func (r *Reader) placeInFile(after string, n int) (file string, num int64, rest []string, err error) {
	if file, err = metaValue(r.c, metaID); err != nil {
		return "", 0, nil, explain(r.path, "reading", err)
	}
	parts, err := placeParts(after, n)
	if err != nil || parts == nil {
		return file, 0, nil, err
	}
	if num, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return file, 0, nil, ErrPlace
	}
	if parts[0] != file {
		return file, 0, nil, ErrPlaceGone
	}
	return file, num, parts[2:], nil
}
