package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of the server. The write timeout has to hold the deadline of the log and the time to read the body.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	// stopTimeout leaves room, within the ten seconds that a stop may take, for what stops after the endpoint.
	stopTimeout = 8500 * time.Millisecond
)

// ServerConfig is how to serve. Without certificate files the server speaks plain HTTP, as behind a proxy.
type ServerConfig struct {
	// TLSCert and TLSKey are PEM files, read again when they change.
	TLSCert, TLSKey string
	// Logger gets the server's own errors; nil is silence.
	Logger *slog.Logger
}

// Serve answers requests on a listener until the context ends; then it takes no more, finishes those under way, and
// returns nil. Requests that are still under way after 8.5 s are cut off, and the error says so.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, c ServerConfig) error {
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // senders that hang up, bad handshakes
	}
	if c.TLSCert != "" {
		files, err := newCertificateFiles(c.TLSCert, c.TLSKey, log)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.get}
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := s.Shutdown(late)
		if err != nil {
			err = errors.Join(errors.New("ingest: requests were still under way when the time to stop ran out"), s.Close())
		}
		stopped <- err
	})
	var err error
	if s.TLSConfig != nil {
		err = s.ServeTLS(ln, "", "")
	} else {
		err = s.Serve(ln)
	}
	if stop() { // the server ended by itself, not by the context
		return err
	}
	return <-stopped
}
