//go:build linux

package faults

import (
	"net"
	"sync"
	"testing"
	"time"
)

// link is a network between a client and a server that can be slowed, held up and cut.
type link struct {
	ln     net.Listener
	target string

	mu    sync.Mutex
	delay time.Duration
	held  chan struct{} // closed when the link is not held up; nil otherwise
	conns map[net.Conn]bool
	ended bool
}

// newLink listens on loopback; what it accepts goes to target, which may change with aim.
func newLink(t *testing.T, target string) *link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{ln: ln, target: target, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() { l.accept(&wg) })
	t.Cleanup(func() {
		l.mu.Lock()
		l.ended = true
		l.mu.Unlock()
		l.let()
		ln.Close() //nolint:errcheck // it only ends the loop
		l.cut()
		wg.Wait()
	})
	return l
}

func (l *link) addr() string { return l.ln.Addr().String() }

func (l *link) aim(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// slow delays every piece of data by d.
func (l *link) slow(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// hold lets nothing through, and loses nothing, until let is called.
func (l *link) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil && !l.ended {
		l.held = make(chan struct{})
	}
}

func (l *link) let() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		close(l.held)
		l.held = nil
	}
}

// cut ends all connections; what was on its way is lost.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close() //nolint:errcheck // cut is cut
	}
}

func (l *link) accept(wg *sync.WaitGroup) {
	for {
		from, err := l.ln.Accept()
		if err != nil {
			return // closed
		}
		l.mu.Lock()
		target := l.target
		l.mu.Unlock()
		to, err := net.DialTimeout("tcp", target, time.Second)
		if err != nil || !l.keep(from, to) {
			from.Close() //nolint:errcheck // as if nobody listened
			if to != nil {
				to.Close() //nolint:errcheck // as above
			}
			continue
		}
		wg.Go(func() { l.pass(from, to) })
		wg.Go(func() { l.pass(to, from) })
	}
}

func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	for _, c := range conns {
		l.conns[c] = true
	}
	return true
}

// pass copies one direction and ends both with it.
func (l *link) pass(from, to net.Conn) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, c := range []net.Conn{from, to} {
			delete(l.conns, c)
			c.Close() //nolint:errcheck // it is over
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			l.mu.Lock()
			delay, held := l.delay, l.held
			l.mu.Unlock()
			if held != nil {
				<-held
			}
			if delay > 0 {
				<-time.After(delay)
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
