package ingest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// What a connection is doing.
const (
	idle   int32 = iota // between requests, or before the first: it may be closed at any time
	active              // from the first byte of a request to the last of its answer
	closed
)

const (
	// lingerBytes and lingerTime are how much of a body that nobody wants is read all the same, so that its sender gets to see the answer:
	// a connection that is closed with something unread is reset.
	lingerBytes = 256 << 10
	lingerTime  = 500 * time.Millisecond
)

// conn is one connection, and what its one goroutine needs.
type conn struct {
	net.Conn
	server *server
	remote string
	peer   netip.Addr
	state  atomic.Int32
	in     *bufio.Reader
	head   head
	common []byte // the common answer, of the second that it was written in
	second int64

	room       int64     // bytes that may still be read of a request's head
	begun      bool      // a request has begun, so that a read that has to wait must not wait for long
	timed      bool      // the deadline is that of a request
	readUntil  time.Time // the deadlines that were set. A deadline costs as much as a verification, so they are not set for each request
	writeUntil time.Time
}

func newConn(nc net.Conn, s *server) *conn {
	c := &conn{Conn: nc, server: s, remote: nc.RemoteAddr().String()}
	c.peer = peerOf(c.remote)
	c.in = bufio.NewReader(c)
	return c
}

// closeIdle closes the connection if no request is under way on it.
func (c *conn) closeIdle() {
	if c.state.CompareAndSwap(idle, closed) {
		c.cut()
	}
}

func (c *conn) cut() {
	if err := c.Close(); err != nil {
		c.server.log.Debug("a connection did not close well", "error", err)
	}
}

// converse answers requests until one side wants no more.
func (c *conn) converse() {
	defer func() {
		if p := recover(); p != nil { // its text may quote a body
			c.server.log.Error("a delivery was not answered: the endpoint panicked", "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		}
	}()
	wait := firstTimeout
	for {
		now := time.Now()
		if err := c.rest(now, wait); err != nil {
			return
		}
		wait = idleTimeout
		if _, err := c.in.Peek(1); err != nil || !c.state.CompareAndSwap(idle, active) {
			return // nothing more comes, or the server stops
		}
		if !c.answer() {
			return
		}
		c.state.Store(idle)
		if c.server.stopping.Load() {
			return
		}
	}
}

// rest sets the deadline for the wait for a request, where the one that is set does not do.
func (c *conn) rest(now time.Time, wait time.Duration) error {
	c.begun = false
	if c.timed || c.readUntil.Sub(now) < wait-wait/10 {
		c.timed, c.readUntil = false, now.Add(wait)
		return c.SetReadDeadline(c.readUntil)
	}
	return nil
}

// Write gives a sender who does not read writeTimeout at least.
func (c *conn) Write(p []byte) (int, error) { return c.writeAt(time.Now(), p) }

func (c *conn) writeAt(now time.Time, p []byte) (int, error) {
	if c.writeUntil.Sub(now) < writeTimeout {
		c.writeUntil = now.Add(2 * writeTimeout)
		if err := c.SetWriteDeadline(c.writeUntil); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

var errHeadTooLarge = errors.New("the head of the request is too large")

// Read is for the buffer before it, which asks only when it is empty.
func (c *conn) Read(p []byte) (int, error) {
	if c.begun {
		if !c.timed {
			c.timed = true
			if err := c.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
				return 0, err
			}
		}
		if c.room <= 0 {
			return 0, errHeadTooLarge
		}
		p = p[:min(int64(len(p)), c.room)]
	}
	n, err := c.Conn.Read(p)
	c.room -= int64(n)
	return n, err
}

// answer reads a request and answers it. It says whether another may follow.
func (c *conn) answer() (more bool) {
	c.begun, c.room = true, maxHeadBytes
	r, ok := c.head.read(c.in)
	if !ok {
		if r, ok = c.readAny(); !ok {
			return false
		}
	}
	c.room = math.MaxInt64
	r.RemoteAddr = c.remote
	a := c.server.handler.handle(r, c.peer)
	if r.Close || !r.ProtoAtLeast(1, 1) || a.unread && r.ContentLength != 0 {
		c.last(a, r.Method == http.MethodHead)
		return false
	}
	return c.write(&a, r.Method == http.MethodHead, true)
}

// readAny reads a request by net/http; where it is not ok, the sender has been told why.
func (c *conn) readAny() (r *http.Request, ok bool) {
	r, err := http.ReadRequest(c.in)
	if err != nil {
		if refusal, ok := refusalOf(err); ok {
			c.last(refusal, false)
		}
		return nil, false
	}
	expects := r.Header.Get("Expect")
	if expects != "" && !strings.EqualFold(expects, "100-continue") {
		c.last(answer{status: http.StatusExpectationFailed, text: "only 100-continue can be expected"}, false)
		return nil, false
	}
	if refusal, ok := check(r); !ok {
		c.last(refusal, r.Method == http.MethodHead)
		return nil, false
	}
	if expects != "" && r.ContentLength != 0 {
		r.Body = &expected{r.Body, c}
	}
	return r, true
}

// refusalOf is what a sender is told whose request could not be read; not ok where it is gone or was too slow.
func refusalOf(err error) (refusal answer, ok bool) {
	netErr := net.Error(nil)
	switch {
	case errors.Is(err, errHeadTooLarge):
		return answer{status: http.StatusRequestHeaderFieldsTooLarge, text: "the head of the request is too large"}, true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &netErr):
		return answer{}, false
	default:
		return answer{status: http.StatusBadRequest, text: "the request is not HTTP"}, true
	}
}

// check refuses what net/http's server refuses and its reader does not.
func check(r *http.Request) (refusal answer, ok bool) {
	if r.ProtoMajor != 1 {
		return answer{status: http.StatusHTTPVersionNotSupported, text: "only HTTP/1.1 is spoken here"}, false
	}
	bad := func(text string) (answer, bool) { return answer{status: http.StatusBadRequest, text: text}, false }
	if r.ProtoAtLeast(1, 1) && r.Host == "" {
		return bad("the header Host is missing")
	}
	for name := range r.Header {
		if strings.IndexByte(name, ' ') >= 0 {
			return bad("a header has an invalid name")
		}
	}
	return answer{}, true
}

// expected is a body whose sender waits for a word before it sends it.
type expected struct {
	io.ReadCloser
	c *conn
}

func (e *expected) Read(p []byte) (int, error) {
	if c := e.c; c != nil {
		e.c = nil
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return 0, err
		}
	}
	return e.ReadCloser.Read(p)
}

// last writes the last answer of a connection and lets the sender read it.
func (c *conn) last(a answer, headOnly bool) {
	if !c.write(&a, headOnly, false) {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return // it is gone
		}
	}
	if err := c.SetReadDeadline(time.Now().Add(lingerTime)); err != nil {
		return
	}
	c.timed, c.room = true, lingerBytes
	for {
		if _, err := c.in.Discard(c.in.Size()); err != nil {
			return // its end, or as much as we care for
		}
	}
}

// write says whether the answer was written.
func (c *conn) write(a *answer, headOnly, more bool) bool {
	now := time.Now()
	out := c.common
	switch {
	case !more || headOnly || *a != taken:
		out = a.append(nil, now, headOnly, more)
	case c.second != now.Unix():
		out = a.append(c.common[:0], now, false, true)
		c.second, c.common = now.Unix(), out
	}
	if _, err := c.writeAt(now, out); err != nil {
		c.server.handler.gone(err)
		return false
	}
	return true
}

// append writes the answer as HTTP/1.1 has it.
func (a *answer) append(b []byte, now time.Time, headOnly, more bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(a.status)...)
	for _, h := range headersOf(a.status) {
		b = append(b, "\r\n"...)
		b = append(b, h.name...)
		b = append(b, ": "...)
		b = append(b, h.value...)
	}
	if !more {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\nDate: "...)
	b = now.UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(a.text)+1), 10)
	b = append(b, "\r\n\r\n"...)
	if !headOnly {
		b = append(b, a.text...)
		b = append(b, '\n')
	}
	return b
}
