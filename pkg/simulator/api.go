package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// APIConfig says what an API needs.
type APIConfig struct {
	Plan *Plan
	// Now is simulated time: what the API knows is what has happened until then, and its answers are dated by it.
	Now func() time.Time
	// Wall is the clock against which signed requests and rate limits are held; time.Now if nil.
	Wall func() time.Time
}

// API serves the providers' read and management APIs, each under a prefix that is the provider's name: /devengo stands for
// https://api.devengo.com, /fintoc for https://api.fintoc.com, /yoco for all of Yoco's hosts (their paths do not meet; without the
// /api of the checkout host), /delfinance for https://api.delbank.com.br. BaseURL gives the address that a client is configured with.
//
// It checks the credentials as documented, counts requests against the documented limit and misbehaves as the plan's chaos says.
// Which request meets a fault depends on the seed, the request and how often it was made before, not on the order of all requests.
//
// Two faults are tempered. An answer never tells an old state where only time decides between it and the present one (a blocked
// account that was active): dated now, it would be believed, and rightly. And webhooks that are registered are kept, listed and
// deleted, but deliveries go to the Sender's target.
type API struct {
	surfaces map[string]*surface
}

// APICounts is what an API was asked.
type APICounts struct {
	Requests int
	// Statuses counts the answers by HTTP status.
	Statuses map[int]int
	// OverLimit are the requests beyond the provider's limit: a client that keeps it has none.
	OverLimit int
	// Unauthorized are the requests with bad credentials; Locked says that there were so many that the key was locked.
	Unauthorized int
	Locked       bool
}

// maxUnauthorized is how many bad attempts a key survives. Delfinance says that keys are blocked, not after how many.
const maxUnauthorized = 5

// surface is the API of one provider.
type surface struct {
	APIConfig
	connection *Connection
	mux        *http.ServeMux
	kinds      map[string][]*Entity // in order of creation
	byID       map[string]*Entity   // by kind/id
	hooks      *hooks

	// The provider's ways.
	authorized func(r *http.Request, body []byte) bool
	fail       func(status int, code string) any // the body of an error
	refused    int                               // the status for bad credentials
	every      func(h http.Header, used, limit int, reset time.Time)

	mu     sync.Mutex
	counts APICounts
	asked  map[string]int // requests so far, by method and URL
	window time.Time      // when the current window of the rate limit began
	used   int            // requests in it
	nonces map[string]bool
}

// NewAPI makes the APIs of all the plan's providers.
func NewAPI(c APIConfig) *API {
	if c.Wall == nil {
		c.Wall = time.Now
	}
	a := &API{surfaces: map[string]*surface{}}
	for _, conn := range c.Plan.Connections {
		s := &surface{
			APIConfig: c, connection: conn, mux: http.NewServeMux(), kinds: map[string][]*Entity{}, byID: map[string]*Entity{},
			counts: APICounts{Statuses: map[int]int{}}, asked: map[string]int{}, nonces: map[string]bool{}, refused: http.StatusUnauthorized,
		}
		for _, e := range c.Plan.Entities {
			if e.Connection == conn.Name {
				s.kinds[e.Kind] = append(s.kinds[e.Kind], e)
				s.byID[e.Kind+"/"+e.ID] = e
			}
		}
		s.hooks = newHooks(stream(c.Plan.Seed, conn.Name, "hooks"))
		conn.actor.routes(s)
		s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.fault(w, http.StatusNotFound, "invalid_url") })
		a.surfaces[conn.Provider] = s
	}
	return a
}

// BaseURL is the address of a provider's API, on a server of this one.
func BaseURL(server, provider string) string {
	base := server + "/" + provider
	if provider == Devengo {
		base += "/v1"
	}
	return base
}

// Counts is what each provider's API was asked so far.
func (a *API) Counts() map[string]APICounts {
	out := map[string]APICounts{}
	for name, s := range a.surfaces {
		s.mu.Lock()
		c := s.counts
		c.Statuses = map[int]int{}
		for status, n := range s.counts.Statuses {
			c.Statuses[status] = n
		}
		s.mu.Unlock()
		out[name] = c
	}
	return out
}

// ServeHTTP answers as the provider that the path begins with.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, s := range a.surfaces {
		if len(r.URL.Path) > len(name)+1 && r.URL.Path[:len(name)+2] == "/"+name+"/" {
			http.StripPrefix("/"+name, s).ServeHTTP(w, r)
			return
		}
	}
	http.Error(w, "no provider is played here; paths begin with the name of one", http.StatusNotFound)
}

// maxRequest bounds the body of a request.
const maxRequest = 1 << 20

// ServeHTTP answers a request, or is at fault.
func (s *surface) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	counting := &counted{ResponseWriter: w, surface: s}
	w = counting
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	over := s.spend(w.Header())
	switch fate := s.fate(r); {
	case err != nil:
		s.fault(w, http.StatusBadRequest, "invalid_request")
		return
	case over, fate == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
		s.fault(w, http.StatusTooManyRequests, "rate_limit_exceeded")
		return
	case fate != 0:
		s.fault(w, fate, "internal_server_error")
		return
	}
	if !s.admit(r, body) {
		s.fault(w, s.refused, "invalid_api_key")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mux.ServeHTTP(w, r)
}

// counted counts the answers by status.
type counted struct {
	http.ResponseWriter
	surface *surface
}

func (c *counted) WriteHeader(status int) {
	c.surface.mu.Lock()
	c.surface.counts.Statuses[status]++
	c.surface.mu.Unlock()
	c.ResponseWriter.WriteHeader(status)
}

// spend counts a request against the limit and says whether it is over it.
func (s *surface) spend(h http.Header) (over bool) {
	limit, per := s.connection.actor.allowance()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Requests++
	if begin := s.Wall().Truncate(per); !begin.Equal(s.window) {
		s.window, s.used = begin, 0
	}
	s.used++
	if over = s.used > limit; over {
		s.counts.OverLimit++
	}
	if s.every != nil {
		s.every(h, s.used, limit, s.window.Add(per))
	}
	return over
}

// fate decides whether a request meets a fault: the status to answer with, 0 for none. It waits where the answer is slow.
func (s *surface) fate(r *http.Request) int {
	key := r.Method + " " + r.URL.RequestURI()
	s.mu.Lock()
	nth := s.asked[key]
	s.asked[key]++
	s.mu.Unlock()
	c := &s.Plan.Chaos.API
	draw := stream(s.Plan.Seed, "api", s.connection.Name, key, nth)
	limited, wrong, slow := chance(draw, c.Limit), chance(draw, c.Error), chance(draw, c.Slow)
	if slow {
		timer := time.NewTimer(c.SlowFor)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	switch {
	case s.down():
		return http.StatusServiceUnavailable
	case limited:
		return http.StatusTooManyRequests
	case wrong:
		return pick(draw, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable)
	}
	return 0
}

// down says whether the API has an outage now. An outage takes a twentieth of the span.
func (s *surface) down() bool {
	slot := s.Now().Sub(s.Plan.Epoch) / (s.Plan.Span / 20)
	return chance(stream(s.Plan.Seed, "outage", s.connection.Name, int64(slot)), s.Plan.Chaos.API.Outage)
}

// admit checks the credentials. Too many bad ones lock the key.
func (s *surface) admit(r *http.Request, body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := s.authorized(r, body)
	if !ok {
		s.counts.Unauthorized++
		s.counts.Locked = s.counts.Locked || s.counts.Unauthorized > maxUnauthorized
	}
	return ok && !s.counts.Locked
}

// fault answers with an error in the provider's shape.
func (s *surface) fault(w http.ResponseWriter, status int, code string) {
	s.answer(w, status, s.fail(status, code))
}

// answer writes JSON.
func (s *surface) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	text := encode(body)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	//nolint:errcheck // the client has gone; nobody is there to be told
	io.WriteString(w, text)
}

// shows is the entity as the API tells it now; false where it does not know it (yet).
func (s *surface) shows(e *Entity) (object, bool) {
	c := &s.Plan.Chaos.API
	draw := stream(s.Plan.Seed, "lag", e.Connection, e.Kind, e.ID)
	lags, hides := chance(draw, c.Lag), chance(draw, c.NotFound)
	now := s.Now()
	if e.Created().After(now) || hides && e.Created().Add(c.LagFor/2).After(now) {
		return nil, false
	}
	present := e.at(now)
	if !lags {
		return present.object, true
	}
	past := e.at(now.Add(-c.LagFor))
	if past == nil {
		past = &e.Changes[0]
	}
	if e.kind.circle(past.Word, present.Word) {
		past = present
	}
	return past.object, true
}

// at is the last change until a time, nil if there is none.
func (e *Entity) at(t time.Time) *Change {
	n, _ := slices.BinarySearchFunc(e.Changes, t, func(c Change, t time.Time) int {
		if c.At.After(t) {
			return 1
		}
		return -1
	})
	if n == 0 {
		return nil
	}
	return &e.Changes[n-1]
}

// one answers with an entity, made into the provider's shape.
func (s *surface) one(w http.ResponseWriter, kind, id string, shape func(object) any) {
	if e := s.byID[kind+"/"+id]; e != nil {
		if o, ok := s.shows(e); ok {
			s.answer(w, http.StatusOK, shape(o))
			return
		}
	}
	s.fault(w, http.StatusNotFound, "missing_resource")
}

// all are the entities of a kind that the API tells of, oldest first.
func (s *surface) all(kind string) []object {
	var out []object
	for _, e := range s.kinds[kind] {
		if o, ok := s.shows(e); ok {
			out = append(out, o)
		}
	}
	return out
}

// number reads a number of the query.
func number(r *http.Request, name string, otherwise, most int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 1 {
		n = otherwise
	}
	return min(n, most)
}

// page is the nth part of a list, from 1.
func page[T any](all []T, n, size int) []T {
	return all[min((n-1)*size, len(all)):min(n*size, len(all))]
}

// listed is a list that is [] rather than null where it is empty.
func listed[T any](all []T) []T { return append([]T{}, all...) }

// readJSON reads the body of a request.
func readJSON(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func same(o object) any { return o }
