package projections

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// stored is what the file says of an entity before the batch; its zero value is an entity that is new.
type stored struct {
	kind         int64
	id           string
	observations int64
	marks        int64 // anomalies of the state, and wants
	digest       lifecycle.Digest
	seen, hashes []byte // the entity's observations; see schema.go
	spilled      int64
	summary      []byte
}

// folded is what the batch makes of an entity.
type folded struct {
	summary lifecycle.Summary
	state   lifecycle.EntityState
	encoded []byte
	digest  lifecycle.Digest
}

// observeEntity writes the timeline rows of one entity, and notes in w, which is empty, what there is to fold. The items are sorted by observation, and by
// which delivery counts first.
func (a *attempt) observeEntity(w *work, items []item) (err error) {
	w.items, w.fresh = items, items[0].num > a.base
	defer func() {
		if p := recover(); p != nil {
			w.panicked = p
		}
	}()
	if !w.fresh {
		if w.old, err = a.w.load(items[0].num); err != nil {
			return err
		}
		if slices.ContainsFunc(items, w.old.isOther) {
			a.again = true // with nothing remembered
			return nil
		}
	}
	anew := false
	for start := 0; start < len(items); {
		end := start + 1
		for end < len(items) && items[end].obs.ID == items[start].obs.ID {
			end++
		}
		run := items[start:end]
		start = end
		outcome, err := a.observe(&w.old, run)
		if err != nil {
			return err
		}
		a.repeated += len(run)
		switch outcome {
		case outcomeAdded:
			a.repeated--
			w.added++
			w.joins = append(w.joins, &run[0])
		case outcomeEarlier:
			w.joins = append(w.joins, &run[0])
		case outcomeAnew:
			anew = true
		case outcomeNothing:
		}
	}
	if anew {
		w.joins = nil
		w.f, w.done, err = a.foldAnew(&w.old, items)
	}
	return err
}

// isOther says whether an item is of another entity: two have the same numKey.
func (s *stored) isOther(it item) bool { return it.obs.Entity.ID != s.id || it.kind.num != s.kind }

// entityNum is the number of an entity that is in the file; 0 of one that is not.
func (w *writer) entityNum(kind int64, id string) (num int64, err error) {
	if err = w.c.prepareOnce(&w.selectNum, `SELECT num FROM entities WHERE kind = ? AND id = ?`); err != nil {
		return 0, err
	}
	err = w.selectNum.query(func(row []driver.Value) error {
		num = integer(row[0])
		return nil
	}, kind, id)
	return num, err
}

// load reads an entity that is in the file.
func (w *writer) load(num int64) (stored, error) {
	var s stored
	found := false
	err := w.c.prepareOnce(&w.selectEntity, `SELECT observations, marks, digest, summary, CAST(seen AS BLOB), hashes, spilled, kind, id FROM entities WHERE num = ?`)
	if err != nil {
		return s, err
	}
	err = w.selectEntity.query(func(row []driver.Value) error {
		found = true
		s.kind, s.id = integer(row[7]), text(row[8])
		digest, _ := row[2].([]byte)
		s.summary, _ = row[3].([]byte)
		s.seen, _ = row[4].([]byte)
		s.hashes, _ = row[5].([]byte)
		s.spilled = integer(row[6])
		s.observations, s.marks, s.digest = integer(row[0]), integer(row[1]), decodeDigest(digest)
		return nil
	}, num)
	if err == nil && !found {
		err = fmt.Errorf("entity number %d is not in the file any more: the file is damaged", num)
	}
	return s, err
}

// foldOnto joins observations to what is stored. The summary is encoded into space, which may be nil.
func foldOnto(old *stored, joins []*item, space []byte) (f folded, err error) {
	var sum lifecycle.Summary
	if old.summary != nil {
		if sum, err = lifecycle.ViewSummary(old.summary); err != nil {
			return f, err
		}
	}
	l := joins[0].kind.lc
	for _, it := range joins {
		sum = l.Join(sum, l.Observe(it.obs))
	}
	return finish(l, joins[0].obs.Entity, sum, space), nil
}

func finish(l *lifecycle.Lifecycle, e lifecycle.Entity, sum lifecycle.Summary, space []byte) folded {
	f := folded{summary: sum, state: l.State(sum), encoded: sum.AppendBinary(space[:0])}
	f.digest = lifecycle.DigestOf(e, f.encoded)
	return f
}

// isolate finds which of an entity's observations make its fold panic, by folding one after the other; all are refused
// where none does so alone.
func (a *attempt) isolate(items []item, panicked any) error {
	var base stored
	if num := items[0].num; num <= a.base {
		var err error
		if base, err = a.w.load(num); err != nil {
			return err
		}
	}
	found := false
	for i := range items {
		f, p := foldOne(&base, &items[i])
		if p == nil {
			base.summary = f.encoded
			continue
		}
		found = true
		a.refuse(&items[i], ReasonPanic, panicDetail(items[i].obs, p))
	}
	for i := 0; !found && i < len(items); i++ {
		a.refuse(&items[i], ReasonPanic, panicDetail(items[i].obs, panicked))
	}
	return nil
}

func foldOne(base *stored, it *item) (f folded, panicked any) {
	defer func() { panicked = recover() }()
	it.kind.lc.Label(it.obs.Status)
	f, err := foldOnto(base, []*item{it}, nil)
	if err != nil {
		panic(err)
	}
	return f, nil
}

// refuse leaves an observation out of the next try and parks its record.
func (a *attempt) refuse(it *item, reason, detail string) {
	a.refused[it.from] = refusal(it.obs, reason, detail)
	a.again = true
}

// foldAnew folds an entity from all of its observations, since one that was joined counts no longer and a summary cannot
// be taken apart. What the batch does not hold is read from the log before the next try; ok is then false.
func (a *attempt) foldAnew(old *stored, items []item) (f folded, ok bool, err error) {
	a.refolds++
	inBatch := make(map[string][]*item)
	for i := range items {
		inBatch[items[i].obs.ID] = append(inBatch[items[i].obs.ID], &items[i])
	}
	var all []lifecycle.Observation
	complete, lost := true, false
	entity := items[0].obs.Entity
	if err := a.w.flushRows(); err != nil {
		return f, false, err
	}
	err = a.w.c.query(`SELECT observation_id, fingerprint, recorded_at, partition, offset FROM observed
		WHERE num IN (SELECT value FROM json_each(?) UNION ALL SELECT num FROM more WHERE entity = ?)`, func(row []driver.Value) error {
		id, at := text(row[0]), Position{int32(integer(row[3])), integer(row[4])}
		for _, it := range inBatch[id] {
			if it.pos == at {
				all = append(all, *it.obs)
				return nil
			}
		}
		o, there := a.history[historyKey{entity, id}]
		if there && fingerprintNumber(o.Fingerprint) == integer(row[1]) && formatTime(o.Recorded) == text(row[2]) {
			all = append(all, o)
			return nil
		}
		complete = false
		lost = lost || a.asked[at]
		a.missing[at] = true
		return nil
	}, string(old.seen), items[0].num)
	switch {
	case err != nil:
		return f, false, err
	case lost:
		for i := range items {
			a.refuse(&items[i], ReasonHistoryMissing, "counts instead of a delivery that is folded in, but the log no longer has all records of the entity: rebuild the store")
		}
		return f, false, nil
	case !complete:
		a.again = true
		return f, false, nil
	}
	l := items[0].kind.lc
	sum, _ := l.Fold(all) // a panic refuses the entity's items; see guarded
	return finish(l, entity, sum, nil), true, nil
}

// readHistory reads from the log what the last try missed.
func (a *attempt) readHistory(ctx context.Context) error {
	if len(a.missing) == 0 {
		return nil
	}
	at := make([]Position, 0, len(a.missing))
	for p := range a.missing {
		at = append(at, p)
		a.asked[p] = true
	}
	sortPositions(at)
	observations, err := a.store.config.History(ctx, at)
	if err != nil {
		return err
	}
	for _, o := range observations {
		key := historyKey{o.Entity, o.ID}
		if have, there := a.history[key]; !there || o.Supersedes(&have) {
			a.history[key] = o
		}
	}
	return nil
}
