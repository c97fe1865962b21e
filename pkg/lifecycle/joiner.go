package lifecycle

import (
	"slices"
	"strings"
)

// A Joiner joins the encoded summaries of one entity after another's, in memory that it keeps from each to the next: what
// Lifecycle.Join says of them, for who folds many. Its zero value is ready for Begin. It is for one goroutine.
type Joiner struct {
	l    *Lifecycle
	sum  Summary
	room room
	mine []claim // of sum
}

// How much a Joiner keeps; an entity that needs more costs allocations.
const (
	keptClaims  = 16
	keptEntries = keptClaims * int(groups)
	keptFields  = keptClaims * allFields
)

// Begin begins an entity with what is known of it, which may be the zero value. What Summary returned before is no longer
// valid.
func (j *Joiner) Begin(l *Lifecycle, base Summary) {
	if j.room.claims == nil {
		j.room = room{make([]claim, 0, keptClaims), make([]entry, 0, keptEntries), make([]string, 0, keptFields)}
	}
	r := &j.room
	r.claims, r.entries, r.fields = r.claims[:0], r.entries[:0], r.fields[:0]
	j.l, j.mine = l, append(j.mine[:0], base.claims...)
	j.sum = Summary{j.mine, base.lookup, base.lookupWord}
}

// Join joins an encoded summary, which is not copied and must not be changed any more. It fails where it is damaged.
func (j *Joiner) Join(encoded []byte) error {
	j.room.claims = j.room.claims[:0] // they are copied below
	one, err := viewSummary(encoded, &j.room)
	if err != nil || len(one.claims) == 0 {
		return err
	}
	for i := range one.claims {
		c := &one.claims[i]
		at, there := slices.BinarySearchFunc(j.mine, c.word, func(d claim, word string) int { return strings.Compare(d.word, word) })
		if there {
			j.mine[at] = joinClaims(&j.mine[at], c)
		} else {
			j.mine = slices.Insert(j.mine, at, *c)
		}
	}
	j.sum.lookup, j.sum.lookupWord = j.l.laterLookup(j.sum, one)
	j.sum.claims = j.mine
	return nil
}

// Summary is what was joined since Begin. It is valid until the next Begin.
func (j *Joiner) Summary() Summary {
	j.l.prune(j.mine) // once, since it does not matter when
	return j.sum
}
