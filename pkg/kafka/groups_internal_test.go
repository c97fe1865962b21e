package kafka

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// handed is a client that notes what it is given, and ends records only when it is told to.
type handed struct {
	groups *groups
	mu     sync.Mutex
	sizes  []int // of the groups
	sends  []*send
}

func newHanded(t *testing.T) *handed {
	t.Helper()
	h := &handed{}
	h.groups = newGroups(func(s *send) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if n := len(h.sends); n == 0 || h.sends[n-1].group != s.group {
			h.sizes = append(h.sizes, 0)
		}
		h.sizes[len(h.sizes)-1]++
		h.sends = append(h.sends, s)
	})
	return h
}

// seen are the sizes of the groups so far.
func (h *handed) seen() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sizes)
}

// from are the sends from the nth on.
func (h *handed) from(n int) []*send {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sends[n:])
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
		require.Equal(t, []int{1, 2}, h.seen(), "nothing waits while there is a place")
		h.add(3)
		h.add(4)
		require.Equal(t, []int{1, 2}, h.seen(), "two groups are under way")
		h.end(second[0])
		require.Equal(t, []int{1, 2}, h.seen(), "a group has its place until all of it has ended")
		h.end(second[1])
		require.Equal(t, []int{1, 2, 7}, h.seen(), "whatever has gathered is one group")
		h.add(1)
		h.end(first...)
		require.Equal(t, []int{1, 2, 7}, h.seen(), "beside a large one, a small one gathers more")
		h.add(4)
		require.Equal(t, []int{1, 2, 7, 5}, h.seen())
		h.add(1)
		h.end(h.from(3)...)
		require.Equal(t, []int{1, 2, 7, 5, 1}, h.seen(), "but with none beside it, it leaves")
		h.end(h.from(15)...)
		h.groups.close()
	})
}

func TestGroupsThatTakeLongDoNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanded(t)
		began := time.Now()
		stuck := h.add(1)
		time.Sleep(patienceLeast / 2) // virtual: it passes once nothing else can happen
		stuck = append(stuck, h.add(1)...)
		h.add(5)
		require.Len(t, h.seen(), 2)
		for len(h.seen()) == 2 {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		require.InDelta(t, patienceLeast, time.Since(began), float64(2*time.Millisecond))
		h.end(stuck...)
		for range 3 * groupsUnderWay {
			h.add(1)
		}
		require.Len(t, h.seen(), 3+groupsUnderWay-1, "a group that has left its place does not leave it again when it ends")
		h.groups.close()
	})
}

func TestGroupsOnASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const took = 40 * time.Millisecond
		h := newHanded(t)
		for range 20 {
			n := len(h.from(0))
			h.add(1)
			time.Sleep(took)
			h.end(h.from(n)...)
		}
		before := len(h.seen())
		h.add(1)
		h.add(2)
		time.Sleep(2 * took)
		h.add(3)
		require.Len(t, h.seen(), before+1, "one group at a time, and it is given the time that groups take")
		h.end(h.from(len(h.from(0)) - 1)...)
		require.Equal(t, 5, h.seen()[before+1])
		time.Sleep(patienceMost)
		h.add(1)
		require.Len(t, h.seen(), before+3, "but not for ever")
		h.groups.close()
	})
}

func TestGroupsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanded(t)
		h.add(1)
		h.add(1)
		h.add(3)
		require.Equal(t, []int{1, 1}, h.seen())
		h.groups.close()
		require.Equal(t, []int{1, 1, 3}, h.seen(), "what waits is handed over at the end, for the client to fail")
		late := h.add(1)
		require.Equal(t, []int{1, 1, 3}, h.seen())
		require.ErrorIs(t, late[0].wait(context.Background()), ErrClosed)
	})
}
