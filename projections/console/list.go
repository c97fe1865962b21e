package console

import (
	"net/url"
	"slices"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

// list is a page of the entities of a family, with the form that filters them.
type list struct {
	Family lifecycle.Family
	Filter projections.EntityFilter
	Action string // where the form goes
	// Choices of the form.
	Connections, Statuses, Words []string

	Page     projections.Page[projections.Entry]
	Filtered bool
	More     // links
}

// More leads through a list.
type More struct{ First, Next string }

func more(path string, in url.Values, after, next string) (m More) {
	in.Del("after")
	if after != "" {
		m.First = link(path, in)
	}
	if next != "" {
		in.Set("after", next)
		m.Next = link(path, in)
	}
	return m
}

func link(path string, in url.Values) string {
	if len(in) == 0 {
		return path
	}
	return path + "?" + in.Encode()
}

func listLink(f lifecycle.Family, in url.Values) string { return link(Prefix+plural(f), in) }

func entityLink(e lifecycle.Entity) string {
	return link(Prefix+"entity", url.Values{"connection": {e.Connection}, "kind": {e.Kind}, "id": {e.ID}})
}

// given are those of the parameters that are not empty.
func (q *query) given(names ...string) url.Values {
	in := url.Values{}
	for _, n := range names {
		if v := q.get(n); v != "" {
			in.Set(n, v)
		}
	}
	return in
}

func (h *console) list(q *query, f lifecycle.Family) (*view, error) {
	in := q.given("connection", "kind", "status", "provider_status", "conflict", "q")
	l := &list{Family: f, Action: Prefix + plural(f), Filtered: len(in) > 0, Filter: projections.EntityFilter{
		Family: f, Connection: in.Get("connection"), Kind: in.Get("kind"), Status: lifecycle.Status(in.Get("status")),
		ProviderStatus: in.Get("provider_status"), Conflict: in.Has("conflict"), Text: in.Get("q"),
	}}
	kinds, err := q.reader.Kinds()
	if err != nil {
		return nil, err
	}
	for i := range kinds {
		if k := &kinds[i]; k.Family == f {
			l.Connections = append(l.Connections, k.Connection)
		}
	}
	l.Connections = slices.Compact(l.Connections) // they come in order
	for _, s := range append(f.Statuses(), lifecycle.Unknown) {
		l.Statuses = append(l.Statuses, string(s))
	}
	l.Words = h.words(f)
	after := q.get("after")
	l.Page, err = q.reader.Entities(q.r.Context(), l.Filter, after, projections.Bounds{Rows: pageRows, Until: lookUntil()})
	if err != nil {
		return nil, err
	}
	l.More = more(l.Action, in, after, l.Page.Next)
	return &view{Title: title(plural(f)), At: l.Action, name: "list", Body: l}, nil
}

// words are the provider statuses of a family, as users see them.
func (h *console) words(f lifecycle.Family) (out []string) {
	for _, l := range h.Lifecycles {
		if l.Family == f {
			for _, s := range l.States {
				out = append(out, l.Label(s.Word))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Name is that of the view.
func (l *list) Name() string { return plural(l.Family) }

// Money, Balances and References say which columns the list has beside those of all families.
func (l *list) Money() bool    { return l.Family == lifecycle.Payment }
func (l *list) Balances() bool { return l.Family == lifecycle.Account }
func (l *list) References() bool {
	return l.Family == lifecycle.Payment || l.Family == lifecycle.Verification
}
