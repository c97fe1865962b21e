package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

var (
	rowLink  = regexp.MustCompile(`<td data-label="(?:Id|Entity)"><a class="id" href="([^"]*)"`)
	nextLink = regexp.MustCompile(`href="([^"]*)" rel="next"`)
)

// many is a world with some hundred payments more.
func many(t testing.TB) *world {
	w := newWorld(t)
	var added []projections.Fact
	for i := range 230 {
		o := lifecycle.Observation{
			Entity: lifecycle.Entity{Connection: []string{"devengo-test", "devengo-live"}[i%2], Kind: "outgoing_payment", ID: fmt.Sprintf("pyo_%03d/%d", i, i%7)},
			Type:   "devengo.outgoing_payment.x", Status: []string{"created", "confirmed", "rejected", "new word"}[i%4], Mode: lifecycle.ModeTest,
		}
		added = append(added, w.observe(o)...)
		if i%3 == 0 {
			o.Status = "confirmed"
			added = append(added, w.observe(o)...)
			o.Status = "rejected"
			added = append(added, w.observe(o)...)
		}
	}
	w.fold(w.path, added)
	return w
}

// TestPagesHoldEveryRowOnce: going from page to page under any filter, each row of the view that matches is met once.
func TestPagesHoldEveryRowOnce(t *testing.T) {
	w := many(t)
	h := w.console()
	r, err := projections.OpenReader(w.path)
	require.NoError(t, err)
	defer r.Close()
	rows := map[string][]map[string]any{}
	for _, view := range []string{"payments", "accounts", "verifications", "anomalies", "wants"} {
		for row, err := range r.Rows(t.Context(), view) {
			require.NoError(t, err)
			rows[view] = append(rows[view], row)
		}
	}
	require.Greater(t, len(rows["payments"]), 300)
	require.Greater(t, len(rows["anomalies"]), 80)
	several := 0
	rapid.Check(t, func(rt *rapid.T) {
		view := rapid.SampledFrom([]string{"payments", "payments", "accounts", "verifications", "anomalies", "wants"}).Draw(rt, "view")
		in := url.Values{}
		choose := func(name string, values ...string) {
			if v := rapid.SampledFrom(append(values, "", "", "")).Draw(rt, name); v != "" {
				in.Set(name, v)
			}
		}
		choose("connection", "devengo-test", "devengo-live", "yoco-test", "none")
		if view == "anomalies" || view == "wants" {
			choose("reason", "conflict", "unknown_status", "unsigned")
		} else {
			choose("status", "failed", "succeeded", "unknown")
			choose("provider_status", "rejected", "new word")
			choose("conflict", "1")
			choose("q", "PYO_1", "/3")
		}
		var want []string
		for _, row := range rows[view] {
			matches := true
			for name := range in {
				switch v := in.Get(name); name {
				case "q":
					reference, _ := row["reference"].(string)
					matches = matches && (strings.Contains(strings.ToLower(row["id"].(string)), strings.ToLower(v)) ||
						strings.Contains(strings.ToLower(reference), strings.ToLower(v)))
				case "conflict":
					matches = matches && row["conflict"] == int64(1)
				default:
					matches = matches && row[name] == v
				}
			}
			if matches {
				want = append(want, "/console/entity?"+url.Values{
					"connection": {row["connection"].(string)}, "kind": {row["kind"].(string)}, "id": {row["id"].(string)},
				}.Encode())
			}
		}
		var got []string
		pages := 0
		for target := "/console/" + view + "?" + in.Encode(); target != ""; pages++ {
			answer := get(h, target)
			require.Equal(rt, http.StatusOK, answer.Code)
			text := answer.Body.String()
			for _, l := range rowLink.FindAllStringSubmatch(text, -1) {
				got = append(got, html.UnescapeString(l[1]))
			}
			target = ""
			if next := nextLink.FindStringSubmatch(text); next != nil {
				target = html.UnescapeString(next[1])
			}
			require.Less(rt, pages, 100)
		}
		slices.Sort(got)
		slices.Sort(want)
		require.Equal(rt, want, got)
		several += min(pages, 2) - 1
	})
	require.NotZero(t, several, "some lists had more than one page")
}

// FuzzQuery: whatever is asked for, the answer is a page, and its markup is the templates' own. A fault of the server is never the asker's doing.
func FuzzQuery(f *testing.F) {
	h := newWorld(f).console()
	for _, s := range []string{
		"/", "/payments?after=AA", "/payments?after=" + strings.Repeat("A", 40), "/anomalies?after=AA&reason=%00", "/wants?after=%ff", "/parked?after=MAAx",
		"/entity?connection=%00&kind=%ff&id=%22%3E", "/entity?connection=devengo-test&kind=outgoing_payment&id=pyo_6Jh27lmQ5vDWuWrTk7B9Rc&from=-9",
		"/entity?connection=devengo-test&kind=outgoing_payment&id=pyo_6Jh27lmQ5vDWuWrTk7B9Rc&from=5", "/find?q=outgoing_payment/", "/find?q=%25", "/find?q=/",
		"/payments?conflict=maybe&status=%27&q=%25&kind=x", "/payments?%", "/payments?a;b", "//", "/../", "/style.css?x", "/nowhere",
	} {
		path, query, _ := strings.Cut(s, "?")
		f.Add(path, query)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
		r.URL.Path, r.URL.RawQuery = "/console"+path, query
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		require.Less(t, answer.Code, 500, "%s: %s", r.URL, answer.Body)
		if strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html") && answer.Code == http.StatusOK {
			requireOwnMarkup(t, r.URL.String(), answer.Body.String())
		}
	})
}
