package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// An Asker is a provider whose API can be asked for the state of an entity.
type Asker interface {
	Provider
	// Client returns a client for a connection's API, or an error that says which setting is missing. The client sends its
	// requests through c, which has no timeouts or limits of its own that the provider needs.
	Client(conn Connection, c *http.Client) (Client, error)
}

// A Client asks one connection's API. It is safe for concurrent use. It sends one request a call, signed or
// authenticated as the provider wants it (where that takes a token, at times one more to renew it); retries, limits and
// patience are the caller's. Redirects are not followed: they would carry credentials elsewhere.
type Client interface {
	// Fetch asks for one entity. What the API answers, a 404 or 410 included, is an Answer; everything else is an *APIError,
	// or ErrUnsupported for a kind that the API cannot be asked for.
	Fetch(ctx context.Context, kind, id string) (Answer, error)
	// List asks for a page of the entities of a kind, oldest page first where the API allows. ErrUnsupported where it has no
	// list.
	List(ctx context.Context, q ListQuery) (Page, error)
	// Kinds are the kinds that Fetch can be asked for, and those that List can.
	Kinds() (fetch, list []string)
	// Limit is what the provider allows the connection.
	Limit() Limit
}

// Answer is what a provider's API said of one entity.
type Answer struct {
	Kind, ID string
	// Status is 200, 404 or 410: the HTTP status, but 404 also where the provider has another way of saying that it knows no
	// such entity, as a search that finds nothing.
	Status int
	// Date is the answer's Date, zero where it has none; it dates the observation.
	Date time.Time
	// ContentType and Body are the answer as it came, but for credentials, which are taken out; for an entity of a list, its part
	// of the list as an answer to Fetch would be.
	ContentType string
	Body        []byte
}

// ListQuery asks for a page of a list.
type ListQuery struct {
	Kind string
	// Since leaves out what was made before, as far as the API can; zero is everything.
	Since time.Time
	// Cursor is the Next of the page before, empty for the first.
	Cursor string
}

// Page is a part of a list.
type Page struct {
	Answers []Answer
	// Skipped is how many entries do not say which entity they are.
	Skipped int
	// Next asks for the following page; empty after the last. It can be stored and used by another process.
	Next string
}

// Limit is how often an API may be asked.
type Limit struct {
	// PerSecond requests are allowed in the long run, Burst at once.
	PerSecond float64
	Burst     int
}

// ErrUnsupported says that a provider's API does not offer what was asked of it.
var ErrUnsupported = errors.New("the provider's API does not offer this")

// APIError is an answer of an API that says nothing of the entity. It holds neither credentials nor personal data.
type APIError struct {
	Class ErrorClass
	// Status is the HTTP status, 0 where there was no answer.
	Status int
	// RetryAfter is how long the provider asks to wait, 0 where it does not say.
	RetryAfter time.Duration
	// Text says what failed, in one line: the method and path pattern, the provider's error code.
	Text string
	// Err is the cause where there was no answer.
	Err error
}

func (e *APIError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s: %s: %v", e.Class, e.Text, e.Err)
	case e.Status != 0:
		return fmt.Sprintf("%s: %s (HTTP %d)", e.Class, e.Text, e.Status)
	default:
		return fmt.Sprintf("%s: %s", e.Class, e.Text)
	}
}

func (e *APIError) Unwrap() error { return e.Err }

// ErrorClass says what to do about an APIError.
type ErrorClass string

// The classes.
const (
	// Unauthorized: the credentials are not accepted. Stop asking: some providers lock a key that is tried too often.
	Unauthorized ErrorClass = "unauthorized"
	// RateLimited: wait, then go on.
	RateLimited ErrorClass = "rate_limited"
	// Unavailable: no answer, or a fault of the provider's. Try again later.
	Unavailable ErrorClass = "unavailable"
	// Rejected: the request itself is wrong; the same request will be rejected again.
	Rejected ErrorClass = "rejected"
)

// A Registrar is a provider at whose API webhooks can be managed.
type Registrar interface {
	Provider
	// Webhooks returns the management API of a connection.
	Webhooks(conn Connection, c *http.Client) (WebhookAPI, error)
}

// WebhookAPI manages the webhooks of one connection at its provider. The errors are as those of Client.
type WebhookAPI interface {
	// Check says why the provider would refuse a webhook, without asking it; nil where nothing is wrong.
	Check(WebhookSpec) []Problem
	// Split gives the webhooks that Create would register for one, without asking the provider: the same alone, or one for each event type.
	Split(WebhookSpec) []WebhookSpec
	// Create registers a webhook, or one for each event type where the provider wants it so. What was created before an error
	// is returned beside the error.
	Create(ctx context.Context, spec WebhookSpec) ([]Webhook, error)
	List(ctx context.Context) ([]Webhook, error)
	Get(ctx context.Context, id string) (Webhook, error)
	// Update changes what is set in spec and leaves the rest.
	Update(ctx context.Context, id string, spec WebhookSpec) (Webhook, error)
	Delete(ctx context.Context, id string) error
}

// WebhookSpec is a webhook as it is wanted.
type WebhookSpec struct {
	// URL receives the deliveries. Where a provider wants one webhook for each event type, the type is appended to it as a
	// further path segment.
	URL         string
	Description string
	// Events are the event types, empty for all.
	Events []string
	// Enabled is nil to leave it as it is.
	Enabled *bool
}

// Webhook is a webhook as the provider has it.
type Webhook struct {
	ID, URL, Description, Status string
	Events                       []string
	// Secret is there only in the answer to Create, and only once: it must be shown to the user and not be kept.
	Secret string
}
