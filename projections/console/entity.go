package console

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

// timelineRows is how many observations a page shows; an account can have very many.
const timelineRows = 500

type shown struct {
	projections.Shown
	Columns  []column
	Rule     string // why the status is what it is; empty where no lifecycle can say it
	Command  string // to be pasted into a shell; empty where that would not be safe
	Events   []event
	From, To int // which of them are shown, counted from 1
	More
	Pretty string
	Cut    bool
}

// column is a column of the view, as text.
type column struct{ Name, Text, Link string }

// event is an observation and what it does for the state.
type event struct {
	projections.TimelineEntry
	Why string
}

func (h *console) entity(q *query) (*view, error) {
	e := lifecycle.Entity{Connection: q.get("connection"), Kind: q.get("kind"), ID: q.get("id")}
	s, err := q.reader.Show(q.r.Context(), e)
	if err != nil {
		return nil, err
	}
	out := &shown{Shown: s, Columns: columns(&s.Entry), Command: command(e)}
	out.Pretty, out.Cut = pretty(s.Object)
	var reasons []lifecycle.Reason
	if l := h.lifecycles[[2]string{s.Record.Provider, e.Kind}]; l != nil {
		out.Rule, reasons = l.Explain(s.Record.Summary, s.Record.Claims)
	}
	from, err := strconv.Atoi(q.get("from"))
	if err != nil || from < 0 || from >= len(s.Record.Timeline) {
		from = 0
	}
	to := min(from+timelineRows, len(s.Record.Timeline))
	for i := from; i < to; i++ {
		v := event{TimelineEntry: s.Record.Timeline[i]}
		if reasons != nil {
			v.Why = reasons[i].Why
		}
		out.Events = append(out.Events, v)
	}
	out.From, out.To = from+1, to
	in := url.Values{"connection": {e.Connection}, "kind": {e.Kind}, "id": {e.ID}}
	if from > 0 {
		out.First = link(Prefix+"entity", in)
	}
	if to < len(s.Record.Timeline) {
		in.Set("from", strconv.Itoa(to))
		out.Next = link(Prefix+"entity", in)
	}
	return &view{Title: e.Ref(), At: Prefix + plural(s.Entry.Family), name: "entity", Body: out}, nil
}

// columns are all columns of the view that have a value, but for those that the page shows elsewhere.
func columns(e *projections.Entry) []column {
	out := []column{
		{Name: "connection", Text: e.Entity.Connection, Link: listLink(e.Family, url.Values{"connection": {e.Entity.Connection}})},
		{Name: "provider", Text: e.Provider}, {Name: "mode", Text: e.Mode},
		{Name: "created_at", Text: e.CreatedAt}, {Name: "updated_at", Text: e.UpdatedAt},
	}
	currency, _ := e.Column("currency").(string)
	for _, c := range e.Columns {
		switch v := c.Value.(type) {
		case int64:
			text := strconv.FormatInt(v, 10) + " minor units"
			if r := readable(v, currency); r != "" {
				text += " = " + r
			}
			out = append(out, column{Name: c.Name, Text: text})
		case string:
			col := column{Name: c.Name, Text: v}
			if c.Name == "account_id" || c.Name == "parent_id" {
				col.Link = link(Prefix+"find", url.Values{"q": {v}})
			}
			out = append(out, col)
		}
	}
	filled := out[:0]
	for _, c := range out {
		if c.Text != "" {
			filled = append(filled, c)
		}
	}
	return filled
}

// command is what shows the same in a terminal. A name with characters that are not plain to see is not for pasting.
func command(e lifecycle.Entity) string {
	for _, c := range e.Connection + e.Ref() {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			return ""
		}
	}
	return "hookfold explain " + quoted(e.Connection) + " " + quoted(e.Ref())
}

// quoted is a word as a shell takes it.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
