// Package ingest is HTTP in, durable record out: a delivery whose signature holds is appended to the log unchanged, and
// only then does the provider get its 2xx.
//
// A delivery is checked in a fixed order, and the first check that fails answers: the connection is known (404), the body
// is within the limit (413), the delivery is verified over the raw bytes (401), the log confirms the append (503 with
// Retry-After). A fault of ours is never a 4xx, and nothing that is not verified reaches the log. A verified body that
// nobody can understand is recorded like any other; the worker parks it.
//
// The package parses no more than the envelope and the key need, keeps no database and asks nobody. It depends on the
// log only through a function that returns when the record is safe, or when its context ends.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Defaults of Config.
const (
	// DefaultMaxBody is 1 MiB; the largest documented delivery is some kilobytes.
	DefaultMaxBody = 1 << 20
	// DefaultDeadline is how long the log may take to confirm, in full 8 s: a provider waits 15 s at most, and the answer
	// must still reach it.
	DefaultDeadline = 8 * time.Second
	// retryAfter is what a provider is told to wait when the log did not confirm.
	retryAfter = 5 * time.Second
)

// Connection is a connection with its provider, and what it demands beside the provider's own scheme.
type Connection struct {
	provider.Connection
	Provider provider.Provider
	// BasicAuth, where not nil, are HTTP Basic credentials that every delivery must carry.
	BasicAuth *BasicAuth
	// AllowFrom, where not empty, are the addresses that deliveries may come from.
	AllowFrom []netip.Prefix
}

// BasicAuth are HTTP Basic credentials.
type BasicAuth struct{ Username, Password string }

// Config is what a Handler needs. Connections and Append must be set.
type Config struct {
	Connections []Connection
	// Append appends a valid event to the log. It returns nil only once the event is safe there, and an error when the context ends
	// before. It must be safe for concurrent use.
	Append func(context.Context, *event.Event) error
	// MaxBody is the largest body in bytes; 0 is DefaultMaxBody.
	MaxBody int64
	// Deadline is how long the log may take to confirm; 0 is DefaultDeadline.
	Deadline time.Duration
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Now is the time of arrival; nil is time.Now.
	Now func() time.Time
	// Logger gets one line for each delivery that the log did not take; nil is silence.
	Logger *slog.Logger
	// Registerer gets the metrics; nil is none.
	Registerer prometheus.Registerer
}

// Handler serves POST /webhooks/{connection} and POST /webhooks/{connection}/{event_type}.
type Handler struct {
	mux         *http.ServeMux
	connections map[string]*endpoint
	append      func(context.Context, *event.Event) error
	maxBody     int64
	deadline    time.Duration
	proxies     []netip.Prefix
	now         func() time.Time
	log         *slog.Logger
	metrics     *metrics
}

type endpoint struct {
	Connection
	verifier provider.Verifier
	recorded recordedMetrics
}

// New returns a handler. It fails where a connection cannot be verified, naming each that cannot.
func New(c Config) (*Handler, error) {
	h := &Handler{
		mux:         http.NewServeMux(),
		connections: make(map[string]*endpoint, len(c.Connections)),
		append:      c.Append,
		maxBody:     c.MaxBody,
		deadline:    c.Deadline,
		proxies:     c.TrustedProxies,
		now:         c.Now,
		log:         c.Logger,
	}
	if h.maxBody == 0 {
		h.maxBody = DefaultMaxBody
	}
	if h.deadline == 0 {
		h.deadline = DefaultDeadline
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if h.metrics, err = newMetrics(c.Registerer); err != nil {
		return nil, err
	}
	var errs []error
	for _, conn := range c.Connections {
		v, err := conn.Provider.Verifier(conn.Connection)
		if err != nil {
			errs = append(errs, fmt.Errorf("connection %s: %w", conn.Name, err))
			continue
		}
		h.connections[conn.Name] = &endpoint{conn, v, h.metrics.recorded(conn.Name)}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	h.mux.HandleFunc("POST /webhooks/{connection}", h.deliver)
	h.mux.HandleFunc("POST /webhooks/{connection}/{event_type}", h.deliver)
	return h, nil
}

// ServeHTTP answers a delivery.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// An outcome is how a delivery ended, as the metrics name it.
type outcome string

const (
	recorded          outcome = "recorded"
	unknownConnection outcome = "unknown_connection"
	tooLarge          outcome = "too_large"
	unreadable        outcome = "unreadable"
	refused           outcome = "refused"
	unavailable       outcome = "unavailable"
)

func (h *Handler) deliver(w http.ResponseWriter, r *http.Request) {
	received := h.now()
	name := r.PathValue("connection")
	conn, ok := h.connections[name]
	if !ok {
		name = "" // a name that is not ours must not become a label
		h.answer(w, name, unknownConnection, http.StatusNotFound, "no connection of this name")
		return
	}
	body, err := h.read(w, r)
	if err != nil {
		if tooBig := new(http.MaxBytesError); errors.As(err, &tooBig) {
			h.answer(w, name, tooLarge, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", h.maxBody))
			return
		}
		h.answer(w, name, unreadable, http.StatusBadRequest, "the body could not be read to its end")
		return
	}
	d := &provider.Delivery{
		Connection: name,
		EventType:  r.PathValue("event_type"),
		Header:     r.Header,
		Body:       body,
		Received:   received,
		Remote:     h.remote(r),
	}
	evidence, err := conn.verify(r, d)
	if err != nil {
		reason := "not verified"
		if refusal := new(provider.Refusal); errors.As(err, &refusal) {
			reason = refusal.Reason
		}
		h.answer(w, name, refused, http.StatusUnauthorized, reason)
		return
	}
	if err := h.record(r.Context(), conn, d, evidence); err != nil {
		h.log.Error("the log did not take a delivery; the provider is told to come again", "connection", name, "error", err)
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		h.answer(w, name, unavailable, http.StatusServiceUnavailable, "not recorded, deliver again later")
		return
	}
	// The common answer sets no headers, of which the server would make a copy: it finds by itself that this is plain text.
	if _, err := w.Write(recordedText); err != nil {
		h.gone(name, http.StatusOK)
	}
	conn.recorded.observe(len(body), h.now().Sub(received))
}

// trusted is the length up to which a body gets its memory before it has come. Anybody can announce a large one and send nothing.
const trusted = 64 << 10

// read returns the whole body, or an *http.MaxBytesError where it is over the limit.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > h.maxBody {
		return nil, &http.MaxBytesError{Limit: h.maxBody}
	}
	if r.ContentLength < 0 || r.ContentLength > trusted {
		return io.ReadAll(http.MaxBytesReader(w, r.Body, h.maxBody))
	}
	body := make([]byte, r.ContentLength) // the server gives no more than this
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// record appends the delivery and returns when the log has confirmed it. The deadline bounds the wait even where the
// client of the log does not keep to the context; the record may then still be appended later, which does no harm, since
// the provider's next attempt is the same observation.
func (h *Handler) record(ctx context.Context, conn *endpoint, d *provider.Delivery, evidence provider.Evidence) error {
	e := envelope(conn.Provider, d, evidence)
	// A provider that hangs up has still delivered: the append goes on without it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.deadline)
	defer cancel()
	return h.append(ctx, &e)
}

func (h *Handler) answer(w http.ResponseWriter, connection string, o outcome, status int, text string) {
	h.metrics.count(connection, o)
	header := w.Header()
	header["Content-Type"] = contentTypeText
	header["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	if _, err := io.WriteString(w, text+"\n"); err != nil {
		h.gone(connection, status)
	}
}

func (h *Handler) gone(connection string, status int) {
	h.log.Debug("the sender was gone before its answer", "connection", connection, "status", status)
}

var (
	recordedText    = []byte("recorded\n")
	contentTypeText = []string{"text/plain; charset=utf-8"}
	noSniff         = []string{"nosniff"}
)
