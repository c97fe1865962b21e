package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

func TestNextParameter(t *testing.T) {
	for link, want := range map[string]string{
		"": "",
		`<https://api.example/v1/x?page=2&per_page=30>; rel="next", <https://api.example/v1/x?page=9>; rel="last"`:               "2",
		`<https://api.example/v1/x?page=1>; rel="first", <https://api.example/v1/x?page=4>; rel="prev", </x?page=6>; rel="next"`: "6",
		`<https://api.example/x?page=3>;rel=next`:                                     "3",
		`<https://api.example/x?page=3> ; title="a, <b>; rel=next" ; REL = "up next"`: "3",
		`<https://api.example/x?page=3>; title="rel=\"next\""`:                        "",
		`<https://api.example/x?page=3>; rel="nextish"`:                               "",
		`<https://api.example/x?limit=3>; rel="next"`:                                 "",
		`<https://api.example/x?page=%zz>; rel="next"`:                                "",
		`<https://api.example/x?page=3`:                                               "",
		`<https://api.example/a,b?page=8>; rel="next"`:                                "8",
		`<x?page=1>; rel="`:                                                           "",
	} {
		if got := httpapi.NextParameter(http.Header{"Link": {link}}, "page"); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	if got := httpapi.NextParameter(http.Header{"Link": {`<a?page=1>; rel=prev`, `<a?page=3>; rel=next`}}, "page"); got != "3" {
		t.Errorf("two headers: %q", got)
	}
}

func TestPageNumbers(t *testing.T) {
	for cursor, want := range map[string]int{"": 1, "1": 1, "17": 17} {
		if n, err := httpapi.PageNumber(cursor); err != nil || n != want {
			t.Errorf("%q: %d, %v", cursor, n, err)
		}
	}
	for _, cursor := range []string{"0", "-1", "x", "1 ", "99999999999"} {
		_, err := httpapi.PageNumber(cursor)
		apitest.Fails(t, err, provider.Rejected, "begin without one")
	}
	for next, want := range map[string]string{"5": "5", "4": "", "3": "", "": "", "x": "", "40": "40"} {
		if got := httpapi.Following(4, next); got != want {
			t.Errorf("after 4 %q: %q, want %q", next, got, want)
		}
	}
}

func FuzzNextParameter(f *testing.F) {
	f.Add(`<https://api.example/v1/x?page=2>; rel="next", <y>; rel="a\"b"`, "page")
	f.Add(`<;,=">`, "")
	f.Fuzz(func(t *testing.T, link, parameter string) {
		got := httpapi.NextParameter(http.Header{"Link": {link}}, parameter)
		if got != "" && !strings.Contains(link, "<") {
			t.Errorf("%q from %q, which has no address", got, link)
		}
		if again := httpapi.NextParameter(http.Header{"Link": {"", link}}, parameter); again != got {
			t.Errorf("%q, then %q", got, again)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, ` [{"id":1}] `, `[],"items":[]`, `[1]{}`, `[`, `{"items":3}`, "[\xff]", `[[[[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := httpapi.Parse(body)
		if err != nil {
			return
		}
		if !root.IsObject() || !utf8.ValidString(root.Raw) {
			t.Errorf("%q became %q", body, root.Raw)
		}
		if text := strings.TrimSpace(string(body)); strings.HasPrefix(text, "[") && root.Get("items").Raw != text {
			t.Errorf("%q became the list %q", body, root.Get("items").Raw)
		}
	})
}
