package embedded

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// watch gives a listener whose connections ask the guard before the answer to a produce request goes out.
func (g *guard) watch(ln *listener) net.Listener { return &watched{ln, g} }

type watched struct {
	*listener
	g *guard
}

func (w *watched) Accept() (net.Conn, error) {
	c, err := w.listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, g: w.g, produces: map[int32]bool{}}, nil
}

// conn follows the frames that go through it just far enough to know which answers confirm records: the first twelve bytes of a request are
// its length, its kind, its version and its correlation id, which its answer repeats.
type conn struct {
	net.Conn
	g *guard

	head [12]byte
	have int // bytes of head that are read
	skip int // bytes of the request that are still to come

	mu       sync.Mutex
	produces map[int32]bool // correlation ids of produce requests that are not answered
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if c.skip > 0 {
			k := min(c.skip, len(b))
			c.skip -= k
			b = b[k:]
			continue
		}
		k := copy(c.head[c.have:], b)
		c.have += k
		b = b[k:]
		if c.have == len(c.head) {
			c.have = 0
			c.skip = max(int(binary.BigEndian.Uint32(c.head[:]))-8, 0)
			if binary.BigEndian.Uint16(c.head[4:]) == uint16(kmsg.Produce) {
				c.mu.Lock()
				c.produces[int32(binary.BigEndian.Uint32(c.head[8:]))] = true
				c.mu.Unlock()
			}
		}
	}
	return n, err
}

// Write is given one whole answer at a time.
func (c *conn) Write(p []byte) (int, error) {
	if len(p) >= 8 {
		id := int32(binary.BigEndian.Uint32(p[4:]))
		c.mu.Lock()
		confirms := c.produces[id]
		delete(c.produces, id)
		c.mu.Unlock()
		if confirms {
			if err := c.g.confirm(); err != nil {
				return 0, err
			}
		}
	}
	return c.Conn.Write(p)
}
