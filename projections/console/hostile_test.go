package console_test

import (
	"context"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/projections/console"
)

// hostile are texts as somebody would choose them who wants a page to do more than show them.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `</code></pre><h1>x`,
	`{{.}}`, "a\x00b", "line\nfeed\r\nSet-Cookie: x=1", "\u202egnp.exe", "\xff\xfe\xfd", "\x1b[31mred", `$(rm -rf ~)`, "`id`", `';rm -rf ~;'`,
	"a/../../b", "%00%2e%2e%2f", "&amp;&lt;", "", "..", "?x=1#y", `<!--`, `]]>`, `&connection=other`,
}

var (
	tags       = regexp.MustCompile(`<([a-zA-Z][^\s>/]*)([^>]*)>`)
	attributes = regexp.MustCompile(`([a-zA-Z-]+)(?:="[^"]*")?`)
	allowed    = strings.Fields(`html head meta title link body a header form input button nav main footer h1 h2 p ul li strong small section div table
		thead tbody tr th td span b br dl dt dd code pre q label select option datalist`)
	allowedAttributes = strings.Fields(`lang charset name content rel href class id action role type value placeholder aria-label aria-current
		autocomplete spellcheck data-label selected checked list`)
)

// requireOwnMarkup fails where a page holds a tag or an attribute that is not the templates' own.
func requireOwnMarkup(t testing.TB, target, text string) {
	t.Helper()
	require.True(t, utf8.ValidString(text), target)
	require.NotContains(t, text, "\x00", target)
	for _, tag := range tags.FindAllStringSubmatch(text, -1) {
		require.True(t, slices.Contains(allowed, tag[1]), "%s: %s", target, tag[0])
		for _, a := range attributes.FindAllStringSubmatch(tag[2], -1) {
			require.True(t, slices.Contains(allowedAttributes, a[1]), "%s: %s in %s", target, a[1], tag[0])
		}
	}
}

// TestHostileTextsAreShownOnly: whatever stands in ids, references, names, words and objects is shown and does nothing, and the
// page of each such entity can be reached by its link.
func TestHostileTextsAreShownOnly(t *testing.T) {
	w := newWorld(t)
	var added []projections.Fact
	for _, text := range hostile {
		o := lifecycle.Observation{
			Entity: lifecycle.Entity{Connection: "devengo-test", Kind: "outgoing_payment", ID: text}, Type: "devengo.outgoing_payment." + text,
			Status: text, Mode: lifecycle.ModeTest,
		}
		o.ID = "evt " + text
		o.Attributes = lifecycle.Attributes{
			Money:     &lifecycle.Money{Direction: lifecycle.Out, Amount: lifecycle.Minor(5), Currency: text},
			Reference: &lifecycle.Reference{Text: text}, Counterparty: &lifecycle.Counterparty{Name: text},
			Relation: &lifecycle.Relation{AccountID: text, ParentID: text},
			Failure:  &lifecycle.Failure{Code: text, Reason: text}, Object: []byte(`{"x":"` + text + `"}`),
		}
		added = append(added, w.observe(o)...)
		w.add(projections.Fact{Parked: &projections.Parked{Connection: text, ObservationID: text, Type: text, Reason: text, Detail: text}})
		added = append(added, w.facts[len(w.facts)-1])
	}
	w.fold(w.path, added)
	h := w.console()
	pages := crawl(t, h)
	for target, text := range pages {
		requireOwnMarkup(t, target, text)
	}
	for _, id := range hostile {
		target := "/console/entity?" + url.Values{"connection": {"devengo-test"}, "kind": {"outgoing_payment"}, "id": {id}}.Encode()
		text, ok := pages[target]
		require.True(t, ok, "%q is linked to", id)
		_, command, pasted := strings.Cut(text, "hookfold explain devengo-test ")
		if strings.IndexFunc(id, func(r rune) bool { return r < ' ' || r == '\u202e' || r == utf8.RuneError }) >= 0 {
			require.False(t, pasted, "no command to paste where the id hides something: %q", id)
		} else {
			command, _, _ = strings.Cut(command, "</code>")
			require.Regexp(t, `^('outgoing_payment/.*'|outgoing_payment/[A-Za-z0-9_./:@-]*)$`, html.UnescapeString(command))
		}
		for _, p := range []string{"payments?q=", "find?q=", "payments?connection=", "payments?provider_status=", "payments?kind=", "parked?reason=", "payments?after="} {
			answer := get(h, "/console/"+p+url.QueryEscape(id))
			require.Less(t, answer.Code, 500)
			requireOwnMarkup(t, p+id, answer.Body.String())
		}
	}
}

// TestFollowsTheSwitch: when a rebuild puts another file in the store's place, the next page shows it, and lists go on.
func TestFollowsTheSwitch(t *testing.T) {
	w := newWorld(t)
	h := w.console()
	first := page(t, h, "/console/payments")
	next := html.UnescapeString(regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(first)[1])
	wanted := page(t, h, next)
	anomaly := page(t, h, "/console/anomalies")
	for range 2 { // a file becomes a link, then a link another one
		w.observe(lifecycle.Observation{
			Entity: lifecycle.Entity{Connection: "yoco-test", Kind: "payment", ID: "zzz_new"}, Type: "yoco.payment.succeeded", Status: "succeeded",
		})
		successor := filepath.Join(filepath.Dir(w.path), "next-"+string(rune('0'+len(w.facts)%10)))
		_, err := projections.Replace(t.Context(), w.path, successor, func(context.Context) error {
			w.fold(successor, w.facts)
			return nil
		})
		require.NoError(t, err)
		info, err := os.Lstat(w.path)
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&os.ModeSymlink)
		require.Contains(t, page(t, h, console.Prefix), "<strong>119</strong> entities", "counted anew at once")
		require.Contains(t, page(t, h, "/console/payments?q=zzz_new"), "zzz_new")
		require.Equal(t, 1+strings.Count(wanted, `<td data-label="Id">`), strings.Count(page(t, h, next), `<td data-label="Id">`), "the list goes on")
		require.Equal(t, strings.Count(anomaly, "<tr>"), strings.Count(page(t, h, "/console/anomalies"), "<tr>"))
	}
	// A place among anomalies is of the old file.
	old := "old-file\x0042\x00conflict\x00x"
	answer := get(h, "/console/anomalies?after="+base64.RawURLEncoding.EncodeToString([]byte(old)))
	require.Equal(t, http.StatusGone, answer.Code)
	require.Contains(t, answer.Body.String(), "Begin with the first page")
}
