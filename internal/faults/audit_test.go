//go:build linux

package faults

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
)

const topic = "hookfold.events"

// auditor holds the log and the store against what the provider knows.
type auditor struct {
	t    *testing.T
	site *site
	p    *provider
	// report takes what is wrong.
	report func(format string, args ...any)
}

// said is what an auditor found out about a site.
type said struct {
	records, events, entities int
}

// openStore reads the views as any other program would.
func openStore(path string) (*sql.DB, error) {
	return sql.Open("sqlite3", (&url.URL{Scheme: "file", Opaque: path, RawQuery: "mode=ro&_busy_timeout=10000"}).String())
}

func (s *site) store() string { return filepath.Join(s.data, "projections.db") }

// log reads the whole topic: the ends of its partitions, and the bodies by event id.
func (a *auditor) log(ctx context.Context) (ends map[int32]int64, bodies map[string][][]byte) {
	a.t.Helper()
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: []string{a.site.brokers}}})
	if err != nil {
		a.t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // nothing is left to lose
	_, ends, err = r.Offsets(ctx, topic)
	if err != nil {
		a.t.Fatal(err)
	}
	var ranges []kafka.Range
	for id := range ends {
		ranges = append(ranges, kafka.Range{Topic: topic, Partition: id, From: -1, To: -1})
	}
	bodies = map[string][][]byte{}
	err = r.Read(ctx, ranges, func(rec kafka.Record) error {
		for _, h := range rec.Headers {
			if h.Key == "ce_id" {
				bodies[string(h.Value)] = append(bodies[string(h.Value)], bytes.Clone(rec.Value))
			}
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return ends, bodies
}

// examine is called when all is quiet: every event was accepted, and everything runs.
func (a *auditor) examine(ctx context.Context) said {
	a.t.Helper()
	ends, bodies := a.log(ctx)
	found := said{events: len(a.p.acked), entities: len(a.p.entities)}
	for _, e := range a.p.entities {
		for _, d := range e.events {
			copies := bodies[d.id]
			found.records += len(copies)
			delete(bodies, d.id)
			if a.p.acked[d.id] == "" {
				a.report("event %s never had its 2xx", d.id)
			} else if len(copies) == 0 {
				a.report("LOST: event %s had its 2xx and is not in the log", d.id)
			}
			for _, c := range copies {
				if string(c) != d.body {
					a.report("event %s stands in the log with another body", d.id)
				}
			}
		}
	}
	for id := range bodies {
		a.report("the log holds %s, which the provider never sent (a forgery: %v)", id, a.p.forged[id])
	}
	a.caughtUp(ctx, ends)
	a.states()
	return found
}

// caughtUp waits until the store has folded the log to its ends.
func (a *auditor) caughtUp(ctx context.Context, ends map[int32]int64) {
	a.t.Helper()
	var behind string
	for ok := true; ok; ok = wait(ctx, 100*time.Millisecond) {
		if behind = a.behind(ctx, ends); behind == "" {
			return
		}
	}
	a.report("the store lags: %s", behind)
}

func (a *auditor) behind(ctx context.Context, ends map[int32]int64) string {
	db, err := openStore(a.site.store())
	if err != nil {
		return err.Error()
	}
	defer db.Close() //nolint:errcheck // it was only read
	for id, end := range ends {
		var next int64
		err := db.QueryRowContext(ctx, "SELECT next_offset FROM progress WHERE topic = ? AND log_partition = ?", topic, id).Scan(&next)
		if end > 0 && (err != nil || next != end) {
			return fmt.Sprintf("partition %d stands at %d of %d (%v)", id, next, end, err)
		}
	}
	return ""
}

// states compares every row with the provider's knowledge.
func (a *auditor) states() {
	a.t.Helper()
	db, err := openStore(a.site.store())
	if err != nil {
		a.t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it was only read
	type row struct {
		status, word       string
		amount             int64
		observations, seen int
		conflict           bool
	}
	rows := map[string]row{}
	result, err := db.Query(`SELECT p.id, p.status, p.provider_status, p.amount, p.observations, p.conflict,
		(SELECT count(*) FROM timeline t WHERE t.connection = p.connection AND t.kind = p.kind AND t.id = p.id) FROM payments p`)
	if err != nil {
		a.t.Fatal(err)
	}
	defer result.Close() //nolint:errcheck // as above
	for result.Next() {
		var id string
		var r row
		if err := result.Scan(&id, &r.status, &r.word, &r.amount, &r.observations, &r.conflict, &r.seen); err != nil {
			a.t.Fatal(err)
		}
		rows[id] = r
	}
	if err := result.Err(); err != nil {
		a.t.Fatal(err)
	}
	for _, e := range a.p.entities {
		n := len(e.events)
		want := row{status: e.story.status, word: e.word(), amount: e.amount, observations: n, seen: n}
		if got, ok := rows[e.id]; !ok {
			a.report("payment %s is missing", e.id)
		} else if got != want {
			a.report("payment %s is %+v, want %+v", e.id, got, want)
		}
		delete(rows, e.id)
	}
	for id := range rows {
		a.report("payment %s is not the provider's", id)
	}
	for _, rows := range []string{
		"anomalies WHERE reason NOT IN ('clock_backwards', 'impossible_transition')", // the provider's clock is off on purpose
		"parked", "wants",
	} {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM " + rows).Scan(&n); err != nil || n != 0 {
			a.report("%d rows in %s (%v)", n, rows, err)
		}
	}
	var ok string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		a.report("SQLite finds the store damaged: %s (%v)", ok, err)
	}
}

// again folds the log into a second store that no fault has touched, and compares the two: their digests, and every byte of
// their views.
func (a *auditor) again(ctx context.Context, free *ports) {
	a.t.Helper()
	ends, _ := a.log(ctx)
	s := *a.site
	s.data = filepath.Join(a.t.TempDir(), "again")
	p := s.run(a.t, "again", "worker", "--brokers", s.brokers, "--group", "again", "--data", s.data, "--admin", free.take(a.t))
	fresh := &auditor{a.t, &s, a.p, a.report}
	fresh.caughtUp(ctx, ends)
	if a.t.Failed() {
		a.t.Log(p.tail(3000))
	}
	if was, is := dump(a.t, a.site.store()), dump(a.t, s.store()); was != is {
		a.report("the store differs from a fold of the same log that nothing disturbed: %d and %d bytes of text", len(was), len(is))
	}
}

func dump(t *testing.T, path string) string {
	t.Helper()
	r, err := projections.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	d, err := r.Digest()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "digest %v\n", d)
	if err := r.Dump(t.Context(), &text, projections.DumpOptions{}); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
