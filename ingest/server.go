package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of the server.
const (
	firstTimeout = 5 * time.Second  // for the first byte of a connection, the TLS handshake included
	readTimeout  = 10 * time.Second // for the rest of a request
	writeTimeout = 30 * time.Second // for an answer, at least; at most twice that
	idleTimeout  = 2 * time.Minute  // between requests, or up to a tenth less
	maxHeadBytes = 64 << 10
	// stopTimeout leaves room, within the ten seconds that a stop may take, for what stops after the endpoint.
	stopTimeout = 8500 * time.Millisecond
	// acceptPause is after a connection could not be accepted, as where the process has no file descriptors left.
	acceptPause = 50 * time.Millisecond
)

// ServerConfig is how to serve. Without certificate files the server speaks plain HTTP, as behind a proxy.
type ServerConfig struct {
	// TLSCert and TLSKey are PEM files, read again when they change.
	TLSCert, TLSKey string
	// Logger gets the server's own errors; nil is silence.
	Logger *slog.Logger
}

// server answers deliveries over HTTP/1.1. It has net/http read the requests and does the rest itself: what net/http's own server does
// for handlers of any kind (a context for each request, a look-out for senders that hang up, answers of any length) costs more than
// verifying and recording a delivery.
type server struct {
	handler  *Handler
	log      *slog.Logger
	stopping atomic.Bool
	busy     sync.WaitGroup

	mu   sync.Mutex
	open map[*conn]struct{}
}

// Serve answers requests on a listener until the context ends; then it takes no more, finishes those under way, and
// returns nil. Requests that are still under way after 8.5 s are cut off, and the error says so.
func Serve(ctx context.Context, ln net.Listener, h *Handler, c ServerConfig) error {
	s := &server{handler: h, log: c.Logger, open: make(map[*conn]struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.TLSCert != "" {
		files, err := newCertificateFiles(c.TLSCert, c.TLSKey, s.log)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		ln = tls.NewListener(ln, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.get, NextProtos: []string{"http/1.1"}})
	}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		s.stopping.Store(true)
		closed <- ln.Close()
	})
	err := s.accept(ctx, ln)
	if stop() { // it ended by itself, not by the context
		s.stopping.Store(true)
		err = errors.Join(err, ln.Close())
	} else {
		err = <-closed
	}
	return errors.Join(err, s.finish())
}

// accept takes connections until the context ends, or until the listener fails for good.
func (s *server) accept(ctx context.Context, ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if err == nil {
			s.begin(c)
			continue
		}
		if temporary := net.Error(nil); ctx.Err() != nil || !errors.As(err, &temporary) || !temporary.Temporary() { //nolint:staticcheck // of accept it is well defined: too many open files, a connection that is gone again
			return err
		}
		s.log.Error("a connection could not be accepted", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(acceptPause):
		}
	}
}

func (s *server) begin(nc net.Conn) {
	c := newConn(nc, s)
	s.mu.Lock()
	s.open[c] = struct{}{}
	s.mu.Unlock()
	s.busy.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
			c.cut()
		}()
		c.converse()
	})
}

// finish waits for requests under way, and cuts off what takes too long.
func (s *server) finish() error {
	s.each((*conn).closeIdle)
	done := make(chan struct{})
	go func() {
		s.busy.Wait()
		close(done)
	}()
	late := time.NewTimer(stopTimeout)
	defer late.Stop()
	select {
	case <-done:
		return nil
	case <-late.C:
		s.each((*conn).cut)
		return errors.New("ingest: requests were still under way when the time to stop ran out")
	}
}

func (s *server) each(do func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		do(c)
	}
}
