package projections

import (
	"cmp"
	"slices"
)

// span is how far a partition is committed without a gap, and the intervals beyond.
type span struct {
	next  int64      // everything below is committed
	ahead []interval // by start, ascending; each starts beyond next
}

type interval struct{ start, end int64 } // [start, end)

func (s *span) clone() *span { return &span{s.next, slices.Clone(s.ahead)} }

// add notes that [start, end) is committed.
func (s *span) add(start, end int64) {
	if end <= s.next {
		return
	}
	if start > s.next {
		i, _ := slices.BinarySearchFunc(s.ahead, start, func(v interval, start int64) int { return cmp.Compare(v.start, start) })
		s.ahead = slices.Insert(s.ahead, i, interval{start, end})
		return
	}
	s.next = end
	n := 0
	for n < len(s.ahead) && s.ahead[n].start <= s.next {
		s.next = max(s.next, s.ahead[n].end)
		n++
	}
	if n > 0 {
		s.ahead = slices.Delete(s.ahead, 0, n)
	}
}
