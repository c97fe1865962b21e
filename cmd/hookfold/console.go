package main

import (
	"context"
	"net"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/projections/console"
)

// addConsole builds the web view of the store, to be served on the admin listener:
//
//	browser ─GET /console/─▶ admin listener ─▶ console ─▶ DATA/projections.db, opened for reading with each request
//	                                              └─▶ topic: where it ends, for the lag
//
// It gives the view's address, empty where none is served: it shows personal data, so it is for those who ask for it, and without
// being asked only where local says so and nobody but this machine can reach it.
func (p *process) addConsole(kc kafka.Config, adminListener net.Listener, local bool) (address string, err error) {
	c := p.config
	at, ok := adminListener.Addr().(*net.TCPAddr)
	loopback := ok && at.IP.IsLoopback()
	if on := c.Console; !on && (c.Given["console"] || !local || !loopback) {
		return "", nil
	}
	lifecycles, err := compile(c.Providers)
	if err != nil {
		return "", err
	}
	reader, err := kafka.NewReader(kafka.ReaderConfig{Config: kc})
	if err != nil {
		return "", err
	}
	p.closeLater("console", reader.Close)
	p.console, err = console.New(console.Config{
		Path: storePath(c), Lifecycles: lifecycles, LocalOnly: loopback, Logger: p.log,
		Ends: func(ctx context.Context) (map[int32]int64, error) {
			_, end, err := reader.Offsets(ctx, c.Topic)
			return end, err
		},
	})
	if err != nil {
		return "", err
	}
	if !loopback {
		p.log.Warn("the console shows personal data to whoever can reach the admin address", "address", at.String())
	}
	return "http://" + adminListener.Addr().String() + console.Prefix, nil
}
