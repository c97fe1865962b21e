package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hookfold/hookfold/internal/admin"
	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
	"github.com/hookfold/hookfold/worker/lookup"
)

// answerDelivery bounds the wait for the log to confirm an answer; a look-up's lease outlives it.
const answerDelivery = 15 * time.Second

// addLookups builds the runner of look-ups:
//
//	projections.Store: wants ─▶ lookup.Runner ─▶ providers' APIs
//	                                  └─answers─▶ kafka.Publisher ─▶ topic
//
// Refused credentials are a note on /readyz and not a failure: a restart would only try them again.
func (p *process) addLookups(kc kafka.Config, store *projections.Store) error {
	connections, err := lookups(p.config)
	if err != nil {
		return err
	}
	var watched []string
	for i := range p.config.Connections {
		watched = append(watched, p.config.Connections[i].Name)
	}
	c := lookup.Config{
		Store: store, Path: storePath(p.config), Topic: p.config.Topic, Connections: connections, Watched: watched,
		Logger: p.log, Registerer: p.registry,
	}
	if len(connections) > 0 {
		publisher, err := answerPublisher(kc, p.config)
		if err != nil {
			return err
		}
		p.closeLater("publisher of answers", publisher.Close)
		c.Publisher = publisher
	}
	runner, err := lookup.New(c)
	if err != nil {
		return err
	}
	p.checks = append(p.checks, admin.Check{Name: "lookups", Ready: func(context.Context) error { return nil }, Note: runner.Note})
	p.stage("lookups", runner.Run)
	return nil
}

func answerPublisher(kc kafka.Config, c *config.Config) (*kafka.Publisher, error) {
	return kafka.NewPublisher(kafka.PublisherConfig{
		Config: kc, Marshaler: worker.Marshaler(), DeliveryTimeout: answerDelivery, CloseTimeout: publisherClose,
		MaxMessageBytes: int32(c.BodyLimit + envelopeRoom),
	})
}

// lookups are the connections that are to be asked.
func lookups(c *config.Config) ([]lookup.Connection, error) {
	var out []lookup.Connection
	for i := range c.Connections {
		conn := &c.Connections[i]
		if conn.Lookups.Mode == config.LookupsOff || conn.Lookups.Mode == "" {
			continue
		}
		asked, err := lookupOf(c, conn)
		if err != nil {
			return nil, err
		}
		out = append(out, asked)
	}
	return out, nil
}

// lookupOf is how a connection is asked, whatever its mode.
func lookupOf(c *config.Config, conn *config.Connection) (lookup.Connection, error) {
	p := c.Providers[conn.Provider]
	asker, ok := p.(provider.Asker)
	if !ok {
		return lookup.Connection{}, &usageError{conn.Provider + " has no API that Hookfold can ask", "there is nothing to look up for " + conn.Name}
	}
	client, err := asker.Client(conn.Connection, nil)
	if err != nil {
		return lookup.Connection{}, &usageError{err.Error(), "correct the api settings of " + conn.Name + ", or set its lookups.mode to off"}
	}
	out := lookup.Connection{
		Name: conn.Name, Provider: p, Client: client, Mode: lookup.Mode(conn.Lookups.Mode),
		Rate: lookup.RateOf(client.Limit(), conn.Lookups.PerSecond), Overdue: map[string]time.Duration{},
		Grace: lookup.DefaultGrace, Sweep: lookup.DefaultSweep,
	}
	if d := conn.Lookups.Grace; d != nil {
		out.Grace = *d
	}
	if d := conn.Lookups.SweepInterval; d != nil {
		out.Sweep = *d
	}
	for _, l := range p.Lifecycles() {
		if d := conn.Lookups.OverdueOf(l.Kind, l.Family); d > 0 {
			out.Overdue[l.Kind] = d
		}
	}
	return out, nil
}

// connection finds a connection by its name.
func connection(c *config.Config, name string) (*config.Connection, error) {
	for i := range c.Connections {
		if c.Connections[i].Name == name {
			return &c.Connections[i], nil
		}
	}
	return nil, &usageError{fmt.Sprintf("no connection is called %q", name), "hookfold config check lists those that there are"}
}
