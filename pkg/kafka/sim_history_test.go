package kafka_test

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// deed is what happened to a record, or to a partition, in a history.
type deed int

const (
	handed    deed = iota // a handler took the message from the channel
	acked                 // noted before the handler calls Ack
	nacked                // noted before the handler calls Nack
	dropped               // the handler gave up without a word, because it was told to or died
	committed             // a commit reached the broker, accepted or not
)

func (d deed) String() string {
	return [...]string{"handed", "acked", "nacked", "dropped", "committed"}[d]
}

type happening struct {
	at     time.Duration // virtual, since the beginning
	deed   deed
	member int
	record string // the message's UUID; empty for a commit
	spot   spot   // of a commit: the next offset to read
}

type spot struct {
	partition int32
	offset    int64
}

func (h happening) String() string {
	if h.deed == committed {
		return fmt.Sprintf("%9.3fs committed %d/%d", h.at.Seconds(), h.spot.partition, h.spot.offset)
	}
	return fmt.Sprintf("%9.3fs member %d %s %s", h.at.Seconds(), h.member, h.deed, h.record)
}

// history is written by handlers and the broker, and judged when all is over.
type history struct {
	began time.Time

	mu      sync.Mutex
	events  []happening
	waiting map[string]bool // published or possibly so, not yet acknowledged
	acks    map[string]bool
}

func newHistory() *history {
	return &history{began: time.Now(), waiting: map[string]bool{}, acks: map[string]bool{}}
}

func (h *history) note(d deed, member int, record string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, happening{at: time.Since(h.began), deed: d, member: member, record: record})
	if d == acked {
		h.acks[record] = true
		delete(h.waiting, record)
	}
}

func (h *history) commit(s spot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, happening{at: time.Since(h.began), deed: committed, spot: s})
}

// expect adds a record that must be acknowledged before the history can end.
func (h *history) expect(record string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.acks[record] {
		h.waiting[record] = true
	}
}

// missing are the expected records that nobody has acknowledged yet.
func (h *history) missing() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for r := range h.waiting {
		out = append(out, r)
	}
	return out
}

// notAcked ends the one complaint that is about what did not happen.
const notAcked = "was acknowledged by nobody"

// judge holds a history against the log, as a plain reader found it: per partition the records in
// their order. It returns every promise that was broken. It knows nothing of how the subscriber works.
func judge(log [][]string, window int, events []happening) []string {
	var broken []string
	blame := func(i int, format string, args ...any) {
		broken = append(broken, fmt.Sprintf("%s: ", events[i])+fmt.Sprintf(format, args...))
	}

	where := map[string]spot{}
	for p, records := range log {
		for o, r := range records {
			if s, twice := where[r]; twice {
				broken = append(broken, fmt.Sprintf("record %s stands in the log twice, at %v and %d/%d", r, s, p, o))
			}
			where[r] = spot{int32(p), int64(o)}
		}
	}
	if len(broken) > 0 {
		return broken // the names mean nothing then
	}

	acks := make([][]bool, len(log))  // by partition and offset
	prefix := make([]int64, len(log)) // the first offset that nobody has acknowledged
	held := map[int]map[string]bool{} // by member: what its handlers hold
	busy := map[int]map[int32]int{}   // by member and partition: how many
	for p := range log {
		acks[p] = make([]bool, len(log[p]))
	}
	for i, e := range events {
		s, known := where[e.record]
		switch {
		case e.deed == committed:
			if p := e.spot.partition; int(p) >= len(log) {
				blame(i, "there is no such partition")
			} else if e.spot.offset > prefix[p] {
				blame(i, "it passes offset %d, which nobody has acknowledged", prefix[p])
			}
			continue
		case !known:
			blame(i, "no such record is in the log")
			continue
		}
		if held[e.member] == nil {
			held[e.member], busy[e.member] = map[string]bool{}, map[int32]int{}
		}
		mine, load := held[e.member], busy[e.member]
		if e.deed == handed {
			if mine[e.record] {
				blame(i, "another handler of the process still has it")
			}
			mine[e.record] = true
			load[s.partition]++
			if load[s.partition] > window {
				blame(i, "the member now has %d of partition %d in flight, the window is %d", load[s.partition], s.partition, window)
			}
			if window == 1 && s.offset > prefix[s.partition] {
				blame(i, "offset %d comes before %d was acknowledged", s.offset, prefix[s.partition])
			}
			continue
		}
		if !mine[e.record] {
			blame(i, "the handler does not have it")
		}
		delete(mine, e.record)
		load[s.partition]--
		if e.deed == acked {
			acks[s.partition][s.offset] = true
			for prefix[s.partition] < int64(len(acks[s.partition])) && acks[s.partition][prefix[s.partition]] {
				prefix[s.partition]++
			}
		}
	}
	for p := range log {
		for o, r := range log[p] {
			if !acks[p][o] {
				broken = append(broken, fmt.Sprintf("record %s at %d/%d "+notAcked, r, p, o))
			}
		}
	}
	return broken
}

// about tells what happened in the partitions that complaints speak of, or in all if they name none.
func (h *history) about(log [][]string, broken []string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	where := map[string]spot{}
	for p, records := range log {
		for o, r := range records {
			where[r] = spot{int32(p), int64(o)}
		}
	}
	place := func(e happening) spot {
		if e.deed == committed {
			return e.spot
		}
		return where[e.record]
	}
	concerned := map[int32]bool{}
	for _, e := range h.events {
		for _, b := range broken {
			if strings.HasPrefix(b, e.String()) {
				concerned[place(e).partition] = true
			}
		}
	}
	var b strings.Builder
	for _, e := range h.events {
		s := place(e)
		if len(concerned) == 0 || concerned[s.partition] {
			fmt.Fprintf(&b, "%s (%d/%d)\n", e, s.partition, s.offset)
		}
	}
	return b.String()
}
