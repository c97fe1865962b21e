package yoco

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

var _ provider.Registrar = (*Provider)(nil)

// defaultName is the name of a webhook for which no description is given: Yoco wants one.
const defaultName = "hookfold"

// Webhooks returns the management of the webhooks of a connection's key, in that key's mode.
func (*Provider) Webhooks(conn provider.Connection, c *http.Client) (provider.WebhookAPI, error) {
	s, err := newSurfaces(conn, c)
	if err == nil && s.checkout == nil {
		err = httpapi.First(conn.Name, []provider.Problem{noKey()})
	}
	if err != nil {
		return nil, err
	}
	return &webhooks{s.checkout}, nil
}

type webhooks struct{ api *httpapi.API }

// Check: https, and all events, always.
func (w *webhooks) Check(spec provider.WebhookSpec) []provider.Problem {
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}
	if spec.URL != "" {
		out = append(out, httpapi.WebhookURL(spec.URL, w.api.Base)...)
		if u, err := url.Parse(spec.URL); err == nil && u.User != nil {
			add("url", "an address with credentials, which every reading of the webhook would show", "remove them; Yoco signs its deliveries")
		}
	}
	if len(spec.Events) > 0 {
		add("events", "Yoco sends every event to every webhook, and cannot be asked for some", "leave the events out")
	}
	if spec.Enabled != nil && !*spec.Enabled {
		add("enabled", "Yoco cannot disable a webhook", "delete it")
	}
	return out
}

func (w *webhooks) Split(spec provider.WebhookSpec) []provider.WebhookSpec {
	return []provider.WebhookSpec{spec}
}

// Create registers a webhook. One is enough for an account: each further one receives every event again.
func (w *webhooks) Create(ctx context.Context, spec provider.WebhookSpec) ([]provider.Webhook, error) {
	problems := w.Check(spec)
	if spec.URL == "" {
		problems = append(problems, httpapi.WebhookURL("", w.api.Base)...)
	}
	if err := httpapi.Refused(problems); err != nil {
		return nil, err
	}
	req := httpapi.Request{Method: http.MethodPost, Path: "/webhooks",
		Body: map[string]string{"name": cmp.Or(spec.Description, defaultName), "url": spec.URL}}
	root, r, err := w.api.JSON(ctx, req)
	if err != nil {
		return nil, err
	}
	made := webhook(root)
	switch {
	case made.ID == "":
		return nil, httpapi.Lacks(req, r, "a webhook")
	case made.Secret == "": // it is there, but of no use: whoever called has to delete it
		return []provider.Webhook{made}, httpapi.Lacks(req, r, "the webhook's secret")
	}
	return []provider.Webhook{made}, nil
}

// List reads {"subscriptions": […]}, or an array alone: both have been seen.
func (w *webhooks) List(ctx context.Context) ([]provider.Webhook, error) {
	req := httpapi.Request{Path: "/webhooks"}
	root, r, err := w.api.JSON(ctx, req)
	if err != nil {
		return nil, err
	}
	entries := root.Get("subscriptions")
	if !entries.IsArray() {
		entries = root.Get("items")
	}
	if !entries.IsArray() {
		return nil, httpapi.NotAList(req, r)
	}
	var out []provider.Webhook
	for _, entry := range entries.Array() {
		out = append(out, webhook(entry))
	}
	return out, nil
}

// Get finds a webhook in the list: Yoco has no call for one.
func (w *webhooks) Get(ctx context.Context, id string) (provider.Webhook, error) {
	all, err := w.List(ctx)
	if err != nil {
		return provider.Webhook{}, err
	}
	for _, found := range all {
		if found.ID == id {
			return found, nil
		}
	}
	return provider.Webhook{}, &provider.APIError{Class: provider.Rejected, Status: http.StatusNotFound, Text: "GET /webhooks: no such webhook in the list of this key's mode"}
}

// Update is not offered: a webhook is registered anew, and the old one deleted.
func (*webhooks) Update(context.Context, string, provider.WebhookSpec) (provider.Webhook, error) {
	return provider.Webhook{}, fmt.Errorf("changing a webhook (register another, then delete this one): %w", provider.ErrUnsupported)
}

// Delete also succeeds where the webhook is gone already.
func (w *webhooks) Delete(ctx context.Context, id string) error {
	_, err := w.api.Do(ctx, httpapi.Request{Method: http.MethodDelete, Path: "/webhooks/{id}", Args: []string{id}})
	if httpapi.Missing(err) {
		return nil
	}
	return err
}

// webhook reads a webhook. Its mode stands in for its status, of which Yoco says nothing.
func webhook(r gjson.Result) provider.Webhook {
	return provider.Webhook{
		ID: provider.Text(r.Get("id")), URL: provider.Text(r.Get("url")), Description: provider.Text(r.Get("name")),
		Status: provider.Text(r.Get("mode")), Secret: provider.Text(r.Get("secret")),
	}
}
