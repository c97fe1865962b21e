package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// apiCmd plays a provider's API from files, at $API:
//
//	api DIR
//
// GET /v1/a/b is answered with DIR/GET_v1_a_b, whatever its query; 404 where there is no such file, 401 where the file DIR/401 is there.
// Every request is noted in DIR/requests, with its query and body.
func apiCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: api DIR")
	}
	dir := ts.MkAbs(args[0])
	note, err := os.OpenFile(filepath.Join(dir, "requests"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		if err := r.Write(body); err != nil {
			ts.Logf("reading a request: %v", err)
		}
		_, text, _ := strings.Cut(body.String(), "\r\n\r\n")
		if _, err := note.WriteString(r.Method + " " + r.URL.RequestURI() + " " + text + "\n"); err != nil {
			ts.Logf("noting a request: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "401")); err == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer, err := os.ReadFile(filepath.Join(dir, r.Method+strings.ReplaceAll(r.URL.Path, "/", "_")))
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(answer); err != nil {
			ts.Logf("answering: %v", err)
		}
	}))
	ts.Defer(func() {
		server.Close()
		//nolint:errcheck // what was written is there
		note.Close()
	})
	ts.Setenv("API", server.URL)
}
