package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/ingest"
)

// pipes is a listener in memory, so that time can be virtual.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func listen() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// dial fails where the listener is closed.
func (p *pipes) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// delivery is a request with a body, as it stands on the wire.
func delivery(body string, headers ...string) string {
	signed := append([]string{"Host: hooks.example.test", "Signature: " + sign(secret, []byte(body)), fmt.Sprintf("Content-Length: %d", len(body))}, headers...)
	return "POST /webhooks/test HTTP/1.1\r\n" + strings.Join(signed, "\r\n") + "\r\n\r\n" + body
}

// send writes what a sender says, and returns where the statuses of the answers will be; it is closed at the connection's end.
func send(conn net.Conn, said string) <-chan int {
	statuses := make(chan int, 8)
	go func() {
		_, _ = io.WriteString(conn, said) // one who is refused early is not read to the end
	}()
	go func() {
		defer close(statuses)
		in := bufio.NewReader(conn)
		for {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			statuses <- resp.StatusCode
		}
	}()
	return statuses
}

// serve runs a server in a bubble of virtual time until the test's end or until stop is called.
func serve(t *testing.T, log *recorder, change func(*ingest.Config)) (ln *pipes, stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	ln, served := listen(), make(chan error, 1)
	h := handler(t, log, change)
	go func() { served <- ingest.Serve(ctx, ln, h, ingest.ServerConfig{}) }()
	stop = sync.OnceValue(func() error { cancel(); return <-served })
	t.Cleanup(func() { _ = stop() })
	return ln, stop
}

// blocked is a log that confirms nothing before it is released.
func blocked(release <-chan struct{}) *recorder {
	return &recorder{publish: func(*message.Message) error { <-release; return nil }}
}

func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		ln, stop := serve(t, blocked(release), nil)
		conn, resting := dial(t, ln), dial(t, ln)
		statuses := send(conn, delivery("{}"))
		synctest.Wait()
		stopped := make(chan error, 1)
		began := time.Now()
		go func() { stopped <- stop() }()
		synctest.Wait()
		_, err := ln.dial()
		require.ErrorIs(t, err, net.ErrClosed, "no more are taken")
		_, err = resting.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "one without a request is not waited for")
		close(release)
		require.Equal(t, []int{200}, all(statuses))
		require.NoError(t, <-stopped)
		require.Zero(t, time.Since(began))
	})
}

func TestServeCutsOffWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		ln, stop := serve(t, blocked(release), func(c *ingest.Config) { c.Deadline = time.Minute })
		statuses := send(dial(t, ln), delivery("{}"))
		synctest.Wait()
		began := time.Now()
		require.ErrorContains(t, stop(), "still under way")
		require.Less(t, time.Since(began), 10*time.Second)
		require.Empty(t, all(statuses))
	})
}

func TestConversations(t *testing.T) {
	large := strings.Repeat("x", 300)
	for _, c := range []struct {
		name, said string
		statuses   []int
		bodies     []string
		ends       bool // the server ends the connection
	}{
		{"one after the other, sent at once", delivery("1") + delivery("2") + delivery("3"), []int{200, 200, 200}, []string{"1", "2", "3"}, false},
		{"the sender wants no more", delivery("1", "Connection: close") + delivery("2"), []int{200}, []string{"1"}, true},
		{"HTTP/1.0", strings.Replace(delivery("1"), "/1.1", "/1.0", 1), []int{200}, []string{"1"}, true},
		{"HTTP/2 without being asked", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{505}, nil, true},
		{"in chunks", chunked("1", "23") + delivery("4"), []int{200, 200}, []string{"123", "4"}, false},
		{"broken chunks", strings.Replace(chunked("1"), "\r\n1\r\n1", "\r\nx\r\n1", 1), []int{400}, nil, true},
		{"too large, and what it brings is not taken for a request", delivery(large) + delivery("1"), []int{413}, nil, true},
		{"too large in chunks", chunked(large) + delivery("1"), []int{413}, nil, true},
		{"unsigned, then signed", strings.Replace(delivery("1"), "Signature", "Other", 1) + delivery("2"), []int{401, 200}, []string{"2"}, false},
		{"no such connection", strings.Replace(delivery("1"), "/test", "/other", 1), []int{404}, nil, true},
		{"not a POST", "GET /webhooks/test HTTP/1.1\r\nHost: a\r\n\r\n" + delivery("1"), []int{405, 200}, []string{"1"}, false},
		{"only the head", "HEAD /webhooks/test HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", nil, nil, true},
		{"not HTTP", "\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n", []int{400}, nil, true},
		{"no host", "POST /webhooks/test HTTP/1.1\r\nContent-Length: 0\r\n\r\n", []int{400}, nil, true},
		{"two lengths", delivery("1", "Content-Length: 2"), []int{400}, nil, true},
		{"a name with a space", delivery("1", "X y: z"), []int{400}, nil, true},
		{"a value with a control character", delivery("1", "X: \x01"), []int{400}, nil, true},
		{"a head without end", "POST /webhooks/test HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+large+"\r\n", 300), []int{431}, nil, true},
		{"a word before the body", delivery("1", "Expect: 100-continue") + delivery("2"), []int{100, 200, 200}, []string{"1", "2"}, false},
		{"no word before a body that nobody wants", delivery(large, "Expect: 100-continue"), []int{413}, nil, true},
		{"other expectations", delivery("1", "Expect: the-best"), []int{417}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &recorder{}
				ln, stop := serve(t, log, nil)
				statuses := send(dial(t, ln), c.said)
				synctest.Wait()
				ended := false
				var got []int
				for more := true; more; {
					select {
					case status, ok := <-statuses:
						if ended = !ok; ok {
							got = append(got, status)
						}
						more = ok
					default:
						more = false
					}
				}
				if !ended && c.ends { // what nobody reads is waited for a little
					got = append(got, all(statuses)...)
				}
				if c.name != "only the head" { // the client does not know that there is no body
					require.Equal(t, c.statuses, got)
				}
				var bodies []string
				for _, m := range log.messages {
					bodies = append(bodies, string(m.Payload))
				}
				require.Equal(t, c.bodies, bodies)
				if !c.ends {
					require.False(t, ended)
				}
				require.NoError(t, stop())
			})
		})
	}
}

func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		name, said  string
		least, most time.Duration
		statuses    []int
	}{
		{"silence", "", 5 * time.Second, 5 * time.Second, nil},
		{"a head that stops", "POST /webh", 10 * time.Second, 11 * time.Second, []int{400}},
		{"a body that stops", strings.TrimSuffix(delivery("12"), "2"), 10 * time.Second, 11 * time.Second, []int{400}},
		{"silence after a delivery", delivery("1"), 108 * time.Second, 2 * time.Minute, []int{200}},
		{"the second stops", delivery("1") + "P", 10 * time.Second, 11 * time.Second, []int{200, 400}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, _ := serve(t, &recorder{}, nil)
				began := time.Now()
				require.Equal(t, c.statuses, all(send(dial(t, ln), c.said)))
				require.GreaterOrEqual(t, time.Since(began), c.least)
				require.LessOrEqual(t, time.Since(began), c.most)
			})
		})
	}
}

// TestASlowSenderOfManyDeliveries is one that takes longer than a read time-out for all of them, but not for each.
func TestASlowSenderOfManyDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &recorder{}
		ln, _ := serve(t, log, nil)
		conn := dial(t, ln)
		in := bufio.NewReader(conn)
		for range 50 {
			said := delivery("1")
			for _, part := range []string{said[:20], said[20 : len(said)-1], said[len(said)-1:]} {
				time.Sleep(4 * time.Second) // virtual
				_, err := io.WriteString(conn, part)
				require.NoError(t, err)
			}
			resp, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
		}
		require.Len(t, log.messages, 50)
	})
}

// TestASenderThatComesAgainLater is one whose connection has rested for longer than an answer may take.
func TestASenderThatComesAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, _ := serve(t, &recorder{}, nil)
		conn := dial(t, ln)
		statuses := send(conn, delivery("1"))
		require.Equal(t, 200, <-statuses)
		for range 5 {
			time.Sleep(100 * time.Second) // virtual
			_, err := io.WriteString(conn, delivery("2"))
			require.NoError(t, err)
			require.Equal(t, 200, <-statuses)
		}
	})
}

func TestASenderThatDoesNotReadIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &recorder{}
		ln, _ := serve(t, log, nil)
		conn := dial(t, ln) // what is written to it waits until somebody reads
		_, err := io.WriteString(conn, delivery("1"))
		require.NoError(t, err)
		time.Sleep(time.Minute + time.Second) // virtual
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.Len(t, log.messages, 1)
	})
}

func TestAPanicEndsOnlyItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &recorder{publish: func(m *message.Message) error {
			if string(m.Payload) == "bad" {
				panic(string(m.Payload))
			}
			return nil
		}}
		ln, _ := serve(t, log, nil)
		other := dial(t, ln)
		require.Empty(t, all(send(dial(t, ln), delivery("bad"))))
		require.Equal(t, 200, <-send(other, delivery("good")))
	})
}

// full is a listener that cannot accept for a while.
type full struct {
	*pipes
	times int
}

func (f *full) Accept() (net.Conn, error) {
	if f.times > 0 {
		f.times--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.pipes.Accept()
}

func TestTooManyOpenFilesPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ln, served := listen(), make(chan error, 1)
		h := handler(t, &recorder{}, nil)
		go func() { served <- ingest.Serve(ctx, &full{ln, 3}, h, ingest.ServerConfig{}) }()
		require.Equal(t, 200, <-send(dial(t, ln), delivery("1")))
		cancel()
		require.NoError(t, <-served)
	})
}

func TestAListenerThatFailsEndsTheServer(t *testing.T) {
	ln := listen()
	require.NoError(t, ln.Close())
	require.ErrorIs(t, ingest.Serve(t.Context(), ln, handler(t, &recorder{}, nil), ingest.ServerConfig{}), net.ErrClosed)
}

// TestARefusalIsReadBeforeTheBodyIsSent: who sends a body that is too large still gets to see why.
func TestARefusalIsReadBeforeTheBodyIsSent(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	h := handler(t, &recorder{}, nil)
	go func() { served <- ingest.Serve(ctx, ln, h, ingest.ServerConfig{}) }()
	for range 20 {
		resp, err := http.Post("http://"+ln.Addr().String()+"/webhooks/test", "text/plain", strings.NewReader(strings.Repeat("x", 200_000)))
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		require.NoError(t, resp.Body.Close())
	}
	cancel()
	require.NoError(t, <-served)
}

func dial(t *testing.T, ln *pipes) net.Conn {
	t.Helper()
	conn, err := ln.dial()
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func all(statuses <-chan int) (out []int) {
	for status := range statuses {
		out = append(out, status)
	}
	return out
}

func chunked(parts ...string) string {
	body := strings.Join(parts, "")
	said := "POST /webhooks/test HTTP/1.1\r\nHost: a\r\nSignature: " + sign(secret, []byte(body)) + "\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, part := range parts {
		said += fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
	}
	return said + "0\r\n\r\n"
}

// TestCertificatesAreReadAgain: a renewed certificate is served without a restart, and half of one is not.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	renewed := time.Now().Add(-time.Hour)
	renew := func(cn int64, broken bool) {
		c, k := certificate(t, cn)
		if broken {
			k = k[:len(k)/2]
		}
		renewed = renewed.Add(time.Minute)
		for name, text := range map[string][]byte{cert: c, key: k} {
			require.NoError(t, os.WriteFile(name, text, 0o600))
			require.NoError(t, os.Chtimes(name, renewed, renewed))
		}
	}
	require.Error(t, ingest.Serve(t.Context(), listen(), nil, ingest.ServerConfig{TLSCert: cert, TLSKey: key}), "no files")
	renew(1, false)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := handler(t, &recorder{}, nil)
		ctx, stop := context.WithCancel(t.Context())
		ln, served := listen(), make(chan error, 1)
		go func() {
			served <- ingest.Serve(ctx, ln, h, ingest.ServerConfig{
				TLSCert: cert, TLSKey: key, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
		}()
		serial := func() int64 {
			raw, err := ln.dial()
			require.NoError(t, err)
			conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is the serial number that is looked at
			defer conn.Close()                                             //nolint:errcheck // a handshake was all
			require.NoError(t, conn.Handshake())
			return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
		}
		require.EqualValues(t, 1, serial())
		renew(2, false)
		time.Sleep(time.Second) // virtual: files are looked at once a second
		require.EqualValues(t, 2, serial())
		renew(3, true)
		time.Sleep(time.Second)
		require.EqualValues(t, 2, serial(), "the last good one")
		require.Contains(t, log.String(), "the last good one stays in use")
		renew(4, false)
		time.Sleep(time.Second)
		require.EqualValues(t, 4, serial())
		stop()
		require.NoError(t, <-served)
	})
}

// certificate makes a certificate and its key, in PEM.
func certificate(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"hooks.example.test"}, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
