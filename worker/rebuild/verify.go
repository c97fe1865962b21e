package rebuild

import (
	"context"
	"errors"

	"github.com/hookfold/hookfold/projections"
)

// Verify folds the log again into a file, up to where the store stands, compares, and removes the file. The store may be
// written meanwhile.
func (l *Log) Verify(ctx context.Context, store string, p Plan, c projections.Config, most int) (out *Comparison, err error) {
	unlock, err := lock(p.Path + ".lock")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, discard(p.Path), unlock()) }()
	if err := discard(p.Path); err != nil {
		return nil, err
	}
	a, err := projections.OpenReader(store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	p.Like = store
	if p.Ends, err = l.standing(ctx, a); err != nil {
		return nil, err
	}
	if _, err := l.Build(ctx, p); err != nil {
		return nil, err
	}
	now, err := l.standing(ctx, a)
	if err != nil {
		return nil, err
	}
	c.Path = p.Path
	if err := l.commitUpTo(ctx, c, now); err != nil {
		return nil, err
	}
	b, err := projections.OpenReader(p.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return l.Compare(ctx, a, b, p.Lifecycles, true, most)
}

// standing is up to where a store has committed, for every partition of the log.
func (l *Log) standing(ctx context.Context, r *projections.Reader) (map[int32]int64, error) {
	starts, ends, err := l.Reader.Offsets(ctx, l.Topic)
	if err != nil {
		return nil, err
	}
	at, err := r.Offsets()
	if err != nil {
		return nil, err
	}
	for p, end := range ends {
		ends[p] = min(end, max(starts[p], at[p]))
	}
	return ends, nil
}
