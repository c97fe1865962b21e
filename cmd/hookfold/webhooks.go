package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/provider"
)

type webhooksCmd struct {
	Create webhooksCreateCmd `cmd:"" help:"Register a webhook; shows its secret once, and keeps it nowhere."`
	List   webhooksListCmd   `cmd:"" help:"List the webhooks of a connection."`
	Get    webhooksGetCmd    `cmd:"" help:"Show one webhook."`
	Update webhooksUpdateCmd `cmd:"" help:"Change a webhook; what is not given stays as it is."`
	Delete webhooksDeleteCmd `cmd:"" help:"Delete a webhook."`
}

// webhookSpec are the flags that describe a webhook.
type webhookSpec struct {
	URL         string   `help:"Address that receives the deliveries; of the endpoint, /webhooks/NAME." placeholder:"URL"`
	Description string   `help:"What the provider shows beside it." placeholder:"TEXT"`
	Events      []string `name:"event" help:"Event types, separated by commas; all where none is given." placeholder:"TYPE,…"`
	DryRun      bool     `help:"Say what would be asked of the provider, and ask nothing."`
}

func (s *webhookSpec) spec() provider.WebhookSpec {
	return provider.WebhookSpec{URL: s.URL, Description: s.Description, Events: s.Events}
}

type webhooksCreateCmd struct {
	Connection string `arg:"" help:"Name of the connection."`
	webhookSpec
	PrintConfig bool `help:"Also print the connection as it has to stand in the configuration."`
}

// Run registers a webhook, or one for each event type where the provider wants it so. What was created before a failure is
// shown, too: its secret is not to be had again.
func (cmd *webhooksCreateCmd) Run(w *world) error {
	if cmd.URL == "" {
		return &usageError{"a webhook needs an address", "give it with --url, as https://HOST/webhooks/" + cmd.Connection}
	}
	conn, api, err := w.webhookAPI(cmd.Connection)
	if err != nil {
		return err
	}
	spec := cmd.spec()
	if err := refuse(api.Check(spec)); err != nil {
		return err
	}
	if cmd.DryRun {
		err = w.dryCreate(conn.Name, spec, api.Split(spec))
		if err == nil && cmd.PrintConfig && !w.json {
			err = w.printConnection(conn, nil)
		}
		return err
	}
	made, err := api.Create(w.ctx, spec)
	if e := w.showWebhooks(made, true); e != nil {
		return errors.Join(err, e)
	}
	if cmd.PrintConfig && !w.json && len(made) > 0 {
		err = errors.Join(err, w.printConnection(conn, made))
	}
	if err != nil && len(made) > 0 {
		return fmt.Errorf("only %s created: %w; delete what is not wanted with hookfold webhooks delete", count(len(made), "webhook"), err)
	}
	return err
}

type webhooksListCmd struct {
	Connection string `arg:"" help:"Name of the connection."`
}

// Run lists the webhooks.
func (cmd *webhooksListCmd) Run(w *world) error {
	_, api, err := w.webhookAPI(cmd.Connection)
	if err != nil {
		return err
	}
	all, err := api.List(w.ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 && !w.json {
		w.say(w.stdout, "%s has no webhooks.\n", cmd.Connection)
	}
	return w.showWebhooks(all, false)
}

type webhooksGetCmd struct {
	Connection string `arg:"" help:"Name of the connection."`
	ID         string `arg:"" help:"The provider's id of the webhook."`
}

// Run shows one webhook.
func (cmd *webhooksGetCmd) Run(w *world) error {
	_, api, err := w.webhookAPI(cmd.Connection)
	if err != nil {
		return err
	}
	one, err := api.Get(w.ctx, cmd.ID)
	if err != nil {
		return err
	}
	return w.showWebhooks([]provider.Webhook{one}, false)
}

type webhooksUpdateCmd struct {
	Connection string `arg:"" help:"Name of the connection."`
	ID         string `arg:"" help:"The provider's id of the webhook."`
	webhookSpec
	Enable  bool `help:"Have it deliver." xor:"enabled"`
	Disable bool `help:"Have it deliver nothing." xor:"enabled"`
}

// Run changes a webhook.
func (cmd *webhooksUpdateCmd) Run(w *world) error {
	conn, api, err := w.webhookAPI(cmd.Connection)
	if err != nil {
		return err
	}
	spec := cmd.spec()
	if cmd.Enable || cmd.Disable {
		spec.Enabled = &cmd.Enable
	}
	if spec.URL == "" && spec.Description == "" && len(spec.Events) == 0 && spec.Enabled == nil {
		return &usageError{"there is nothing to change", "give --url, --description, --event, --enable or --disable"}
	}
	if err := refuse(api.Check(spec)); err != nil {
		return err
	}
	if cmd.DryRun {
		return w.dryRun("update", conn.Name, cmd.ID, spec)
	}
	now, err := api.Update(w.ctx, cmd.ID, spec)
	if err != nil {
		return err
	}
	return w.showWebhooks([]provider.Webhook{now}, false)
}

type webhooksDeleteCmd struct {
	Connection string `arg:"" help:"Name of the connection."`
	ID         string `arg:"" help:"The provider's id of the webhook."`
	DryRun     bool   `help:"Say what would be asked of the provider, and ask nothing."`
}

// Run deletes a webhook.
func (cmd *webhooksDeleteCmd) Run(w *world) error {
	conn, api, err := w.webhookAPI(cmd.Connection)
	if err != nil {
		return err
	}
	if cmd.DryRun {
		return w.dryRun("delete", conn.Name, cmd.ID, provider.WebhookSpec{})
	}
	if err := api.Delete(w.ctx, cmd.ID); err != nil {
		return err
	}
	if w.json {
		return json.NewEncoder(w.stdout).Encode(map[string]string{"deleted": cmd.ID})
	}
	w.say(w.stdout, "%s is deleted.\n", cmd.ID)
	return nil
}

// webhookAPI is the management API of a connection. The connection need not have a secret yet: it comes with the webhook.
func (w *world) webhookAPI(name string) (*config.Connection, provider.WebhookAPI, error) {
	c, err := w.loadFrom(true)
	if err != nil {
		return nil, nil, err
	}
	conn, err := connection(c, name)
	if err != nil {
		return nil, nil, err
	}
	registrar, ok := c.Providers[conn.Provider].(provider.Registrar)
	if !ok {
		return nil, nil, &usageError{conn.Provider + " has no API at which Hookfold can manage webhooks", "use the provider's own pages"}
	}
	api, err := registrar.Webhooks(conn.Connection, nil)
	if err != nil {
		return nil, nil, &usageError{err.Error(), "correct the api settings of " + name}
	}
	return conn, api, nil
}

// refuse is what a provider would refuse, as one error.
func refuse(problems []provider.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Field+": "+p.Text+"; "+p.Mend)
	}
	return &usageError{"the provider would refuse this webhook:\n  " + strings.Join(lines, "\n  "), "nothing was asked of it"}
}

// dryCreate says what would be registered. Where that is several webhooks, people get a line for each, and programs the list.
func (w *world) dryCreate(connection string, spec provider.WebhookSpec, each []provider.WebhookSpec) error {
	if len(each) == 1 {
		return w.dryRun("create", connection, "", each[0])
	}
	if w.json {
		views := []webhookView{}
		for _, one := range each {
			views = append(views, webhookView{URL: one.URL, Events: one.Events})
		}
		return json.NewEncoder(w.stdout).Encode(struct {
			DryRun   bool          `json:"dry_run"`
			Action   string        `json:"action"`
			URL      string        `json:"url"`
			Webhooks []webhookView `json:"webhooks"`
		}{true, "create", spec.URL, views})
	}
	w.say(w.stdout, "Would create %s of %s, one for each event type.\n", count(len(each), "webhook"), connection)
	width := 0
	for _, one := range each {
		width = max(width, len(one.Events[0]))
	}
	for _, one := range each {
		w.say(w.stdout, "  %-*s  %s\n", width, one.Events[0], one.URL)
	}
	return nil
}

// dryRun says what would be asked.
func (w *world) dryRun(action, connection, id string, spec provider.WebhookSpec) error {
	if w.json {
		return json.NewEncoder(w.stdout).Encode(struct {
			DryRun      bool     `json:"dry_run"`
			Action      string   `json:"action"`
			Connection  string   `json:"connection"`
			ID          string   `json:"id,omitempty"`
			URL         string   `json:"url,omitempty"`
			Description string   `json:"description,omitempty"`
			Events      []string `json:"events,omitempty"`
			Enabled     *bool    `json:"enabled,omitempty"`
		}{true, action, connection, id, spec.URL, spec.Description, spec.Events, spec.Enabled})
	}
	w.say(w.stdout, "Would %s a webhook of %s", action, connection)
	if id != "" {
		w.say(w.stdout, ", %s", id)
	}
	w.say(w.stdout, ".\n")
	show := func(name, value string) {
		if value != "" {
			w.say(w.stdout, "  %-12s %s\n", name, value)
		}
	}
	show("url", spec.URL)
	show("description", spec.Description)
	events := strings.Join(spec.Events, ", ")
	if events == "" && action == "create" {
		events = "all"
	}
	show("events", events)
	if spec.Enabled != nil {
		show("enabled", fmt.Sprint(*spec.Enabled))
	}
	return nil
}

// webhookView is a webhook as it is shown.
type webhookView struct {
	ID          string   `json:"id,omitempty"`
	URL         string   `json:"url"`
	Status      string   `json:"status,omitempty"`
	Description string   `json:"description,omitempty"`
	Events      []string `json:"events"`
	Secret      string   `json:"secret,omitempty"`
}

// showWebhooks shows webhooks; their secrets only where they were just made.
func (w *world) showWebhooks(all []provider.Webhook, secrets bool) error {
	views := []webhookView{}
	for _, h := range all {
		v := webhookView{h.ID, h.URL, h.Status, h.Description, append([]string{}, h.Events...), ""}
		if secrets {
			v.Secret = h.Secret
		}
		views = append(views, v)
	}
	if w.json {
		return json.NewEncoder(w.stdout).Encode(views)
	}
	for _, v := range views {
		w.say(w.stdout, "%s  %s  %s\n", v.ID, v.Status, v.URL)
		if v.Description != "" {
			w.say(w.stdout, "  description  %s\n", v.Description)
		}
		if len(v.Events) > 0 {
			w.say(w.stdout, "  events       %s\n", strings.Join(v.Events, ", "))
		}
		if v.Secret != "" {
			w.say(w.stdout, "  secret       %s\n               It is shown this once, and kept nowhere: put it where your secrets are.\n", v.Secret)
		}
	}
	return nil
}

// printConnection prints the connection's block of the configuration. Variables stand in it for secrets.
func (w *world) printConnection(conn *config.Connection, made []provider.Webhook) error {
	text, variables, err := conn.Block()
	if err != nil {
		return err
	}
	w.say(w.stdout, "\n# Set %s", strings.Join(variables, ", "))
	if len(conn.Secrets) == 0 && conn.Authorization.Value == "" {
		w.say(w.stdout, "; %s is the secret of %s", variables[0], webhookIDs(made))
	}
	w.say(w.stdout, ".\n%s", text)
	return nil
}

func webhookIDs(made []provider.Webhook) string {
	var ids []string
	for _, h := range made {
		ids = append(ids, h.ID)
	}
	if len(ids) == 0 {
		return "the webhook"
	}
	return strings.Join(ids, ", ")
}
