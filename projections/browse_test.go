package projections

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// browsed is a store with entities of every family in three connections, conflicts, references, odd ids, anomalies, wants and
// parked records.
func browsed(t testing.TB) *Reader {
	t.Helper()
	c := testConfig(t)
	s := open(t, c)
	_, err := s.Resume(t.Context(), []int32{0})
	require.NoError(t, err)
	var facts []Fact
	add := func(o lifecycle.Observation) {
		at := int64(len(facts))
		o.ID, o.Occurred, o.Recorded = fmt.Sprintf("e%d", at), epoch.Add(time.Duration(at)*time.Second), epoch.Add(time.Duration(at)*time.Second)
		facts = append(facts, Fact{Observations: []lifecycle.Observation{o}, Offset: at, Prev: at})
	}
	odd := []string{"a/b", "a\x00b", "", "<script>", "Äpfel", "\xff\xfe", "a%2Fb", "zzz", "A1", "a1"}
	for i := range 60 {
		o := transfer("", []string{"created", "processing", "confirmed", "rejected", "limbo"}[i%5], 0)
		o.Entity.Connection = []string{"acme-live", "acme-test", "other"}[i%3]
		o.Entity.ID = fmt.Sprintf("pay_%02d", i)
		if i < len(odd) {
			o.Entity.ID = odd[i]
		}
		if i%4 == 0 {
			o.Attributes.Reference = &lifecycle.Reference{Text: fmt.Sprintf("Invoice %d", i%7)}
		}
		add(o)
		if i%6 == 2 {
			o.Status, o.Type = "rejected", "acme.transfer.rejected" // beside confirmed: a conflict
			add(o)
		}
	}
	for i, kind := range []string{"account", "check", "mandate", "dispute", "link", "check", "account"} {
		o := transfer("", map[string]string{"check": "confirmed", "dispute": "open"}[kind], 0)
		if o.Status == "" {
			o.Status = "active"
		}
		o.Unsigned = true
		o.Entity.Kind, o.Entity.ID, o.Attributes = kind, fmt.Sprintf("x%d", i), lifecycle.Attributes{}
		add(o)
	}
	for i := range 9 {
		at := int64(len(facts))
		facts = append(facts, Fact{Offset: at, Prev: at, Parked: &Parked{
			Connection: []string{"acme-live", "other"}[i%2], ObservationID: fmt.Sprintf("p%d", i), Type: "acme.x",
			Reason: []string{"not_json", "shape"}[i%2], Detail: "the body is not JSON",
		}})
	}
	require.NoError(t, s.CommitAll(t.Context(), facts))
	r, err := OpenReader(c.Path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// all reads a list page by page.
func all[T any](t require.TestingT, b Bounds, page func(after string) (Page[T], error)) (out []T) {
	after := ""
	for range 10_000 {
		p, err := page(after)
		require.NoError(t, err)
		require.LessOrEqual(t, len(p.Rows), b.Rows)
		if b.Looks > 0 {
			require.LessOrEqual(t, p.Looked, b.Looks)
		}
		out = append(out, p.Rows...)
		if after = p.Next; after == "" {
			return out
		}
	}
	t.Errorf("the list does not end")
	t.FailNow()
	return nil
}

// TestEveryRowIsOnOnePage: under any filter, and however small the pages are, going through them gives each row of the view that
// matches once, and nothing else.
func TestEveryRowIsOnOnePage(t *testing.T) {
	r := browsed(t)
	views := make(map[lifecycle.Family][]map[string]any)
	for _, f := range lifecycle.Families() {
		for row, err := range r.Rows(t.Context(), familyView(f)) {
			require.NoError(t, err)
			views[f] = append(views[f], row)
		}
	}
	require.Len(t, views[lifecycle.Payment], 60)
	matched := 0
	rapid.Check(t, func(rt *rapid.T) {
		f := EntityFilter{
			Family:         rapid.SampledFrom(lifecycle.Families()).Draw(rt, "family"),
			Connection:     rapid.SampledFrom([]string{"", "", "acme-live", "other", "none"}).Draw(rt, "connection"),
			Kind:           rapid.SampledFrom([]string{"", "", "transfer", "check"}).Draw(rt, "kind"),
			Status:         rapid.SampledFrom([]lifecycle.Status{"", "", lifecycle.Failed, lifecycle.Unknown, "no such"}).Draw(rt, "status"),
			ProviderStatus: rapid.SampledFrom([]string{"", "", "rejected", "reversed"}).Draw(rt, "provider status"),
			Conflict:       rapid.SampledFrom([]bool{false, false, true}).Draw(rt, "conflict"),
			Text:           rapid.SampledFrom([]string{"", "", "PAY_1", "invoice 3", "/", "\x00", "%", "ä"}).Draw(rt, "text"),
		}
		b := Bounds{Rows: rapid.IntRange(1, 70).Draw(rt, "rows"), Looks: rapid.IntRange(0, 30).Draw(rt, "looks")}
		var want []string
		for _, row := range views[f.Family] {
			has := func(column string, value string) bool { return value == "" || row[column] == value }
			part := strings.ToLower(f.Text)
			reference, _ := row["reference"].(string)
			if has("connection", f.Connection) && has("kind", f.Kind) && has("status", string(f.Status)) && has("provider_status", f.ProviderStatus) &&
				(!f.Conflict || row["conflict"] == int64(1)) &&
				(strings.Contains(strings.ToLower(row["id"].(string)), part) || strings.Contains(strings.ToLower(reference), part)) {
				want = append(want, fmt.Sprint(row["connection"], "\x01", row["kind"], "\x01", row["id"], row["status"], row["updated_at"], row["amount"]))
			}
		}
		var got []string
		entries := all(rt, b, func(after string) (Page[Entry], error) { return r.Entities(context.Background(), f, after, b) })
		require.True(rt, slices.IsSortedFunc(entries, func(a, b Entry) int { return a.Entity.Compare(b.Entity) }))
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.Entity.Connection, "\x01", e.Entity.Kind, "\x01", e.Entity.ID, e.Status, e.UpdatedAt, e.Column("amount")))
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(rt, want, got)
		matched += len(got)
	})
	require.NotZero(t, matched)
}

func TestEveryMarkIsOnOnePage(t *testing.T) {
	r := browsed(t)
	count := func(view string, f MarkFilter) (n int) {
		for row, err := range r.Rows(t.Context(), view) {
			require.NoError(t, err)
			if f.takes(row["connection"].(string), row["reason"].(string)) {
				n++
			}
		}
		return n
	}
	for _, view := range []string{"anomalies", "wants", "parked"} {
		require.NotZero(t, count(view, MarkFilter{}), view)
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := MarkFilter{
			Connection: rapid.SampledFrom([]string{"", "acme-live", "other", "none"}).Draw(rt, "connection"),
			Reason:     rapid.SampledFrom([]string{"", "", "conflict", "unknown_status", "not_json", "thin", "zz"}).Draw(rt, "reason"),
		}
		b := Bounds{Rows: rapid.IntRange(1, 20).Draw(rt, "rows"), Looks: rapid.IntRange(0, 9).Draw(rt, "looks")}
		ctx := context.Background()
		seen := make(map[any]bool)
		anomalies := all(rt, b, func(after string) (Page[AnomalyEntry], error) { return r.Anomalies(ctx, f, after, b) })
		for _, a := range anomalies {
			require.False(rt, seen[a])
			seen[a] = true
		}
		wants := all(rt, b, func(after string) (Page[WantedEntry], error) { return r.WantedPage(ctx, f, after, b) })
		for _, w := range wants {
			require.False(rt, seen[w])
			seen[w] = true
		}
		parked := all(rt, b, func(after string) (Page[ParkedEntry], error) { return r.ParkedPage(ctx, f, after, b) })
		for _, p := range parked {
			require.False(rt, seen[p])
			seen[p] = true
		}
		require.Len(rt, anomalies, count("anomalies", f))
		require.Len(rt, wants, count("wants", f))
		require.Len(rt, parked, count("parked", f))
	})
}

// TestPagesUseIndexes: no page sorts, and none reads more of the large tables than it shows.
func TestPagesUseIndexes(t *testing.T) {
	r := browsed(t)
	for name, sql := range map[string]string{
		"kind": browseKind, "rest": browseRest, "find": findKind, "anomalies": browseAnomalies, "wants": browseWants, "parked": browseParked,
		"count": countChunk, "latest": browseLatest,
	} {
		var plan []string
		args := make([]driver.Value, strings.Count(sql, "?"))
		err := r.c.query("EXPLAIN QUERY PLAN "+sql, func(row []driver.Value) error {
			plan = append(plan, text(row[3]))
			return nil
		}, args...)
		require.NoError(t, err)
		steps := strings.Join(plan, "\n")
		t.Logf("%s:\n%s", name, steps)
		require.NotContains(t, steps, "SCAN", name)
		if name != "count" && name != "latest" { // these sort what they have bounded before
			require.NotContains(t, steps, "TEMP B-TREE", name)
		}
	}
}

func TestPlacesAreChecked(t *testing.T) {
	r := browsed(t)
	b := Bounds{Rows: 1}
	first, err := r.Anomalies(t.Context(), MarkFilter{}, "", b)
	require.NoError(t, err)
	require.NotEmpty(t, first.Next)
	for _, wrong := range []string{"?", "AAAA", placeOf("a", "b"), placeOf("a", "b", "c", "d")} {
		_, err = r.Anomalies(t.Context(), MarkFilter{}, wrong, b)
		require.ErrorIs(t, err, ErrPlace, wrong)
		_, err = r.ParkedPage(t.Context(), MarkFilter{}, wrong, b)
		require.ErrorIs(t, err, ErrPlace, wrong)
	}
	_, err = r.Entities(t.Context(), EntityFilter{Family: lifecycle.Payment}, "AA", b)
	require.ErrorIs(t, err, ErrPlace)
	other := testConfig(t)
	require.NoError(t, open(t, other).Close())
	elsewhere, err := OpenReader(other.Path)
	require.NoError(t, err)
	defer elsewhere.Close()
	_, err = elsewhere.Anomalies(t.Context(), MarkFilter{}, first.Next, b)
	require.ErrorIs(t, err, ErrPlaceGone)
}

// TestPagesEndInTime: a page ends when its time is over, having looked at something.
func TestPagesEndInTime(t *testing.T) {
	r := browsed(t)
	long := EntityFilter{Family: lifecycle.Payment, Text: "nowhere"}
	p, err := r.Entities(t.Context(), long, "", Bounds{Rows: 5, Until: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, Page[Entry]{Looked: 60}, p)
	g := gathering[int]{ctx: t.Context(), bounds: Bounds{Rows: 5, Until: time.Unix(0, 0)}}
	looked := 0
	for err = nil; err == nil; looked++ {
		err = g.look(0, false, func() string { return "here" })
	}
	require.ErrorIs(t, err, errStopped)
	require.Equal(t, Page[int]{Next: "here", Looked: looked}, g.page)
	require.Less(t, looked, 100)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	g = gathering[int]{ctx: gone, bounds: Bounds{Rows: 5}}
	for err = nil; err == nil; {
		err = g.look(0, false, func() string { return "here" })
	}
	require.ErrorIs(t, err, context.Canceled)
}

func TestCountAndFind(t *testing.T) {
	r := browsed(t)
	var tally Tally
	require.NoError(t, r.Count(t.Context(), &tally, time.Time{}))
	require.True(t, tally.Done)
	require.Equal(t, int64(67), tally.Counted)
	for _, f := range lifecycle.Families() {
		want := make(map[TallyKey]TallyCount)
		for row, err := range r.Rows(t.Context(), familyView(f)) {
			require.NoError(t, err)
			key := TallyKey{row["connection"].(string), f, lifecycle.Status(row["status"].(string))}
			n := want[key]
			n.Entities++
			n.Conflicts += row["conflict"].(int64)
			want[key] = n
		}
		for key, n := range want {
			require.Equal(t, n, tally.Entities[key])
		}
	}
	require.Equal(t, map[string]int64{"not_json": 5, "shape": 4}, tally.Parked)
	require.Equal(t, int64(2), tally.Anomalies["conflict"])
	require.NotZero(t, tally.Wants["conflict"])

	found, err := r.Find(t.Context(), "pay_1", 5)
	require.NoError(t, err)
	require.Len(t, found, 5)
	for _, e := range found {
		require.True(t, strings.HasPrefix(e.Entity.ID, "pay_1"))
	}
	found, err = r.Find(t.Context(), "x3", 5)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, lifecycle.Dispute, found[0].Family)

	shown, err := r.Show(t.Context(), lifecycle.Entity{Connection: "acme-test", Kind: "transfer", ID: "pay_10"})
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"t1","status":"created"}`, shown.Object)
	require.Equal(t, int64(1050), shown.Entry.Column("amount"))
	require.Len(t, shown.Record.Timeline, 1)
	_, err = r.Show(t.Context(), lifecycle.Entity{Connection: "acme-test", Kind: "transfer", ID: "none"})
	require.ErrorIs(t, err, ErrNoEntity)

	latest, err := r.Latest(t.Context(), 3)
	require.NoError(t, err)
	require.Len(t, latest, 3)
	require.Equal(t, "x6", latest[0].Entity.ID)
	where, err := r.Where()
	require.NoError(t, err)
	require.Equal(t, "hookfold.events", where.Topic)
	require.Equal(t, map[int32]int64{0: 86}, where.Next)
}

func TestReaderCannotWrite(t *testing.T) {
	r := browsed(t)
	require.ErrorContains(t, r.c.script("UPDATE total SET lo = 1"), "readonly")
	require.ErrorContains(t, r.c.script("CREATE TABLE x (y)"), "readonly")
}

// TestCountGoesOn: what is too much for one call is counted by several, each entity once; another file is counted from its beginning.
func TestCountGoesOn(t *testing.T) {
	c := testConfig(t)
	s := open(t, c)
	o := transfer("e0", "confirmed", 0)
	require.NoError(t, s.Commit(t.Context(), Fact{Observations: []lifecycle.Observation{o}}))
	require.NoError(t, s.Close())
	w, err := openConn(c.Path, "rw")
	require.NoError(t, err)
	require.NoError(t, w.script(`INSERT INTO entities (kind, id, observations, marks, digest, status, created_at, updated_at, conflict, seen, hashes, spilled, summary)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11999)
		SELECT kind, 'x' || n.i, 1, 0, digest, CASE n.i % 2 WHEN 0 THEN 'failed' ELSE status END, created_at, updated_at, n.i % 3 = 0, '[]', x'', 0, summary
		FROM entities, n`))
	require.NoError(t, w.close())
	r, err := OpenReader(c.Path)
	require.NoError(t, err)
	defer r.Close()
	var tally Tally
	var so []int64
	for !tally.Done {
		require.NoError(t, r.Count(t.Context(), &tally, time.Time{}))
		so = append(so, tally.Counted)
	}
	require.Equal(t, []int64{5_000, 10_000, 12_000}, so)
	require.Equal(t, map[TallyKey]TallyCount{
		{"acme-live", lifecycle.Payment, lifecycle.Succeeded}: {6_001, 2_000},
		{"acme-live", lifecycle.Payment, lifecycle.Failed}:    {5_999, 1_999},
	}, tally.Entities)

	other := browsed(t)
	half := Tally{}
	require.NoError(t, r.Count(t.Context(), &half, time.Time{}))
	require.False(t, half.Done)
	require.NoError(t, other.Count(t.Context(), &half, time.Time{}))
	require.True(t, half.Done)
	require.Equal(t, int64(67), half.Counted)
}
