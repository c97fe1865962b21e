package projections

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// EntityFilter says which entities of a family are meant; fields that are empty mean all, but for the family.
type EntityFilter struct {
	Family           lifecycle.Family
	Connection, Kind string
	Status           lifecycle.Status
	ProviderStatus   string
	Conflict         bool   // only those in conflict
	Text             string // a part of the id or of the reference, in letters of any case
}

// Entry is an entity as the view of its family shows it, but for its object. Times are RFC 3339.
type Entry struct {
	Entity               lifecycle.Entity
	Family               lifecycle.Family
	Provider, Mode       string
	Status               lifecycle.Status
	ProviderStatus       string
	CreatedAt, UpdatedAt string
	Observations         int64
	Conflict             bool
	// Columns are those that its family has beside the others, in the order of its view. A value is a string, an int64 or nil.
	Columns []Column
}

// Column is a column of a view with its value.
type Column struct {
	Name  string
	Value any
}

// Column gives the value of one of the columns; nil where the family has none of that name.
func (e *Entry) Column(name string) any {
	for _, c := range e.Columns {
		if c.Name == name {
			return c.Value
		}
	}
	return nil
}

// KindEntry is a kind of entity of a connection.
type KindEntry struct {
	Connection, Kind, Provider string
	Family                     lifecycle.Family
	num                        int64
}

func (k *KindEntry) compare(o *KindEntry) int {
	return cmp.Or(strings.Compare(k.Connection, o.Connection), strings.Compare(k.Kind, o.Kind), strings.Compare(k.Provider, o.Provider))
}

// Kinds are the kinds of which there are entities, by connection, kind and provider.
func (r *Reader) Kinds() (out []KindEntry, err error) {
	err = r.c.query(`SELECT num, connection, kind, provider, family FROM kinds`, func(row []driver.Value) error {
		out = append(out, KindEntry{text(row[1]), text(row[2]), text(row[3]), lifecycle.Family(text(row[4])), integer(row[0])})
		return nil
	})
	if err != nil {
		return nil, explain(r.path, "reading", err)
	}
	slices.SortFunc(out, func(a, b KindEntry) int { return a.compare(&b) })
	return out, nil
}

// What is read of an entity to see whether it matches: kind by kind, in the order of the ids, by the index on both.
const (
	browseKind = `SELECT num, id, status, provider_status, conflict, reference FROM entities WHERE kind = ? ORDER BY id`
	browseRest = `SELECT num, id, status, provider_status, conflict, reference FROM entities WHERE kind = ? AND id > ? ORDER BY id`
)

// Entities gives a page of the entities of a family, by connection, kind, provider and id; after is the Next of the page before,
// empty for the first. It costs what it looks at, however many there are before and after. Places outlive the file: a store
// that was rebuilt goes on where the old one ended.
func (r *Reader) Entities(ctx context.Context, f EntityFilter, after string, b Bounds) (out Page[Entry], err error) {
	err = r.Snapshot(func() error {
		out, err = r.entities(ctx, f, after, b)
		return err
	})
	return out, err
}

func (r *Reader) entities(ctx context.Context, f EntityFilter, after string, b Bounds) (Page[Entry], error) {
	parts, err := placeParts(after, 4)
	if err != nil {
		return Page[Entry]{}, err
	}
	kinds, err := r.Kinds()
	if err != nil {
		return Page[Entry]{}, err
	}
	found := gathering[int64]{ctx: ctx, bounds: b}
	for i := 0; i < len(kinds) && err == nil; i++ {
		k := &kinds[i]
		order := 1
		if parts != nil {
			order = k.compare(&KindEntry{Connection: parts[0], Kind: parts[1], Provider: parts[2]})
		}
		if order < 0 || k.Family != f.Family || f.Connection != "" && f.Connection != k.Connection || f.Kind != "" && f.Kind != k.Kind {
			continue
		}
		sql, args := browseKind, []driver.Value{k.num}
		if order == 0 {
			sql, args = browseRest, append(args, parts[3])
		}
		wanted := strings.ToLower(f.Text)
		err = r.c.query(sql, func(row []driver.Value) error {
			id := text(row[1])
			matches := (f.Status == "" || string(f.Status) == text(row[2])) &&
				(f.ProviderStatus == "" || f.ProviderStatus == text(row[3])) && (!f.Conflict || integer(row[4]) == 1) &&
				(wanted == "" || contains(id, wanted) || contains(text(row[5]), wanted))
			return found.look(integer(row[0]), matches, func() string { return placeOf(k.Connection, k.Kind, k.Provider, id) })
		}, args...)
	}
	nums, err := found.done(r.path, err)
	if err != nil {
		return Page[Entry]{}, err
	}
	out := Page[Entry]{Next: nums.Next, Looked: nums.Looked}
	for _, num := range nums.Rows {
		e, _, err := r.entry(num, f.Family)
		if err != nil {
			return Page[Entry]{}, err
		}
		out.Rows = append(out.Rows, e)
	}
	return out, nil
}

// entry reads the row of an entity, and its object.
func (r *Reader) entry(num int64, f lifecycle.Family) (e Entry, object string, err error) {
	names := familyColumns(f)
	sql := `SELECT k.connection, k.kind, e.id, k.provider, e.mode, e.status, e.provider_status, e.created_at, e.updated_at,
		e.observations, e.conflict, CAST(substr(e.summary, e.object_at, e.object_len) AS TEXT)`
	for _, c := range names {
		sql += ", e." + c
	}
	err = r.c.query(sql+` FROM entities e JOIN kinds k ON k.num = e.kind WHERE e.num = ?`, func(row []driver.Value) error {
		e = Entry{
			Entity: lifecycle.Entity{Connection: text(row[0]), Kind: text(row[1]), ID: text(row[2])}, Family: f,
			Provider: text(row[3]), Mode: text(row[4]), Status: lifecycle.Status(text(row[5])), ProviderStatus: text(row[6]),
			CreatedAt: text(row[7]), UpdatedAt: text(row[8]), Observations: integer(row[9]), Conflict: integer(row[10]) == 1,
		}
		object = text(row[11])
		for i, c := range names {
			e.Columns = append(e.Columns, Column{c, row[12+i]})
		}
		return nil
	}, num)
	if err != nil {
		err = explain(r.path, "reading", err)
	}
	return e, object, err
}

// Shown is an entity as its view shows it, with its object (JSON, empty for none), its anomalies by reason and detail, and
// all that the store has beside.
type Shown struct {
	Entry     Entry
	Object    string
	Anomalies []AnomalyEntry
	Record    EntityRecord
}

// Show reads an entity, all of one moment. It fails with ErrNoEntity where there is none.
func (r *Reader) Show(ctx context.Context, e lifecycle.Entity) (out Shown, err error) {
	err = r.Snapshot(func() error {
		if out.Record, err = r.entity(ctx, e); err != nil {
			return err
		}
		num, family := int64(0), lifecycle.Family("")
		err := r.c.query(`SELECT e.num, k.family FROM kinds k JOIN entities e ON e.kind = k.num
			WHERE k.connection = ? AND k.kind = ? AND k.provider = ? AND e.id = ?`, func(row []driver.Value) error {
			num, family = integer(row[0]), lifecycle.Family(text(row[1]))
			return nil
		}, e.Connection, e.Kind, out.Record.Provider, e.ID)
		if err != nil {
			return explain(r.path, "reading", err)
		}
		err = r.c.query(`SELECT reason, detail, first_seen_at FROM strange WHERE entity = ? ORDER BY reason, detail`, func(row []driver.Value) error {
			out.Anomalies = append(out.Anomalies, AnomalyEntry{e, text(row[0]), text(row[1]), text(row[2])})
			return nil
		}, num)
		if err != nil {
			return explain(r.path, "reading", err)
		}
		out.Entry, out.Object, err = r.entry(num, family)
		return err
	})
	return out, err
}

const findKind = `SELECT num, id FROM entities WHERE kind = ? AND id >= ? ORDER BY id`

// Find gives at most n entities whose id begins with a prefix, those first whose id it is. It takes a look into the index for each kind.
func (r *Reader) Find(ctx context.Context, prefix string, n int) (out []Entry, err error) {
	kinds, err := r.Kinds()
	if err != nil {
		return nil, err
	}
	type hit struct {
		num    int64
		id     string
		family lifecycle.Family
	}
	var hits []hit
	for i := range kinds {
		k, here := &kinds[i], 0
		err = r.c.query(findKind, func(row []driver.Value) error {
			id := text(row[1])
			if here++; here > n || !strings.HasPrefix(id, prefix) {
				return errStopped
			}
			hits = append(hits, hit{integer(row[0]), id, k.Family})
			return ctx.Err()
		}, k.num, prefix)
		if err != nil && !errors.Is(err, errStopped) {
			return nil, explain(r.path, "reading", err)
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(len(a.id), len(b.id)) })
	for _, h := range hits[:min(n, len(hits))] {
		e, _, err := r.entry(h.num, h.family)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
