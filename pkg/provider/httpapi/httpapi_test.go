package httpapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

const key = "sk_test_INVENTED"

func api(base string) *httpapi.API {
	return &httpapi.API{Base: base, Credentials: "api.secret", Authorize: func(r *http.Request, _ []byte) error {
		r.Header.Set("X-Key", key)
		return nil
	}}
}

// TestPath: an id stays one segment, whatever is in it.
func TestPath(t *testing.T) {
	for id, want := range map[string]string{
		"pyo_1":    "/a/pyo_1/b",
		"a/b":      "/a/a%2Fb/b",
		"../x":     "/a/..%2Fx/b",
		"a?b#c":    "/a/a%3Fb%23c/b",
		"{id}":     "/a/%7Bid%7D/b",
		"a b%2F":   "/a/a%20b%252F/b",
		"ação":     "/a/a%C3%A7%C3%A3o/b",
		"\r\nX: y": "/a/%0D%0AX:%20y/b",
	} {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET " + want, Header: map[string]string{"X-Key": key, "Accept": "application/json"}, Answer: "{}"})
		if _, err := api(server.URL+"/").Do(t.Context(), httpapi.Request{Path: "/a/{id}/b", Args: []string{id}}); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", ".", ".."} {
		_, err := api("http://127.0.0.1:1").Do(t.Context(), httpapi.Request{Path: "/a/{id}", Args: []string{id}})
		apitest.Fails(t, err, provider.Rejected, "GET /a/{id}: the id cannot stand in a path")
	}
	_, err := api("http://[::1").Do(t.Context(), httpapi.Request{Path: "/a"})
	apitest.Fails(t, err, provider.Rejected, "check api.base_url", "[::1")
}

func TestClasses(t *testing.T) {
	for _, test := range []struct {
		status int
		header map[string]string
		class  provider.ErrorClass
		text   string
		wait   time.Duration
	}{
		{400, nil, provider.Rejected, "rejected: GET /x (HTTP 400)", 0},
		{401, nil, provider.Unauthorized, "check api.secret (HTTP 401)", 0},
		{403, nil, provider.Unauthorized, "check api.secret", 0},
		{404, nil, provider.Rejected, "HTTP 404", 0},
		{408, nil, provider.Unavailable, "HTTP 408", 0},
		{409, nil, provider.Rejected, "HTTP 409", 0},
		{422, nil, provider.Rejected, "HTTP 422", 0},
		{425, nil, provider.Unavailable, "HTTP 425", 0},
		{429, map[string]string{"Retry-After": "7"}, provider.RateLimited, "HTTP 429", 7 * time.Second},
		{429, map[string]string{"Retry-After": "0.5"}, provider.RateLimited, "", time.Second / 2},
		{429, map[string]string{"Retry-After": "-3"}, provider.RateLimited, "", 0},
		{429, map[string]string{"Retry-After": "NaN"}, provider.RateLimited, "", 0},
		{429, map[string]string{"Retry-After": "soon"}, provider.RateLimited, "", 0},
		{429, map[string]string{"Retry-After": "1e300"}, provider.RateLimited, "", 24 * time.Hour},
		{503, map[string]string{"Retry-After": apitest.Date.Add(90 * time.Second).Format(http.TimeFormat)}, provider.Unavailable, "HTTP 503", 90 * time.Second},
		{503, map[string]string{"Retry-After": apitest.Date.Add(-time.Hour).Format(http.TimeFormat)}, provider.Unavailable, "", 0},
		{503, map[string]string{"Content-Type": "text/html"}, provider.Unavailable, "unavailable: GET /x (HTTP 503)", 0},
		{404, map[string]string{"Content-Type": "text/html; charset=utf-8"}, provider.Rejected, "web page; check api.base_url", 0},
		{500, nil, provider.Unavailable, "HTTP 500", 0},
		{302, map[string]string{"Location": "/elsewhere?token=" + key}, provider.Rejected, "redirect, which is not followed", 0},
	} {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET /x", Status: test.status, AnswerHeader: test.header, Answer: "{}"})
		_, err := api(server.URL).Do(t.Context(), httpapi.Request{Path: "/x"})
		if e := apitest.Fails(t, err, test.class, test.text, key, server.URL); e.RetryAfter != test.wait || e.Status != test.status {
			t.Errorf("%d %v: wait %s, status %d", test.status, test.header, e.RetryAfter, e.Status)
		}
	}
}

// TestCode: a provider's code is shown, whatever else stands in its place is not.
func TestCode(t *testing.T) {
	for code, shown := range map[string]bool{
		"missing_resource": true, "ERR-0002": true, "START_PAYMENT_NOT_FOUND": true, "DEL20": true,
		"": false, "12345678909": false, "doc12345678909": false, "a b": false, "sk_live_abc": false, "é": false, "x\ny": false,
		strings.Repeat("a", 65): false,
	} {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET /x", Status: 422})
		a := api(server.URL)
		a.Read = func(httpapi.Response) httpapi.Reading { return httpapi.Reading{Code: code} }
		_, err := a.Do(t.Context(), httpapi.Request{Path: "/x"})
		if code != "" && strings.Contains(err.Error(), code) != shown {
			t.Errorf("code %q: %v", code, err)
		}
	}
}

func TestFetch(t *testing.T) {
	server := apitest.Serve(t,
		apitest.Exchange{Want: "GET /e/1", Answer: ` {"id":"1"} `, AnswerHeader: map[string]string{"Content-Type": "application/json; charset=utf-8"}},
		apitest.Exchange{Want: "GET /e/1", Answer: `{}`, AnswerHeader: map[string]string{"Date": "", "Content-Type": strings.Repeat("x", 600)}},
		apitest.Exchange{Want: "GET /e/1", Answer: `{"error":{}}`, Status: 404},
		apitest.Exchange{Want: "GET /e/1", Status: 410},
		apitest.Exchange{Want: "GET /e/1", Status: 404, AnswerHeader: map[string]string{"Content-Type": "text/html"}},
		apitest.Exchange{Want: "GET /e/1", Answer: `<html>`},
		apitest.Exchange{Want: "GET /e/1", Status: 204},
		apitest.Exchange{Want: "GET /e/1", Answer: `[1],"items":[2]`},
	)
	a := api(server.URL)
	get := func() (provider.Answer, error) {
		return a.Fetch(t.Context(), httpapi.Request{Path: "/e/{id}", Args: []string{"1"}}, "thing", "1")
	}
	got, err := get()
	if err != nil || got.Status != 200 || !got.Date.Equal(apitest.Date) || string(got.Body) != ` {"id":"1"} ` ||
		got.ContentType != "application/json; charset=utf-8" || got.Kind != "thing" || got.ID != "1" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = get(); err != nil || !got.Date.IsZero() || got.ContentType != "" {
		t.Errorf("without date: %+v, %v", got, err)
	}
	if got, err = get(); err != nil || got.Status != 404 || string(got.Body) != `{"error":{}}` {
		t.Errorf("not found: %+v, %v", got, err)
	}
	if got, err = get(); err != nil || got.Status != 410 {
		t.Errorf("gone: %+v, %v", got, err)
	}
	_, err = get()
	apitest.Fails(t, err, provider.Rejected, "web page")
	_, err = get()
	apitest.Fails(t, err, provider.Unavailable, "not JSON", "html")
	_, err = get()
	apitest.Fails(t, err, provider.Unavailable, "without the entity")
	_, err = get()
	apitest.Fails(t, err, provider.Unavailable, "not JSON")
}

// TestRedirect: the credentials do not go to where a redirect points.
func TestRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed, with key %q", r.Header.Get("X-Key"))
	}))
	defer elsewhere.Close()
	server := apitest.Serve(t, apitest.Exchange{Want: "GET /x", Status: 307, AnswerHeader: map[string]string{"Location": elsewhere.URL}})
	a := api(server.URL)
	a.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	_, err := a.Do(t.Context(), httpapi.Request{Path: "/x"})
	apitest.Fails(t, err, provider.Rejected, "redirect", elsewhere.URL)
}

func TestNoAnswer(t *testing.T) {
	const secret = "link_SECRET_token"
	req := httpapi.Request{Path: "/x", Query: map[string][]string{"link_token": {secret}}}

	t.Run("down", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		_, err := api(server.URL).Do(t.Context(), req)
		e := apitest.Fails(t, err, provider.Unavailable, "GET /x: dial tcp", secret, key)
		if e.Status != 0 || e.Err == nil {
			t.Errorf("%+v", e)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			cancel(errors.New("shutting down"))
			<-r.Context().Done()
		}))
		defer server.Close()
		_, err := api(server.URL).Do(ctx, req)
		apitest.Fails(t, err, provider.Unavailable, "GET /x", secret, server.URL)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
	})
	t.Run("not HTTP", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "PERSONAL DATA 123\r\n\r\n")
			_ = conn.Close()
		}))
		defer server.Close()
		_, err := api(server.URL).Do(t.Context(), req)
		apitest.Fails(t, err, provider.Unavailable, "no valid HTTP answer", "PERSONAL", secret)
	})
	t.Run("cut off", func(t *testing.T) {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET /x?link_token=" + secret, AnswerHeader: map[string]string{"Content-Length": "100"}, Answer: ""})
		_, err := api(server.URL).Do(t.Context(), req)
		apitest.Fails(t, err, provider.Unavailable, "EOF", secret)
	})
	t.Run("too large", func(t *testing.T) {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET /x", Answer: strings.Repeat(" ", httpapi.MaxBody+1)})
		_, err := api(server.URL).Do(t.Context(), httpapi.Request{Path: "/x"})
		apitest.Fails(t, err, provider.Rejected, "4 MiB")
	})
	t.Run("just not too large", func(t *testing.T) {
		server := apitest.Serve(t, apitest.Exchange{Want: "GET /x", Answer: strings.Repeat(" ", httpapi.MaxBody)})
		if r, err := api(server.URL).Do(t.Context(), httpapi.Request{Path: "/x"}); err != nil || len(r.Body) != httpapi.MaxBody {
			t.Errorf("%d bytes, %v", len(r.Body), err)
		}
	})
}

func TestListing(t *testing.T) {
	l := httpapi.Listing{
		Response: httpapi.Response{Date: apitest.Date}, Kind: "thing", Since: apitest.Date, ID: "id", Created: httpapi.CreatedAt,
		Wrap: func(entry gjson.Result) []byte { return []byte(entry.Raw) },
	}
	page, old := l.Page(gjson.Parse(`[{"id":"a"},{"id":"b","created_at":"2026-03-10T15:04:05Z"},{"id":"c","created_at":"2026-03-10T15:04:04.9Z"},{},7,{"id":""},{"id":12},{"id":"x\ny"}]`))
	var ids []string
	for _, a := range page.Answers {
		ids = append(ids, a.ID)
	}
	if got := strings.Join(ids, " "); got != "a b 12" || page.Skipped != 4 || old {
		t.Errorf("ids %s, %d skipped, old %v", got, page.Skipped, old)
	}
	if _, old := l.Page(gjson.Parse(`[{"id":"c","created_at":"2020-01-01T00:00:00Z"}]`)); !old {
		t.Error("a page of old entries is not old")
	}
	if _, old := l.Page(gjson.Parse(`[]`)); old {
		t.Error("an empty page is old")
	}
}
