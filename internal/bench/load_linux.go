package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// loaded is what a load came to.
type loaded struct {
	requests int
	elapsed  time.Duration
	p50, p99 time.Duration
}

func (l loaded) perSecond() float64 { return float64(l.requests) / l.elapsed.Seconds() }

// load sends requests over keep-alive connections, each the next as soon as the last is answered by a 200, until the time
// is up. It is one thread with epoll, so that it takes as little as it can of the processors that the server also needs.
func load(addr string, requests [][]byte, connections int, limit time.Duration) (out loaded, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	poll, err := syscall.EpollCreate1(0)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, syscall.Close(poll)) }()
	callers := make(map[int32]*caller, connections)
	defer func() {
		for _, c := range callers {
			err = errors.Join(err, c.file.Close())
		}
	}()
	for range connections {
		c, err := dial(addr)
		if err != nil {
			return out, err
		}
		callers[int32(c.fd)] = c
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, c.fd, &event); err != nil {
			return out, err
		}
	}
	next := 0
	request := func() []byte {
		next++
		return requests[next%len(requests)]
	}
	took := make([]time.Duration, 0, 1<<18)
	began := time.Now()
	for _, c := range callers {
		if err := c.send(request()); err != nil {
			return out, err
		}
	}
	events := make([]syscall.EpollEvent, connections)
	for {
		n, err := syscall.EpollWait(poll, events, 1000)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return out, err
		}
		now := time.Now()
		if out.elapsed = now.Sub(began); out.elapsed > limit {
			break
		}
		for _, e := range events[:max(n, 0)] {
			c := callers[e.Fd]
			done, err := c.receive()
			if err != nil {
				return out, err
			}
			if !done {
				continue
			}
			took = append(took, now.Sub(c.sent))
			if err := c.send(request()); err != nil {
				return out, err
			}
		}
	}
	if len(took) == 0 {
		return out, fmt.Errorf("no request was answered within %v", limit)
	}
	out.count(took)
	return out, nil
}

// caller is one connection, with at most one request under way.
type caller struct {
	file *os.File
	fd   int
	sent time.Time
	in   []byte
	n    int
}

func dial(addr string) (*caller, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // the file below is a copy of it
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("%s is not reached by TCP", addr)
	}
	f, err := tcp.File()
	if err != nil {
		return nil, err
	}
	return &caller{file: f, fd: int(f.Fd()), in: make([]byte, 4096)}, nil
}

// send writes a whole request; what is small and the only one under way finds room in the socket's buffer.
func (c *caller) send(request []byte) error {
	c.sent, c.n = time.Now(), 0
	n, err := syscall.Write(c.fd, request)
	if err == nil && n < len(request) {
		err = fmt.Errorf("a request of %d bytes did not fit into the socket's buffer", len(request))
	}
	return err
}

// receive reads what has come, and says whether the answer is whole.
func (c *caller) receive() (done bool, err error) {
	n, err := syscall.Read(c.fd, c.in[c.n:])
	if err != nil {
		return false, err
	}
	if n == 0 {
		return false, errors.New("the server closed a connection")
	}
	c.n += n
	answer := c.in[:c.n]
	head := bytes.Index(answer, []byte("\r\n\r\n"))
	if head < 0 {
		return false, nil
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
		return false, fmt.Errorf("the server answered %q", answer)
	}
	const name = "\r\nContent-Length: "
	at := bytes.Index(answer[:head], []byte(name))
	if at < 0 {
		return false, fmt.Errorf("an answer without its length: %q", answer)
	}
	digits, _, _ := bytes.Cut(answer[at+len(name):head+1], []byte("\r"))
	length, err := strconv.Atoi(string(digits))
	return c.n >= head+4+length, err
}
