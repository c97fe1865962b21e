package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrInUse is returned by [Start] for a directory that another broker holds.
var ErrInUse = errors.New("data directory is in use")

// Config configures a [Broker]. Zero values take the defaults.
type Config struct {
	// Dir keeps the log; it is made where it does not exist. Empty: the log is in memory and ends with the broker.
	Dir string
	// Listen is the host:port to listen on; port 0 takes any that is free. Default 127.0.0.1:0.
	Listen string
	// Advertise is the host:port that clients are told to connect to; port 0 stands for the one listened on. Default: Listen.
	Advertise string
	// Partitions names topics that must exist, each with its number of partitions. One that exists with another number
	// fails [Start]: the partitions of keyed records must not move.
	Partitions map[string]int32
	// MinFree is the space, in bytes, below which records are refused. Default 64 MiB.
	MinFree int64
	// Logger hears of what goes wrong. nil means silence.
	Logger *slog.Logger
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	lock    *os.File
	guard   *guard
	once    sync.Once
	err     error
}

// Start runs a broker and returns when it takes connections. It fails with [ErrInUse] where the directory is taken, and with the
// operating system's error where the port is.
func Start(cfg Config) (*Broker, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = 64 << 20
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	ln, err := listen(cfg)
	if err != nil {
		return nil, err
	}
	b, err := start(cfg, ln)
	if err != nil {
		return nil, errors.Join(err, ln.close())
	}
	return b, nil
}

func start(cfg Config, ln *listener) (*Broker, error) {
	b := &Broker{guard: newGuard(cfg)}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(_, _ string) (net.Listener, error) { return b.guard.watch(ln), nil }),
		kfake.WithLogger(b.guard),
		kfake.ClusterID("hookfold-embedded"),
		kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.ms": "-1", "log.retention.bytes": "-1",
			// A segment is read whole when the broker starts.
			"log.segment.bytes": strconv.Itoa(32 << 20),
		}),
	}
	if cfg.Dir != "" {
		if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		lock, err := lockDir(cfg.Dir)
		if err != nil {
			return nil, err
		}
		b.lock = lock
		if err := repair(cfg.Dir, cfg.Logger); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		opts = append(opts, kfake.DataDir(cfg.Dir), kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		if b.lock != nil {
			err = errors.Join(err, b.lock.Close())
		}
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	b.cluster = cluster
	b.guard.cluster = cluster
	cluster.ControlKey(int16(kmsg.Produce), b.guard.produce)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := ensureTopics(ctx, b.Addrs(), cfg.Partitions); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Addrs gives the host:port pairs to connect to.
func (b *Broker) Addrs() []string { return b.cluster.ListenAddrs() }

// Healthy says whether the broker takes records now; the error says why not.
func (b *Broker) Healthy() error { return b.guard.refusal() }

// Close stops the broker, with everything on the disk. It may be called more than once.
func (b *Broker) Close() error {
	b.once.Do(func() {
		b.cluster.Close()
		b.err = b.guard.close()
		if b.lock != nil {
			b.err = errors.Join(b.err, b.lock.Close())
		}
	})
	return b.err
}

// listener is a listener that gives another address out than its own.
type listener struct {
	net.Listener
	advertised addr
}

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

func (l *listener) Addr() net.Addr { return l.advertised }

func (l *listener) close() error {
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func listen(cfg Config) (*listener, error) {
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	l := &listener{Listener: ln, advertised: addr(ln.Addr().String())}
	if cfg.Advertise == "" {
		return l, nil
	}
	host, port, err := net.SplitHostPort(cfg.Advertise)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded broker: Advertise %q is no host:port: %w", cfg.Advertise, err), ln.Close())
	}
	if port == "0" {
		_, port, _ = net.SplitHostPort(ln.Addr().String()) // the system's own address is well formed
	}
	l.advertised = addr(net.JoinHostPort(host, port))
	return l, nil
}
