//go:build linux

package faults

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections"
)

const topic = "hookfold.events"

// auditor holds the log against what the simulator sent, and the store against the log. Whether the store's rows are what the
// providers know is for the simulator's own auditor.
type auditor struct {
	t    *testing.T
	site *site
	// report takes what is wrong.
	report func(format string, args ...any)
}

// said is what an auditor found out about a site.
type said struct {
	records, events, lookups int
	answers                  map[int]int
	refused                  int // genuine deliveries that were answered 401 since a clock was off
}

// record is what the auditor wants to know of one in the log.
type record struct{ id, kind, body string }

// openStore reads the views as any other program would.
func openStore(path string) (*sql.DB, error) {
	return sql.Open("sqlite3", (&url.URL{Scheme: "file", Opaque: path, RawQuery: "mode=ro&_busy_timeout=10000"}).String())
}

func (s *site) store() string { return filepath.Join(s.data, "projections.db") }

// reader reads the log as it is.
func (a *auditor) reader() *kafka.Reader {
	a.t.Helper()
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: []string{a.site.brokers}}})
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

// ends are the ends of the log's partitions.
func (a *auditor) ends(ctx context.Context) map[int32]int64 {
	a.t.Helper()
	r := a.reader()
	defer r.Close() //nolint:errcheck // nothing is left to lose
	_, ends, err := r.Offsets(ctx, topic)
	if err != nil {
		a.t.Fatal(err)
	}
	return ends
}

// log reads the whole topic, by connection.
func (a *auditor) log(ctx context.Context) map[string][]record {
	a.t.Helper()
	r := a.reader()
	defer r.Close() //nolint:errcheck // nothing is left to lose
	var ranges []kafka.Range
	for id := range a.ends(ctx) {
		ranges = append(ranges, kafka.Range{Topic: topic, Partition: id, From: -1, To: -1})
	}
	out := map[string][]record{}
	err := r.Read(ctx, ranges, func(rec kafka.Record) error {
		got, connection := record{body: string(rec.Value)}, ""
		for _, h := range rec.Headers {
			switch h.Key {
			case "ce_id":
				got.id = string(h.Value)
			case "ce_type":
				got.kind = string(h.Value)
			case "ce_source":
				connection = strings.TrimPrefix(string(h.Value), "/connections/")
			}
		}
		out[connection] = append(out[connection], got)
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// recorded holds every attempt against the log: each delivery that had its 2xx is there, byte for byte, and nothing is there that was not
// genuine. All attempts must have been made.
func (a *auditor) recorded(ctx context.Context, attempts []attempt) said {
	a.t.Helper()
	found := said{answers: map[int]int{}}
	plan := a.site.world.plan
	taken := map[int]bool{}
	for _, at := range attempts {
		found.answers[at.Status]++
		d := plan.Deliveries[at.Delivery]
		switch {
		case at.Status == 200 && d.Genuine():
			taken[at.Delivery] = true
		case at.Status == 0, at.Status == 503, at.Status == 401 && !d.Genuine():
		case at.Status == 401 && a.site.clocks.wrong(at.At):
			found.refused++
		default:
			a.report("the %s delivery %d was answered %d", or(string(at.Fault), "genuine"), at.Delivery, at.Status)
		}
	}
	found.events = len(taken)
	sent := map[string]map[string]bool{} // the genuine bodies, by connection
	for _, c := range plan.Connections {
		sent[c.Name] = map[string]bool{}
	}
	for _, d := range plan.Deliveries {
		if d.Genuine() {
			sent[d.Connection][d.Body] = true
		}
	}
	log := a.log(ctx)
	held := map[string]map[string]bool{}
	for connection, records := range log {
		held[connection] = map[string]bool{}
		for _, r := range records {
			switch {
			case strings.HasSuffix(r.kind, ".lookup"):
				found.lookups++
			case sent[connection][r.body]:
				found.records++
				held[connection][r.body] = true
			default:
				a.report("the log holds what nobody verified: %s of %s, %s", r.id, connection, r.kind)
			}
		}
	}
	for _, d := range plan.Deliveries {
		if d.Genuine() && !taken[d.Number] {
			a.report("delivery %d never had its 2xx", d.Number)
		} else if d.Genuine() && !held[d.Connection][d.Body] {
			a.report("LOST: delivery %d (%s of %s) had its 2xx and is not in the log, byte for byte", d.Number, d.Type, d.Connection)
		}
	}
	return found
}

// caughtUp waits until the store has folded the log to these ends.
func (a *auditor) caughtUp(ctx context.Context, ends map[int32]int64) bool {
	a.t.Helper()
	var behind string
	for ok := true; ok; ok = wait(ctx, 100*time.Millisecond) {
		if behind = a.behind(ctx, ends); behind == "" {
			return true
		}
	}
	a.report("the store lags: %s", behind)
	return false
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
		if end > 0 && (err != nil || next < end) {
			return fmt.Sprintf("partition %d stands at %d of %d (%v)", id, next, end, err)
		}
	}
	return ""
}

// sound looks at what must hold in any store.
func (a *auditor) sound() {
	a.t.Helper()
	db, err := openStore(a.site.store())
	if err != nil {
		a.t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it was only read
	questions := map[string]string{
		"anomalies beside what clocks do": "SELECT count(*) FROM anomalies WHERE reason <> 'clock_backwards'",
		"parked observations":             "SELECT count(*) FROM parked",
		"observations that stand in the timeline twice": `SELECT count(*) - count(DISTINCT connection || char(0) || kind || char(0) || id || char(0) || observation_id)
			FROM timeline`,
	}
	for _, view := range []string{"accounts", "payments", "verifications", "mandates", "disputes", "links"} {
		questions["rows of "+view+" with another number of observations than their timeline"] = `SELECT count(*) FROM ` + view + ` e WHERE observations <>
			(SELECT count(*) FROM timeline t WHERE t.connection = e.connection AND t.kind = e.kind AND t.id = e.id)`
	}
	for what, question := range questions {
		var n int
		if err := db.QueryRow(question).Scan(&n); err != nil || n != 0 {
			a.report("%d %s (%v)", n, what, err)
		}
	}
	var ok string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		a.report("SQLite finds the store damaged: %s (%v)", ok, err)
	}
}

// again folds the log into a second store that no fault has touched, and compares the two: their digests, and every byte of
// their views, but for what is still to be looked up, which counts its attempts.
func (a *auditor) again(ctx context.Context, free *ports) {
	a.t.Helper()
	s := *a.site
	s.data, s.config = filepath.Join(a.t.TempDir(), "again"), s.quiet
	p := s.run(a.t, "again", nil, "worker", "--brokers", s.brokers, "--group", "again "+s.data, "--data", s.data, "--admin", free.take(a.t))
	defer p.stop(a.t)
	fresh := &auditor{a.t, &s, a.report}
	for ok := true; ok; ok = wait(ctx, time.Second) {
		ends := a.ends(ctx)
		if !fresh.caughtUp(ctx, ends) || !a.caughtUp(ctx, ends) {
			a.t.Log(p.tail(3000))
			return
		}
		was, is := dump(a.t, a.site.store()), dump(a.t, s.store())
		if was == is {
			return
		}
		if a.behind(ctx, a.ends(ctx)) != "" || fmt.Sprint(a.ends(ctx)) != fmt.Sprint(ends) {
			continue // an answer to a look-up came in between
		}
		a.report("the store differs from a fold of the same log that nothing disturbed, first in:\n%s", firstDifference(was, is))
		return
	}
}

var wants = regexp.MustCompile(`(?s)== wants\n.*?(== |$)`)

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
	return wants.ReplaceAllString(text.String(), "$1")
}

func firstDifference(a, b string) string {
	before, after := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(before), len(after)) {
		if before[i] != after[i] {
			return before[i] + "\n" + after[i]
		}
	}
	return fmt.Sprintf("%d and %d lines", len(before), len(after))
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
