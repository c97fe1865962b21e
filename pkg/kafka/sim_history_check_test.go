package kafka_test

import (
	"strings"
	"testing"
)

// The judge itself is held to small histories, each with at most one sin.
func TestTheJudgeOfHistories(t *testing.T) {
	log := [][]string{{"a", "b", "c"}, {"x"}}
	h := func(d deed, member int, record string) happening {
		return happening{deed: d, member: member, record: record}
	}
	commit := func(p int32, o int64) happening { return happening{deed: committed, spot: spot{p, o}} }
	rest := func(es ...happening) []happening { // acknowledges what the case does not speak of
		for _, r := range []string{"a", "b", "c", "x"} {
			done := false
			for _, e := range es {
				done = done || e.record == r && e.deed == acked
			}
			if !done {
				es = append(es, h(handed, 9, r), h(acked, 9, r))
			}
		}
		return es
	}
	for _, c := range []struct {
		name   string
		window int
		events []happening
		want   string // part of the one complaint; none if empty
	}{
		{"all in order", 1, rest(h(handed, 1, "a"), h(acked, 1, "a"), commit(0, 1)), ""},
		{"out of order in a window", 2, rest(h(handed, 1, "a"), h(handed, 1, "b"), h(acked, 1, "b"), commit(0, 0)), ""},
		{"a nack and again", 1, rest(h(handed, 1, "a"), h(nacked, 1, "a"), h(handed, 1, "a"), h(acked, 1, "a")), ""},
		{"a drop, then another member", 1, rest(h(handed, 1, "a"), h(dropped, 1, "a"), h(handed, 2, "a"), h(acked, 2, "a")), ""},
		{"repeated after its acknowledgement", 1, rest(h(handed, 1, "a"), h(acked, 1, "a"), h(handed, 2, "a"), h(acked, 2, "a")), ""},
		{"two members hold one record", 1, rest(h(handed, 1, "a"), h(handed, 2, "a"), h(acked, 2, "a"), h(acked, 1, "a")), ""},
		{"commit past the prefix", 2, rest(h(handed, 1, "a"), h(handed, 1, "b"), h(acked, 1, "b"), commit(0, 2), h(acked, 1, "a")), "passes offset 0"},
		{"commit before the acknowledgement", 1, rest(h(handed, 1, "a"), commit(0, 1), h(acked, 1, "a")), "passes offset 0"},
		{"commit past the end", 1, append(rest(), commit(1, 2)), "passes offset 1"},
		{"commit after a nack", 1, rest(h(handed, 1, "a"), h(nacked, 1, "a"), commit(0, 1)), "passes offset 0"},
		{"a successor too early", 1, rest(h(handed, 1, "a"), h(acked, 1, "a"), h(handed, 1, "c"), h(acked, 1, "c")), "comes before 1"},
		{"two handlers of one process", 2, rest(h(handed, 1, "a"), h(handed, 1, "a"), h(acked, 1, "a")), "still has it"},
		{"the window overrun", 2, rest(h(handed, 1, "a"), h(handed, 1, "b"), h(handed, 1, "c"), h(acked, 1, "a"), h(acked, 1, "b"), h(acked, 1, "c")), "window is 2"},
		{"an invented record", 1, rest(h(handed, 1, "z")), "no such record"},
		{"a record skipped", 1, []happening{h(handed, 1, "x"), h(acked, 1, "x"), h(handed, 1, "a"), h(acked, 1, "a"), h(handed, 1, "b"), h(acked, 1, "b")}, "c at 0/2 was acknowledged by nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := judge(log, c.window, c.events)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("no promise was broken, but: %q", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("got %q, want one complaint with %q", got, c.want)
			}
		})
	}
	if got := judge([][]string{{"a", "a"}}, 1, []happening{h(handed, 1, "a"), h(acked, 1, "a")}); len(got) != 1 {
		t.Errorf("a record appended twice: got %q", got)
	}
}
