package projections

import (
	"bytes"
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// rowWriter holds the statements that write entities of one family, and the space for their arguments.
type rowWriter struct {
	family         lifecycle.Family
	insert, update string
	inserting      *stmt
	updating       *stmt
	args           []driver.Value
}

func newRowWriter(f lifecycle.Family) *rowWriter {
	columns := append([]string{"observations", "marks", "digest", "mode", "status", "provider_status", "created_at", "updated_at",
		"conflict", "conflicting", "current"}, familyColumns(f)...)
	columns = append(columns, "seen", "hashes", "spilled", "object_at", "object_len", "summary")
	places := strings.Repeat("?, ", len(columns))
	return &rowWriter{
		family: f,
		insert: "INSERT INTO entities (" + strings.Join(columns, ", ") + ", kind, id, num) VALUES (" + places + "?, ?, ?)",
		update: "UPDATE entities SET " + strings.Join(columns, " = ?, ") + " = ? WHERE num = ?",
	}
}

// store writes the row of an entity, its wants and the anomalies of its state.
func (w *writer) store(it *item, old *stored, f *folded, observations int64, fresh bool) (err error) {
	r := it.kind.rows
	if r.args, err = appendRow(r.args[:0], it, old, f, observations, fresh); err == nil {
		err = w.storeRow(it, old, f, r.args, fresh)
	}
	clear(r.args)
	return err
}

// storeRow is store with the row of appendRow.
func (w *writer) storeRow(it *item, old *stored, f *folded, args []driver.Value, fresh bool) error {
	r, s := it.kind.rows, &f.state
	which, sql := &r.updating, r.update
	if fresh {
		which, sql = &r.inserting, r.insert
	}
	err := w.c.prepareOnce(which, sql)
	if err == nil {
		err = (*which).exec(args...)
	}
	if err != nil || len(s.Anomalies)+len(s.Wants) == 0 && old.marks == 0 {
		return err
	}
	if err := w.storeAnomalies(it.num, s.Anomalies); err != nil {
		return err
	}
	return w.storeWants(it.num, s.Wants)
}

// appendRow appends the values of an entity's row, for the insert where it is fresh and for the update else. It is pure.
func appendRow(args []driver.Value, it *item, old *stored, f *folded, observations int64, fresh bool) ([]driver.Value, error) {
	s := &f.state
	marks := int64(len(s.Anomalies) + len(s.Wants))
	conflict, conflicting := int64(0), driver.Value(nil)
	if s.Conflict {
		words, err := json.Marshal(s.Conflicting)
		if err != nil {
			return args, err
		}
		conflict, conflicting = 1, string(words)
	}
	args = append(args, observations, marks, encodeDigest(f.digest), null(string(s.Mode)), string(s.Status),
		null(s.ProviderStatus), formatTime(s.CreatedAt), formatTime(s.UpdatedAt), conflict, conflicting, null(s.Current))
	args = appendFamily(args, it.kind.rows.family, &s.Attributes)
	at, length, err := objectPlace(f.encoded, s.Attributes.Object)
	if err != nil {
		return args, err
	}
	args = append(args, string(old.seen), old.hashes, old.spilled, at, length, f.encoded)
	if fresh {
		args = append(args, it.kind.num, it.obs.Entity.ID)
	}
	return append(args, it.num), nil
}

// appendFamily appends the values of familyColumns.
func appendFamily(args []driver.Value, f lifecycle.Family, a *lifecycle.Attributes) []driver.Value {
	var profile, balance, money = or(a.Profile), or(a.Balance), or(a.Money)
	var relation, reference, counterparty = or(a.Relation), or(a.Reference), or(a.Counterparty)
	var failure, subject = or(a.Failure), or(a.Subject)
	switch f {
	case lifecycle.Account:
		return append(args, null(profile.Name), null(profile.Currency), null(profile.Identifier), minor(balance.Available), minor(balance.Total))
	case lifecycle.Payment:
		return append(args, null(string(money.Direction)), minor(money.Amount), null(money.Currency), null(relation.AccountID),
			null(relation.ParentID), null(reference.Text), null(counterparty.Name), null(failure.Code), null(failure.Reason))
	case lifecycle.Verification:
		return append(args, null(subject.Text), null(reference.Text), null(failure.Code), null(failure.Reason))
	default:
		return args
	}
}

// objectPlace says where in the encoded summary the object's bytes are: the first byte, counted from 1, and the number of
// bytes. The views take the object from there, so that it is not stored twice.
func objectPlace(encoded, object []byte) (at, length driver.Value, err error) {
	if object == nil {
		return nil, nil, nil
	}
	var space [binary.MaxVarintLen64]byte
	prefix := space[:binary.PutUvarint(space[:], uint64(len(object)))]
	for from := 0; ; {
		i := bytes.Index(encoded[from:], object)
		if i < 0 {
			return nil, nil, errors.New("the state's object is not a part of the summary: the fold and the store do not fit together")
		}
		i += from
		if bytes.HasSuffix(encoded[:i], prefix) {
			return int64(i + 1), int64(len(object)), nil
		}
		from = i + 1
	}
}

// storeAnomalies makes the anomalies of the state what they should be; those of differing bodies are kept elsewhere.
func (w *writer) storeAnomalies(num int64, anomalies []lifecycle.Anomaly) error {
	err := w.c.exec(`DELETE FROM strange WHERE entity = ? AND reason <> ?`, num, string(lifecycle.AnomalyDiffering))
	for i := 0; err == nil && i < len(anomalies); i++ {
		n := anomalies[i]
		err = w.c.exec(`INSERT INTO strange VALUES (?, ?, ?, ?)`, num, string(n.Reason), n.Detail, formatTime(n.FirstSeen))
	}
	return err
}

// storeWants makes the look-ups that the fold wants what they should be, and leaves alone what a runner wrote: attempts,
// errors, leases, and the wants that are the runner's own. A want that is newer than the one that stands is a new want: it is due at
// once, whatever became of the old one.
func (w *writer) storeWants(num int64, wants []lifecycle.Want) error {
	var gone []string
	err := w.c.query(`SELECT reason FROM wanted WHERE entity = ?`, func(row []driver.Value) error {
		reason := text(row[0])
		if !runnersWant(lifecycle.WantReason(reason)) && !slices.ContainsFunc(wants, func(n lifecycle.Want) bool { return string(n.Reason) == reason }) {
			gone = append(gone, reason)
		}
		return nil
	}, num)
	for i := 0; err == nil && i < len(gone); i++ {
		err = w.c.exec(`DELETE FROM wanted WHERE entity = ? AND reason = ?`, num, gone[i])
	}
	for i := 0; err == nil && i < len(wants); i++ {
		since := formatTime(wants[i].Since)
		err = w.c.exec(`INSERT INTO wanted (entity, reason, since, due_at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
			SET since = excluded.since,
				due_at = CASE WHEN attempts = 0 OR excluded.since > since THEN excluded.since ELSE due_at END,
				attempts = CASE WHEN excluded.since > since THEN 0 ELSE attempts END
			WHERE since <> excluded.since`, num, string(wants[i].Reason), since, since)
	}
	return err
}

// or is what p points to, or the zero value.
func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func null(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

func minor(n *int64) driver.Value {
	if n == nil {
		return nil
	}
	return *n
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func nullTime(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return formatTime(t)
}

func text(v driver.Value) string { s, _ := v.(string); return s }

func integer(v driver.Value) int64 { n, _ := v.(int64); return n }

func sortPositions(at []Position) { slices.SortFunc(at, Position.compare) }
