package projections

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// unsettled are the statuses in which something can be still to come: in failed where the provider does not call it final.
const unsettled = `('unknown', 'pending', 'processing', 'held', 'open', 'failed')`

// Waiting is an entity whose status is not settled.
type Waiting struct {
	Entity         lifecycle.Entity
	Provider       string
	Status         lifecycle.Status
	ProviderStatus string // the word that users see
	// CreatedAt and UpdatedAt are those of the views.
	CreatedAt, UpdatedAt time.Time
	// Answered is when the latest answer to a look-up was recorded; zero for none.
	Answered time.Time
}

// Waiting gives the entities, of those that the store numbered from+1 and following, whose status is unknown, pending,
// processing, held, open or failed and whose UpdatedAt is before a time. It looks at a few thousand entities a call, so that no snapshot is held for
// long, and returns from where to go on; last says that these were all.
func (r *Reader) Waiting(ctx context.Context, from int64, before time.Time) (found []Waiting, next int64, last bool, err error) {
	const chunk = 5_000
	end, _, err := r.c.integer(`SELECT coalesce(max(num), 0) FROM entities`)
	if err != nil {
		return nil, from, false, explain(r.path, "reading", err)
	}
	next = min(from+chunk, end)
	var nums []int64
	err = r.c.query(`SELECT e.num, k.connection, k.kind, e.id, k.provider, e.status, e.provider_status, e.created_at, e.updated_at
		FROM entities e CROSS JOIN kinds k ON k.num = e.kind
		WHERE e.num > ? AND e.num <= ? AND e.status IN `+unsettled+` AND e.updated_at < ?`, func(row []driver.Value) error {
		created, err := parseTime(text(row[7]))
		if err != nil {
			return err
		}
		updated, err := parseTime(text(row[8]))
		if err != nil {
			return err
		}
		nums = append(nums, integer(row[0]))
		found = append(found, Waiting{
			Entity:   lifecycle.Entity{Connection: text(row[1]), Kind: text(row[2]), ID: text(row[3])},
			Provider: text(row[4]), Status: lifecycle.Status(text(row[5])), ProviderStatus: text(row[6]), CreatedAt: created, UpdatedAt: updated,
		})
		return ctx.Err()
	}, from, next, formatTime(before))
	for i := 0; err == nil && i < len(found); i++ {
		_, found[i].Answered, err = heard(r.c, nums[i])
	}
	if err != nil {
		return nil, from, false, explain(r.path, "reading", err)
	}
	return found, next, next >= end, nil
}

// heard is when the latest webhook and the latest answer of an entity were recorded; zero for none.
func heard(c *conn, num int64) (delivered, answered time.Time, err error) {
	err = c.query(`SELECT f.source, max(o.recorded_at) FROM observed o JOIN forms f ON f.num = o.form
		WHERE o.num IN (SELECT s.value FROM entities e, json_each(e.seen) s WHERE e.num = ? UNION ALL SELECT m.num FROM more m WHERE m.entity = ?)
		GROUP BY f.source`, func(row []driver.Value) error {
		at, err := parseTime(text(row[1]))
		if lifecycle.Source(text(row[0])) == lifecycle.SourceLookup {
			answered = at
		} else {
			delivered = at
		}
		return err
	}, num, num)
	return delivered, answered, err
}

// Claims says whether an entity is known, and whether an observation of it claims a provider's word (the lifecycle's, not
// the one that users see). The empty word asks for an observation that claims none.
func (r *Reader) Claims(e lifecycle.Entity, word string) (known, claimed bool, err error) {
	err = r.c.query(`SELECT EXISTS (SELECT 1 FROM observed o JOIN forms f ON f.num = o.form AND f.word = ?
			WHERE o.num IN (SELECT s.value FROM json_each(e.seen) s UNION ALL SELECT m.num FROM more m WHERE m.entity = e.num))
		FROM kinds k JOIN entities e ON e.kind = k.num AND e.id = ? WHERE k.connection = ? AND k.kind = ?`, func(row []driver.Value) error {
		known = true
		claimed = claimed || integer(row[0]) == 1
		return nil
	}, word, e.ID, e.Connection, e.Kind)
	if err != nil {
		err = explain(r.path, "reading", err)
	}
	return known, claimed, err
}

// IDs returns the ids of the entities of a connection, provider and kind that come after an id, ascending, at most n; the empty
// id comes before all.
func (r *Reader) IDs(ctx context.Context, connection, provider, kind, after string, n int) (out []string, err error) {
	err = r.c.query(`SELECT e.id FROM kinds k CROSS JOIN entities e ON e.kind = k.num AND e.id > ?
		WHERE k.connection = ? AND k.provider = ? AND k.kind = ? ORDER BY e.id LIMIT ?`, func(row []driver.Value) error {
		out = append(out, text(row[0]))
		return ctx.Err()
	}, after, connection, provider, kind, int64(n))
	if err != nil {
		return nil, explain(r.path, "reading", err)
	}
	return out, nil
}

// Brief is what the views say of where an entity stands.
type Brief struct {
	Status         lifecycle.Status
	ProviderStatus string
	UpdatedAt      time.Time
	Observations   int
	Conflict       bool
	// Wants are the reasons for which it is to be looked up.
	Wants []string
}

// Brief returns where an entity stands; nil where it is not known.
func (r *Reader) Brief(e lifecycle.Entity) (b *Brief, err error) {
	err = r.c.query(`SELECT e.status, e.provider_status, e.updated_at, e.observations, e.conflict
		FROM kinds k JOIN entities e ON e.kind = k.num AND e.id = ? WHERE k.connection = ? AND k.kind = ?`, func(row []driver.Value) error {
		at, err := parseTime(text(row[2]))
		b = &Brief{lifecycle.Status(text(row[0])), text(row[1]), at, int(integer(row[3])), integer(row[4]) == 1, nil}
		return err
	}, e.ID, e.Connection, e.Kind)
	if err == nil && b != nil {
		err = r.c.query(`SELECT reason FROM wants WHERE connection = ? AND kind = ? AND id = ? ORDER BY reason`, func(row []driver.Value) error {
			b.Wants = append(b.Wants, text(row[0]))
			return nil
		}, e.Connection, e.Kind, e.ID)
	}
	if err != nil {
		return nil, explain(r.path, "reading", err)
	}
	return b, nil
}

// Folded says whether an observation of an entity was folded, or parked, and why.
func (r *Reader) Folded(ctx context.Context, e lifecycle.Entity, observation string) (folded bool, parked string, err error) {
	rows, err := r.Timeline(ctx, e)
	if err != nil {
		return false, "", err
	}
	for i := range rows {
		folded = folded || rows[i].ObservationID == observation
	}
	err = r.c.query(`SELECT reason || ': ' || detail FROM set_aside WHERE connection = ? AND observation_id = ?`, func(row []driver.Value) error {
		parked = text(row[0])
		return nil
	}, e.Connection, observation)
	if err != nil {
		return false, "", explain(r.path, "reading", err)
	}
	return folded, parked, nil
}

// LastDeliveries gives, for each of the connections, when its latest webhook that was folded was recorded, going back from
// the end of the timeline until all are found. A connection without any is left out.
func (r *Reader) LastDeliveries(ctx context.Context, connections []string) (map[string]time.Time, error) {
	const chunk = 2_000
	out := make(map[string]time.Time, len(connections))
	wanted := make(map[string]bool, len(connections))
	for _, c := range connections {
		wanted[c] = true
	}
	end, _, err := r.c.integer(`SELECT coalesce(max(num), 0) FROM observed`)
	for ; err == nil && end > 0 && len(out) < len(wanted); end -= chunk {
		err = r.c.query(`SELECT k.connection, max(o.recorded_at) FROM observed o CROSS JOIN forms f ON f.num = o.form
			CROSS JOIN entities e ON e.num = o.entity CROSS JOIN kinds k ON k.num = e.kind
			WHERE o.num > ? AND o.num <= ? AND f.source = ? GROUP BY k.connection`, func(row []driver.Value) error {
			at, err := parseTime(text(row[1]))
			if c := text(row[0]); wanted[c] && at.After(out[c]) {
				out[c] = at
			}
			return err
		}, end-chunk, end, string(lifecycle.SourceWebhook))
		if err == nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		return nil, explain(r.path, "reading", err)
	}
	return out, nil
}

// Wants counts the look-ups of a connection by reason, and how many of them are due at a time.
func (r *Reader) Wants(connection string, now time.Time) (total map[lifecycle.WantReason]int, due int, err error) {
	total = make(map[lifecycle.WantReason]int)
	err = r.c.query(`SELECT w.reason, count(*), coalesce(sum(w.due_at <= ?), 0) FROM wanted w JOIN entities e ON e.num = w.entity
		JOIN kinds k ON k.num = e.kind WHERE k.connection = ? GROUP BY w.reason`, func(row []driver.Value) error {
		total[lifecycle.WantReason(text(row[0]))] = int(integer(row[1]))
		due += int(integer(row[2]))
		return nil
	}, now.UTC().Format(secondsFormat), connection)
	if err != nil {
		err = explain(r.path, "reading", err)
	}
	return total, due, err
}

// WantRow is a row of the view wants.
type WantRow struct {
	Entity     lifecycle.Entity
	Reason     lifecycle.WantReason
	Since, Due time.Time // Due is in the year 9999 where it is not asked for again
	Attempts   int
	LastError  string
}

// WantRows returns all wants, by connection, kind, id and reason.
func (r *Reader) WantRows() (out []WantRow, err error) {
	err = r.c.query(`SELECT connection, kind, id, reason, since, due_at, attempts, last_error FROM wants ORDER BY 1, 2, 3, 4`, func(row []driver.Value) error {
		since, err := parseTime(text(row[4]))
		if err != nil {
			return err
		}
		due, err := parseTime(text(row[5]))
		out = append(out, WantRow{
			lifecycle.Entity{Connection: text(row[0]), Kind: text(row[1]), ID: text(row[2])}, lifecycle.WantReason(text(row[3])),
			since, due, int(integer(row[6])), text(row[7]),
		})
		return err
	})
	if err != nil {
		err = explain(r.path, "reading", err)
	}
	return out, err
}
