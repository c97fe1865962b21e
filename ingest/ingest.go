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
	connections map[string]*endpoint
	append      func(context.Context, *event.Event) error
	maxBody     int64
	waits       waits
	proxies     []netip.Prefix
	now         func() time.Time
	log         *slog.Logger
	metrics     *metrics
}

type endpoint struct {
	Connection
	verifier provider.Verifier
	recorded recordedMetrics
	names    names
}

// New returns a handler. It fails where a connection cannot be verified, naming each that cannot.
func New(c Config) (*Handler, error) {
	h := &Handler{
		connections: make(map[string]*endpoint, len(c.Connections)),
		append:      c.Append,
		maxBody:     c.MaxBody,
		waits:       waits{most: c.Deadline},
		proxies:     c.TrustedProxies,
		now:         c.Now,
		log:         c.Logger,
	}
	if h.maxBody == 0 {
		h.maxBody = DefaultMaxBody
	}
	if h.waits.most == 0 {
		h.waits.most = DefaultDeadline
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
		h.connections[conn.Name] = &endpoint{Connection: conn, verifier: v, recorded: h.metrics.recorded(conn.Name)}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return h, nil
}

// ServeHTTP answers a delivery. It is for programs that have a server of their own; Serve is quicker.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := h.handle(r, peerOf(r.RemoteAddr))
	for _, header := range headersOf(a.status) {
		w.Header().Set(header.name, header.value)
	}
	w.WriteHeader(a.status)
	if _, err := io.WriteString(w, a.text+"\n"); err != nil {
		h.gone(err)
	}
}

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

// handle does all but answer. It reads the body to its end unless the answer says otherwise.
func (h *Handler) handle(r *http.Request, peer netip.Addr) answer {
	received := h.now()
	name, eventType, ok := route(r.URL)
	switch {
	case !ok:
		return notFound
	case r.Method != http.MethodPost:
		return notAPost
	}
	conn, ok := h.connections[name]
	if !ok {
		return h.ended("", unknownConnection, http.StatusNotFound, "no connection of this name") // a name that is not ours must not become a label
	}
	body, err := h.read(r)
	switch {
	case errors.Is(err, errTooLarge):
		return h.ended(name, tooLarge, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", h.maxBody))
	case err != nil:
		return h.ended(name, unreadable, http.StatusBadRequest, "the body could not be read to its end")
	}
	d := &provider.Delivery{
		Connection: name,
		EventType:  eventType,
		Header:     r.Header,
		Body:       body,
		Received:   received,
		Remote:     h.remote(peer, r.Header),
	}
	evidence, err := conn.verify(r, d)
	if err != nil {
		reason := "not verified"
		if refusal := new(provider.Refusal); errors.As(err, &refusal) {
			reason = refusal.Reason
		}
		return h.ended(name, refused, http.StatusUnauthorized, reason)
	}
	if err := h.record(r.Context(), conn, d, evidence); err != nil {
		h.log.Error("the log did not take a delivery; the provider is told to come again", "connection", name, "error", err)
		return h.ended(name, unavailable, http.StatusServiceUnavailable, "not recorded, deliver again later")
	}
	conn.recorded.observe(len(body), h.now().Sub(received))
	return taken
}

func (h *Handler) ended(connection string, o outcome, status int, text string) answer {
	h.metrics.count(connection, o)
	return answer{status: status, text: text, unread: o == unknownConnection || o == tooLarge || o == unreadable}
}

// trusted is the length up to which a body gets its memory before it has come. Anybody can announce a large one and send nothing.
const trusted = 64 << 10

var errTooLarge = errors.New("the body is over the limit")

// read returns the whole body, or errTooLarge.
func (h *Handler) read(r *http.Request) ([]byte, error) {
	if r.ContentLength > h.maxBody {
		return nil, errTooLarge
	}
	if r.ContentLength < 0 || r.ContentLength > trusted {
		body, err := io.ReadAll(io.LimitReader(r.Body, h.maxBody+1))
		switch {
		case int64(len(body)) > h.maxBody:
			return nil, errTooLarge
		case err == nil && int64(len(body)) < r.ContentLength:
			return nil, io.ErrUnexpectedEOF
		}
		return body, err
	}
	body := make([]byte, r.ContentLength) // the server gives no more than this
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// record appends the delivery and returns when the log has confirmed it. The deadline bounds the wait even where the
// client of the log does not keep to the context; the record may then still be appended later, which does no harm, since
// the provider's next attempt is the same observation.
func (h *Handler) record(ctx context.Context, conn *endpoint, d *provider.Delivery, evidence provider.Evidence) error {
	e := envelope(conn, d, evidence)
	ctx, cancel := h.waits.begin(ctx)
	defer cancel()
	return h.append(ctx, &e)
}

func (h *Handler) gone(err error) { h.log.Debug("the sender was gone before its answer", "error", err) }
