package projections

import (
	"bufio"
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// DumpOptions say what a dump leaves out.
type DumpOptions struct {
	// WithoutPositions leaves out what depends on where records stand in the log: log_partition, log_offset, and the view
	// progress but for its digest. Stores fed from differently partitioned logs then dump alike.
	WithoutPositions bool
}

// dumped are the views with their columns, in the order of the design.
func dumped() [][]string {
	var out [][]string
	for _, f := range lifecycle.Families() {
		columns := []string{familyView(f), "connection", "provider", "mode", "kind", "id", "status", "provider_status", "created_at",
			"updated_at", "observations", "conflict", "object"}
		out = append(out, append(columns, familyColumns(f)...))
	}
	return append(out,
		[]string{"timeline", "connection", "kind", "id", "observation_id", "type", "source", "provider_status", "occurred_at",
			"recorded_at", "log_partition", "log_offset", "effect"},
		[]string{"anomalies", "connection", "kind", "id", "reason", "detail", "first_seen_at"},
		[]string{"parked", "connection", "observation_id", "type", "reason", "detail", "log_partition", "log_offset", "attempts"},
		[]string{"wants", "connection", "kind", "id", "reason", "since", "due_at", "attempts", "last_error"},
		[]string{"progress", "topic", "log_partition", "next_offset", "digest"},
	)
}

// Dump writes every view as text: a line with its name, then a line for each row, sorted, with every column by name.
// Stores that hold the same dump the same bytes.
func (r *Reader) Dump(ctx context.Context, to io.Writer, o DumpOptions) error {
	w := bufio.NewWriter(to)
	err := r.Snapshot(func() error {
		for _, view := range dumped() {
			name, columns := view[0], view[1:]
			if o.WithoutPositions {
				columns = slices.DeleteFunc(columns, func(c string) bool {
					return c == "log_partition" || c == "log_offset" || c == "next_offset"
				})
			}
			if _, err := fmt.Fprintf(w, "== %s\n", name); err != nil {
				return err
			}
			list, all := strings.Join(columns, ", "), "ALL "
			if o.WithoutPositions && name == "progress" {
				all = "DISTINCT "
			}
			err := r.c.query("SELECT "+all+list+" FROM "+name+" ORDER BY "+list, func(row []driver.Value) error {
				for i, v := range row {
					if err := dumpValue(w, columns[i], v); err != nil {
						return err
					}
				}
				_, err := w.WriteString("\n")
				return cmp.Or(err, ctx.Err())
			})
			if err != nil {
				return explain(r.path, "dumping", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

func dumpValue(w io.Writer, column string, v driver.Value) (err error) {
	switch v := v.(type) {
	case nil:
		return nil // a column that is absent is NULL
	case string:
		_, err = fmt.Fprintf(w, "%s=%q ", column, v)
	default:
		_, err = fmt.Fprintf(w, "%s=%v ", column, v)
	}
	return err
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

func sortTimeline(entries []TimelineEntry) {
	at := func(e *TimelineEntry) time.Time {
		if e.Occurred.IsZero() {
			return e.Recorded
		}
		return e.Occurred
	}
	slices.SortFunc(entries, func(a, b TimelineEntry) int {
		return cmp.Or(at(&a).Compare(at(&b)), strings.Compare(a.ObservationID, b.ObservationID))
	})
}
