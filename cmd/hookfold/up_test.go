package main

import (
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/config"
)

// TestBrokerPort: a port that is taken is no reason to stay down, unless it was asked for.
func TestBrokerPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ln.Close()) })
	taken := ln.Addr().String()

	c := &config.Config{Brokers: []string{taken}, Data: t.TempDir()}
	p := newProcess(c, slog.New(slog.DiscardHandler))
	broker, err := p.startBroker()
	require.NoError(t, err)
	require.NotEqual(t, taken, broker.Addrs()[0])
	require.NoError(t, broker.Close())

	c.Given = map[string]bool{"brokers": true}
	_, err = p.startBroker()
	require.ErrorContains(t, err, "choose another address with --brokers")
}
