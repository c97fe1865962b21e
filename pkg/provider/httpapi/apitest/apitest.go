// Package apitest plays an API from a script in tests: each request is held against what the provider's documentation says it
// has to be, and answered with what was written down for it. It shares no code with the clients.
package apitest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Date is the answers' own, where an exchange does not set another.
var Date = time.Date(2026, 3, 10, 15, 4, 5, 0, time.UTC)

// Exchange is a request that has to come, and its answer.
type Exchange struct {
	// Want is the method and the request's target, byte for byte: GET /v1/payments/pyo_1.
	Want string
	// Header are headers that the request must have, with these values; an empty value is one that must not be there.
	Header map[string]string
	// Body is the JSON that the request must carry; empty for none.
	Body string
	// Check looks at the request in further ways; nil for none.
	Check func(r *http.Request, body []byte) error

	// Status and Answer are what it is answered with, 200 if zero; AnswerHeader sets headers beside a date and a content type of
	// JSON. An empty value takes a header away.
	Status       int
	Answer       string
	AnswerHeader map[string]string
}

// Serve plays the exchanges in their order. A request that is not the next one, or an exchange that never came, fails the test.
func Serve(t *testing.T, script ...Exchange) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if len(script) == 0 {
			t.Errorf("a request beyond the script: %s %s", r.Method, r.RequestURI)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		next := script[0]
		script = script[1:]
		next.hold(t, r)
		next.answer(t, w)
	}))
	t.Cleanup(func() {
		server.Close()
		for _, missing := range script {
			t.Errorf("never asked: %s", missing.Want)
		}
	})
	return server
}

func (x *Exchange) hold(t *testing.T, r *http.Request) {
	if got := r.Method + " " + r.RequestURI; got != x.Want {
		t.Errorf("asked %s, want %s", got, x.Want)
	}
	for name, want := range x.Header {
		if got := strings.Join(r.Header.Values(name), "|"); got != want {
			t.Errorf("%s: header %s is %q, want %q", x.Want, name, got, want)
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("%s: reading the request: %v", x.Want, err)
	}
	if x.Body == "" && len(body) > 0 || x.Body != "" && !sameJSON(t, string(body), x.Body) {
		t.Errorf("%s: body %s, want %s", x.Want, body, x.Body)
	}
	if x.Check != nil {
		if err := x.Check(r, body); err != nil {
			t.Errorf("%s: %v", x.Want, err)
		}
	}
}

func (x *Exchange) answer(t *testing.T, w http.ResponseWriter) {
	w.Header().Set("Date", Date.Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	for name, value := range x.AnswerHeader {
		if value == "" {
			w.Header()[http.CanonicalHeaderKey(name)] = nil
			continue
		}
		w.Header().Set(name, value)
	}
	if x.Status != 0 {
		w.WriteHeader(x.Status)
	}
	if _, err := io.WriteString(w, x.Answer); err != nil {
		t.Errorf("%s: answering: %v", x.Want, err)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	var x, y any
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("the script's JSON: %v", err)
	}
	return json.Unmarshal([]byte(a), &x) == nil && reflect.DeepEqual(x, y)
}

// Decode records an answer as the log would hold it, and decodes it.
func Decode(t *testing.T, p provider.Provider, a provider.Answer) []lifecycle.Observation {
	t.Helper()
	e := event.Event{
		ID: "lookup-1", Connection: "conn", Type: event.LookupType(p.Name()), Kind: a.Kind, Entity: a.ID,
		Time: a.Date, Recorded: Date, ContentType: a.ContentType,
		Headers: map[string]string{event.HeaderStatus: strconv.Itoa(a.Status)}, Body: a.Body,
	}
	if err := e.Validate(); err != nil {
		t.Fatalf("the answer for %s/%s cannot be recorded: %v", a.Kind, a.ID, err)
	}
	out, err := p.Decode(&e)
	if err != nil {
		t.Fatalf("the answer for %s/%s cannot be decoded: %v", a.Kind, a.ID, err)
	}
	if len(out) == 0 || out[0].Entity.Kind != a.Kind || out[0].Entity.ID != a.ID {
		t.Fatalf("the answer for %s/%s is decoded to %+v", a.Kind, a.ID, out)
	}
	if !out[0].Occurred.Equal(a.Date) || out[0].Source != lifecycle.SourceLookup {
		t.Errorf("the answer for %s/%s: occurred %s from %s", a.Kind, a.ID, out[0].Occurred, out[0].Source)
	}
	return out
}

// Fails holds an error against the class and the text that it has to have, and against what may never be in it.
func Fails(t *testing.T, err error, class provider.ErrorClass, text string, never ...string) *provider.APIError {
	t.Helper()
	e := new(provider.APIError)
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want an *APIError", err, err)
	}
	if e.Class != class || !strings.Contains(e.Error(), text) {
		t.Errorf("error %q of class %s, want %s and %q", e, e.Class, class, text)
	}
	for _, word := range never {
		if word != "" && strings.Contains(e.Error(), word) {
			t.Errorf("the error %q holds %q", e, word)
		}
	}
	return e
}
