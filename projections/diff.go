package projections

import (
	"context"
	"database/sql/driver"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Difference is an entity in which two stores differ.
type Difference struct {
	Entity lifecycle.Entity
	// Missing says in which store the entity is not: "a", "b", or empty.
	Missing string
	// Columns are those that differ. Empty where both show the same and only what is remembered for later differs.
	Columns []ColumnDifference
}

// ColumnDifference is a column with its two values; both are empty for columns that may hold personal data.
type ColumnDifference struct {
	Name string
	A, B string
}

// quiet are the columns whose values are not shown.
var quiet = map[string]bool{
	"object": true, "name": true, "identifier": true, "counterparty": true, "subject": true, "reference": true, "failure_reason": true,
}

// Versions are the schema and fold versions of a store.
type Versions struct{ Schema, Fold string }

// Versions says which program wrote the store.
func (r *Reader) Versions() (v Versions, err error) {
	if v.Schema, err = metaValue(r.c, "schema"); err == nil {
		v.Fold, err = metaValue(r.c, "fold")
	}
	if err != nil {
		err = explain(r.path, "reading", err)
	}
	return v, err
}

// Diff iterates over the entities in which two stores differ: first those in which their views do, by connection, kind and
// id; then, where both are of the same versions, those of which they remember different things. The iteration ends with
// the first error. It uses both readers until it ends.
func Diff(ctx context.Context, a, b *Reader) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		if err := diff(ctx, a, b, yield); err != nil {
			yield(Difference{}, err)
		}
	}
}

func diff(ctx context.Context, a, b *Reader, yield func(Difference, error) bool) error {
	va, err := a.Versions()
	if err != nil {
		return err
	}
	vb, err := b.Versions()
	if err != nil {
		return err
	}
	found := make(map[lifecycle.Entity]bool)
	more := true
	err = walk(ctx, a, b, false, func(d Difference, err error) bool {
		found[d.Entity] = true
		more = yield(d, err)
		return more
	})
	if err != nil || !more || va != vb {
		return err
	}
	return walk(ctx, a, b, true, func(d Difference, err error) bool { return found[d.Entity] || yield(d, err) })
}

// walk goes through both stores side by side.
func walk(ctx context.Context, a, b *Reader, digests bool, yield func(Difference, error) bool) error {
	nextA, stopA := iter.Pull2(a.marked(ctx, digests))
	defer stopA()
	nextB, stopB := iter.Pull2(b.marked(ctx, digests))
	defer stopB()
	x, errA, okA := nextA()
	y, errB, okB := nextB()
	for okA || okB {
		if errA != nil || errB != nil {
			return firstError(errA, errB)
		}
		order := 0
		switch {
		case !okB:
			order = -1
		case !okA:
			order = 1
		default:
			order = x.entity.Compare(y.entity)
		}
		var d Difference
		switch {
		case order < 0:
			d = Difference{Entity: x.entity, Missing: "b"}
		case order > 0:
			d = Difference{Entity: y.entity, Missing: "a"}
		case !slices.Equal(x.mark, y.mark):
			d.Entity = x.entity
			var err error
			if d.Columns, err = columns(a, b, x.entity, x.family); err != nil {
				return err
			}
		}
		if d.Entity != (lifecycle.Entity{}) && !yield(d, nil) {
			return nil
		}
		if order <= 0 {
			x, errA, okA = nextA()
		}
		if order >= 0 {
			y, errB, okB = nextB()
		}
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// marked is an entity with what it is compared by.
type marked struct {
	entity lifecycle.Entity
	family lifecycle.Family
	mark   []string
}

// marked are all entities in order, with their digests, or with the values of their columns where digests cannot be compared.
func (r *Reader) marked(ctx context.Context, digests bool) iter.Seq2[marked, error] {
	var parts []string
	for _, f := range lifecycle.Families() {
		values := "''"
		for _, c := range shownColumns(f) {
			values += " || char(31) || quote(" + c + ")"
		}
		parts = append(parts, fmt.Sprintf("SELECT connection, kind, id, '%s', %s FROM %s", f, values, familyView(f)))
	}
	sql := strings.Join(parts, " UNION ALL ") + " ORDER BY 1, 2, 3"
	if digests {
		sql = `SELECT k.connection, k.kind, e.id, k.family, hex(e.digest) FROM kinds k JOIN entities e ON e.kind = k.num ORDER BY 1, 2, 3, k.provider`
	}
	return func(yield func(marked, error) bool) {
		stopped := false
		err := r.c.query(sql, func(row []driver.Value) error {
			m := marked{lifecycle.Entity{Connection: text(row[0]), Kind: text(row[1]), ID: text(row[2])}, lifecycle.Family(text(row[3])), []string{text(row[4])}}
			if err := ctx.Err(); err != nil {
				return err
			}
			if stopped = !yield(m, nil); stopped {
				return errStopped
			}
			return nil
		})
		if err != nil && !stopped {
			yield(marked{}, explain(r.path, "reading", err))
		}
	}
}

func shownColumns(f lifecycle.Family) []string {
	return append([]string{"provider", "mode", "status", "provider_status", "created_at", "updated_at", "observations", "conflict", "object"},
		familyColumns(f)...)
}

// columns are the differing columns of an entity that both stores have.
func columns(a, b *Reader, e lifecycle.Entity, f lifecycle.Family) ([]ColumnDifference, error) {
	names := shownColumns(f)
	read := func(r *Reader) (out []string, err error) {
		sql := "SELECT " + strings.Join(names, ", ") + " FROM " + familyView(f) + " WHERE connection = ? AND kind = ? AND id = ?"
		err = r.c.query(sql, func(row []driver.Value) error {
			for _, v := range row {
				s := ""
				if v != nil {
					s = fmt.Sprint(v)
				}
				out = append(out, s)
			}
			return nil
		}, e.Connection, e.Kind, e.ID)
		if err != nil {
			err = explain(r.path, "reading", err)
		}
		return out, err
	}
	x, err := read(a)
	if err != nil {
		return nil, err
	}
	y, err := read(b)
	if err != nil {
		return nil, err
	}
	var out []ColumnDifference
	for i, name := range names {
		var va, vb string
		if i < len(x) {
			va = x[i]
		}
		if i < len(y) {
			vb = y[i]
		}
		if va == vb {
			continue
		}
		d := ColumnDifference{Name: name, A: va, B: vb}
		if quiet[name] {
			d.A, d.B = "", ""
		}
		out = append(out, d)
	}
	return out, nil
}

// EntityDigest is the digest of one entity's summary; ok is false where the store does not have it.
func (r *Reader) EntityDigest(e lifecycle.Entity) (d lifecycle.Digest, ok bool, err error) {
	err = r.c.query(`SELECT e.digest FROM kinds k JOIN entities e ON e.kind = k.num WHERE k.connection = ? AND k.kind = ? AND e.id = ?`,
		func(row []driver.Value) error {
			digest, _ := row[0].([]byte)
			d, ok = decodeDigest(digest), true
			return nil
		}, e.Connection, e.Kind, e.ID)
	if err != nil {
		err = explain(r.path, "reading", err)
	}
	return d, ok, err
}
