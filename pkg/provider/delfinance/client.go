package delfinance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

var _ provider.Asker = Provider{}

// pageSize is the number of entries of a page. 10 are given where none is asked for; the most is not documented for these lists,
// 50 is the one that a sample asks for.
const pageSize = 50

// statement is the bank statement: the only place where a received Pix and a refund are found.
const statement = "/baas/api/v2/transactions"

// infractions is the list of infraction notifications.
const infractions = "/baas/api/v1/infraction-notifications"

// Client returns a client for the API of a connection. A customer's bank accounts are never asked for: the answer holds API keys.
func (Provider) Client(conn provider.Connection, c *http.Client) (provider.Client, error) {
	api, err := newAPI(conn, c)
	if err != nil {
		return nil, err
	}
	return &client{api, conn.API.AccountID}, nil
}

type client struct {
	api     *httpapi.API
	account string
}

func (*client) Kinds() (fetch, list []string) {
	return []string{kindCharge, kindReceipt, kindPayment, kindRefund, kindTransfer, kindTED, kindInfraction, kindAccount, kindCustomer},
		[]string{kindCharge, kindReceipt, kindPayment, kindRefund, kindInfraction}
}

// Limit: Delfinance documents none. This is a cautious guess.
func (*client) Limit() provider.Limit { return provider.Limit{PerSecond: 5, Burst: 5} }

// Fetch asks for an entity. The connection's own account is known by its balance alone, which claims no status; other accounts
// cannot be asked for.
func (c *client) Fetch(ctx context.Context, kind, id string) (provider.Answer, error) {
	req := httpapi.Request{Args: []string{id}}
	switch kind {
	case kindPayment, kindTransfer: // by the endToEndId or the client's own key
		req.Path = "/baas/api/v2/transfers/{id}"
	case kindTED:
		req.Path = "/baas/api/v2/external/transfers/ted/{id}"
	case kindCharge:
		req.Path = "/baas/v1/charges/{id}"
	case kindInfraction: // inferred: the list is documented, one of it is not
		req.Path = infractions + "/{id}"
	case kindCustomer:
		req.Path = "/baas/api/v1/customers/{id}"
	case kindReceipt, kindRefund:
		return c.search(ctx, kind, id)
	case kindAccount:
		if id != c.account {
			return provider.Answer{}, provider.ErrUnsupported
		}
		req = httpapi.Request{Path: "/baas/api/v1/balances"}
	default:
		return provider.Answer{}, provider.ErrUnsupported
	}
	answer, err := c.api.Fetch(ctx, req, kind, id)
	return withoutCredentials(answer), err
}

// search finds a Pix in the bank statement, which holds only what is effective. Nothing found is a 404.
func (c *client) search(ctx context.Context, kind, id string) (provider.Answer, error) {
	answer, err := c.api.Fetch(ctx, httpapi.Request{Path: statement, Query: url.Values{"endToEndId": {id}}}, kind, id)
	if err != nil || answer.Status != http.StatusOK {
		return answer, err
	}
	if root, err := httpapi.Parse(answer.Body); err == nil && root.Get("items.#").Int() == 0 && root.Get("items").IsArray() {
		answer.Status = http.StatusNotFound
	}
	return withoutCredentials(answer), nil
}

// withoutCredentials takes out what Delfinance should not have answered with. Unlike for deliveries, each member is looked at:
// look-ups are few, and what a customer's answer holds is known from third parties only.
func withoutCredentials(answer provider.Answer) provider.Answer {
	if r := gjson.ParseBytes(answer.Body); answer.Status == http.StatusOK && holdsCredential(r) {
		answer.Body = appendRedacted(nil, r)
	}
	return answer
}

func holdsCredential(r gjson.Result) (found bool) {
	r.ForEach(func(key, v gjson.Result) bool {
		found = r.IsObject() && isCredential(key.Str) || (v.IsObject() || v.IsArray()) && holdsCredential(v)
		return !found
	})
	return found
}

// list is how the list of a kind is asked for.
type list struct {
	path, size, id string
	dated          bool     // takes startDate and endDate
	types          []string // of the statement
	bare           bool     // an entry alone is answered as an object, not within an array
}

func listOf(kind string) (list, bool) {
	switch kind {
	case kindCharge:
		return list{path: "/baas/v1/charges", size: "limit", id: "correlationId", dated: true, bare: true}, true
	case kindReceipt:
		return list{path: statement, size: "limit", id: "endToEndId", dated: true, types: []string{"CREDIT_PIX"}}, true
	case kindPayment:
		return list{path: statement, size: "limit", id: "endToEndId", dated: true, types: []string{"DEBIT_PIX"}}, true
	case kindRefund:
		return list{path: statement, size: "limit", id: "endToEndId", dated: true, types: []string{"CREDIT_PIX_REFUND", "DEBIT_PIX_REFUND"}}, true
	case kindInfraction:
		return list{path: infractions, size: "size", id: "id", bare: true}, true
	}
	return list{}, false
}

// wrap is an entry as the answer to a look-up of it alone.
func (how list) wrap(entry gjson.Result) []byte {
	object := []byte(entry.Raw)
	if holdsCredential(entry) {
		object = appendRedacted(nil, entry)
	}
	if how.bare {
		return object
	}
	return fmt.Appendf(nil, "[%s]", object)
}

// created is when an entry was made; the time may lack a zone.
func created(entry gjson.Result) time.Time { return parseTime(entry.Get("createdAt").Str) }

// brasilia is how far bare dates are behind UTC: they mean midnight there.
const brasilia = 3 * time.Hour

func date(t time.Time) string { return t.UTC().Add(-brasilia).Format(time.DateOnly) }

// List asks for a page. Transfers and TEDs are left out: an entry of the statement does not say by which id they are known. A list
// ends where a page is empty, since the pages may be shorter than was asked for, or where the headers say so.
func (c *client) List(ctx context.Context, q provider.ListQuery) (provider.Page, error) {
	how, ok := listOf(q.Kind)
	if !ok {
		return provider.Page{}, provider.ErrUnsupported
	}
	number, before, err := parseCursor(q.Cursor)
	if err != nil {
		return provider.Page{}, err
	}
	query := url.Values{"page": {strconv.Itoa(number)}, how.size: {strconv.Itoa(pageSize)}}
	if how.dated && !q.Since.IsZero() {
		query.Set("startDate", date(q.Since))
		query.Set("endDate", date(time.Now().Add(24*time.Hour)))
	}
	if how.types != nil {
		query["type"] = how.types
	}
	req := httpapi.Request{Path: how.path, Query: query}
	root, r, err := c.api.JSON(ctx, req)
	if err != nil {
		return provider.Page{}, err
	}
	items := root.Get("items")
	if !items.IsArray() {
		return provider.Page{}, httpapi.NotAList(req, r)
	}
	l := httpapi.Listing{Response: r, Kind: q.Kind, Since: q.Since, ID: how.id, Created: created, Wrap: how.wrap}
	page, _ := l.Page(items)
	digest := pageDigest(r.Body)
	switch count, err := strconv.Atoi(r.Header.Get("pageCount")); {
	case items.Get("#").Int() == 0, err == nil && number >= count:
	case digest == before: // the page parameter does nothing: going on would never end
		return provider.Page{}, &provider.APIError{Class: provider.Rejected, Status: r.Status, Text: "GET " + how.path + ": the same page comes again and again"}
	default:
		page.Next = strconv.Itoa(number+1) + "." + digest
	}
	return page, nil
}

// pageDigest tells a page from the one before it.
func pageDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}

// parseCursor reads a page's number and the digest of the page before it.
func parseCursor(cursor string) (number int, before string, err error) {
	if cursor == "" {
		return 1, "", nil
	}
	text, before, ok := strings.Cut(cursor, ".")
	if !ok || !event.Printable(before) {
		return 0, "", httpapi.BadCursor()
	}
	number, err = httpapi.PageNumber(text)
	return number, before, err
}
