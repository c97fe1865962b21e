package kafka

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// groupsUnderWay is how many groups are with the brokers at once. One would leave the brokers idle while the next is gathered;
	// many would be small, and each has its cost.
	groupsUnderWay = 2
	// groupSlow is what a group takes at least for it to have the brokers for itself: where they wait for a disk, a request's cost is the
	// same whatever is in it, so that fewer and larger ones are better.
	groupSlow = 5 * time.Millisecond
	// A group keeps its place for patienceFactor times as long as groups usually take, within these bounds. Then it is not it that
	// others wait for, but one partition's broker.
	patienceFactor = 4
	patienceLeast  = 10 * time.Millisecond
	patienceMost   = 250 * time.Millisecond
)

// send is one record on its way to the brokers.
type send struct {
	rec       *kgo.Record // own, or a copy for another attempt
	own       kgo.Record
	begun     time.Time
	group     *group
	ended     chan error  // of capacity one
	abandoned atomic.Bool // nobody waits for its end
}

// wait returns how the record ended, or why the context did before.
func (s *send) wait(ctx context.Context) error {
	select {
	case err := <-s.ended:
		return err
	default:
	}
	select {
	case err := <-s.ended:
		return err
	case <-ctx.Done():
		s.abandoned.Store(true)
		return context.Cause(ctx)
	}
}

// groups hands records to the client in groups: while some are under way, records gather for the next. A record waits only
// where others are under way, and a group that takes far longer than groups do, for one of several brokers, does not hold up the others.
type groups struct {
	give func(*send)
	wake chan struct{} // of capacity one: there may be something to hand over
	done chan struct{}

	mu       sync.Mutex
	waiting  []*send
	underWay int
	last     int           // records of the group that was handed over last
	usual    time.Duration // that a group takes, lately
	closing  bool
	closed   bool
}

// newGroups starts to hand over; give gives a record to the client, and calls the record's group when it has ended.
func newGroups(give func(*send)) *groups {
	g := &groups{give: give, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go g.run()
	return g
}

// add puts records into the next group. They fail with ErrClosed where there will be none.
func (g *groups) add(sends ...*send) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		for _, s := range sends {
			s.ended <- ErrClosed
		}
		return
	}
	g.waiting = append(g.waiting, sends...)
	ready := g.readyLocked()
	g.mu.Unlock()
	if ready {
		g.signal()
	}
}

// readyLocked says whether a group may leave: the first at once, another beside it when about as many wait. So groups are alike, and
// grow as long as the brokers are slower than who publishes.
func (g *groups) readyLocked() bool {
	switch {
	case g.underWay == 0:
		return len(g.waiting) > 0
	case g.usual > groupSlow:
		return false
	default:
		return g.underWay < groupsUnderWay && len(g.waiting) >= max(1, g.last*3/4)
	}
}

func (g *groups) signal() {
	select {
	case g.wake <- struct{}{}:
	default: // it is awake
	}
}

func (g *groups) run() {
	defer close(g.done)
	var sends []*send
	for range g.wake {
		for {
			runtime.Gosched() // whoever is about to add a record does so first
			more, patience, last := g.take(sends[:0])
			if last {
				return
			}
			if len(more) == 0 {
				break
			}
			sends = more
			one := &group{of: g, begun: time.Now()}
			one.open.Store(int64(len(sends)))
			one.patience = time.AfterFunc(patience, one.leave)
			for _, s := range sends {
				s.group = one
				g.give(s)
			}
			clear(sends)
		}
	}
}

// take gives what waits, if there is a place for another group; spare is where records gather from now on. last says that there will
// be no more.
func (g *groups) take(spare []*send) (sends []*send, patience time.Duration, last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closing && len(g.waiting) == 0:
		g.closed = true
		return nil, 0, true
	case !g.closing && !g.readyLocked():
		return nil, 0, false
	}
	sends, g.waiting = g.waiting, spare
	g.underWay++
	g.last = len(sends)
	return sends, min(max(patienceFactor*g.usual, patienceLeast), patienceMost), false
}

// close hands over what waits, whatever is under way, and fails what is added from then on.
func (g *groups) close() {
	g.mu.Lock()
	g.closing = true
	g.mu.Unlock()
	g.signal()
	<-g.done
}

// group is what was handed over at once.
type group struct {
	of       *groups
	begun    time.Time
	open     atomic.Int64 // records that have not ended
	left     atomic.Bool  // its place
	patience *time.Timer
}

// ended is called for each record of the group.
func (one *group) ended() {
	if one.open.Add(-1) > 0 {
		return
	}
	one.patience.Stop()
	g := one.of
	g.mu.Lock()
	g.usual += (min(time.Since(one.begun), patienceMost) - g.usual) / 8
	g.mu.Unlock()
	one.leave()
}

// leave makes room for another group, once.
func (one *group) leave() {
	if !one.left.CompareAndSwap(false, true) {
		return
	}
	g := one.of
	g.mu.Lock()
	g.underWay--
	ready := g.readyLocked()
	g.mu.Unlock()
	if ready {
		g.signal()
	}
}
