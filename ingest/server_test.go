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
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

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

// request sends a request and returns where its answer's status will be, 0 for none.
func request(t *testing.T, conn net.Conn) <-chan int {
	t.Helper()
	status := make(chan int, 1)
	go func() {
		defer close(status)
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return
		}
		status <- resp.StatusCode
	}()
	return status
}

func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ln, release, served := listen(), make(chan struct{}), make(chan error, 1)
		go func() {
			served <- ingest.Serve(ctx, ln, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), ingest.ServerConfig{})
		}()
		conn, err := ln.dial()
		require.NoError(t, err)
		status := request(t, conn)
		synctest.Wait()
		stop()
		synctest.Wait()
		_, err = ln.dial()
		require.ErrorIs(t, err, net.ErrClosed, "no more are taken")
		close(release)
		require.Equal(t, 200, <-status)
		require.NoError(t, <-served)
	})
}

func TestServeCutsOffWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ln, release, served := listen(), make(chan struct{}), make(chan error, 1)
		defer close(release)
		go func() {
			served <- ingest.Serve(ctx, ln, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), ingest.ServerConfig{})
		}()
		conn, err := ln.dial()
		require.NoError(t, err)
		status := request(t, conn)
		synctest.Wait()
		began := time.Now()
		stop()
		require.ErrorContains(t, <-served, "still under way")
		require.Less(t, time.Since(began), 10*time.Second)
		require.Zero(t, <-status)
	})
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
		ctx, stop := context.WithCancel(t.Context())
		ln, served := listen(), make(chan error, 1)
		go func() {
			served <- ingest.Serve(ctx, ln, http.NotFoundHandler(), ingest.ServerConfig{
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
