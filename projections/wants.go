package projections

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// never is the due_at of a want that is not asked for again: the API cannot be asked, or does not settle it.
const never = "9999-12-31T00:00:00Z"

// secondsFormat is how the runner writes times. They are whole seconds, so that they sort as text among themselves.
const secondsFormat = "2006-01-02T15:04:05Z"

// urgency are the reasons in the order in which they are served: what may be wrong now comes before what merely waits.
var urgency = [...]lifecycle.WantReason{ //nolint:gochecknoglobals // a constant that Go cannot write as one
	lifecycle.WantConflict, lifecycle.WantUnknownStatus, lifecycle.WantThin, lifecycle.WantUnsigned, lifecycle.WantAlways, lifecycle.WantOverdue,
}

// runnersWant says whether a reason is the runner's to see and to settle, rather than the fold's.
func runnersWant(r lifecycle.WantReason) bool {
	return r == lifecycle.WantOverdue || r == lifecycle.WantAlways
}

// LeaseRequest asks for one entity of a connection to look up.
type LeaseRequest struct {
	Connection string
	// Owner is unique for each lease: only it can settle what it leased.
	Owner string
	Now   time.Time
	// TTL is how long the lease holds; afterwards others may take the entity over.
	TTL time.Duration
	// Rate is what the connection may ask; see TakeToken. A lease takes a token.
	Rate Rate
	// Overdue says whether an entity with an overdue want still is overdue; where it is not, the want is dropped unasked. Nil
	// means yes. It must not use the store.
	Overdue func(*Lease) bool
}

// Lease is one entity with everything that is wanted of it.
type Lease struct {
	Entity   lifecycle.Entity
	Provider string
	Status   lifecycle.Status
	// ProviderStatus is the word that users see.
	ProviderStatus       string
	CreatedAt, UpdatedAt time.Time
	// Delivered and Answered are when the entity's latest webhook and answer to a look-up were recorded; zero for none.
	Delivered, Answered time.Time
	// Wants are all wants of the entity, those included that were not due yet: one answer serves them all.
	Wants []LeasedWant
	// Done says that the answer was folded already, and only settling the lease of one who died is left to do. No token was taken.
	Done bool

	owner string
	num   int64
}

// LeasedWant is a want as it stood when it was leased.
type LeasedWant struct {
	Reason   lifecycle.WantReason
	Since    time.Time
	Attempts int

	since string
}

// Attempts is how often the entity was asked for, as far as the wants remember.
func (l *Lease) Attempts() int {
	n := 0
	for _, w := range l.Wants {
		n = max(n, w.Attempts)
	}
	return n
}

// Next is when to ask for a lease again, where there was none.
type Next struct {
	// In is how long no request is allowed where Due, else how long until a want is due, at most idleMost.
	In time.Duration
	// Due says that there is something to ask, but no token.
	Due bool
}

// idleMost bounds Next.In: other processes make wants, too, and leave leases behind.
const idleMost = 30 * time.Second

// LeaseWant leases the most urgent due entity of a connection that nobody else has leased, and takes a token for the one
// request that it needs. The lease is nil where none is due, where there is no token (see Next), and where an error kept lease and token
// from being committed.
func (s *Store) LeaseWant(ctx context.Context, r LeaseRequest) (lease *Lease, next Next, err error) {
	err = s.change(ctx, "leasing a look-up in", func(w *writer) (bool, error) {
		l, err := w.mostUrgent(&r) // spares the write lock where there is nothing to lease
		if l != nil || err != nil {
			return true, err
		}
		next.In, err = w.untilDue(&r)
		return false, err
	}, func(w *writer) error {
		lease, next = nil, Next{}
		for {
			l, err := w.mostUrgent(&r)
			if l == nil || err != nil {
				return err
			}
			if err := w.fill(l); err != nil {
				return err
			}
			if n := len(l.Wants); r.Overdue != nil && n == 1 && l.Wants[0].Reason == lifecycle.WantOverdue && !l.Done && !r.Overdue(l) {
				if err := w.c.exec(`DELETE FROM wanted WHERE entity = ? AND reason = ?`, l.num, string(lifecycle.WantOverdue)); err != nil {
					return err
				}
				continue
			}
			if !l.Done {
				rate := r.Rate
				if l.Wants[0].Reason == lifecycle.WantOverdue {
					rate = rate.patient()
				}
				if next.In, err = w.takeToken(r.Connection, rate, r.Now); next.In > 0 || err != nil {
					next.Due = true
					return err
				}
			}
			lease = l
			return w.c.exec(`UPDATE wanted SET lease_owner = ?, leased_until = ? WHERE entity = ?`, r.Owner, roundUp(r.Now.Add(r.TTL)), l.num)
		}
	})
	if err != nil { // nothing of it is in the file: another may lease the same, and the request has no token
		return nil, Next{}, err
	}
	return lease, next, nil
}

// untilDue is how long until a want of the connection is due.
func (w *writer) untilDue(r *LeaseRequest) (time.Duration, error) {
	in := idleMost
	now, horizon := r.Now.UTC().Format(secondsFormat), roundUp(r.Now.Add(idleMost))
	for _, reason := range urgency {
		err := w.c.query(`SELECT w.due_at FROM wanted w CROSS JOIN entities e ON e.num = w.entity CROSS JOIN kinds k ON k.num = e.kind
			WHERE w.reason = ? AND w.due_at > ? AND w.due_at <= ? AND k.connection = ? ORDER BY w.due_at LIMIT 1`, func(row []driver.Value) error {
			due, err := parseTime(text(row[0]))
			in = min(in, due.Sub(r.Now))
			return err
		}, string(reason), now, horizon, r.Connection)
		if err != nil {
			return in, err
		}
	}
	return max(in, 0), nil
}

// mostUrgent finds the entity to lease, nil for none.
func (w *writer) mostUrgent(r *LeaseRequest) (found *Lease, err error) {
	now := r.Now.UTC().Format(secondsFormat)
	for _, reason := range urgency {
		err = w.c.query(`SELECT e.num, k.kind, e.id, k.provider, e.status, e.provider_status, e.created_at, e.updated_at, w.leased_until
			FROM wanted w CROSS JOIN entities e ON e.num = w.entity CROSS JOIN kinds k ON k.num = e.kind
			WHERE w.reason = ? AND w.due_at <= ? AND k.connection = ?
				AND NOT EXISTS (SELECT 1 FROM wanted x WHERE x.entity = w.entity AND x.leased_until > ?)
			ORDER BY w.due_at LIMIT 1`, func(row []driver.Value) error {
			found = &Lease{
				num: integer(row[0]), owner: r.Owner, Provider: text(row[3]), Status: lifecycle.Status(text(row[4])), ProviderStatus: text(row[5]),
				Entity: lifecycle.Entity{Connection: r.Connection, Kind: text(row[1]), ID: text(row[2])},
			}
			var err error
			if found.CreatedAt, err = parseTime(text(row[6])); err != nil {
				return err
			}
			if found.UpdatedAt, err = parseTime(text(row[7])); err != nil {
				return err
			}
			if text(row[8]) == "" {
				return nil
			}
			// Whoever leased it died. Was the answer appended and folded before that?
			until, err := parseTime(text(row[8]))
			if err != nil {
				return err
			}
			leasedAt := until.Add(-r.TTL - time.Second) // until was rounded up
			found.Delivered, found.Answered, err = heard(w.c, found.num)
			found.Done = found.Answered.After(leasedAt)
			return err
		}, string(reason), now, r.Connection, now)
		if found != nil || err != nil {
			break
		}
	}
	return found, err
}

// fill reads the rest of what a lease says, the most urgent want first.
func (w *writer) fill(l *Lease) (err error) {
	if l.Delivered, l.Answered, err = heard(w.c, l.num); err != nil {
		return err
	}
	for _, reason := range urgency {
		err = w.c.query(`SELECT since, attempts FROM wanted WHERE entity = ? AND reason = ?`, func(row []driver.Value) error {
			since, err := parseTime(text(row[0]))
			l.Wants = append(l.Wants, LeasedWant{reason, since, int(integer(row[1])), text(row[0])})
			return err
		}, l.num, string(reason))
		if err != nil {
			return err
		}
	}
	return nil
}

// Settlement is what became of a lease.
type Settlement struct {
	// Asked counts an attempt.
	Asked bool
	// Answered says that an answer is in the log: the runner's own wants are done, those of the fold are the fold's to end.
	Answered bool
	// Again is when to ask again for what is left; zero is never.
	Again time.Time
	// Error is why there is no answer, without secrets or personal data; empty for none.
	Error string
}

// SettleWants ends a lease. A want that became a newer one meanwhile is only given free, and so is nothing that another
// owner has leased since.
func (s *Store) SettleWants(ctx context.Context, l *Lease, to Settlement) error {
	again, asked := never, int64(0)
	if !to.Again.IsZero() {
		again = roundUp(to.Again)
	}
	if to.Asked {
		asked = 1
	}
	return s.change(ctx, "settling a look-up in", nil, func(w *writer) error {
		for _, n := range l.Wants {
			var err error
			if to.Answered && runnersWant(n.Reason) {
				err = w.c.exec(`DELETE FROM wanted WHERE entity = ? AND reason = ? AND lease_owner = ? AND since = ?`,
					l.num, string(n.Reason), l.owner, n.since)
			} else {
				err = w.c.exec(`UPDATE wanted SET attempts = attempts + ?, last_error = ?, due_at = ?
					WHERE entity = ? AND reason = ? AND lease_owner = ? AND since = ?`,
					asked, null(to.Error), again, l.num, string(n.Reason), l.owner, n.since)
			}
			if err != nil {
				return err
			}
		}
		return w.c.exec(`UPDATE wanted SET lease_owner = NULL, leased_until = NULL WHERE entity = ? AND lease_owner = ?`, l.num, l.owner)
	})
}

// WantOverdue adds overdue wants for entities, due at once. One that stands already is left as it is. It returns how many are new.
func (s *Store) WantOverdue(ctx context.Context, entities []lifecycle.Entity, now time.Time) (added int, err error) {
	at := now.UTC().Format(secondsFormat)
	err = s.change(ctx, "adding overdue look-ups to", nil, func(w *writer) error {
		added = 0
		for _, e := range entities {
			err := w.c.query(`INSERT INTO wanted (entity, reason, since, due_at)
				SELECT e.num, ?, ?, ? FROM kinds k JOIN entities e ON e.kind = k.num AND e.id = ? WHERE k.connection = ? AND k.kind = ?
				ON CONFLICT DO NOTHING RETURNING 1`, func([]driver.Value) error { added++; return nil },
				string(lifecycle.WantOverdue), at, at, e.ID, e.Connection, e.Kind)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return added, err
}

// DropSettled drops the overdue wants of entities that got on meanwhile.
func (s *Store) DropSettled(ctx context.Context) error {
	return s.change(ctx, "dropping look-ups from", nil, func(w *writer) error {
		return w.c.exec(`DELETE FROM wanted WHERE reason = ? AND lease_owner IS NULL
			AND entity IN (SELECT w.entity FROM wanted w JOIN entities e ON e.num = w.entity WHERE w.reason = ? AND e.status NOT IN `+unsettled+`)`,
			string(lifecycle.WantOverdue), string(lifecycle.WantOverdue))
	})
}

// change runs fn in a transaction of its own between the batches of the fold; where check is given, only if it finds a need.
func (s *Store) change(ctx context.Context, what string, check func(*writer) (bool, error), fn func(*writer) error) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	if check != nil {
		if need, err := check(s.w); err != nil || !need {
			if err != nil {
				s.drop()
				err = explain(s.config.Path, what, err)
			}
			return err
		}
	}
	if err := s.w.transaction(func() error { return fn(s.w) }); err != nil {
		s.drop()
		return explain(s.config.Path, what, err)
	}
	s.announce()
	return nil
}

// Changed returns a channel that is closed when something is committed by this process, so that wants can be looked for. To miss nothing, ask
// for it before looking.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

func (s *Store) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// roundUp writes a time as whole seconds, never earlier than it is.
func roundUp(t time.Time) string {
	return t.Add(time.Second - 1).UTC().Format(secondsFormat)
}
