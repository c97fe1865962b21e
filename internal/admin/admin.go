// Package admin serves what operators and orchestrators ask of a process: /livez, /readyz and /metrics.
//
// /livez answers 200 while the process can answer at all. /readyz runs every check and answers 200 where all pass, 503
// otherwise; the body has one line for each check, its name first, so that whoever looks sees which one failed and why.
// What a check reports is shown as it is: checks must not put secrets or personal data into their errors.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of the server. A check has less time than an orchestrator's probe usually waits.
const (
	checkTimeout  = 2 * time.Second
	headerTimeout = 5 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	stopTimeout   = time.Second
)

// Check is one thing that must hold for the process to be ready.
type Check struct {
	Name string
	// Ready says why it does not hold; nil where it does. It is called concurrently and must keep to its context.
	Ready func(context.Context) error
	// Note says what an operator should know although it holds, empty for nothing; nil never says anything.
	Note func() string
}

// Handler serves the three paths. Checks run at the same time, each request anew.
func Handler(checks []Check, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
		defer cancel()
		body, ready := run(ctx, checks)
		status := http.StatusOK
		if !ready {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, body)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

// run gives one line for each check, in their order, and whether all hold.
func run(ctx context.Context, checks []Check) (body string, ready bool) {
	results := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { results[i] = c.Ready(ctx) })
	}
	wg.Wait()
	ready = true
	var b strings.Builder
	for i, c := range checks {
		if err := results[i]; err != nil {
			ready = false
			fmt.Fprintf(&b, "%s: %s\n", c.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
			continue
		}
		note := ""
		if c.Note != nil {
			note = c.Note()
		}
		if note != "" {
			note = "; " + strings.ReplaceAll(note, "\n", "; ")
		}
		fmt.Fprintf(&b, "%s: ok%s\n", c.Name, note)
	}
	return b.String(), ready
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	//nolint:errcheck // whoever asked is gone; there is nobody to tell
	fmt.Fprint(w, body)
}

// Serve answers on a listener until the context ends, and returns nil then.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := s.Shutdown(late); err != nil { // a probe hangs on: nothing is lost with it
			log.Debug("admin: cut off the last requests", "error", errors.Join(err, s.Close()))
		}
	})
	err := s.Serve(ln)
	if stop() {
		return fmt.Errorf("admin: %w", err)
	}
	<-stopped
	return nil
}
