package devengo

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

var _ provider.Registrar = Provider{}

// maxPages bounds how many pages of webhooks are read; nobody has ten thousand.
const maxPages = 100

// Webhooks returns the management of a connection's webhooks.
func (Provider) Webhooks(conn provider.Connection, c *http.Client) (provider.WebhookAPI, error) {
	api, tokens, err := newAPI(conn, c)
	if err != nil {
		return nil, err
	}
	return &webhooks{session{api, tokens}, conn.Mode}, nil
}

type webhooks struct {
	session session
	mode    lifecycle.Mode
}

// Check: an absolute address. Credentials in it are honoured, as HTTP Basic. Event types are new each month, so that all that
// look like one are let pass.
func (w *webhooks) Check(spec provider.WebhookSpec) []provider.Problem {
	var out []provider.Problem
	if spec.URL != "" {
		address := spec.URL
		if rest, plain := strings.CutPrefix(address, "http://"); plain && w.mode == lifecycle.ModeTest {
			address = "https://" + rest // Devengo's own examples have plain http; what is live is not to be read on the way
		}
		out = append(out, httpapi.WebhookURL(address, w.session.api.Base)...)
	}
	for i, word := range spec.Events {
		kind, transition, ok := strings.Cut(word, ".")
		if !ok || kind == "" || transition == "" || strings.ToLower(word) != word || strings.ContainsAny(word, " *") {
			out = append(out, provider.Problem{Field: fmt.Sprintf("events[%d]", i), Text: "this is no event type of Devengo's",
				Mend: "give types such as outgoing_payment.confirmed, or none for all"})
		}
	}
	return out
}

// input is the body of a request; what is nil is left out.
type input struct {
	URL         string   `json:"url,omitempty"`
	Description string   `json:"description,omitempty"`
	Status      string   `json:"status,omitempty"`
	Events      []string `json:"listened_events,omitempty"`
}

func statusWord(enabled bool) string {
	if enabled {
		return "enabled"
	}
	return "disabled" // inferred: only enabled has been seen
}

func (w *webhooks) Split(spec provider.WebhookSpec) []provider.WebhookSpec {
	return []provider.WebhookSpec{spec}
}

func (w *webhooks) Create(ctx context.Context, spec provider.WebhookSpec) ([]provider.Webhook, error) {
	problems := w.Check(spec)
	if spec.URL == "" {
		problems = append(problems, httpapi.WebhookURL("", "")...)
	}
	if err := httpapi.Refused(problems); err != nil {
		return nil, err
	}
	made, err := w.send(ctx, httpapi.Request{Method: http.MethodPost, Path: "/webhooks", Body: input{URL: spec.URL, Description: spec.Description, Events: spec.Events}})
	if err != nil {
		return nil, err
	}
	if spec.Enabled != nil && !*spec.Enabled { // a webhook is made enabled
		disabled, err := w.Update(ctx, made.ID, provider.WebhookSpec{Enabled: spec.Enabled})
		if err != nil {
			return []provider.Webhook{made}, err
		}
		made.Status = disabled.Status
	}
	return []provider.Webhook{made}, nil
}

func (w *webhooks) List(ctx context.Context) (out []provider.Webhook, err error) {
	err = w.session.with(ctx, func(api *httpapi.API) error {
		out = nil
		for page := 1; ; page++ {
			root, _, err := listPage(ctx, api, "/webhooks", "webhooks", page)
			if err != nil {
				return err
			}
			for _, entry := range root.Get("webhooks").Array() {
				out = append(out, webhook(entry))
			}
			if following(root, page) == "" || page == maxPages {
				return nil
			}
		}
	})
	return out, err
}

func (w *webhooks) Get(ctx context.Context, id string) (provider.Webhook, error) {
	return w.send(ctx, httpapi.Request{Path: "/webhooks/{id}", Args: []string{id}})
}

// Update: the description cannot be changed.
func (w *webhooks) Update(ctx context.Context, id string, spec provider.WebhookSpec) (provider.Webhook, error) {
	if spec.Description != "" {
		return provider.Webhook{}, fmt.Errorf("changing a webhook's description: %w", provider.ErrUnsupported)
	}
	if err := httpapi.Refused(w.Check(spec)); err != nil {
		return provider.Webhook{}, err
	}
	in := input{URL: spec.URL, Events: spec.Events}
	if spec.Enabled != nil {
		in.Status = statusWord(*spec.Enabled)
	}
	return w.send(ctx, httpapi.Request{Method: http.MethodPatch, Path: "/webhooks/{id}", Args: []string{id}, Body: in})
}

func (w *webhooks) Delete(ctx context.Context, id string) error {
	return w.session.with(ctx, func(api *httpapi.API) error {
		_, err := api.Do(ctx, httpapi.Request{Method: http.MethodDelete, Path: "/webhooks/{id}", Args: []string{id}})
		return err
	})
}

// send sends a request that is answered with a webhook.
func (w *webhooks) send(ctx context.Context, req httpapi.Request) (out provider.Webhook, err error) {
	err = w.session.with(ctx, func(api *httpapi.API) error {
		root, r, err := api.JSON(ctx, req)
		if err != nil {
			return err
		}
		if out = webhook(root.Get("webhook")); out.ID == "" {
			return httpapi.Lacks(req, r, "a webhook")
		}
		return nil
	})
	return out, err
}

func webhook(r gjson.Result) provider.Webhook {
	out := provider.Webhook{
		ID: provider.Text(r.Get("id")), URL: provider.Text(r.Get("url")), Description: provider.Text(r.Get("description")),
		Status: provider.Text(r.Get("status")), Secret: provider.Text(r.Get("secret")),
	}
	for _, word := range r.Get("listened_events").Array() {
		out.Events = append(out.Events, provider.Text(word))
	}
	return out
}
