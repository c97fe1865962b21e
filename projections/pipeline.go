package projections

import "database/sql/driver"

// chunk is how many entities pass through the stages of a batch at a time, beside how many chunks may be folded while
// SQLite works on the next.
const chunk, chunksBeside = 32, 12

// work is one entity of a batch on its way: its timeline rows are written, then it is folded, then its row is written.
type work struct {
	items    []item
	fresh    bool // not yet in the file
	old      stored
	joins    []*item
	added    int64
	f        folded
	done     bool           // f is there
	row      []driver.Value // of f; see appendRow
	err      error
	panicked any
	space    []byte // for the encoded summary; of an earlier entity
}

// maxSpace bounds what is kept of an entity that is large.
const maxSpace = 16 << 10

// reset empties w but for the space that it brings along.
func (w *work) reset() {
	space, joins, row := w.space, w.joins, w.row
	if n := cap(w.f.encoded); n > cap(space) && n <= maxSpace {
		space = w.f.encoded
	}
	clear(joins)
	clear(row)
	*w = work{space: space, joins: joins[:0], row: row[:0]}
}

// fold is pure but for w itself.
func (w *work) fold() {
	defer func() {
		if p := recover(); p != nil {
			w.panicked = p
		}
	}()
	if len(w.joins) > 0 && w.panicked == nil {
		w.f, w.err = foldOnto(&w.old, w.joins, w.space)
		w.done = w.err == nil
	}
	if w.done {
		w.row, w.err = appendRow(w.row, &w.items[0], &w.old, &w.f, w.old.observations+w.added, w.fresh)
	}
}

// entities writes the rows of the batch's entities. Folding a chunk runs beside SQLite, which works on the next one.
func (a *attempt) entities() (err error) {
	folding, folded := make(chan []work, chunksBeside+1), make(chan []work, chunksBeside+1)
	go func() {
		defer close(folded)
		for c := range folding {
			for i := range c {
				c[i].fold()
			}
			folded <- c
		}
	}()
	beside := 0
	defer func() {
		close(folding)
		for c := range folded {
			if err == nil {
				err = a.finish(c)
			}
		}
		if err == nil {
			err = a.w.flushRows()
		}
	}()
	for start := 0; start < len(a.items); {
		c := a.chunk()
		for start < len(a.items) && len(c) < chunk {
			end := start + 1
			for end < len(a.items) && a.items[end].num == a.items[start].num {
				end++
			}
			c = c[:len(c)+1]
			if err := a.observeEntity(&c[len(c)-1], a.items[start:end]); err != nil {
				return err
			}
			start = end
		}
		folding <- c
		if beside++; beside > chunksBeside {
			beside--
			if err := a.finish(<-folded); err != nil {
				return err
			}
		}
	}
	return nil
}

// chunk returns an empty chunk, of those that have passed through if there is one: an entity's work is large, and what it
// had to allocate serves the next.
func (a *attempt) chunk() []work {
	last := len(a.spare) - 1
	if last < 0 {
		return make([]work, 0, chunk)
	}
	c := a.spare[last]
	a.spare = a.spare[:last]
	return c
}

// finish writes the rows of entities that are folded.
func (a *attempt) finish(c []work) error {
	defer func() {
		for i := range c {
			c[i].reset()
		}
		a.spare = append(a.spare, c[:0])
	}()
	for i := range c {
		w := &c[i]
		switch {
		case w.panicked != nil:
			w.err = a.isolate(w.items, w.panicked)
		case w.done && w.err == nil:
			a.delta = a.delta.Add(w.f.digest).Sub(w.old.digest)
			w.err = a.w.storeRow(&w.items[0], &w.old, &w.f, w.row, w.fresh)
		}
		if w.err != nil {
			return w.err
		}
	}
	return nil
}
