package console_test

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/projections/console"
)

var links = regexp.MustCompile(`href="(/console/[^"]*)"`)

// crawl asks for everything that can be reached by links from the overview, and gives the pages by their address.
func crawl(t testing.TB, h http.Handler) map[string]string {
	t.Helper()
	pages := map[string]string{}
	next := []string{console.Prefix}
	for len(next) > 0 {
		target := next[0]
		next = next[1:]
		if _, seen := pages[target]; seen {
			continue
		}
		answer := get(h, target)
		if answer.Code == http.StatusFound {
			pages[target] = ""
			next = append(next, answer.Header().Get("Location"))
			continue
		}
		require.Equal(t, http.StatusOK, answer.Code, "%s: %s", target, answer.Body)
		pages[target] = answer.Body.String()
		for _, l := range links.FindAllStringSubmatch(pages[target], -1) {
			next = append(next, html.UnescapeString(l[1]))
		}
	}
	return pages
}

// TestEveryEntityIsReached follows every link, and meets each entity of every view, each as its view shows it.
func TestEveryEntityIsReached(t *testing.T) {
	w := newWorld(t)
	pages := crawl(t, w.console())
	r, err := projections.OpenReader(w.path)
	require.NoError(t, err)
	defer r.Close()
	entities := 0
	for _, f := range lifecycle.Families() {
		for row, err := range r.Rows(t.Context(), string(f)+"s") {
			require.NoError(t, err)
			in := url.Values{"connection": {row["connection"].(string)}, "kind": {row["kind"].(string)}, "id": {row["id"].(string)}}
			shown, ok := pages["/console/entity?"+in.Encode()]
			require.True(t, ok, "%v is not linked to", in)
			text := html.UnescapeString(shown)
			require.Contains(t, text, ">"+row["status"].(string)+"</span>")
			for name, value := range row {
				if s, ok := value.(string); ok && name != "object" {
					require.Contains(t, text, s, "%s of %v", name, in)
				}
			}
			entities++
		}
	}
	require.Equal(t, 118, entities)
	for target, text := range pages {
		require.NotContains(t, text, "<script", target)
		require.NotContains(t, text, " style=", target)
		for _, attribute := range regexp.MustCompile(`(?:href|src|action)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			require.True(t, strings.HasPrefix(attribute[1], "/console/") || strings.HasPrefix(attribute[1], "#"), "%s loads or leads to %s", target, attribute[1])
		}
	}
}

func TestOverview(t *testing.T) {
	w := newWorld(t)
	h, err := console.New(console.Config{Path: w.path, Ends: func(context.Context) (map[int32]int64, error) {
		return map[int32]int64{0: int64(len(w.facts)) + 1_500, 3: 7}, nil
	}})
	require.NoError(t, err)
	text := page(t, h, console.Prefix)
	require.Contains(t, text, "<strong>118</strong> entities")
	require.Contains(t, text, "<strong>27</strong> wants")
	require.Contains(t, text, "<strong>8</strong> parked")
	require.Contains(t, text, "<strong>1,507</strong> records behind the log")
	require.Contains(t, text, `href="/console/payments?connection=devengo-test&amp;status=failed">failed <b>5</b>`)
	r, err := projections.OpenReader(w.path)
	require.NoError(t, err)
	defer r.Close()
	digest, err := r.Digest()
	require.NoError(t, err)
	require.Contains(t, text, digest.String())

	h, err = console.New(console.Config{Path: w.path, Ends: func(context.Context) (map[int32]int64, error) {
		return nil, errors.New("no broker")
	}})
	require.NoError(t, err)
	require.NotContains(t, page(t, h, console.Prefix), "behind the log")
}

func TestEntity(t *testing.T) {
	w := newWorld(t)
	const target = "/console/entity?connection=devengo-test&kind=outgoing_payment&id=pyo_6Jh27lmQ5vDWuWrTk7B9Rc"
	text := html.UnescapeString(page(t, w.console(), target))
	for _, want := range []string{
		`<span class="chip bad">returned</span>`, `the provider says <b>reversed</b>`,
		`because "reversed" is the only claimed status that nothing else claimed can follow.`,
		`<span class="chip good">current</span>`, `superseded: "confirmed" can follow from "processing", and not the other way`,
		`hookfold explain devengo-test outgoing_payment/pyo_6Jh27lmQ5vDWuWrTk7B9Rc`,
		"9 observations", `"company_reference": "ord-9001",` + "\n", `minor units = `, ` EUR</dd>`,
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 9, strings.Count(text, "partition 0, offset "))

	// Without lifecycles it shows all but the rule.
	h, err := console.New(console.Config{Path: w.path})
	require.NoError(t, err)
	text = html.UnescapeString(page(t, h, target))
	require.NotContains(t, text, "because")
	require.Contains(t, text, `<span class="chip good">current</span>`)

	require.Contains(t, page(t, h, "/console/entity?connection=yoco-test&kind=payment&id="+firstID(t, w, "yoco-test")), " ZAR")
	require.Equal(t, http.StatusNotFound, get(h, "/console/entity?connection=devengo-test&kind=outgoing_payment&id=none").Code)
}

// firstID is the id of a payment of a connection.
func firstID(t *testing.T, w *world, connection string) string {
	r, err := projections.OpenReader(w.path)
	require.NoError(t, err)
	defer r.Close()
	p, err := r.Entities(t.Context(), projections.EntityFilter{Family: lifecycle.Payment, Connection: connection, Kind: "payment"}, "", projections.Bounds{Rows: 1})
	require.NoError(t, err)
	require.Len(t, p.Rows, 1)
	return p.Rows[0].Entity.ID
}

// TestLongTimeline: an entity with very many observations shows all of them, over several pages.
func TestLongTimeline(t *testing.T) {
	w := newWorld(t)
	var added []projections.Fact
	for range 1_203 {
		added = append(added, w.observe(lifecycle.Observation{
			Entity: lifecycle.Entity{Connection: "devengo-test", Kind: "account", ID: "acc_busy"}, Type: "devengo.account.activated", Status: "active",
		})...)
	}
	w.fold(w.path, added)
	h, seen := w.console(), map[string]bool{}
	for target := "/console/entity?connection=devengo-test&kind=account&id=acc_busy"; target != ""; {
		text := page(t, h, target)
		for _, o := range regexp.MustCompile(`<span class="id">(made_\d+)</span>`).FindAllStringSubmatch(text, -1) {
			require.False(t, seen[o[1]], o[1])
			seen[o[1]] = true
		}
		require.Contains(t, text, "1,203 observations, ")
		target = ""
		if next := nextLink.FindStringSubmatch(text); next != nil {
			target = html.UnescapeString(next[1])
		}
	}
	require.Len(t, seen, 1_203)
}

func TestFind(t *testing.T) {
	w := newWorld(t)
	h := w.console()
	for _, q := range []string{"pyo_6Jh27lmQ5vDWuWrTk7B9Rc", "outgoing_payment/pyo_6Jh27lmQ5vDWuWrTk7B9Rc", " pyo_6Jh27lmQ5vDWuWrTk7B9Rc\t"} {
		answer := get(h, "/console/find?q="+url.QueryEscape(q))
		require.Equal(t, http.StatusFound, answer.Code, q)
		require.Contains(t, page(t, h, answer.Header().Get("Location")), "pyo_6Jh27lmQ5vDWuWrTk7B9Rc")
	}
	text := page(t, h, "/console/find?q=pyo_6")
	require.Contains(t, text, "pyo_6Jh27lmQ5vDWuWrTk7B9Rc")
	require.Contains(t, text, "pyo_6nYdt5Yro6P16iQtOHRi54")
	require.Contains(t, page(t, h, "/console/find?q=nothing"), "No id begins with")
	require.Contains(t, page(t, h, "/console/find"), "Give the beginning of an id")
}

func TestFilter(t *testing.T) {
	w := newWorld(t)
	h := w.console()
	text := page(t, h, "/console/payments?connection=devengo-test&status=failed&provider_status=denied")
	require.Equal(t, 1, strings.Count(text, `<td data-label="Id">`))
	require.Contains(t, text, "pyo_lCqZd2nxE1yvZqgc6Erdop")
	require.Contains(t, text, `<option selected>devengo-test</option>`)
	require.Contains(t, text, `value="denied"`)
	text = page(t, h, "/console/payments?q=ORD-9001")
	require.Contains(t, text, "pyo_lCqZd2nxE1yvZqgc6Erdop", "a part of the reference, in letters of any case")
	require.NotContains(t, text, "pyo_b6JFwh9IepCJqMZ4NaXg1F")
	require.Contains(t, page(t, h, "/console/payments?conflict=1"), "Nothing matches.")
}

// TestNotFromElsewhere: whoever has a name point at this machine, another site's page, or a method that changes things is refused.
func TestNotFromElsewhere(t *testing.T) {
	w := newWorld(t)
	h := w.console()
	ask := func(h http.Handler, method, host string, headers ...string) int {
		r := httptest.NewRequest(method, "/console/payments", nil)
		r.Host = host
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		} {
			require.Contains(t, answer.Header().Get(name), want)
		}
		if answer.Code != http.StatusOK {
			require.NotContains(t, answer.Body.String(), "pyo_", "a refusal shows nothing")
		}
		return answer.Code
	}
	for _, host := range []string{"localhost", "LOCALHOST:9090", "127.0.0.1", "127.0.0.1:1", "127.8.8.8:9090", "[::1]", "[::1]:9090", "::1"} {
		require.Equal(t, 200, ask(h, "GET", host), host)
	}
	open, err := console.New(console.Config{Path: w.path})
	require.NoError(t, err)
	for _, host := range []string{"evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.nip.io:9090", "0.0.0.0:9090", "192.0.2.1", "", "::ffff:192.0.2.1", "localhost:1:2"} {
		require.Equal(t, 403, ask(h, "GET", host), host)
		require.Equal(t, 200, ask(open, "GET", host), host)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"} {
		require.Equal(t, 405, ask(h, method, "localhost"), method)
	}
	require.Equal(t, 200, ask(h, "HEAD", "localhost"))
	require.Equal(t, 403, ask(h, "GET", "localhost", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"))
	require.Equal(t, 403, ask(h, "GET", "localhost", "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"))
	require.Equal(t, 200, ask(h, "GET", "localhost", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"))
	require.Equal(t, 200, ask(h, "GET", "localhost", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors"))
}

// TestShowingWritesNothing: after every page was shown, the file and what is beside it are as they were, byte for byte.
func TestShowingWritesNothing(t *testing.T) {
	w := newWorld(t)
	before, err := os.ReadFile(w.path)
	require.NoError(t, err)
	require.Greater(t, len(crawl(t, w.console())), 118)
	after, err := os.ReadFile(w.path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	left, err := filepath.Glob(w.path + "*")
	require.NoError(t, err)
	for _, path := range left {
		if info, err := os.Stat(path); path != w.path && err == nil && strings.HasSuffix(path, "-wal") {
			require.Zero(t, info.Size(), path)
		}
	}
}

// TestUnreadable: a store that is not there yet, or none at all, is a page that says so.
func TestUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "projections.db")
	h, err := console.New(console.Config{Path: path})
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, get(h, console.Prefix).Code)
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("this is no database ", 100)), 0o600))
	answer := get(h, console.Prefix)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Contains(t, answer.Body.String(), "The store cannot be read")
	require.Equal(t, http.StatusNotFound, get(h, "/console/nowhere").Code)
	require.Equal(t, http.StatusOK, get(h, "/console/style.css").Code)
	_, err = console.New(console.Config{})
	require.Error(t, err)
}
