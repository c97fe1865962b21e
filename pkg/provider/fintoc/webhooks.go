package fintoc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

var _ provider.Registrar = (*Provider)(nil)

const endpoints = "/v1/webhook_endpoints"

// maxPages bounds how many pages of endpoints are read.
const maxPages = 100

// Webhooks returns the management of a connection's webhook endpoints. They are of the mode of its key.
func (*Provider) Webhooks(conn provider.Connection, c *http.Client) (provider.WebhookAPI, error) {
	api, err := newAPI(conn, c)
	if err != nil {
		return nil, err
	}
	return &webhooks{api}, nil
}

type webhooks struct{ api *httpapi.API }

// eventTypes are those that an endpoint is subscribed to where none are named: whether Fintoc knows a word for all is not
// documented, so they are listed. Those of which only the name is rumoured are left out, since one unknown name could have the
// whole request refused; they can be named.
func eventTypes() []string {
	return []string{
		"link.credentials_changed", "link.refresh_intent.succeeded",
		"account.refresh_intent.succeeded", "account.refresh_intent.failed", "account.refresh_intent.rejected",
		"account_verification.succeeded", "account_verification.failed",
		"payment_intent.succeeded", "payment_intent.rejected", "payment_intent.failed", "payment_intent.expired", "payment_intent.pending",
		"checkout_session.finished", "checkout_session.expired",
		"refund.in_progress", "refund.succeeded", "refund.failed",
		"payout.created", "payout.succeeded", "payout.canceled",
		"subscription_intent.succeeded", "subscription_intent.failed", "subscription_intent.rejected",
		"subscription.activated", "subscription.canceled",
		"charge.succeeded", "charge.failed",
		"transfer.outbound.succeeded", "transfer.outbound.failed", "transfer.outbound.returned",
		"transfer.inbound.succeeded", "transfer.inbound.returned", "transfer.inbound.return_failed",
	}
}

func (w *webhooks) Check(spec provider.WebhookSpec) []provider.Problem {
	var out []provider.Problem
	if spec.URL != "" {
		out = append(out, httpapi.WebhookURL(spec.URL, w.api.Base)...)
		if u, err := url.Parse(spec.URL); err == nil && u.User != nil {
			out = append(out, provider.Problem{Field: "url", Text: "an address with credentials, which every reading of the endpoint would show",
				Mend: "remove them; Fintoc signs its deliveries"})
		}
	}
	for i, word := range spec.Events {
		field := fmt.Sprintf("events[%d]", i)
		switch {
		case word == "link.created":
			out = append(out, provider.Problem{Field: field, Text: "Fintoc does not send link.created to webhook endpoints",
				Mend: "remove it, and give the endpoint's address to the widget as webhookUrl"})
		case plain(word) != word || !strings.Contains(word, "."):
			out = append(out, provider.Problem{Field: field, Text: "this is no event type of Fintoc's",
				Mend: "give types such as payment_intent.succeeded, or none for all that are documented"})
		}
	}
	return out
}

func (w *webhooks) Split(spec provider.WebhookSpec) []provider.WebhookSpec {
	return []provider.WebhookSpec{spec}
}

func (w *webhooks) Create(ctx context.Context, spec provider.WebhookSpec) ([]provider.Webhook, error) {
	problems := w.Check(spec)
	if spec.URL == "" {
		problems = append(problems, httpapi.WebhookURL("", w.api.Base)...)
	}
	if err := httpapi.Refused(problems); err != nil {
		return nil, err
	}
	in := map[string]any{"url": spec.URL, "enabled_events": spec.Events}
	if len(spec.Events) == 0 {
		in["enabled_events"] = eventTypes()
	}
	if spec.Description != "" {
		in["description"] = spec.Description
	}
	made, err := w.send(ctx, httpapi.Request{Method: http.MethodPost, Path: endpoints, Body: in})
	if err != nil {
		return nil, err
	}
	if spec.Enabled != nil && !*spec.Enabled { // an endpoint is made enabled
		disabled, err := w.Update(ctx, made.ID, provider.WebhookSpec{Enabled: spec.Enabled})
		if err != nil {
			return []provider.Webhook{made}, err
		}
		made.Status = disabled.Status
	}
	return []provider.Webhook{made}, nil
}

func (w *webhooks) List(ctx context.Context) ([]provider.Webhook, error) {
	var out []provider.Webhook
	for page := 1; ; {
		req := httpapi.Request{Path: endpoints, Query: url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(pageSize1)}}}
		root, r, err := w.api.JSON(ctx, req)
		if err != nil {
			return out, err
		}
		items := root.Get("items")
		if !items.IsArray() {
			return out, httpapi.NotAList(req, r)
		}
		for _, entry := range items.Array() {
			out = append(out, endpoint(entry))
		}
		next, err := httpapi.PageNumber(httpapi.Following(page, httpapi.NextParameter(r.Header, "page")))
		if err != nil || next == 1 || page >= maxPages {
			return out, err
		}
		page = next
	}
}

func (w *webhooks) Get(ctx context.Context, id string) (provider.Webhook, error) {
	return w.send(ctx, httpapi.Request{Path: endpoints + "/{id}", Args: []string{id}})
}

func (w *webhooks) Update(ctx context.Context, id string, spec provider.WebhookSpec) (provider.Webhook, error) {
	if err := httpapi.Refused(w.Check(spec)); err != nil {
		return provider.Webhook{}, err
	}
	in := map[string]any{}
	if spec.URL != "" {
		in["url"] = spec.URL
	}
	if len(spec.Events) > 0 {
		in["enabled_events"] = slices.Clone(spec.Events)
	}
	if spec.Description != "" {
		in["description"] = spec.Description
	}
	if spec.Enabled != nil {
		in["disabled"] = !*spec.Enabled
	}
	return w.send(ctx, httpapi.Request{Method: http.MethodPatch, Path: endpoints + "/{id}", Args: []string{id}, Body: in})
}

func (w *webhooks) Delete(ctx context.Context, id string) error {
	_, err := w.api.Do(ctx, httpapi.Request{Method: http.MethodDelete, Path: endpoints + "/{id}", Args: []string{id}})
	return err
}

// send sends a request that is answered with an endpoint.
func (w *webhooks) send(ctx context.Context, req httpapi.Request) (provider.Webhook, error) {
	root, r, err := w.api.JSON(ctx, req)
	if err != nil {
		return provider.Webhook{}, err
	}
	out := endpoint(root)
	if out.ID == "" {
		return out, httpapi.Lacks(req, r, "a webhook endpoint")
	}
	return out, nil
}

// endpoint reads a webhook endpoint. Its status is a word, or a flag in answers to older libraries.
func endpoint(r gjson.Result) provider.Webhook {
	out := provider.Webhook{
		ID: provider.Text(r.Get("id")), URL: provider.Text(r.Get("url")), Description: provider.Text(r.Get("description")),
		Status: provider.Text(r.Get("status")), Secret: provider.Text(r.Get("secret")),
	}
	if flag := r.Get("disabled"); out.Status == "" && flag.Exists() {
		out.Status = map[bool]string{true: wordDisabled, false: wordEnabled}[flag.Bool()]
	}
	for _, word := range r.Get("enabled_events").Array() {
		out.Events = append(out.Events, provider.Text(word))
	}
	return out
}
