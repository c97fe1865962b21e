package ingest_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/ingest"
	"github.com/hookfold/hookfold/pkg/provider"
)

// trusting is a provider that believes whatever comes.
type trusting struct{ signer }

func (trusting) Verifier(provider.Connection) (provider.Verifier, error) { return trusting{}, nil }
func (trusting) Verify(*provider.Delivery) (provider.Evidence, error) {
	return provider.Evidence{Scheme: "none"}, nil
}

// once is a listener with one connection.
type once struct {
	conns chan net.Conn
}

func (o *once) Accept() (net.Conn, error) {
	if c, ok := <-o.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// script is a connection whose other side says what it has to say, and then hangs up.
type script struct {
	io.Reader
	answers bytes.Buffer
	ended   chan struct{}
}

func (s *script) Write(p []byte) (int, error) { return s.answers.Write(p) }
func (s *script) Close() error {
	select {
	case <-s.ended:
	default:
		close(s.ended)
	}
	return nil
}
func (s *script) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "memory"} }
func (s *script) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "memory"} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// played is what a server made of a connection.
type played struct {
	bodies   []string
	statuses []int
	answers  string
}

func play(t *testing.T, said []byte, serve func(net.Listener, *ingest.Handler) error) (p played) {
	t.Helper()
	log := &recorder{}
	h := handler(t, log, func(c *ingest.Config) { c.Connections[0].Provider = trusting{} })
	conn := &script{Reader: bytes.NewReader(said), ended: make(chan struct{})}
	ln := &once{make(chan net.Conn, 1)}
	ln.conns <- conn
	served := make(chan error, 1)
	go func() { served <- serve(ln, h) }()
	<-conn.ended
	close(ln.conns)
	<-served
	for _, m := range log.messages {
		p.bodies = append(p.bodies, string(m.Payload))
	}
	p.answers = conn.answers.String()
	in := bufio.NewReader(strings.NewReader(p.answers))
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return p
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != http.StatusContinue {
			p.statuses = append(p.statuses, resp.StatusCode)
		}
	}
}

// FuzzServe: whatever a sender says, nothing is recorded but what net/http's own server would have given to the handler, in the
// same order, and each record has its 200.
func FuzzServe(f *testing.F) {
	for _, said := range []string{
		delivery("1") + delivery("2"), chunked("1", "23") + delivery("4"), delivery("1", "Connection: close") + delivery("2"),
		strings.Replace(delivery("1"), "/1.1", "/1.0", 1), delivery("1", "Expect: 100-continue") + delivery("2"),
		delivery(strings.Repeat("x", 300)) + delivery("1"), delivery("1", "Content-Length: 1"), delivery("1", "Transfer-Encoding: chunked"),
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + delivery("1"), strings.ReplaceAll(delivery("1"), "\r\n", "\n"), delivery("1", " folded: x"), "PRI * HTTP/2.0\r\n\r\n",
		strings.Replace(delivery("1"), "/test", "http://other/webhooks/te%73t/%2f", 1), strings.Replace(delivery("1"), "/test", "/test/THING/", 1),
		delivery("12")[:len(delivery("12"))-1],
	} {
		f.Add([]byte(said))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		ours := play(t, said, func(ln net.Listener, h *ingest.Handler) error {
			return ingest.Serve(t.Context(), ln, h, ingest.ServerConfig{})
		})
		theirs := play(t, said, func(ln net.Listener, h *ingest.Handler) error {
			return (&http.Server{Handler: h}).Serve(ln) //nolint:gosec // the connection is in memory
		})
		recorded := 0
		for _, status := range ours.statuses {
			if status == http.StatusOK {
				recorded++
			}
		}
		require.Equal(t, len(ours.bodies), recorded, "in the log if and only if answered by 200:\n%s", ours.answers)
		if strings.Contains(theirs.answers, "Host header") || strings.Contains(ours.answers, "Host is missing") {
			return // nothing depends on the host's name here; one that is empty is refused like one that is missing
		}
		require.LessOrEqual(t, len(ours.bodies), len(theirs.bodies))
		for i, body := range ours.bodies {
			require.Equal(t, theirs.bodies[i], body)
		}
		if len(ours.bodies) == 0 {
			require.False(t, len(theirs.statuses) > 0 && theirs.statuses[0] == http.StatusOK, "the first is taken by both or by none:\n%s", ours.answers)
		}
	})
}
