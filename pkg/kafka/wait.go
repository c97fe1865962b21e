package kafka

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

type event int

const (
	evAck     event = iota // something was acknowledged, or came, or is due: look again
	evSent                 // the message on offer was taken
	evStop                 // deliver no more
	evDrop                 // the partition is lost
	evKill                 // end now
	evWatched              // one of the oldest few was acknowledged
	evScan                 // look at every message in flight
)

// wait blocks until something happens. In the steady state it watches only the oldest message in flight: acknowledgements come in
// about that order, and a select over few channels is cheap. When the oldest does not move, the oldest few are watched, and the
// rest is looked through at growing intervals.
func (p *partition) wait(cur *entry, stop, drop <-chan struct{}) event {
	var out chan<- *message.Message
	var msg *message.Message
	if cur != nil {
		out, msg = p.s.out, cur.msg
	}
	retry := p.retryTimer(cur == nil && stop != nil)
	scan := p.scanTimer()
	if p.scan > 0 && p.live.n > 1 {
		return p.waitWide(out, msg, stop, drop, retry, scan)
	}
	var acked, nacked <-chan struct{}
	if e := p.live.head; e != nil {
		acked, nacked = e.msg.Acked(), e.msg.Nacked()
	}
	select {
	case <-acked:
		return evAck
	case <-nacked:
		return evAck
	case out <- msg:
		return evSent
	case <-p.wake:
		return evAck
	case <-stop:
		return evStop
	case <-drop:
		return evDrop
	case <-p.s.killed:
		return evKill
	case <-retry:
		return evAck
	case <-scan:
		return evScan
	}
}

func (p *partition) waitWide(out chan<- *message.Message, msg *message.Message, stop, drop <-chan struct{}, retry, scan <-chan time.Time) event {
	var a, n [watched]<-chan struct{}
	i := 0
	for e := p.live.head; e != nil && i < watched; e = e.live.next {
		a[i], n[i] = e.msg.Acked(), e.msg.Nacked()
		i++
	}
	if p.live.n <= watched {
		scan = nil
	}
	select {
	case <-a[0]:
	case <-n[0]:
	case <-a[1]:
	case <-n[1]:
	case <-a[2]:
	case <-n[2]:
	case <-a[3]:
	case <-n[3]:
	case <-a[4]:
	case <-n[4]:
	case <-a[5]:
	case <-n[5]:
	case <-a[6]:
	case <-n[6]:
	case <-a[7]:
	case <-n[7]:
	case out <- msg:
		return evSent
	case <-p.wake:
		return evAck
	case <-stop:
		return evStop
	case <-drop:
		return evDrop
	case <-p.s.killed:
		return evKill
	case <-retry:
		return evAck
	case <-scan:
		return evScan
	}
	return evWatched
}

// retryTimer gives a channel for the next redelivery that is due, if it could be delivered then.
func (p *partition) retryTimer(free bool) <-chan time.Time {
	if !free || len(p.retry) == 0 || p.live.n >= p.s.cfg.Window {
		return nil
	}
	d := max(time.Until(p.retry[0].due), 0)
	if p.rtimer == nil {
		p.rtimer = time.NewTimer(d)
	} else {
		p.rtimer.Reset(d)
	}
	return p.rtimer.C
}

// scanTimer gives a channel for the next look at everything in flight. With one message in flight there is nothing to look for.
func (p *partition) scanTimer() <-chan time.Time {
	if p.live.n < 2 {
		return nil
	}
	d := max(p.scan, scanFirst)
	if p.stimer == nil {
		p.stimer = time.NewTimer(d)
	} else {
		p.stimer.Reset(d)
	}
	return p.stimer.C
}
