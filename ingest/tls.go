package ingest

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkEvery bounds how often certificate files are looked at: one look a second is nothing, and a renewed certificate is
// not in a hurry.
const checkEvery = time.Second

// certificateFiles serves a certificate from two PEM files and reads them again when they change. Files that cannot be
// read, as in the middle of a renewal, leave the last good certificate in use.
type certificateFiles struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	version [2]time.Time // modification times of the files that were loaded
	checked time.Time
}

func newCertificateFiles(cert, key string, log *slog.Logger) (*certificateFiles, error) {
	f := &certificateFiles{cert: cert, key: key, log: log}
	version, err := f.stat()
	if err != nil {
		return nil, err
	}
	return f, f.load(version)
}

func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) >= checkEvery {
		f.checked = now
		version, err := f.stat()
		if err == nil && version != f.version {
			err = f.load(version)
		}
		if err != nil {
			f.log.Error("the TLS certificate could not be read again; the last good one stays in use", "error", err)
		}
	}
	return f.loaded, nil
}

func (f *certificateFiles) stat() (version [2]time.Time, err error) {
	for i, name := range []string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return version, fmt.Errorf("ingest: TLS: %w", err)
		}
		version[i] = info.ModTime()
	}
	return version, nil
}

func (f *certificateFiles) load(version [2]time.Time) error {
	c, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("ingest: TLS certificate %s with key %s: %w", f.cert, f.key, err)
	}
	f.loaded, f.version = &c, version
	return nil
}
