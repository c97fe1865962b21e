package console

import (
	"context"
	"maps"
	"slices"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

// markList is a page of anomalies, wants or parked records.
type markList[T any] struct {
	Filter               projections.MarkFilter
	Action               string
	Connections, Reasons []string
	Page                 projections.Page[T]
	Filtered             bool
	More
}

func (h *console) anomalies(q *query) (*view, error) {
	return marksView(q, "anomalies", []string{
		string(lifecycle.AnomalyClock), string(lifecycle.AnomalyConflict), string(lifecycle.AnomalyDiffering),
		string(lifecycle.AnomalyImpossible), string(lifecycle.AnomalyUnknownStatus),
	}, q.reader.Anomalies)
}

func (h *console) wants(q *query) (*view, error) {
	return marksView(q, "wants", []string{
		string(lifecycle.WantAlways), string(lifecycle.WantConflict), string(lifecycle.WantOverdue), string(lifecycle.WantThin),
		string(lifecycle.WantUnknownStatus), string(lifecycle.WantUnsigned),
	}, q.reader.WantedPage)
}

func (h *console) parked(q *query) (*view, error) {
	// Providers give reasons of their own, so that the form offers those that were counted last.
	h.counter.mu.Lock()
	reasons := slices.Sorted(maps.Keys(h.counter.shown.Parked))
	h.counter.mu.Unlock()
	return marksView(q, "parked", reasons, q.reader.ParkedPage)
}

func marksView[T any](q *query, name string, reasons []string,
	page func(context.Context, projections.MarkFilter, string, projections.Bounds) (projections.Page[T], error),
) (*view, error) {
	in := q.given("connection", "reason")
	l := &markList[T]{
		Filter: projections.MarkFilter{Connection: in.Get("connection"), Reason: in.Get("reason")},
		Action: Prefix + name, Reasons: reasons, Filtered: len(in) > 0,
	}
	kinds, err := q.reader.Kinds()
	if err != nil {
		return nil, err
	}
	for i := range kinds {
		l.Connections = append(l.Connections, kinds[i].Connection)
	}
	l.Connections = slices.Compact(l.Connections) // they come in order
	after := q.get("after")
	l.Page, err = page(q.r.Context(), l.Filter, after, projections.Bounds{Rows: pageRows, Until: lookUntil()})
	if err != nil {
		return nil, err
	}
	l.More = more(l.Action, in, after, l.Page.Next)
	return &view{Title: title(name), At: l.Action, name: name, Body: l}, nil
}
