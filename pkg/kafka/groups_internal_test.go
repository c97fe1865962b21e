package kafka

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// handed is a client that notes what it is given, and ends records only when it is told to.
type handed struct {
	t      *testing.T
	groups *groups
	sizes  []int
	sends  []*send
}

func newHanded(t *testing.T) *handed {
	h := &handed{t: t}
	h.groups = newGroups(func(s *send) {
		if n := len(h.sends); n == 0 || h.sends[n-1].group != s.group {
			h.sizes = append(h.sizes, 0)
		}
		h.sizes[len(h.sizes)-1]++
		h.sends = append(h.sends, s)
	})
	return h
}

func (h *handed) add(n int) (added []*send) {
	for range n {
		added = append(added, &send{ended: make(chan error, 1)})
	}
	h.groups.add(added...)
	synctest.Wait()
	return added
}

func (h *handed) end(sends ...*send) {
	for _, s := range sends {
		s.ended <- nil
		s.group.ended()
	}
	synctest.Wait()
}

func TestGroupsGatherWhileOthersAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanded(t)
		first, second := h.add(1), h.add(2)
		require.Equal(t, []int{1, 2}, h.sizes, "nothing waits while there is a place")
		h.add(3)
		h.add(4)
		require.Equal(t, []int{1, 2}, h.sizes, "two groups are under way")
		h.end(second[0])
		require.Equal(t, []int{1, 2}, h.sizes, "a group has its place until all of it has ended")
		h.end(second[1])
		require.Equal(t, []int{1, 2, 7}, h.sizes, "whatever has gathered is one group")
		h.add(1)
		h.end(first...)
		require.Equal(t, []int{1, 2, 7, 1}, h.sizes)
		h.end(h.sends[3:]...)
		h.groups.close()
	})
}

func TestGroupsThatTakeLongDoNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanded(t)
		began := time.Now()
		stuck := h.add(1)
		time.Sleep(groupPatience / 2) // virtual: it passes once nothing else can happen
		stuck = append(stuck, h.add(1)...)
		h.add(5)
		require.Len(t, h.sizes, 2)
		for len(h.sizes) == 2 {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		require.InDelta(t, groupPatience, time.Since(began), float64(2*time.Millisecond))
		h.end(stuck...)
		for range 3 * groupsUnderWay {
			h.add(1)
		}
		require.Len(t, h.sizes, 3+groupsUnderWay-1, "a group that has left its place does not leave it again when it ends")
		h.groups.close()
	})
}

func TestGroupsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanded(t)
		h.add(1)
		h.add(1)
		h.add(3)
		require.Equal(t, []int{1, 1}, h.sizes)
		h.groups.close()
		require.Equal(t, []int{1, 1, 3}, h.sizes, "what waits is handed over at the end, for the client to fail")
		late := h.add(1)
		require.Equal(t, []int{1, 1, 3}, h.sizes)
		require.ErrorIs(t, late[0].wait(context.Background()), ErrClosed)
	})
}
