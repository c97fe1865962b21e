package projections

import (
	"database/sql/driver"
	"fmt"
	"slices"
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

// observe writes the timeline row of one observation; run are its deliveries in the batch, the one that counts first.
func (a *attempt) observe(run []item) (outcome, error) {
	it := &run[0]
	form, err := a.w.form(it.obs, it.kind.lc)
	if err != nil {
		return 0, err
	}
	err = a.w.c.exec(`INSERT INTO observed VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		it.num, it.obs.ID, form, nullTime(it.obs.Occurred), formatTime(it.obs.Recorded),
		int64(it.pos.Partition), it.pos.Offset, fingerprintNumber(it.obs.Fingerprint))
	switch {
	case isConstraint(err):
		return a.meet(run, form)
	case err != nil:
		return 0, err
	case len(run) > 1:
		return outcomeAdded, a.noteBodies(run, it.obs.Fingerprint, nil)
	}
	return outcomeAdded, nil
}

// delivery is the delivery of an observation that counts so far.
type delivery struct {
	form        int64
	occurred    string
	recorded    time.Time
	pos         Position
	fingerprint lifecycle.Fingerprint
}

// meet holds the deliveries of a batch against the one that counts so far.
func (a *attempt) meet(run []item, form int64) (outcome, error) {
	it := &run[0]
	known, err := a.w.delivery(it.num, it.obs.ID)
	if err != nil {
		return 0, err
	}
	was := lifecycle.Observation{Recorded: known.recorded, Fingerprint: known.fingerprint}
	result := outcomeNothing
	counts := it.obs.Fingerprint
	var replaced *delivery
	switch {
	case it.obs.Supersedes(&was):
		// Recorded earlier: where nothing else differs, joining it is exact, since only the least recorded time is
		// remembered and everything else is there already.
		same := known.fingerprint == it.obs.Fingerprint && known.form == form &&
			!it.obs.Occurred.IsZero() && known.occurred == formatTime(it.obs.Occurred)
		if result = outcomeAnew; same {
			result = outcomeEarlier
		}
		if known.fingerprint != it.obs.Fingerprint {
			replaced = &known
		}
	case was.Supersedes(it.obs):
		counts = known.fingerprint
	case it.pos.compare(known.pos) < 0:
		result = outcomeNothing // alike: only the place in the log moves
	default:
		return outcomeNothing, a.noteBodies(run, counts, nil)
	}
	if result != outcomeNothing || counts == it.obs.Fingerprint {
		err := a.w.c.exec(`UPDATE observed SET form = ?, occurred_at = ?, recorded_at = ?, partition = ?, offset = ?, fingerprint = ?
			WHERE entity = ? AND observation_id = ?`, form, nullTime(it.obs.Occurred), formatTime(it.obs.Recorded),
			int64(it.pos.Partition), it.pos.Offset, fingerprintNumber(it.obs.Fingerprint), it.num, it.obs.ID)
		if err != nil {
			return 0, err
		}
	}
	return result, a.noteBodies(run, counts, replaced)
}

func (w *writer) delivery(num int64, id string) (d delivery, err error) {
	found := false
	err = w.c.query(`SELECT form, occurred_at, recorded_at, partition, offset, fingerprint FROM observed
		WHERE entity = ? AND observation_id = ?`, func(row []driver.Value) (err error) {
		found = true
		d = delivery{
			form: integer(row[0]), occurred: text(row[1]),
			pos: Position{int32(integer(row[3])), integer(row[4])}, fingerprint: fingerprintOf(integer(row[5])),
		}
		d.recorded, err = time.Parse(time.RFC3339Nano, text(row[2]))
		return err
	}, num, id)
	if err == nil && !found {
		err = fmt.Errorf("a timeline row of entity number %d is there and not there: the file is damaged", num)
	}
	return d, err
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
