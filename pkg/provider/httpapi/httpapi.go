// Package httpapi is what the clients of the providers' APIs share: sending one request, telling what its answer means, and
// reading pages. It knows no provider.
//
// # Guarantees
//
// A call sends one request and follows no redirect. Answers are read up to MaxBody. Whatever is not a success is a
// *provider.APIError whose text holds the method, the pattern of the path and the provider's error code, and nothing else
// that is foreign: no id, no address, no credential, no word of the body.
//
// # Duties of the caller
//
// Retries, rate limits and timeouts are not here: the context bounds a request.
package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
)

// MaxBody is how much of an answer is read, in bytes. A page of 300 entries of 2 KiB is a seventh of it.
const MaxBody = 4 << 20

// API is an HTTP API as one connection may use it. It is safe for concurrent use, as its functions have to be.
type API struct {
	// HTTP sends the requests. Redirects are not followed, whatever it says of them.
	HTTP *http.Client
	// Base is the absolute address that paths are appended to.
	Base string
	// Authorize adds the credentials to a request whose body is given. Its error is returned as it is.
	Authorize func(r *http.Request, body []byte) error
	// Read tells what an answer other than a success says; nil where the status says it all.
	Read func(Response) Reading
	// Credentials names the settings that hold them, for the error when they are not accepted: api.key_id and api.secret.
	Credentials string
}

// Request is one request.
type Request struct {
	// Method is GET where it is empty.
	Method string
	// Path is a pattern, /payments/{id}, whose braces the Args replace in their order. The pattern, not the path, is what
	// errors speak of.
	Path  string
	Args  []string
	Query url.Values
	// Body is sent as JSON; nil sends none.
	Body any
}

// Response is an answer.
type Response struct {
	Status int
	Header http.Header
	// Date is the answer's own, zero where it has none.
	Date time.Time
	Body []byte
}

// ContentType is the media type; empty where there is none that an envelope can carry.
func (r *Response) ContentType() string {
	text := r.Header.Get("Content-Type")
	if !event.Printable(text) {
		return ""
	}
	return text
}

// Do sends a request. Of an answer that is not a success both the answer and the *provider.APIError are returned.
func (a *API) Do(ctx context.Context, req Request) (Response, error) {
	out, err := a.build(ctx, &req)
	if err != nil {
		return Response{}, err
	}
	var sent []byte
	if req.Body != nil {
		if sent, err = encode(req.Body); err != nil {
			return Response{}, req.fail(provider.Rejected, "the request cannot be written as JSON")
		}
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sent)), nil }
		out.Header.Set("Content-Type", "application/json")
	}
	if a.Authorize != nil {
		if err := a.Authorize(out, sent); err != nil {
			return Response{}, err
		}
	}
	resp, err := a.client().Do(out)
	if err != nil {
		return Response{}, req.noAnswer(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // what was to be read has been read
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	switch {
	case err != nil:
		return Response{}, req.noAnswer(ctx, err)
	case len(body) > MaxBody:
		return Response{}, req.fail(provider.Rejected, "the answer is larger than 4 MiB")
	}
	answer := Response{Status: resp.StatusCode, Header: resp.Header, Body: body}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil { // an answer need not be dated
		answer.Date = date.UTC()
	}
	if answer.Status/100 == 2 {
		return answer, nil
	}
	return answer, a.failure(&req, &answer)
}

// client is the client given, which follows no redirect: headers that are a provider's own would go along to any host.
func (a *API) client() *http.Client {
	c := http.Client{}
	if a.HTTP != nil {
		c = *a.HTTP
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// build makes the request without its body.
func (a *API) build(ctx context.Context, req *Request) (*http.Request, error) {
	if req.Method == "" {
		req.Method = http.MethodGet
	}
	path := req.Path
	for _, arg := range req.Args {
		before, rest, _ := strings.Cut(path, "{")
		_, after, ok := strings.Cut(rest, "}")
		// Servers and proxies take dots for directories even where they are escaped.
		if !ok || arg == "" || arg == "." || arg == ".." {
			return nil, req.fail(provider.Rejected, "the id cannot stand in a path")
		}
		path = before + escape(arg) + after
	}
	address := strings.TrimSuffix(a.Base, "/") + path
	if len(req.Query) > 0 {
		address += "?" + req.Query.Encode()
	}
	out, err := http.NewRequestWithContext(ctx, req.Method, address, nil)
	if err != nil {
		return nil, req.fail(provider.Rejected, "the address cannot be used: check api.base_url") // the cause repeats the address
	}
	out.Header.Set("Accept", "application/json")
	out.Header.Set("User-Agent", "hookfold")
	return out, nil
}

// escape is a path segment; a brace in it must not be taken for a place of the pattern.
func escape(arg string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D").Replace(url.PathEscape(arg))
}

// encode is JSON with the characters of addresses as they are.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
