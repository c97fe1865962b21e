// Package embedded runs a Kafka broker in the process.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sys/unix"
)

// Config configures a [Broker].
type Config struct {
	// Dir keeps the log. Empty: nothing outlives the broker.
	Dir string
	// Listen is the address to listen on; port 0 takes any. Default 127.0.0.1:0.
	Listen string
	// Partitions creates these topics, with so many partitions, where they do not exist.
	Partitions map[string]int32
	// Logger hears of what goes wrong. nil means silence.
	Logger *slog.Logger
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	lock    *os.File
	once    sync.Once
}

// Start runs a broker.
func Start(cfg Config) (*Broker, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: Listen %q is no host:port: %w", cfg.Listen, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: Listen %q has no numeric port", cfg.Listen)
	}
	b := &Broker{}
	opts := []kfake.Opt{
		kfake.Ports(n),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return net.Listen(network, net.JoinHostPort(host, port))
		}),
	}
	if cfg.Dir != "" {
		if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		b.lock, err = os.OpenFile(filepath.Join(cfg.Dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		if err := unix.Flock(int(b.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			b.lock.Close()
			return nil, fmt.Errorf("embedded broker: %s is in use by another process: %w", cfg.Dir, err)
		}
		opts = append(opts, kfake.DataDir(cfg.Dir), kfake.SyncWrites())
	}
	for t, p := range cfg.Partitions {
		opts = append(opts, kfake.SeedTopics(p, t))
	}
	b.cluster, err = kfake.NewCluster(opts...)
	if err != nil {
		if b.lock != nil {
			err = errors.Join(err, b.lock.Close())
		}
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return b, nil
}

// Addrs gives the addresses to connect to.
func (b *Broker) Addrs() []string { return b.cluster.ListenAddrs() }

// Close stops the broker.
func (b *Broker) Close() error {
	var err error
	b.once.Do(func() {
		b.cluster.Close()
		if b.lock != nil {
			err = b.lock.Close()
		}
	})
	return err
}
