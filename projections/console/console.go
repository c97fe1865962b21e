package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

// Prefix is the path below which the console answers.
const Prefix = "/console/"

// Limits of one request. A page is a screenful or two; looking for what is rare ends where a person would still wait.
const (
	pageRows    = 50
	atOnce      = 4                      // requests that read the store; others wait
	lookTime    = 800 * time.Millisecond // for one page of a list
	countTime   = 400 * time.Millisecond // of counting, for one overview
	endsTimeout = time.Second
)

// Config says what is shown, and to whom.
type Config struct {
	// Path is the store's file, or the link to it. It need not be there yet.
	Path string
	// Lifecycles explain states: the rule that decided, and why an observation counts. A kind without one is shown without.
	Lifecycles []*lifecycle.Lifecycle
	// LocalOnly refuses requests whose Host is neither localhost nor a loopback address: a name that somebody else lets
	// point here (DNS rebinding) would let their pages read these.
	LocalOnly bool
	// Ends gives for each partition of the log the offset after its last record, so that the lag can be shown; nil where
	// that is not known.
	Ends func(context.Context) (map[int32]int64, error)
	// Logger gets what stands in the way of reading; nil for none. Nothing personal is logged.
	Logger *slog.Logger
}

type console struct {
	Config
	lifecycles map[[2]string]*lifecycle.Lifecycle // by provider and kind
	pages      pages
	slots      chan struct{}
	counter    counter
}

// New returns the handler for everything below Prefix. It is safe for concurrent use.
func New(c Config) (http.Handler, error) {
	if c.Path == "" {
		return nil, errors.New("console: the path of a store is needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	h := &console{Config: c, lifecycles: make(map[[2]string]*lifecycle.Lifecycle), slots: make(chan struct{}, atOnce), counter: newCounter()}
	for _, l := range c.Lifecycles {
		h.lifecycles[[2]string{l.Provider, l.Kind}] = l
	}
	var err error
	if h.pages, err = parsePages(); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Prefix+"{$}", h.page(h.overview))
	for _, f := range lifecycle.Families() {
		mux.HandleFunc("GET "+Prefix+plural(f), h.page(func(q *query) (*view, error) { return h.list(q, f) }))
	}
	mux.HandleFunc("GET "+Prefix+"entity", h.page(h.entity))
	mux.HandleFunc("GET "+Prefix+"find", h.page(h.find))
	mux.HandleFunc("GET "+Prefix+"anomalies", h.page(h.anomalies))
	mux.HandleFunc("GET "+Prefix+"wants", h.page(h.wants))
	mux.HandleFunc("GET "+Prefix+"parked", h.page(h.parked))
	mux.HandleFunc("GET "+Prefix+"style.css", serveStyle)
	mux.HandleFunc("GET "+Prefix, func(w http.ResponseWriter, r *http.Request) { h.say(w, notFound("There is no such page.")) })
	return h.guarded(mux), nil
}

// plural is the name of a family's view.
func plural(f lifecycle.Family) string { return string(f) + "s" }

// guarded lets through what may be asked here, and says to browsers what the pages may do: nothing but show text, in one style.
func (h *console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy":      "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                "no-store",
		} {
			w.Header().Set(name, value)
		}
		switch {
		case h.LocalOnly && !local(r.Host):
			h.say(w, &refusal{http.StatusForbidden, "This console answers on this machine only: open it as localhost or 127.0.0.1."})
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			h.say(w, &refusal{http.StatusMethodNotAllowed, "The console only shows; it takes GET and HEAD."})
		case foreign(r.Header):
			h.say(w, &refusal{http.StatusForbidden, "Pages of other sites may link to the console, not load parts of it."})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// local says whether a Host names this machine to itself.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// foreign says whether a browser asks on behalf of another site's page, other than by a link that was followed.
func foreign(h http.Header) bool {
	site := h.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none" && h.Get("Sec-Fetch-Mode") != "navigate"
}

// refusal is an answer that is no page of the store.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func notFound(text string) error { return &refusal{http.StatusNotFound, text} }

// redirect is an answer that names another page.
type redirect string

func (r redirect) Error() string { return "see " + string(r) }

// query is what a page is asked for, and what it reads from.
type query struct {
	r      *http.Request
	reader *projections.Reader
}

// get gives a parameter.
func (q *query) get(name string) string { return q.r.FormValue(name) }

// page answers with what show makes of the request.
func (h *console) page(show func(*query) (*view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h.read(r, show)
		if err != nil {
			h.say(w, err)
			return
		}
		h.pages.write(w, http.StatusOK, v)
	}
}

// read opens the store for one request.
func (h *console) read(r *http.Request, show func(*query) (*view, error)) (v *view, err error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	reader, err := projections.OpenReader(h.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	version, err := reader.Versions()
	if err != nil {
		return nil, err
	}
	if version.Schema != strconv.Itoa(projections.SchemaVersion) || version.Fold != strconv.Itoa(lifecycle.Version) {
		return nil, &refusal{http.StatusServiceUnavailable, "The store was written by another version of Hookfold. Rebuild it from the log: hookfold rebuild."}
	}
	return show(&query{r, reader})
}

// say answers with what is in the way.
func (h *console) say(w http.ResponseWriter, err error) {
	if to := redirect(""); errors.As(err, &to) {
		w.Header().Set("Location", string(to))
		w.WriteHeader(http.StatusFound)
		return
	}
	no := &refusal{http.StatusServiceUnavailable, "The store cannot be read: " + err.Error()}
	switch {
	case errors.As(err, &no):
	case errors.Is(err, projections.ErrPlace):
		no = &refusal{http.StatusBadRequest, "The address of this page is damaged. Begin with the first page of the list."}
	case errors.Is(err, projections.ErrPlaceGone):
		no = &refusal{http.StatusGone, "The store was rebuilt since the page before was read. Begin with the first page of the list."}
	case errors.Is(err, projections.ErrNoEntity):
		no = &refusal{http.StatusNotFound, "The store does not know this entity."}
	case errors.Is(err, context.Canceled): // nobody waits for an answer
	default:
		h.Logger.Warn("the console cannot read the store", "error", err)
	}
	h.pages.write(w, no.status, &view{Title: http.StatusText(no.status), name: "refusal", Body: no.text})
}
