package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
	"github.com/hookfold/hookfold/worker"
)

// settle is how long up waits for its worker before it says that it is up.
const settle = 10 * time.Second

type upCmd struct{}

// Run builds everything that Hookfold is, in one process, over the same protocol as against a real Kafka:
//
//	provider ─POST─▶ ingest ─▶ embedded broker, DATA/log ─▶ worker ─▶ DATA/projections.db
//	                                  ▲ kcat and others can read it too
//
// One broker, one endpoint, one worker, one store, one admin server, and on it the console where that is a loopback address.
func (*upCmd) Run(w *world) error {
	c, demo, err := w.loadUp()
	if err != nil {
		return err
	}
	if !w.json {
		w.say(w.stdout, "%s\n\n", firstLine(demo))
	}
	p := newProcess(c, w.logger)
	var broker *embedded.Broker
	err = p.awaitRoom(w.ctx, "broker", func() (err error) {
		broker, err = p.startBroker()
		return err
	})
	if err != nil {
		return err
	}
	p.closeLater("broker", broker.Close)
	p.check("broker", func(context.Context) error { return broker.Healthy() })
	kc := kafka.Config{Brokers: broker.Addrs(), ClientID: "hookfold", Logger: w.logger, Registerer: p.registry}
	if err := ensureTopic(w.ctx, kc, c); err != nil {
		return p.abandon(err)
	}
	// The worker first: a store may have to wait for space on the disk, and no delivery should wait with it.
	folder, err := p.addWorker(w.ctx, kc)
	if err != nil {
		return p.abandon(err)
	}
	ln, err := p.addIngest(kc)
	if err != nil {
		return p.abandon(err)
	}
	adminLn, err := p.listen("admin", c.Admin)
	if err != nil {
		return p.abandon(err, ln.Close())
	}
	console, err := p.addConsole(kc, adminLn, true)
	if err != nil {
		return p.abandon(err, ln.Close(), adminLn.Close())
	}
	return p.run(w.ctx, adminLn, func(ctx context.Context) error {
		awaitReady(ctx, folder)
		return w.announce(upReport{
			Demo: demo != nil, URL: c.URL(ln.Addr()), Admin: "http://" + adminLn.Addr().String(), Console: console, Broker: broker.Addrs()[0],
			Topic: c.Topic, Store: storePath(c), Connections: upConnections(c),
		}, demo)
	})
}

// firstLine is said before anything else, so that nobody takes the demo for the real thing.
func firstLine(d *demo) string {
	if d != nil {
		return "Hookfold runs in demo mode: no configuration file, so its connections are made up and it listens on loopback only."
	}
	return "Hookfold runs on its embedded log."
}

// loadUp reads the configuration, or makes the demo's up where there is none.
func (w *world) loadUp() (*config.Config, *demo, error) {
	c, err := w.load()
	if err != nil {
		return nil, nil, err
	}
	if c.File != "" {
		if len(c.Connections) == 0 {
			return nil, nil, &usageError{c.File + " names no connections", "list at least one under connections, or move the file away for demo mode"}
		}
		return c, nil, nil
	}
	d, err := startDemo(c)
	return c, d, err
}

// startBroker starts the broker where the configuration says, or anywhere on loopback where it says nothing and the usual
// port is taken.
func (p *process) startBroker() (*embedded.Broker, error) {
	ec := embedded.Config{Dir: logDir(p.config), Listen: p.config.Brokers[0], Logger: p.log}
	broker, err := embedded.Start(ec)
	if errors.Is(err, syscall.EADDRINUSE) && !p.config.Given["brokers"] {
		ec.Listen = "127.0.0.1:0"
		broker, err = embedded.Start(ec)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w; choose another address with --brokers", err)
	}
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(addressFile(p.config), []byte(broker.Addrs()[0]+"\n"), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("the data directory: %w", err), broker.Close())
	}
	return broker, nil
}

// awaitReady waits until a delivery would be folded at once, but not forever: up is up even where that takes long.
func awaitReady(ctx context.Context, folder *worker.Worker) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for folder.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// upReport is what up says of itself; as JSON with --output json.
type upReport struct {
	Demo        bool           `json:"demo"`
	URL         string         `json:"url"`
	Admin       string         `json:"admin"`
	Console     string         `json:"console,omitempty"`
	Broker      string         `json:"broker"`
	Topic       string         `json:"topic"`
	Store       string         `json:"store"`
	Connections []upConnection `json:"connections"`
	Curl        string         `json:"curl,omitempty"`
	SQLite      string         `json:"sqlite"`
}

type upConnection struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
	Path     string `json:"path"`
}

func upConnections(c *config.Config) []upConnection {
	var out []upConnection
	for _, conn := range c.Connections {
		out = append(out, upConnection{conn.Name, conn.Provider, "/webhooks/" + conn.Name})
	}
	return out
}

func (w *world) announce(r upReport, d *demo) error {
	r.SQLite = fmt.Sprintf("sqlite3 -header -column %s 'select id, status, name, updated_at from accounts'", quote(r.Store))
	if d != nil {
		r.Curl = d.curl(r.URL, time.Now())
	}
	if w.json {
		e := json.NewEncoder(w.stdout)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	w.say(w.stdout, "  endpoint  %s/webhooks/NAME\n", r.URL)
	w.say(w.stdout, "  log       %s, topic %s (Kafka protocol)\n", r.Broker, r.Topic)
	w.say(w.stdout, "  store     %s\n", r.Store)
	w.say(w.stdout, "  admin     %s/readyz and /metrics\n", r.Admin)
	if r.Console != "" {
		w.say(w.stdout, "  console   %s\n", r.Console)
	}
	w.say(w.stdout, "\n")
	for _, conn := range r.Connections {
		w.say(w.stdout, "  %-20s %s%s\n", conn.Name, r.URL, conn.Path)
	}
	if r.Curl != "" {
		w.say(w.stdout, "\nDeliver a webhook that Devengo could have sent:\n\n%s\n\nand look at what became of it:\n\n%s\n", r.Curl, r.SQLite)
	}
	w.say(w.stdout, "\nCtrl-C stops.\n")
	return nil
}
