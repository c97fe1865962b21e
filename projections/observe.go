package projections

import (
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// outcome is what deliveries of one observation mean for the entity's summary.
type outcome int

const (
	outcomeNothing outcome = iota // what counts has not changed
	outcomeAdded                  // the observation is new: join it
	outcomeEarlier                // the same fact was recorded earlier than was known: join it for its recorded time
	outcomeAnew                   // another delivery counts than the one that was joined: fold the entity anew
)

// maxSeen is how many observations an entity lists in its own row. With more, the list moves to a table: the row is
// written with every observation, and must stay small.
const maxSeen = 64

// observe writes the timeline row of one observation; run are its deliveries in the batch, the one that counts first.
func (a *attempt) observe(old *stored, run []item) (outcome, error) {
	it := &run[0]
	form, err := a.w.form(it.obs, it.kind.lc)
	if err != nil {
		return 0, err
	}
	hash := hashOf(it.obs.ID)
	known, found, err := a.w.find(it.num, old, it.obs.ID, hash)
	if err != nil {
		return 0, err
	}
	if found {
		return a.meet(run, form, &known)
	}
	if len(old.hashes) >= 4*maxSeen {
		if err := a.w.spill(it.num, old); err != nil {
			return 0, err
		}
	}
	a.w.lastSeen++
	old.add(a.w.lastSeen, hash)
	err = a.w.addRow(a.w.lastSeen, it.num, it.obs.ID, form, nullTime(it.obs.Occurred), formatTime(it.obs.Recorded),
		int64(it.pos.Partition), it.pos.Offset, fingerprintNumber(it.obs.Fingerprint))
	if err == nil && len(run) > 1 {
		err = a.noteBodies(run, it.obs.Fingerprint, nil)
	}
	return outcomeAdded, err
}

// The table observed is written so many rows at a time: a statement costs more than a row.
const (
	observedColumns = 9
	rowsAtOnce      = 16
)

// addRow notes a row of the table observed. It is in the file after flushRows.
func (w *writer) addRow(values ...driver.Value) error {
	w.pending = append(w.pending, values...)
	if len(w.pending) < rowsAtOnce*observedColumns {
		return nil
	}
	return w.flushRows()
}

// flushRows inserts the rows that were noted.
func (w *writer) flushRows() error {
	if len(w.pending) == 0 {
		return nil
	}
	var err error
	if w.insertRows == nil {
		row := ", (?" + strings.Repeat(", ?", observedColumns-1) + ")"
		err = errors.Join(w.c.prepareOnce(&w.insertRow, "INSERT INTO observed VALUES"+row[1:]),
			w.c.prepareOnce(&w.insertRows, "INSERT INTO observed VALUES"+strings.Repeat(row, rowsAtOnce)[1:]))
	}
	if err == nil && len(w.pending) == rowsAtOnce*observedColumns {
		err = w.insertRows.exec(w.pending...)
		w.dropRows()
		return err
	}
	for at := 0; err == nil && at < len(w.pending); at += observedColumns {
		err = w.insertRow.exec(w.pending[at : at+observedColumns]...)
	}
	w.dropRows()
	return err
}

func (w *writer) dropRows() {
	clear(w.pending)
	w.pending = w.pending[:0]
}

func hashOf(id string) uint32 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return h
}

// add lists an observation's row.
func (s *stored) add(num int64, hash uint32) {
	if len(s.hashes) == 0 {
		s.seen = append(s.seen[:0], '[')
	} else {
		s.seen[len(s.seen)-1] = ','
	}
	s.seen = append(strconv.AppendInt(s.seen, num, 10), ']')
	s.hashes = binary.BigEndian.AppendUint32(s.hashes, hash)
}

// nums are the rows that are listed in seen.
func (s *stored) nums() (out []int64, err error) {
	return out, json.Unmarshal(s.seen, &out)
}

// spill moves an entity's list to the table for long ones.
func (w *writer) spill(num int64, s *stored) error {
	nums, err := s.nums()
	for i := 0; err == nil && i < len(nums); i++ {
		err = w.c.exec(`INSERT INTO more VALUES (?, ?, ?)`, num, int64(binary.BigEndian.Uint32(s.hashes[4*i:])), nums[i])
	}
	s.spilled += int64(len(nums))
	s.seen, s.hashes = append(s.seen[:0], "[]"...), s.hashes[:0]
	return err
}

// find looks for the timeline row of an observation. Rows that are not yet inserted are of other observations: a batch writes each once.
func (w *writer) find(num int64, s *stored, id string, hash uint32) (d delivery, found bool, err error) {
	var candidates []int64
	for i := 0; i+4 <= len(s.hashes); i += 4 {
		if binary.BigEndian.Uint32(s.hashes[i:]) != hash {
			continue
		}
		nums, err := s.nums()
		if err != nil {
			return d, false, err
		}
		candidates = append(candidates, nums[i/4])
	}
	if s.spilled > 0 {
		err := w.c.query(`SELECT num FROM more WHERE entity = ? AND hash = ?`, func(row []driver.Value) error {
			candidates = append(candidates, integer(row[0]))
			return nil
		}, num, int64(hash))
		if err != nil {
			return d, false, err
		}
	}
	for _, c := range candidates {
		err := w.c.query(`SELECT form, occurred_at, recorded_at, partition, offset, fingerprint FROM observed
			WHERE num = ? AND observation_id = ?`, func(row []driver.Value) (err error) {
			found = true
			d = delivery{
				num: c, form: integer(row[0]), occurred: text(row[1]),
				pos: Position{int32(integer(row[3])), integer(row[4])}, fingerprint: fingerprintOf(integer(row[5])),
			}
			d.recorded, err = time.Parse(time.RFC3339Nano, text(row[2]))
			return err
		}, c, id)
		if found || err != nil {
			return d, found, err
		}
	}
	return d, false, nil
}

// delivery is the delivery of an observation that counts so far.
type delivery struct {
	num         int64
	form        int64
	occurred    string
	recorded    time.Time
	pos         Position
	fingerprint lifecycle.Fingerprint
}

// meet holds the deliveries of a batch against the one that counts so far.
func (a *attempt) meet(run []item, form int64, known *delivery) (outcome, error) {
	it := &run[0]
	was := lifecycle.Observation{Recorded: known.recorded, Fingerprint: known.fingerprint}
	switch {
	case was.Supersedes(it.obs):
		return outcomeNothing, a.noteBodies(run, known.fingerprint, nil)
	case !it.obs.Supersedes(&was) && known.pos.compare(it.pos) <= 0:
		return outcomeNothing, a.noteBodies(run, known.fingerprint, nil)
	}
	// Recorded earlier, or alike and earlier in the log. Where nothing else differs, joining it is exact, since only the
	// least recorded time is remembered and everything else is there already.
	result, replaced := outcomeAnew, (*delivery)(nil)
	if known.fingerprint != it.obs.Fingerprint {
		replaced = known
	} else if known.form == form && known.occurred == text(nullTime(it.obs.Occurred)) &&
		(known.occurred != "" || known.recorded.Equal(it.obs.Recorded)) {
		result = outcomeEarlier
	}
	err := a.w.c.exec(`UPDATE observed SET form = ?, occurred_at = ?, recorded_at = ?, partition = ?, offset = ?, fingerprint = ?
		WHERE num = ?`, form, nullTime(it.obs.Occurred), formatTime(it.obs.Recorded),
		int64(it.pos.Partition), it.pos.Offset, fingerprintNumber(it.obs.Fingerprint), known.num)
	if err != nil {
		return 0, err
	}
	return result, a.noteBodies(run, it.obs.Fingerprint, replaced)
}

// noteBodies keeps the earliest delivery of each body that does not count, and the anomaly that says since when there is
// one. replaced is the delivery that counted until now, nil where that did not change.
func (a *attempt) noteBodies(run []item, counts lifecycle.Fingerprint, replaced *delivery) error {
	it := &run[0]
	earliest := make(map[lifecycle.Fingerprint]time.Time)
	for i := range run {
		if o := run[i].obs; o.Fingerprint != counts {
			if _, there := earliest[o.Fingerprint]; !there { // the run is in order
				earliest[o.Fingerprint] = o.Recorded
			}
		}
	}
	if replaced != nil {
		if t, there := earliest[replaced.fingerprint]; !there || replaced.recorded.Before(t) {
			earliest[replaced.fingerprint] = replaced.recorded
		}
	}
	if len(earliest) == 0 {
		return nil
	}
	changed := replaced != nil
	if replaced != nil {
		err := a.w.c.exec(`DELETE FROM bodies WHERE entity = ? AND observation_id = ? AND fingerprint = ?`,
			it.num, it.obs.ID, fingerprintNumber(counts))
		if err != nil {
			return err
		}
	}
	known, err := a.w.bodies(it.num, it.obs.ID)
	if err != nil {
		return err
	}
	for f, t := range earliest {
		if have, there := known[f]; there && !t.Before(have) {
			continue
		}
		known[f], changed = t, true
		err := a.w.c.exec(`INSERT INTO bodies VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET recorded_at = excluded.recorded_at`,
			it.num, it.obs.ID, fingerprintNumber(f), formatTime(t))
		if err != nil {
			return err
		}
	}
	if !changed {
		return nil
	}
	var times []time.Time
	for _, t := range known {
		times = append(times, t)
	}
	first := slices.MinFunc(times, time.Time.Compare)
	return a.w.c.exec(`INSERT INTO strange VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET first_seen_at = excluded.first_seen_at`,
		it.num, string(lifecycle.AnomalyDiffering), it.obs.ID, formatTime(first))
}

func (w *writer) bodies(num int64, id string) (map[lifecycle.Fingerprint]time.Time, error) {
	known := make(map[lifecycle.Fingerprint]time.Time)
	err := w.c.query(`SELECT fingerprint, recorded_at FROM bodies WHERE entity = ? AND observation_id = ?`, func(row []driver.Value) error {
		t, err := time.Parse(time.RFC3339Nano, text(row[1]))
		known[fingerprintOf(integer(row[0]))] = t
		return err
	}, num, id)
	return known, err
}
