package devengo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

var _ provider.Asker = Provider{}

// pageSize is the number of entries of a page: what Devengo gives where none is asked for; how many more it would give is not
// documented.
const pageSize = 100

// Client returns a client for the API of a connection. With an API key its requests are signed; with a login they carry a
// token, for which it logs in when there is none or when it ends.
func (Provider) Client(conn provider.Connection, c *http.Client) (provider.Client, error) {
	api, tokens, err := newAPI(conn, c)
	if err != nil {
		return nil, err
	}
	return &client{session{api, tokens}}, nil
}

type client struct{ session session }

// path is where a kind's entities are, empty for a kind whose path is not known: access and holder verifications.
func path(kind string) string {
	switch kind {
	case kindAccount, kindAccountHolder, kindIncoming, kindOutgoing, kindVerification:
		return "/" + wrapper(kind) + "s"
	}
	return ""
}

func (*client) Kinds() (fetch, list []string) {
	kinds := []string{kindAccount, kindAccountHolder, kindIncoming, kindOutgoing, kindVerification}
	return kinds, slices.Clone(kinds)
}

// Limit: 1500 requests a minute. In no minute does a bucket let more pass than its size and what flows in: 50 + 60·24 = 1490.
func (*client) Limit() provider.Limit { return provider.Limit{PerSecond: 24, Burst: 50} }

func (c *client) Fetch(ctx context.Context, kind, id string) (answer provider.Answer, err error) {
	at := path(kind)
	if at == "" {
		return provider.Answer{}, provider.ErrUnsupported
	}
	err = c.session.with(ctx, func(api *httpapi.API) error {
		answer, err = api.Fetch(ctx, httpapi.Request{Path: at + "/{id}", Args: []string{id}}, kind, id)
		return err
	})
	return answer, err
}

// List asks for a page. No filter is documented and no order: Since is applied to what comes, and entities that are made while
// the pages are read can move others to a later page.
func (c *client) List(ctx context.Context, q provider.ListQuery) (out provider.Page, err error) {
	at := path(q.Kind)
	if at == "" {
		return provider.Page{}, provider.ErrUnsupported
	}
	page, err := httpapi.PageNumber(q.Cursor)
	if err != nil {
		return provider.Page{}, err
	}
	err = c.session.with(ctx, func(api *httpapi.API) error {
		root, r, err := listPage(ctx, api, at, wrapper(q.Kind)+"s", page)
		if err != nil {
			return err
		}
		l := httpapi.Listing{Response: r, Kind: q.Kind, Since: q.Since, ID: "id", Created: httpapi.CreatedAt, Wrap: func(entry gjson.Result) []byte {
			return fmt.Appendf(nil, `{%q:%s}`, wrapper(q.Kind), entry.Raw)
		}}
		out, _ = l.Page(root.Get(wrapper(q.Kind) + "s"))
		out.Next = following(root, page)
		return nil
	})
	return out, err
}

// listPage asks for a page of a list, and sees to it that it is one.
func listPage(ctx context.Context, api *httpapi.API, at, key string, page int) (gjson.Result, httpapi.Response, error) {
	req := httpapi.Request{Path: at, Query: url.Values{"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(pageSize)}}}
	root, r, err := api.JSON(ctx, req)
	if err == nil && !root.Get(key).IsArray() {
		err = httpapi.NotAList(req, r)
	}
	return root, r, err
}

// following is the cursor of the page behind: links.next, or where there are no links at all, what the total says.
func following(root gjson.Result, page int) string {
	if links := root.Get("links"); links.IsObject() {
		return httpapi.Following(page, httpapi.Parameter(links.Get("next").Str, "page"))
	}
	if total := root.Get("meta.pagination.total_items"); total.Type == gjson.Number && total.Int() > int64(page)*pageSize {
		return strconv.Itoa(page + 1)
	}
	return ""
}
