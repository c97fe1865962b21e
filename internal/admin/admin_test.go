package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestHandler(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hookfold_test"}, func() float64 { return 7 }))
	fine := func(context.Context) error { return nil }
	ok := Check{Name: "store", Ready: fine}
	noted := Check{"lookups", fine, func() string { return "stopped\nfor one" }}
	bad := Check{Name: "log", Ready: func(context.Context) error { return errors.New("no broker\nanswers") }}
	tests := []struct {
		name, path string
		checks     []Check
		status     int
		body       string
	}{
		{"alive, whatever the checks say", "/livez", []Check{bad}, 200, "ok\n"},
		{"ready", "/readyz", []Check{ok}, 200, "store: ok\n"},
		{"not ready names itself, on one line", "/readyz", []Check{bad, ok}, 503, "log: no broker; answers\nstore: ok\n"},
		{"a note does not make unready", "/readyz", []Check{noted}, 200, "lookups: ok; stopped; for one\n"},
		{"metrics", "/metrics", nil, 200, "hookfold_test 7\n"},
		{"nothing else", "/", nil, 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Handler(tt.checks, reg).ServeHTTP(w, httptest.NewRequest("GET", tt.path, nil))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("%d %q, want %d with %q", w.Code, w.Body, tt.status, tt.body)
			}
		})
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, ln, Handler(nil, prometheus.NewRegistry()), slog.New(slog.DiscardHandler))
	}()
	resp, err := http.Get("http://" + ln.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "ok\n" {
		t.Errorf("%q, %v", body, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
