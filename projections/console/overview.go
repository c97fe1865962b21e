package console

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

const latestRows = 12

type overview struct {
	Count      counted
	Total      projections.TallyCount
	Groups     []group // by connection, then family
	Marks      []marks
	Topic      string
	Digest     string
	Partitions []partition
	Lag        string // of all partitions; empty where it is not known
	Latest     []projections.Recorded
}

// group is one family of one connection.
type group struct {
	Connection string
	Family     lifecycle.Family
	projections.TallyCount
	Link, ConflictLink string
	Statuses           []statusCount
}

type statusCount struct {
	Status   lifecycle.Status
	Entities int64
	Link     string
}

// marks are the counts of one of the lists beside those of entities.
type marks struct {
	Name, Link string
	Total      int64
	Reasons    []reasonCount
}

type reasonCount struct {
	Reason, Link string
	Count        int64
}

type partition struct {
	Partition int32
	Next      int64
	End, Lag  string // empty where they are not known
}

func (h *console) overview(q *query) (*view, error) {
	where, err := q.reader.Where()
	if err != nil {
		return nil, err
	}
	count, err := h.counter.get(q.r.Context(), q.reader, where.File)
	if err != nil {
		return nil, err
	}
	o := &overview{Count: count, Topic: where.Topic, Digest: where.Digest.String()}
	if o.Latest, err = q.reader.Latest(q.r.Context(), latestRows); err != nil {
		return nil, err
	}
	o.Groups, o.Total = groups(count.Entities)
	o.Marks = []marks{
		reasons("anomalies", count.Anomalies), reasons("wants", count.Wants), reasons("parked", count.Parked),
	}
	o.Partitions, o.Lag = h.partitions(q.r.Context(), where.Next)
	v := &view{Title: "Overview", At: Prefix, name: "overview", Body: o}
	if count.Pending {
		v.Refresh = 1
	}
	return v, nil
}

func groups(counts map[projections.TallyKey]projections.TallyCount) (out []group, total projections.TallyCount) {
	type key struct {
		connection string
		family     lifecycle.Family
	}
	byKey := make(map[key]*group)
	for k, n := range counts {
		g := byKey[key{k.Connection, k.Family}]
		if g == nil {
			in := url.Values{"connection": {k.Connection}}
			g = &group{Connection: k.Connection, Family: k.Family, Link: listLink(k.Family, in)}
			in.Set("conflict", "1")
			g.ConflictLink = listLink(k.Family, in)
			byKey[key{k.Connection, k.Family}] = g
		}
		link := listLink(k.Family, url.Values{"connection": {k.Connection}, "status": {string(k.Status)}})
		g.Statuses = append(g.Statuses, statusCount{k.Status, n.Entities, link})
		g.Entities += n.Entities
		g.Conflicts += n.Conflicts
		total.Entities += n.Entities
		total.Conflicts += n.Conflicts
	}
	families := lifecycle.Families()
	for _, g := range byKey {
		order := append(g.Family.Statuses(), lifecycle.Unknown)
		slices.SortFunc(g.Statuses, func(a, b statusCount) int {
			return cmp.Compare(slices.Index(order, a.Status), slices.Index(order, b.Status))
		})
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b group) int {
		return cmp.Or(strings.Compare(a.Connection, b.Connection), cmp.Compare(slices.Index(families, a.Family), slices.Index(families, b.Family)))
	})
	return out, total
}

func reasons(list string, counts map[string]int64) marks {
	m := marks{Name: list, Link: Prefix + list}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		m.Total += counts[reason]
		m.Reasons = append(m.Reasons, reasonCount{reason, m.Link + "?" + url.Values{"reason": {reason}}.Encode(), counts[reason]})
	}
	return m
}

// partitions say how far the log is read, and how much is left where the log's ends are known.
func (h *console) partitions(ctx context.Context, next map[int32]int64) (out []partition, lag string) {
	var ends map[int32]int64
	if h.Ends != nil {
		ctx, cancel := context.WithTimeout(ctx, endsTimeout)
		defer cancel()
		var err error
		if ends, err = h.Ends(ctx); err != nil {
			h.Logger.Debug("the console does not know the log's ends", "error", err)
			ends = nil
		}
	}
	all := maps.Clone(next)
	for p := range ends {
		all[p] = next[p] // of a partition from which nothing came, the first record is next
	}
	left := int64(0)
	for _, p := range slices.Sorted(maps.Keys(all)) {
		at := partition{Partition: p, Next: all[p]}
		if end, ok := ends[p]; ok {
			behind := max(end-all[p], 0)
			at.End, at.Lag = grouped(end), grouped(behind)
			left += behind
		}
		out = append(out, at)
	}
	if ends != nil {
		lag = grouped(left)
	}
	return out, lag
}

// lookUntil is when a page of a list ends at the latest.
func lookUntil() time.Time { return time.Now().Add(lookTime) }
