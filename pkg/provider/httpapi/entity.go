package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Fetch asks for one entity: a success, or the news that there is none, is an Answer. A success has to be JSON.
func (a *API) Fetch(ctx context.Context, req Request, kind, id string) (provider.Answer, error) {
	r, err := a.Do(ctx, req)
	if err != nil {
		reading := a.reading(&r)
		gone := r.Status == http.StatusNotFound || r.Status == http.StatusGone
		if !reading.Missing && (!gone || reading.Class != "" || isPage(&r)) {
			return provider.Answer{}, err
		}
		if !gone {
			r.Status = http.StatusNotFound
		}
		return r.Answer(kind, id), nil
	}
	if r.Status != http.StatusOK {
		return provider.Answer{}, &provider.APIError{Class: provider.Unavailable, Status: r.Status, Text: req.String() + ": a success without the entity"}
	}
	if _, err := req.json(&r); err != nil {
		return provider.Answer{}, err
	}
	return r.Answer(kind, id), nil
}

// Answer is the response as an answer about an entity.
func (r *Response) Answer(kind, id string) provider.Answer {
	return provider.Answer{Kind: kind, ID: id, Status: r.Status, Date: r.Date, ContentType: r.ContentType(), Body: r.Body}
}

// Part is an entity of a list, in the form that asking for it alone would have given it.
func (r *Response) Part(kind, id string, body []byte) provider.Answer {
	return provider.Answer{Kind: kind, ID: id, Status: http.StatusOK, Date: r.Date, ContentType: "application/json", Body: body}
}

// JSON sends a request and reads the answer: an object, or an array under the name "items". An empty body is an object without
// members.
func (a *API) JSON(ctx context.Context, req Request) (gjson.Result, Response, error) {
	r, err := a.Do(ctx, req)
	if err != nil {
		return gjson.Result{}, r, err
	}
	if len(bytes.TrimSpace(r.Body)) == 0 {
		return gjson.Parse("{}"), r, nil
	}
	root, err := req.json(&r)
	return root, r, err
}

// json reads a body with the guards that all foreign bodies are read with.
func (req *Request) json(r *Response) (gjson.Result, error) {
	root, err := Parse(r.Body)
	if err != nil {
		e := &provider.APIError{Class: provider.Unavailable, Status: r.Status, Text: req.String() + ": the answer is not JSON"}
		if isPage(r) {
			e.Text += " but a web page; check api.base_url"
		}
		return gjson.Result{}, e
	}
	return root, nil
}

// Parse reads an object, or an array, which it gives as the member "items" of an object.
func Parse(body []byte) (gjson.Result, error) {
	trimmed := bytes.TrimSpace(body)
	if !bytes.HasPrefix(trimmed, []byte("[")) {
		return provider.ParseBody(body)
	}
	root, err := provider.ParseBody(slices.Concat([]byte(`{"items":`), trimmed, []byte(`}`)))
	if err == nil && root.Get("items").Raw != string(trimmed) {
		return gjson.Result{}, errors.New("more than one JSON value") // [],"items":[] would have passed
	}
	return root, err
}

// Listing is a page of a list, as its Page is put together.
type Listing struct {
	Response Response
	Kind     string
	// Since leaves out entries that were created before it; the API's own filter, where there is one, is asked too.
	Since time.Time
	// Created is when an entry was made; one of which that is not known (zero) is kept.
	Created func(entry gjson.Result) time.Time
	// ID is the member that holds the id, and Wrap gives the entry the form of an answer of its own.
	ID   string
	Wrap func(entry gjson.Result) []byte
}

// Page makes a page of the entries, without Next. old says that there were entries and that all of them are older than Since.
func (l *Listing) Page(entries gjson.Result) (page provider.Page, old bool) {
	seen, early := 0, 0
	entries.ForEach(func(_, entry gjson.Result) bool {
		seen++
		id := provider.Text(entry.Get(l.ID))
		if !entry.IsObject() || id == "" || !event.Printable(l.Kind+"/"+id) {
			page.Skipped++
			return true
		}
		if created := l.Created(entry); !created.IsZero() && created.Before(l.Since) {
			early++
			return true
		}
		page.Answers = append(page.Answers, l.Response.Part(l.Kind, id, l.Wrap(entry)))
		return true
	})
	return page, seen > 0 && early == seen
}

// CreatedAt reads the member of that name, an RFC 3339 time, which most entries have.
func CreatedAt(entry gjson.Result) time.Time { return provider.Time(entry.Get("created_at")) }

// NotAList is the error of a success that is not the list that was asked for.
func NotAList(req Request, r Response) error { return Lacks(req, r, "a list") }

// Lacks is the error of a success that does not hold what was asked for.
func Lacks(req Request, r Response, what string) error {
	if req.Method == "" {
		req.Method = http.MethodGet
	}
	return &provider.APIError{Class: provider.Unavailable, Status: r.Status, Text: req.String() + ": the answer does not hold " + what}
}
