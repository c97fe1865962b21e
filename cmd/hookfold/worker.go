package main

import (
	"context"
	"encoding/json"
)

type workerCmd struct{}

// Run folds the log until it is told to stop:
//
//	Kafka ─▶ worker ─one transaction for many records─▶ DATA/projections.db
//	operator ─GET─▶ admin: ready where partitions are assigned and the store can be written; with --console, /console/
func (*workerCmd) Run(w *world) error {
	collectLate(300, workerMemory)
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
	if _, err := p.addWorker(w.ctx, kc); err != nil {
		return p.abandon(err)
	}
	adminLn, err := p.listen("admin", c.Admin)
	if err != nil {
		return p.abandon(err)
	}
	console, err := p.addConsole(kc, adminLn, false)
	if err != nil {
		return p.abandon(err, adminLn.Close())
	}
	return p.run(w.ctx, adminLn, func(context.Context) error {
		if w.json {
			report := map[string]string{"admin": adminLn.Addr().String(), "topic": c.Topic, "store": storePath(c)}
			if console != "" {
				report["console"] = console
			}
			return json.NewEncoder(w.stdout).Encode(report)
		}
		w.say(w.stdout, "Folding topic %s into %s; admin at http://%s\n", c.Topic, storePath(c), adminLn.Addr())
		if console != "" {
			w.say(w.stdout, "Console at %s\n", console)
		}
		return nil
	})
}
