package yoco

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

var _ provider.Asker = (*Provider)(nil)

const (
	pageSize = 50 // the versioned API's default; its maximum is not published
	// span is how much time a list is asked for at once: the versioned API refuses more than 31 days, and puts a missing bound
	// 31 days from the other.
	span = 30 * 24 * time.Hour
	// reach is how far back a list of everything goes.
	reach = 5 * 365 * 24 * time.Hour
)

// Client returns a client for the APIs of a connection: the Checkout API with its key (a checkout, the refunds of a payment), and
// the versioned API with its token (a payment, a refund, and their lists).
func (*Provider) Client(conn provider.Connection, c *http.Client) (provider.Client, error) {
	s, err := newSurfaces(conn, c)
	if err == nil && s.checkout == nil && s.versioned == nil {
		err = httpapi.First(conn.Name, []provider.Problem{noKey()})
	}
	if err != nil {
		return nil, err
	}
	return &client{s}, nil
}

type client struct{ surfaces }

func (c *client) Kinds() (fetch, list []string) {
	if c.checkout != nil {
		fetch = append(fetch, KindCheckout)
	}
	if c.checkout != nil || c.versioned != nil {
		fetch = append(fetch, KindPayment)
	}
	if c.versioned != nil {
		fetch = append(fetch, KindRefund)
		list = []string{KindPayment, KindRefund}
	}
	return fetch, list
}

// Limit: Yoco publishes no number. This is a cautious guess.
func (*client) Limit() provider.Limit { return provider.Limit{PerSecond: 2, Burst: 2} }

// Fetch asks the versioned API where there is a token for it. A payment can else be asked only for its refunds, and a refund, whose
// payment is not known from its id, not at all.
func (c *client) Fetch(ctx context.Context, kind, id string) (provider.Answer, error) {
	switch {
	case kind == KindCheckout && c.checkout != nil:
		return c.checkout.Fetch(ctx, httpapi.Request{Path: "/checkouts/{id}", Args: []string{id}}, kind, id)
	case kind == KindPayment && c.versioned != nil, kind == KindRefund && c.versioned != nil:
		return c.versioned.Fetch(ctx, httpapi.Request{Path: "/v1/" + kind + "s/{id}", Args: []string{id}}, kind, id)
	case kind == KindPayment && c.refunds != nil:
		return c.refunds.Fetch(ctx, httpapi.Request{Path: "/payments/{id}/refunds", Args: []string{id}}, kind, id)
	}
	return provider.Answer{}, provider.ErrUnsupported
}

// List asks the versioned API, span by span. Whether its ids are those of the webhooks is not documented.
func (c *client) List(ctx context.Context, q provider.ListQuery) (provider.Page, error) {
	if c.versioned == nil || q.Kind != KindPayment && q.Kind != KindRefund {
		return provider.Page{}, provider.ErrUnsupported
	}
	from, cursor, err := place(q)
	if err != nil {
		return provider.Page{}, err
	}
	to := from.Add(span)
	query := url.Values{
		"limit":           {strconv.Itoa(pageSize)},
		"created_at__gte": {from.Format(time.RFC3339)},
		"created_at__lte": {to.Format(time.RFC3339)},
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	req := httpapi.Request{Path: "/v1/" + q.Kind + "s/", Query: query}
	root, r, err := c.versioned.JSON(ctx, req)
	if err != nil {
		return provider.Page{}, err
	}
	entries := root.Get("data")
	if !entries.IsArray() {
		return provider.Page{}, httpapi.NotAList(req, r)
	}
	l := httpapi.Listing{Response: r, Kind: q.Kind, Since: q.Since, ID: "id", Created: httpapi.CreatedAt, Wrap: func(entry gjson.Result) []byte {
		return []byte(entry.Raw)
	}}
	page, _ := l.Page(entries)
	switch next := root.Get("next_cursor").Str; {
	case next != "" && next != cursor:
		page.Next = mark(from, next)
	case to.Before(time.Now()):
		page.Next = mark(to, "") // both bounds belong to the span: an entry on it comes twice, none is lost
	}
	return page, nil
}

// mark is a cursor: the span's begin in Unix seconds, and Yoco's own cursor within the span.
func mark(from time.Time, cursor string) string {
	return strconv.FormatInt(from.Unix(), 10) + "." + cursor
}

// place is where a query stands.
func place(q provider.ListQuery) (from time.Time, cursor string, err error) {
	if q.Cursor == "" {
		from = q.Since.UTC().Truncate(time.Second)
		if q.Since.IsZero() {
			from = time.Now().Add(-reach).UTC().Truncate(24 * time.Hour)
		}
		return from, "", nil
	}
	begin, cursor, ok := strings.Cut(q.Cursor, ".")
	seconds, err := strconv.ParseInt(begin, 10, 64)
	if !ok || err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, "", httpapi.BadCursor()
	}
	return time.Unix(seconds, 0).UTC(), cursor, nil
}
