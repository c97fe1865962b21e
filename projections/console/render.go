package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed style.css
var style []byte

// view is a page: a title, where it stands in the menu, and what its template needs.
type view struct {
	Title   string
	At      string // the path of its place in the menu
	Find    string // what was looked for
	Refresh int    // seconds until the page is worth another look; 0 for never
	Body    any

	name string // of its template
}

// Menu are the pages that every page leads to.
func (v *view) Menu() []menuItem {
	items := []menuItem{{Prefix, "overview", v.At == Prefix}}
	names := []string{}
	for _, f := range lifecycle.Families() {
		names = append(names, plural(f))
	}
	for _, name := range append(names, "anomalies", "wants", "parked") {
		items = append(items, menuItem{Prefix + name, name, v.At == Prefix+name})
	}
	return items
}

type menuItem struct {
	Link, Name string
	Here       bool
}

type pages map[string]*template.Template

func parsePages() (pages, error) {
	frame, err := template.New("frame.html").Funcs(template.FuncMap{
		"when": when, "tone": tone, "grouped": grouped, "title": title, "entity": entityLink, "amount": amountOf, "due": due, "stamp": stamp,
		"pageRows": func() int { return pageRows },
	}).ParseFS(templates, "templates/frame.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	out := make(pages)
	for _, name := range []string{"overview", "list", "entity", "find", "anomalies", "wants", "parked", "refusal"} {
		page, err := frame.Clone()
		if err == nil {
			page, err = page.ParseFS(templates, "templates/"+name+".html")
		}
		if err != nil {
			return nil, err
		}
		out[name] = page
	}
	return out, nil
}

// write makes the page whole before it answers, so that a page is never cut off by a fault of its own.
func (p pages) write(w http.ResponseWriter, status int, v *view) {
	var b bytes.Buffer
	if err := p[v.name].Execute(&b, v); err != nil {
		http.Error(w, fmt.Sprintf("The page cannot be made: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if v.Refresh > 0 {
		w.Header().Set("Refresh", strconv.Itoa(v.Refresh))
	}
	w.WriteHeader(status)
	//nolint:errcheck // whoever asked is gone; there is nobody to tell
	w.Write(bytes.ToValidUTF8(b.Bytes(), []byte(string(utf8.RuneError))))
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	//nolint:errcheck // whoever asked is gone; there is nobody to tell
	w.Write(style)
}

// when writes an RFC 3339 time without its fraction, for lists.
func when(at string) string {
	day, clock, ok := strings.Cut(strings.TrimSuffix(at, "Z"), "T")
	if !ok {
		return at
	}
	clock, _, _ = strings.Cut(clock, ".")
	return day + " " + clock
}

// stamp writes a time with its fraction.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999999Z") }

// due is when a look-up is due; the year 9999 says that it is not asked for again.
func due(at string) string {
	if strings.HasPrefix(at, "9999-") {
		return "not again"
	}
	return when(at)
}

// tone says how a status, or an effect, looks.
func tone(word any) string {
	switch fmt.Sprint(word) {
	case "succeeded", "verified", "active", "accepted", "current":
		return "good"
	case "failed", "rejected", "returned", "conflicting", "conflict":
		return "bad"
	case "held", "blocked", "login_required", "expired":
		return "warn"
	case "unknown":
		return "odd"
	case "pending", "processing", "open":
		return "busy"
	default:
		return "still"
	}
}

// grouped writes a number with its thousands apart.
func grouped(n int64) string { return thousands(strconv.FormatInt(n, 10)) }

// title begins a name in a capital, and writes its underscores as spaces.
func title(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " ")
}

// amount is one of an entry's amounts: in minor units, with the currency where it is not Readable, which it is where
// the currency is known. Both are empty where there is none.
type amount struct{ Minor, Readable string }

func amountOf(e projections.Entry, column string) amount {
	n, ok := e.Column(column).(int64)
	if !ok {
		return amount{}
	}
	currency, _ := e.Column("currency").(string)
	a := amount{strconv.FormatInt(n, 10), readable(n, currency)}
	if a.Readable == "" && currency != "" {
		a.Minor += " " + currency
	}
	a.Minor += " minor units"
	return a
}
