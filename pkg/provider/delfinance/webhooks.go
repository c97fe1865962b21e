package delfinance

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

var _ provider.Registrar = Provider{}

const webhookPath = "/baas/api/v1/webhooks"

// Webhooks returns the management of the webhooks of a connection's account. What is registered carries the connection's own
// credential, so that there has to be one.
func (Provider) Webhooks(conn provider.Connection, c *http.Client) (provider.WebhookAPI, error) {
	api, err := newAPI(conn, c)
	if err != nil {
		return nil, err
	}
	_, problems := newVerifier(conn)
	if len(problems) > 0 {
		return nil, asError(conn.Name, problems[0])
	}
	scheme, authorization := asConfigured(conn.Authorization)
	return &webhooks{api, conn.API.AccountID, scheme, authorization}, nil
}

// asConfigured is the credential in Delfinance's form, in which HEADER has its name and value in one text.
func asConfigured(a provider.Authorization) (scheme, authorization string) {
	scheme = strings.ToUpper(strings.TrimSpace(a.Scheme))
	if scheme == schemeHeader && a.Header != "" {
		return scheme, a.Header + ": " + a.Value
	}
	return scheme, a.Value
}

type webhooks struct {
	api                            *httpapi.API
	account, scheme, authorization string
}

// eventTypes are the fourteen types that Delfinance documents.
func eventTypes() []string {
	return []string{
		"CHARGE_PAID", "PIX_RECEIVED", "PIX_PAYMENT_UPDATED", "PIX_REFUNDED", "PIX_REFUND_PAYMENT_UPDATED",
		"TRANSFER_INTERNAL_CREDITED", "TRANSFER_INTERNAL_DEBITED", "TRANSFER_EXTERNAL_CREDITED", "TRANSFER_EXTERNAL_DEBITED",
		"INFRACTION_NOTIFICATION_CREATED", "INFRACTION_NOTIFICATION_UPDATED", "ACCOUNT_STATUS_UPDATED",
		typeCustomerRejected, typeCustomerApproved,
	}
}

// documentedURL is Delfinance's rule: http or https, a domain of up to 256 characters, a last part of up to 6, then port, path,
// query and fragment.
var documentedURL = regexp.MustCompile(`^https?://[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-zA-Z0-9()]{1,6}(:[0-9]{1,5})?([/?#][-a-zA-Z0-9()@:%_+.~#?&/=]*)?$`)

var eventWord = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,99}$`)

func (w *webhooks) Check(spec provider.WebhookSpec) []provider.Problem {
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}
	if spec.URL != "" {
		out = append(out, checkURL(spec.URL)...)
	}
	for i, word := range spec.Events {
		if !eventWord.MatchString(word) {
			add(fmt.Sprintf("events[%d]", i), "this is no event type of Delfinance's", "give types such as PIX_RECEIVED, or none for all fourteen")
		}
	}
	if spec.Description != "" {
		add("description", "Delfinance's webhooks have no description", "leave it out")
	}
	if spec.Enabled != nil {
		add("enabled", "Delfinance cannot enable or disable a webhook", "delete it, and create it again")
	}
	return out
}

// checkURL holds an address against Delfinance's rule. The event type is appended to the path, so that query and fragment, which the
// rule allows, have no place.
func checkURL(text string) []provider.Problem {
	problem := func(text, mend string) []provider.Problem {
		return []provider.Problem{{Field: "url", Text: text, Mend: mend}}
	}
	u, err := url.Parse(text)
	if err != nil || !documentedURL.MatchString(text) {
		return problem("Delfinance would refuse this address: it wants http:// or https://, and a domain whose last part has 1 to 6 characters",
			"give https://HOST/webhooks/CONNECTION; localhost and names such as example.technology do not pass")
	}
	switch {
	case u.User != nil:
		return problem("an address with credentials, which every reading of the webhook would show", "remove them; the connection's authorization goes with each delivery")
	case u.RawQuery != "" || u.Fragment != "":
		return problem("the event type is appended to the path, behind which there is a query or a fragment", "remove ? or # and what follows")
	}
	return nil
}

// withType is the address of an event type's webhook.
func withType(address, word string) string { return strings.TrimSuffix(address, "/") + "/" + word }

// input is what Delfinance wants, whole, of a new webhook and of a changed one.
func (w *webhooks) input(word, address string) map[string]string {
	return map[string]string{"eventType": word, "url": address, "authorizationScheme": w.scheme, "authorization": w.authorization}
}

// Split makes a webhook for each event type, whose address ends in the type.
func (w *webhooks) Split(spec provider.WebhookSpec) []provider.WebhookSpec {
	words := spec.Events
	if len(words) == 0 {
		words = eventTypes()
	}
	out := make([]provider.WebhookSpec, 0, len(words))
	for _, word := range words {
		one := spec
		one.URL, one.Events = withType(spec.URL, word), []string{word}
		out = append(out, one)
	}
	return out
}

// Create registers a webhook for each event type. One that is there already, of the same type and address, is given the connection's
// credential instead, so that what stopped half-way can be begun again; whether a second one would be refused is not documented.
func (w *webhooks) Create(ctx context.Context, spec provider.WebhookSpec) ([]provider.Webhook, error) {
	problems := w.Check(spec)
	if spec.URL == "" {
		problems = append(problems, checkURL("")...)
	}
	if err := httpapi.Refused(problems); err != nil {
		return nil, err
	}
	there, err := w.List(ctx)
	if err != nil {
		return nil, err
	}
	var out []provider.Webhook
	for _, one := range w.Split(spec) {
		word, address := one.Events[0], one.URL
		req := httpapi.Request{Method: http.MethodPost, Path: webhookPath, Body: w.input(word, address)}
		for _, old := range there {
			if old.URL == address && len(old.Events) == 1 && old.Events[0] == word {
				req.Method, req.Path, req.Args = http.MethodPatch, webhookPath+"/{id}", []string{old.ID}
				break
			}
		}
		made, err := w.send(ctx, req)
		if err != nil {
			return out, err
		}
		out = append(out, complete(made, provider.Webhook{ID: strings.Join(req.Args, ""), URL: address, Events: []string{word}}))
	}
	return out, nil
}

// List gives the webhooks of the account; those that the key has for other accounts are left out.
func (w *webhooks) List(ctx context.Context) ([]provider.Webhook, error) {
	req := httpapi.Request{Path: webhookPath}
	root, r, err := w.api.JSON(ctx, req)
	if err != nil {
		return nil, err
	}
	items := root.Get("items")
	if !items.IsArray() {
		return nil, httpapi.NotAList(req, r)
	}
	var out []provider.Webhook
	for _, entry := range items.Array() {
		if account := provider.Text(entry.Get("bankAccount")); account == "" || account == w.account {
			out = append(out, webhook(entry))
		}
	}
	return out, nil
}

func (w *webhooks) Get(ctx context.Context, id string) (provider.Webhook, error) {
	req := httpapi.Request{Path: webhookPath + "/{id}", Args: []string{id}}
	root, r, err := w.api.JSON(ctx, req)
	if err != nil {
		return provider.Webhook{}, err
	}
	out := webhook(root)
	if out.ID == "" {
		return out, httpapi.Lacks(req, r, "a webhook")
	}
	return out, nil
}

// Update writes a webhook anew with the connection's credential: with an empty spec it renews just that. A webhook is of one event type.
func (w *webhooks) Update(ctx context.Context, id string, spec provider.WebhookSpec) (provider.Webhook, error) {
	problems := w.Check(spec)
	if len(spec.Events) > 1 {
		problems = append(problems, provider.Problem{Field: "events", Text: "a webhook of Delfinance's is of one event type", Mend: "give one, or none to leave it"})
	}
	if err := httpapi.Refused(problems); err != nil {
		return provider.Webhook{}, err
	}
	old, err := w.Get(ctx, id) // Delfinance wants all of it, also what does not change
	if err != nil {
		return provider.Webhook{}, err
	}
	if len(old.Events) != 1 {
		return provider.Webhook{}, httpapi.Lacks(httpapi.Request{Path: webhookPath + "/{id}"}, httpapi.Response{}, "the webhook's event type")
	}
	word := old.Events[0]
	if len(spec.Events) == 1 {
		word = spec.Events[0]
	}
	address := old.URL
	switch {
	case spec.URL != "":
		address = withType(spec.URL, word)
	case word != old.Events[0]:
		address = withType(strings.TrimSuffix(old.URL, "/"+old.Events[0]), word)
	}
	made, err := w.send(ctx, httpapi.Request{Method: http.MethodPatch, Path: webhookPath + "/{id}", Args: []string{id}, Body: w.input(word, address)})
	return complete(made, provider.Webhook{ID: id, URL: address, Events: []string{word}}), err
}

func (w *webhooks) Delete(ctx context.Context, id string) error {
	_, err := w.api.Do(ctx, httpapi.Request{Method: http.MethodDelete, Path: webhookPath + "/{id}", Args: []string{id}})
	return err
}

// send sends a webhook. Whether the answer is the webhook is documented for some calls only.
func (w *webhooks) send(ctx context.Context, req httpapi.Request) (provider.Webhook, error) {
	root, _, err := w.api.JSON(ctx, req)
	return webhook(root), err
}

// complete fills what an answer does not say with what was asked for.
func complete(got, asked provider.Webhook) provider.Webhook {
	got.ID, got.URL = cmp.Or(got.ID, asked.ID), cmp.Or(got.URL, asked.URL)
	if len(got.Events) == 0 {
		got.Events = asked.Events
	}
	return got
}

// webhook reads a webhook. Its authorization, which Delfinance gives out in clear, is passed over: the secret is the user's own.
func webhook(r gjson.Result) provider.Webhook {
	out := provider.Webhook{ID: provider.Text(r.Get("id")), URL: provider.Text(r.Get("url"))}
	if word := provider.Text(r.Get("eventType")); word != "" {
		out.Events = []string{word}
	}
	return out
}
