package projections

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// ErrNoEntity says that the store does not know an entity.
var ErrNoEntity = errors.New("the store does not know this entity")

// EntityRecord is all that the store has of an entity.
type EntityRecord struct {
	Entity       lifecycle.Entity
	Provider     string
	Summary      lifecycle.Summary
	Digest       lifecycle.Digest
	Observations int64
	// Timeline is as Reader.Timeline returns it; Claims are the words that its entries claim, in the same order. A word
	// can be finer than the provider status that users see.
	Timeline []TimelineEntry
	Claims   []lifecycle.Claimed
	// Differing are the anomalies that are not read from the summary: ids under which bodies differ.
	Differing []lifecycle.Anomaly
	Wants     []WantEntry
}

// WantEntry is a row of the view wants. Times are RFC 3339.
type WantEntry struct {
	Reason    string `json:"reason"`
	Since     string `json:"since"`
	DueAt     string `json:"due_at"`
	Attempts  int64  `json:"attempts"`
	LastError string `json:"last_error,omitempty"`
}

// Entity reads an entity, all of one moment. It fails with ErrNoEntity where there is none.
func (r *Reader) Entity(ctx context.Context, e lifecycle.Entity) (out EntityRecord, err error) {
	err = r.Snapshot(func() error {
		out, err = r.entity(ctx, e)
		return err
	})
	return out, err
}

func (r *Reader) entity(ctx context.Context, e lifecycle.Entity) (EntityRecord, error) {
	out := EntityRecord{Entity: e}
	num := int64(0)
	var encoded, digest []byte
	err := r.c.query(`SELECT e.num, k.provider, e.observations, e.digest, e.summary FROM kinds k JOIN entities e ON e.kind = k.num
		WHERE k.connection = ? AND k.kind = ? AND e.id = ?`, func(row []driver.Value) error {
		num, out.Provider, out.Observations = integer(row[0]), text(row[1]), integer(row[2])
		digest, _ = row[3].([]byte)
		encoded, _ = row[4].([]byte)
		return nil
	}, e.Connection, e.Kind, e.ID)
	switch {
	case err != nil:
		return out, explain(r.path, "reading", err)
	case num == 0:
		return out, ErrNoEntity
	}
	out.Digest = decodeDigest(digest)
	if out.Summary, err = lifecycle.DecodeSummary(encoded); err != nil {
		return out, fmt.Errorf("%s of %s: %w", e.Ref(), r.path, err)
	}
	if out.Timeline, err = r.Timeline(ctx, e); err != nil {
		return out, err
	}
	words, err := r.words(num)
	if err != nil {
		return out, explain(r.path, "reading", err)
	}
	for _, t := range out.Timeline {
		out.Claims = append(out.Claims, lifecycle.Claimed{ID: t.ObservationID, Status: words[t.ObservationID]})
	}
	if err := r.marks(num, &out); err != nil {
		return out, explain(r.path, "reading", err)
	}
	return out, nil
}

// words are the words that the observations of an entity claim, by observation id.
func (r *Reader) words(num int64) (map[string]string, error) {
	words := make(map[string]string)
	err := r.c.query(`SELECT o.observation_id, f.word FROM entities e, json_each(e.seen) s
			CROSS JOIN observed o ON o.num = s.value JOIN forms f ON f.num = o.form WHERE e.num = ?
		UNION ALL SELECT o.observation_id, f.word FROM more m
			CROSS JOIN observed o ON o.num = m.num JOIN forms f ON f.num = o.form WHERE m.entity = ?`, func(row []driver.Value) error {
		words[text(row[0])] = text(row[1])
		return nil
	}, num, num)
	return words, err
}

func (r *Reader) marks(num int64, out *EntityRecord) error {
	err := r.c.query(`SELECT detail, first_seen_at FROM strange WHERE entity = ? AND reason = ? ORDER BY detail`, func(row []driver.Value) error {
		first, err := parseTime(text(row[1]))
		out.Differing = append(out.Differing, lifecycle.Anomaly{Reason: lifecycle.AnomalyDiffering, Detail: text(row[0]), FirstSeen: first})
		return err
	}, num, string(lifecycle.AnomalyDiffering))
	if err != nil {
		return err
	}
	return r.c.query(`SELECT reason, since, due_at, attempts, last_error FROM wanted WHERE entity = ? ORDER BY reason`, func(row []driver.Value) error {
		out.Wants = append(out.Wants, WantEntry{text(row[0]), text(row[1]), text(row[2]), integer(row[3]), text(row[4])})
		return nil
	}, num)
}
