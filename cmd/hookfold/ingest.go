package main

import (
	"context"
	"encoding/json"
	"os"
	"runtime/debug"
)

type ingestCmd struct{}

// Run serves the endpoint until it is told to stop:
//
//	provider ─POST─▶ ingest ─acks=all─▶ Kafka
//	operator ─GET──▶ admin: ready where a produce would succeed
func (*ingestCmd) Run(w *world) error {
	collectLate()
	c, err := w.loadConnections()
	if err != nil {
		return err
	}
	p := newProcess(c, w.logger)
	kc, err := kafkaConfig(c, w.logger, p.registry)
	if err != nil {
		return err
	}
	p.prepareTopicLater(kc)
	ln, err := p.addIngest(kc)
	if err != nil {
		return p.abandon(err)
	}
	adminLn, err := p.listen("admin", c.Admin)
	if err != nil {
		return p.abandon(err, ln.Close())
	}
	return p.run(w.ctx, adminLn, func(context.Context) error {
		if w.json {
			return json.NewEncoder(w.stdout).Encode(map[string]string{
				"listen": ln.Addr().String(), "admin": adminLn.Addr().String(), "topic": c.Topic,
			})
		}
		w.say(w.stdout, "Recording deliveries at %s/webhooks/NAME in topic %s; admin at http://%s\n", c.URL(ln.Addr()), c.Topic, adminLn.Addr())
		return nil
	})
}

// lateMemory is what collecting late may take; the endpoint needs a few MiB.
const lateMemory = 128 << 20

// collectLate lets garbage lie for longer than Go does by itself, but no more of it than lateMemory: what a delivery leaves is much beside what
// the endpoint keeps, so that a tenth of its time would go into collecting. The environment's GOGC and GOMEMLIMIT have precedence.
func collectLate() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(1000)
		debug.SetMemoryLimit(lateMemory)
	}
}
