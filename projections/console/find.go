package console

import (
	"net/url"
	"slices"
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

const foundRows = 50

type found struct {
	Text    string
	Entries []projections.Entry
	Full    bool     // there may be more
	Within  []within // where to look for the text as a part of ids and references
}

type within struct{ Name, Link string }

// find looks for ids that begin with a text, or for a reference, KIND/ID. The one whose id it is alone is shown at once.
func (h *console) find(q *query) (*view, error) {
	f := &found{Text: strings.TrimSpace(q.get("q"))}
	v := &view{Title: "Find", At: Prefix + "find", Find: f.Text, name: "find", Body: f}
	if f.Text == "" {
		return v, nil
	}
	var err error
	if f.Entries, err = q.reader.Find(q.r.Context(), f.Text, foundRows); err != nil {
		return nil, err
	}
	if kind, id, ok := strings.Cut(f.Text, "/"); ok && kind != "" && id != "" {
		named, err := q.reader.Find(q.r.Context(), id, foundRows)
		if err != nil {
			return nil, err
		}
		f.Entries = append(slices.DeleteFunc(named, func(e projections.Entry) bool { return e.Entity.Kind != kind }), f.Entries...)
	}
	exact := func(e projections.Entry) bool { return e.Entity.ID == f.Text || e.Entity.Ref() == f.Text }
	if len(f.Entries) == 1 && exact(f.Entries[0]) {
		return nil, redirect(entityLink(f.Entries[0].Entity))
	}
	f.Full = len(f.Entries) >= foundRows
	for _, family := range lifecycle.Families() {
		f.Within = append(f.Within, within{plural(family), listLink(family, url.Values{"q": {f.Text}})})
	}
	return v, nil
}
