package projections

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Views are the names of the public views.
func Views() []string {
	out := []string{"timeline", "anomalies", "parked", "wants", "progress"}
	for _, f := range lifecycle.Families() {
		out = append(out, familyView(f))
	}
	slices.Sort(out)
	return out
}

// Rows iterates over a public view in no particular order: columns by name, each a string, an int64 or nil. Every row is a map of
// its own. The iteration ends with the first error.
func (r *Reader) Rows(ctx context.Context, view string) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		if !slices.Contains(Views(), view) {
			yield(nil, fmt.Errorf("projections: there is no view %q: use one of %v", view, Views()))
			return
		}
		if err := r.rows(ctx, view, func(row map[string]any) bool { return yield(row, nil) }); err != nil {
			yield(nil, explain(r.path, "reading "+view, err))
		}
	}
}

// rows calls fn with each row until it returns false.
func (r *Reader) rows(ctx context.Context, view string, fn func(map[string]any) bool) (err error) {
	s, err := r.c.prepare("SELECT * FROM " + view)
	if err != nil {
		return err
	}
	rows, err := s.start(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns := rows.Columns()
	values := make([]driver.Value, len(columns))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		row := make(map[string]any, len(columns))
		for i, name := range columns {
			row[name] = values[i]
			if b, ok := values[i].([]byte); ok {
				row[name] = string(b)
			}
		}
		if !fn(row) {
			return nil
		}
	}
}
