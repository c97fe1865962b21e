package projections

import (
	"context"
	"database/sql/driver"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Rate is how often one connection may be asked, by all processes that share the file together: PerSecond requests in the
// long run, Burst at once. Both must be above zero.
type Rate struct {
	PerSecond float64
	Burst     int
}

// patient is the rate of what has time: it leaves the burst to what is urgent.
func (r Rate) patient() Rate { return Rate{r.PerSecond, 1} }

// interval is how far apart requests are in the long run.
func (r Rate) interval() time.Duration { return time.Duration(float64(time.Second) / r.PerSecond) }

// maxAhead bounds how far the future of a connection can be spent, so that a clock that was wrong once does not silence it.
const maxAhead = 2 * time.Hour

// TakeToken takes a token for one request of a connection, at the patient rate: what is urgent goes first. It returns how
// long to wait before trying again where there is none, and zero where it was taken. Tokens are counted in the file, so that
// processes share them and a restart does not give new ones (the generic cell rate algorithm: one time is all that is kept).
func (s *Store) TakeToken(ctx context.Context, connection string, r Rate, now time.Time) (wait time.Duration, err error) {
	err = s.change(ctx, "taking a token from", nil, func(w *writer) error {
		var err error
		wait, err = w.takeToken(connection, r.patient(), now)
		return err
	})
	return wait, err
}

func (w *writer) takeToken(connection string, r Rate, now time.Time) (wait time.Duration, err error) {
	at, err := w.arrival(connection, now)
	if err != nil {
		return 0, err
	}
	slack := r.interval() * time.Duration(r.Burst-1)
	if wait = at.Sub(now) - slack; wait > 0 {
		return wait, nil
	}
	return 0, w.setArrival(connection, at.Add(r.interval()))
}

// Hold lets no request of a connection pass before a time, since the provider said so.
func (s *Store) Hold(ctx context.Context, connection string, r Rate, now, until time.Time) error {
	return s.change(ctx, "holding look-ups in", nil, func(w *writer) error {
		at, err := w.arrival(connection, now)
		if err != nil {
			return err
		}
		held := until.Add(r.interval() * time.Duration(r.Burst-1))
		if limit := now.Add(maxAhead); held.After(limit) {
			held = limit
		}
		if held.Before(at) {
			return nil
		}
		return w.setArrival(connection, held)
	})
}

// arrival is the time at which the next request would come if all came evenly; never before now.
func (w *writer) arrival(connection string, now time.Time) (time.Time, error) {
	value, err := metaValue(w.c, "rate/"+connection)
	if err != nil {
		return now, err
	}
	nanos, err := strconv.ParseInt(value, 10, 64)
	at := time.Unix(0, nanos)
	if err != nil || at.Before(now) || at.After(now.Add(maxAhead)) {
		return now, nil //nolint:nilerr // nothing was asked yet, or a clock was wrong
	}
	return at, nil
}

func (w *writer) setArrival(connection string, at time.Time) error {
	return setMeta(w.c, "rate/"+connection, strconv.FormatInt(at.UnixNano(), 10))
}

// Note reads what a runner noted under a key, empty for nothing.
func (s *Store) Note(ctx context.Context, key string) (value string, err error) {
	if err := s.take(ctx); err != nil {
		return "", err
	}
	defer func() { <-s.turn }()
	if value, err = metaValue(s.w.c, "note/"+key); err != nil {
		s.drop()
		return "", explain(s.config.Path, "reading a note from", err)
	}
	return value, nil
}

// SetNote notes something for a runner, as where a sweep goes on. Notes are not part of the state: a rebuild begins without them.
func (s *Store) SetNote(ctx context.Context, key, value string) error {
	return s.change(ctx, "writing a note to", nil, func(w *writer) error { return setMeta(w.c, "note/"+key, value) })
}

// Claim makes owner the only one to do a task until a time, and says whether it is. The owner can claim again to hold on.
func (s *Store) Claim(ctx context.Context, task, owner string, now, until time.Time) (got bool, err error) {
	err = s.change(ctx, "claiming a task in", nil, func(w *writer) error {
		value, err := metaValue(w.c, "task/"+task)
		if err != nil {
			return err
		}
		held, by, _ := strings.Cut(value, " ")
		if got = by == owner || held <= now.UTC().Format(secondsFormat); !got {
			return nil
		}
		return setMeta(w.c, "task/"+task, roundUp(until)+" "+owner)
	})
	return got && err == nil, err
}

// WantAlways adds a want for the entity of each webhook that was folded since the last call, for the given connections. The
// first call only notes where the timeline ends. It returns whether there may be more.
func (s *Store) WantAlways(ctx context.Context, connections []string, now time.Time) (more bool, err error) {
	const key, chunk = "note/always", 5_000
	at := now.UTC().Format(secondsFormat)
	asked := make(map[string]bool, len(connections))
	for _, c := range connections {
		asked[c] = true
	}
	last, from := int64(0), int64(0)
	check := func(w *writer) (bool, error) {
		value, err := metaValue(w.c, key)
		if err != nil {
			return false, err
		}
		if last, _, err = w.c.integer(`SELECT coalesce(max(num), 0) FROM observed`); err != nil {
			return false, err
		}
		if from, err = strconv.ParseInt(value, 10, 64); err != nil {
			from = -1 // the first call
		}
		return from != last, nil
	}
	err = s.change(ctx, "adding look-ups to", check, func(w *writer) error {
		if _, err := check(w); err != nil { // another process may have been here
			return err
		}
		if from < 0 || from > last {
			return setMeta(w.c, key, strconv.FormatInt(last, 10))
		}
		to := min(from+chunk, last)
		more = to < last
		type fresh struct {
			num      int64
			recorded string
		}
		var found []fresh
		err := w.c.query(`SELECT o.entity, max(o.recorded_at), k.connection FROM observed o CROSS JOIN forms f ON f.num = o.form
			CROSS JOIN entities e ON e.num = o.entity CROSS JOIN kinds k ON k.num = e.kind
			WHERE o.num > ? AND o.num <= ? AND f.source = ? GROUP BY o.entity`, func(row []driver.Value) error {
			if asked[text(row[2])] {
				found = append(found, fresh{integer(row[0]), text(row[1])})
			}
			return nil
		}, from, to, string(lifecycle.SourceWebhook))
		for i := 0; err == nil && i < len(found); i++ {
			err = w.c.exec(`INSERT INTO wanted (entity, reason, since, due_at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
				SET since = excluded.since, due_at = excluded.due_at, attempts = 0 WHERE excluded.since > since`,
				found[i].num, string(lifecycle.WantAlways), found[i].recorded, at)
		}
		if err != nil {
			return err
		}
		return setMeta(w.c, key, strconv.FormatInt(to, 10))
	})
	return more, err
}
