package rebuild

import (
	"context"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
)

// Comparison is how a store stands against another one that was made of the log.
type Comparison struct {
	// Digest and Rebuilt are the digests of the store and of the one made of the log.
	Digest, Rebuilt string
	// Versions differ: the digests say nothing, and differences are to be expected.
	OtherVersions bool
	// Ahead counts entities that differ only since one of the stores has read further; each was folded again from exactly
	// the records that the store has, and agrees.
	Ahead int
	// Differences are the entities that differ otherwise, at most so many as asked for; Count is how many there are.
	Differences []projections.Difference
	Count       int
}

// Same says that the store is what the log says.
func (c *Comparison) Same() bool { return c.Count == 0 }

// Compare holds a store against one that Build made of the log, at least up to the store's offsets. In the differences
// "a" is the store and "b" the rebuilt one. The store may be written meanwhile. Equal digests end it, unless it is to be deep:
// then every row is looked at, as somebody may have changed one.
func (l *Log) Compare(ctx context.Context, store, rebuilt *projections.Reader, lifecycles []*lifecycle.Lifecycle, deep bool, most int) (*Comparison, error) {
	out := &Comparison{}
	err := store.Snapshot(func() error {
		return rebuilt.Snapshot(func() error { return l.compare(ctx, store, rebuilt, lifecycles, deep, most, out) })
	})
	return out, err
}

func (l *Log) compare(ctx context.Context, store, rebuilt *projections.Reader, lifecycles []*lifecycle.Lifecycle, deep bool, most int, out *Comparison) error {
	a, err := store.Versions()
	if err != nil {
		return err
	}
	b, err := rebuilt.Versions()
	if err != nil {
		return err
	}
	out.OtherVersions = a != b
	bound, err := store.Offsets()
	if err != nil {
		return err
	}
	other, err := rebuilt.Offsets()
	if err != nil {
		return err
	}
	for p, n := range bound {
		bound[p] = min(n, other[p])
	}
	da, err := store.Digest()
	if err != nil {
		return err
	}
	db, err := rebuilt.Digest()
	if err != nil {
		return err
	}
	out.Digest, out.Rebuilt = da.String(), db.String()
	if da == db && !out.OtherVersions && !deep {
		return nil
	}
	var found []projections.Difference
	for d, err := range projections.Diff(ctx, store, rebuilt) {
		if err != nil {
			return err
		}
		found = append(found, d)
	}
	for _, d := range found {
		if !out.OtherVersions {
			ahead, err := l.ahead(ctx, store, rebuilt, d.Entity, bound, lifecycles)
			if err != nil {
				return err
			}
			if ahead {
				out.Ahead++
				continue
			}
		}
		if out.Count++; out.Count <= most {
			out.Differences = append(out.Differences, d)
		}
	}
	return nil
}

// ahead says whether two stores differ in an entity only since one of them has read records that the other has not: every
// observation in which they differ stands beyond the offset up to which both have committed all, and the store's state
// is the fold of the records that it has.
func (l *Log) ahead(ctx context.Context, store, rebuilt *projections.Reader, e lifecycle.Entity, bound map[int32]int64, lifecycles []*lifecycle.Lifecycle) (bool, error) {
	a, err := store.Timeline(ctx, e)
	if err != nil {
		return false, err
	}
	b, err := rebuilt.Timeline(ctx, e)
	if err != nil {
		return false, err
	}
	at := make(map[string][]projections.Position)
	for _, t := range [2][]projections.TimelineEntry{a, b} {
		for _, o := range t {
			at[o.ObservationID] = append(at[o.ObservationID], o.At)
		}
	}
	differ := false
	for _, places := range at {
		if len(places) == 2 && places[0] == places[1] {
			continue
		}
		differ = true
		beyond := false
		for _, p := range places {
			beyond = beyond || p.Offset >= bound[p.Partition]
		}
		if !beyond {
			return false, nil
		}
	}
	if !differ {
		return false, nil
	}
	if len(a) == 0 {
		return true, nil
	}
	return l.isFoldOf(ctx, store, e, a, lifecycles)
}

// isFoldOf says whether a store's state of an entity is the fold of the records that its timeline names.
func (l *Log) isFoldOf(ctx context.Context, store *projections.Reader, e lifecycle.Entity, timeline []projections.TimelineEntry, lifecycles []*lifecycle.Lifecycle) (bool, error) {
	positions := make([]projections.Position, len(timeline))
	for i, o := range timeline {
		positions[i] = o.At
	}
	all, err := worker.History(l.Reader, l.Topic, l.Decoder)(ctx, positions)
	if err != nil {
		return false, err
	}
	var own []lifecycle.Observation
	for _, o := range all {
		if o.Entity == e {
			own = append(own, o)
		}
	}
	digest, ok, err := store.EntityDigest(e)
	if err != nil || !ok || len(own) == 0 {
		return false, err
	}
	for _, lc := range lifecycles {
		if lc.Kind != e.Kind {
			continue
		}
		sum, _ := lc.Fold(own)
		if lifecycle.DigestOf(e, sum.AppendBinary(nil)) == digest {
			return true, nil
		}
	}
	return false, nil
}
