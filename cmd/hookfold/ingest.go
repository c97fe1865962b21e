package main

import (
	"context"
	"encoding/json"
)

type ingestCmd struct{}

// Run serves the endpoint until it is told to stop:
//
//	provider ─POST─▶ ingest ─acks=all─▶ Kafka
//	operator ─GET──▶ admin: ready where a produce would succeed
func (*ingestCmd) Run(w *world) error {
	collectLate(1000, ingestMemory)
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
