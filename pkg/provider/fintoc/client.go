package fintoc

import (
	"cmp"
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

// The sizes of pages. 300 is documented as the most that v1 gives; for v2 nothing is, so that it is asked for fewer.
const (
	pageSize1 = 300
	pageSize2 = 100
)

// Client returns a client for the API of a connection.
func (*Provider) Client(conn provider.Connection, c *http.Client) (provider.Client, error) {
	api, err := newAPI(conn, c)
	if err != nil {
		return nil, err
	}
	return &client{api: api, old: cmp.Or(conn.API.Version, version) < version}, nil
}

type client struct {
	api *httpapi.API
	// old: the version that is asked for is from before payments had v2 paths.
	old bool
}

// place is where the entities of a kind are, and how their list is read.
type place struct {
	path string // with its version; empty where it is not known
	// since: the list takes the time of creation as a filter. ordered: it is documented to begin with the newest.
	since, ordered bool
	// alone: an entity can be asked for by its id. listed: there is a list.
	alone, listed bool
}

// cursor says whether the list is one of v2, which is paged by ids and not by numbers.
func (p *place) cursor() bool { return strings.HasPrefix(p.path, "/v2") }

// place: what has to be asked for with a link_token, which Hookfold neither asks for nor keeps, is left out: a link alone (its
// list goes without), the bank accounts under a link and their movements. A subscription is one of direct debit, since no event
// is known of those of v2, and an account is a business account.
func (c *client) place(kind string) place {
	switch kind {
	case kindPaymentIntent:
		if c.old {
			return place{path: "/v1/payment_intents", since: true, alone: true, listed: true}
		}
		return place{path: "/v2/payment_intents", ordered: true, alone: true, listed: true}
	case kindCheckoutSession:
		if c.old {
			return place{path: "/v1/checkout_sessions", alone: true}
		}
		return place{path: "/v2/checkout_sessions", alone: true, listed: true}
	case kindCharge, kindSubscription, kindSubscriptionIntent:
		return place{path: "/v1/" + kind + "s", since: true, alone: true, listed: true}
	case kindRefund, kindDispute, kindPayout: // the path of payouts is inferred
		return place{path: "/v1/" + kind + "s", alone: true, listed: true}
	case kindTransfer, kindAccountVerification:
		return place{path: "/v2/" + kind + "s", since: true, alone: true, listed: true}
	case kindInvoice, kindAccount, kindAccountNumber:
		return place{path: "/v2/" + kind + "s", alone: true, listed: true}
	case kindLink:
		return place{path: "/v1/links", listed: true}
	}
	return place{}
}

func (c *client) Kinds() (fetch, list []string) {
	for _, d := range (*Provider)(nil).Lifecycles() {
		p := c.place(d.Kind)
		if p.alone {
			fetch = append(fetch, d.Kind)
		}
		if p.listed {
			list = append(list, d.Kind)
		}
	}
	return fetch, list
}

// Limit: above 5 requests in a second Fintoc refuses. In no second does a bucket let more pass than its size and what flows in.
func (*client) Limit() provider.Limit { return provider.Limit{PerSecond: 4, Burst: 1} }

func (c *client) Fetch(ctx context.Context, kind, id string) (provider.Answer, error) {
	p := c.place(kind)
	if !p.alone {
		return provider.Answer{}, provider.ErrUnsupported
	}
	answer, err := c.api.Fetch(ctx, httpapi.Request{Path: p.path + "/{id}", Args: []string{id}}, kind, id)
	if err == nil && answer.Status == http.StatusOK {
		answer.Body = withoutCredentials(answer.Body)
	}
	return answer, err
}

// withoutCredentials takes the tokens out of an answer that was read as an object.
func withoutCredentials(body []byte) []byte {
	root, err := provider.ParseBody(body)
	if err != nil {
		return body // an array, which no entity is: decoding parks it
	}
	return redacted(root.Raw)
}

func (c *client) List(ctx context.Context, q provider.ListQuery) (provider.Page, error) {
	p := c.place(q.Kind)
	if !p.listed {
		return provider.Page{}, provider.ErrUnsupported
	}
	query, number, err := p.query(q)
	if err != nil {
		return provider.Page{}, err
	}
	req := httpapi.Request{Path: p.path, Query: query}
	root, r, err := c.api.JSON(ctx, req)
	if err != nil {
		return provider.Page{}, err
	}
	items := root.Get("items")
	if !items.IsArray() {
		return provider.Page{}, httpapi.NotAList(req, r)
	}
	l := httpapi.Listing{Response: r, Kind: q.Kind, Since: q.Since, ID: "id", Created: httpapi.CreatedAt, Wrap: func(entry gjson.Result) []byte {
		return redacted(entry.Raw)
	}}
	if q.Kind == kindTransfer || q.Kind == kindAccountVerification {
		l.Created = func(entry gjson.Result) time.Time { return provider.Time(entry.Get("transaction_date")) } // they have no created_at
	}
	page, old := l.Page(items)
	switch {
	case p.ordered && old: // what follows is older still
	case p.cursor():
		if next := httpapi.NextParameter(r.Header, "starting_after"); next != q.Cursor {
			page.Next = next
		}
	default:
		page.Next = httpapi.Following(number, httpapi.NextParameter(r.Header, "page"))
	}
	return page, nil
}

// query is the query of a page: by its number in v1, by the entity before it in v2.
func (p *place) query(q provider.ListQuery) (url.Values, int, error) {
	out := url.Values{}
	if p.since && !q.Since.IsZero() {
		out.Set("since", q.Since.UTC().Format(time.RFC3339))
	}
	if p.cursor() {
		out.Set("limit", strconv.Itoa(pageSize2))
		if q.Cursor != "" {
			out.Set("starting_after", q.Cursor)
		}
		return out, 0, nil
	}
	number, err := httpapi.PageNumber(q.Cursor)
	out.Set("per_page", strconv.Itoa(pageSize1))
	out.Set("page", strconv.Itoa(number))
	return out, number, err
}
