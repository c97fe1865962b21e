package kafka

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// partition delivers one assigned partition and collects its acknowledgements, in one goroutine that owns everything
// without a lock. It ends in one of three ways: stop lets what is in flight finish; drop gives up on it, and
// waits only so that no other handler of this subscriber gets the same records meanwhile; the subscriber's end ends it at once.
type partition struct {
	s  *subscription
	id int32

	stop, drop chan struct{} // closed once, by the subscription, under its lock
	halted     atomic.Bool   // stop is closed; readable at no cost
	stopped    chan struct{} // closed when nothing will be delivered any more
	idle       chan struct{} // closed when nothing is in flight and nothing will be delivered
	gone       chan struct{} // closed when the goroutine has ended
	before     <-chan struct{}

	fullHint atomic.Bool // as full, readable without the lock
	qmu      sync.Mutex
	queue    []*kgo.Record
	bytes    int64
	wake     chan struct{}
	full     bool // the queue has its share; this and paused are guarded by the subscription's lock
	paused   bool // fetching is paused
	started  bool // a start offset is known
	received bool // a record has come

	next      int64 // offset after the last record delivered first
	passed    int64 // everything below was passed over as undecodable, with nothing in flight before it
	lastEpoch int32
	order     list // unacknowledged, by offset
	live      list // of these, the ones in a handler's hands, by delivery
	retry     []*entry
	rtimer    *time.Timer
	stimer    *time.Timer
	scan      time.Duration // how long to wait for the next look at everything; 0 while the head moves

	from   atomic.Int64 // where delivery began
	prefix atomic.Int64 // everything below is acknowledged; -1 while unknown
	oldest atomic.Int64 // timestamp in ms of the oldest unacknowledged record held; 0 when none
	hwm    atomic.Int64
	epoch  atomic.Int32

	committed int64 // read and written by who commits
}

const (
	scanFirst = time.Millisecond
	scanMax   = 50 * time.Millisecond
	watched   = 8 // acknowledgements waited for at once when the oldest message holds up the others
)

func newPartition(s *subscription, id int32) *partition {
	p := &partition{
		s: s, id: id,
		stop: make(chan struct{}), drop: make(chan struct{}), stopped: make(chan struct{}), idle: make(chan struct{}), gone: make(chan struct{}),
		wake:  make(chan struct{}, 1),
		order: list{of: orderOf}, live: list{of: liveOf},
		committed: -1,
	}
	p.prefix.Store(-1)
	return p
}

// start tells where delivery begins. It must come before the first record.
func (p *partition) start(offset int64) {
	p.qmu.Lock()
	defer p.qmu.Unlock()
	if p.received {
		return
	}
	p.started = true
	p.next = offset
	p.from.Store(offset)
	p.prefix.Store(offset)
}

// add queues fetched records and says whether the queue is now above its share.
func (p *partition) add(recs []*kgo.Record, hwm int64) (full bool) {
	p.hwm.Store(hwm)
	if len(recs) == 0 {
		return false
	}
	p.qmu.Lock()
	if !p.started {
		p.started = true
		p.next = recs[0].Offset
		p.from.Store(p.next)
		p.prefix.Store(p.next)
	}
	p.received = true
	p.queue = append(p.queue, recs...)
	for _, r := range recs {
		p.bytes += recordSize(r)
	}
	if full = p.overfull(); full {
		p.fullHint.Store(true) // before anything can be taken, so that the take that leaves little is not missed
	}
	p.qmu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return full
}

func (p *partition) overfull() bool {
	return len(p.queue) >= p.s.shareRecords() || p.bytes >= p.s.shareBytes()
}

// recordSize is what a record costs in memory, about.
func recordSize(r *kgo.Record) int64 {
	n := 160 + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 40 + len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// take removes the records of the next message from the queue: as many as lie there, up to a batch and to the partition's share of the
// bytes, which bounds what is in flight too. None is nil.
func (p *partition) take() []*kgo.Record {
	p.qmu.Lock()
	most, size, n := p.s.shareBytes(), int64(0), 0
	for n < min(len(p.queue), p.s.cfg.Batch) && size < most {
		size += recordSize(p.queue[n])
		n++
	}
	if n == 0 {
		p.qmu.Unlock()
		return nil
	}
	recs := slices.Clone(p.queue[:n])
	clear(p.queue[:n])
	p.queue = p.queue[n:]
	p.bytes -= size
	low := len(p.queue) <= p.s.shareRecords()/2 && p.bytes <= p.s.shareBytes()/2
	p.qmu.Unlock()
	if low {
		p.s.hungry(p)
	}
	return recs
}

func (p *partition) run() {
	defer close(p.gone)
	defer p.clear()
	if !p.waitForPredecessor() {
		return
	}
	p.deliver()
	close(p.idle)
}

// waitForPredecessor holds the first delivery until no handler has a message of an earlier assignment of this partition any more.
func (p *partition) waitForPredecessor() bool {
	if p.before == nil {
		return true
	}
	select {
	case <-p.before:
		return true
	case <-p.stop:
		// Handed on before anything was delivered, so nothing holds up a revocation or the end. But the chain must hold:
		// whoever comes next waits for us, we for the one before.
		close(p.idle)
		close(p.stopped)
		select {
		case <-p.before:
		case <-p.s.killed:
		}
	case <-p.s.killed:
		close(p.idle)
		close(p.stopped)
	}
	return false
}

// deliver is the loop of the partition.
func (p *partition) deliver() {
	var cur *entry // next to be handed out
	var again bool // cur is a redelivery
	stopping, dropped := false, false
	stop, drop := p.stop, p.drop
	for {
		if stop != nil && p.halted.Load() {
			stopping, stop = true, nil
			cur = release(cur)
			close(p.stopped)
		}
		p.reap()
		if dropped || stopping {
			if p.live.n == 0 {
				return
			}
		} else if cur == nil && p.live.n < p.s.cfg.Window {
			cur, again = p.pick()
		}
		if cur != nil {
			select {
			case p.s.out <- cur.msg:
				p.sent(cur, again)
				cur = nil
				continue
			default:
			}
		}
		switch p.wait(cur, stop, drop) {
		case evSent:
			p.sent(cur, again)
			cur = nil
		case evStop: // seen at the top
		case evDrop:
			dropped, drop = true, nil
			cur = release(cur)
			p.cancelAll()
		case evKill:
			release(cur)
			p.cancelAll()
			return
		case evWatched:
			p.settleFirst()
		case evScan:
			p.scanAll()
		}
	}
}

// pick chooses what to deliver next: a redelivery that is due, else the next record, unless order forbids it.
func (p *partition) pick() (e *entry, again bool) {
	if len(p.retry) > 0 && !time.Now().Before(p.retry[0].due) {
		e = p.retry[0]
		p.retry = slices.Delete(p.retry, 0, 1)
		if !p.s.prepare(e) { // was decodable once, is passed over now
			p.order.remove(e)
			p.publishPrefix()
			return nil, false
		}
		return e, true
	}
	if p.order.n >= p.s.cfg.Window {
		return nil, false
	}
	for {
		recs := p.take()
		if recs == nil {
			return nil, false
		}
		e = &entry{recs: recs, prev: min(p.next, recs[0].Offset)}
		if p.s.prepare(e) {
			return e, false
		}
		// Passed over: the next delivery's interval covers it.
		if p.order.n == 0 {
			p.passed = e.last().Offset + 1
			p.publishPrefix()
		}
	}
}

func (p *partition) sent(e *entry, again bool) {
	p.live.push(e)
	if again {
		return
	}
	p.order.push(e)
	p.next = e.last().Offset + 1
	p.lastEpoch = e.last().LeaderEpoch
	if p.order.n == 1 {
		p.publishPrefix()
	}
}

// reap settles the messages at the head that have been acknowledged either way.
func (p *partition) reap() {
	moved := false
	for e := p.live.head; e != nil; e = p.live.head {
		if !p.settle(e) {
			break
		}
		moved = true
	}
	if moved {
		p.scan = 0
		p.publishPrefix()
	}
}

// scanAll settles every message that has been acknowledged, also behind one that holds up the head.
func (p *partition) scanAll() {
	found := false
	for e := p.live.head; e != nil; {
		next := e.live.next
		found = p.settle(e) || found
		e = next
	}
	if found {
		p.scan = scanFirst
		p.publishPrefix()
	} else {
		p.scan = min(max(2*p.scan, scanFirst), scanMax)
	}
}

// settleFirst settles what has been acknowledged among the messages that waitWide watched.
func (p *partition) settleFirst() {
	for e, i := p.live.head, 0; e != nil && i < watched; i++ {
		next := e.live.next
		p.settle(e)
		e = next
	}
	p.publishPrefix()
}

func (p *partition) settle(e *entry) bool {
	select {
	case <-e.msg.Acked():
		e.finish(true)
		p.live.remove(e)
		p.order.remove(e)
		return true
	default:
	}
	select {
	case <-e.msg.Nacked():
		e.finish(false)
		p.live.remove(e)
		p.delay(e)
		return true
	default:
		return false
	}
}

// delay puts a refused message aside until its back-off has passed.
func (p *partition) delay(e *entry) {
	p.s.meters.nacked.Add(1)
	wait := p.s.cfg.NackBackoff.next(e.attempts)
	e.attempts++
	e.due = time.Now().Add(wait)
	at, _ := slices.BinarySearchFunc(p.retry, e, func(a, b *entry) int { return a.due.Compare(b.due) })
	p.retry = slices.Insert(p.retry, at, e)
}

func (p *partition) publishPrefix() {
	if e := p.order.head; e != nil {
		p.epoch.Store(e.first().LeaderEpoch)
		p.prefix.Store(e.first().Offset)
		p.oldest.Store(e.first().Timestamp.UnixMilli())
		return
	}
	p.epoch.Store(p.lastEpoch)
	p.prefix.Store(max(p.next, p.passed))
	p.oldest.Store(0)
}

// release gives up a message that was not handed out.
func release(e *entry) *entry {
	if e != nil {
		e.finish(false)
	}
	return nil
}

func (p *partition) cancelAll() {
	for e := p.live.head; e != nil; e = e.live.next {
		e.end()
	}
}

// clear lets go of everything queued.
func (p *partition) clear() {
	p.qmu.Lock()
	p.queue, p.bytes = nil, 0
	p.qmu.Unlock()
	for _, t := range []*time.Timer{p.rtimer, p.stimer} {
		if t != nil {
			t.Stop()
		}
	}
}

func (b Backoff) next(attempts int) time.Duration {
	d := b.Max
	if attempts < 30 {
		d = min(b.Min<<attempts, b.Max)
	}
	return d/2 + rand.N(d/2+1)
}

// end closes one of the partition's signals, once.
func (p *partition) end(ch chan struct{}) {
	p.qmu.Lock()
	defer p.qmu.Unlock()
	select {
	case <-ch:
	default:
		if ch == p.stop {
			p.halted.Store(true)
		}
		close(ch)
	}
}

// giveUp drops the partition: no delivery any more, contexts cancelled, acknowledgements count for nothing.
func (p *partition) giveUp() {
	p.end(p.stop)
	p.end(p.drop)
}
