package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hookfold/hookfold/pkg/provider"
)

// everything answers all requests the same.
type everything struct {
	status int
	header http.Header
	body   []byte
}

func (e *everything) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: e.status, Header: e.header.Clone(), Body: io.NopCloser(bytes.NewReader(e.body)), Request: r}, nil
}

// FuzzAnswers feeds a provider's clients with answers that nobody documented. Nothing panics; what is an Answer can be told from
// what is not; no error repeats what was received, or a credential.
func FuzzAnswers(f *testing.F, p interface {
	provider.Asker
	provider.Registrar
}, conn provider.Connection, seeds ...string) {
	for _, seed := range append(seeds, `{}`, `[]`, `[{"id":"a"}]`, `<html>`, `{"error":{"type":"x/`+received+`","code":7}}`, `{"message":"`+received+`"}`) {
		f.Add(200, seed, `<https://x/?page=2&starting_after=b>; rel="next"`)
		f.Add(404, seed, "")
		f.Add(422, seed, "12")
	}
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		if status < 200 || status > 999 {
			return
		}
		e := &everything{status: status, body: []byte(body), header: http.Header{
			"Link": {header}, "Retry-After": {header}, "Date": {header}, "Content-Type": {header}, "X-Ratelimit-Reset": {header}, "Pagecount": {header}}}
		c, err := p.Client(conn, &http.Client{Transport: e})
		if err != nil {
			t.Fatal(err)
		}
		fetch, list := c.Kinds()
		for _, kind := range fetch {
			a, err := c.Fetch(t.Context(), kind, "id-1")
			holdError(t, err, conn)
			if err != nil {
				continue
			}
			if a.Kind != kind || a.ID != "id-1" || a.Status == 200 && (!json.Valid(a.Body) || !utf8.Valid(a.Body)) {
				t.Errorf("the answer %+v with body %q", a, a.Body)
			}
			if a.Status != 200 && a.Status != 404 && a.Status != 410 {
				t.Errorf("the answer's status is %d", a.Status)
			}
		}
		for _, kind := range list {
			page, err := c.List(t.Context(), provider.ListQuery{Kind: kind})
			holdError(t, err, conn)
			for _, a := range page.Answers {
				if a.ID == "" || !json.Valid(a.Body) {
					t.Errorf("an entry %+v with body %q", a, a.Body)
				}
			}
			_, err = c.List(t.Context(), provider.ListQuery{Kind: kind, Cursor: page.Next})
			holdError(t, err, conn)
		}
		holdWebhooks(t, p, conn, e)
	})
}

func holdWebhooks(t *testing.T, p provider.Registrar, conn provider.Connection, e *everything) {
	w, err := p.Webhooks(conn, &http.Client{Transport: e})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Create(t.Context(), provider.WebhookSpec{URL: "https://h.example.com/w"})
	holdError(t, err, conn)
	_, err = w.List(t.Context())
	holdError(t, err, conn)
	_, err = w.Get(t.Context(), "id-1")
	holdError(t, err, conn)
	_, err = w.Update(t.Context(), "id-1", provider.WebhookSpec{URL: "https://h.example.com/w"})
	holdError(t, err, conn)
	holdError(t, w.Delete(t.Context(), "id-1"), conn)
}

// received stands for what an answer holds and no error may.
const received = "Ana Prueba"

func holdError(t *testing.T, err error, conn provider.Connection) {
	t.Helper()
	var e *provider.APIError
	if err == nil || errors.Is(err, provider.ErrUnsupported) {
		return
	}
	if !errors.As(err, &e) || e.Class == "" || e.RetryAfter < 0 || errors.Is(err, context.Canceled) {
		t.Errorf("error %#v", err)
	}
	for _, secret := range []string{conn.API.Secret, conn.API.Token, conn.Authorization.Value, received} {
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error %q holds %q", err, secret)
		}
	}
}
