package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookfold/hookfold/ingest"
	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
	"github.com/hookfold/hookfold/worker"
)

// envelopeRoom is what a record may be larger than its body: key, headers and the batch around it.
const envelopeRoom = 64 << 10

// minDelivery is the least time that the publisher can hold itself to; ingest's own deadline may be shorter.
const minDelivery = time.Second

// Shares of stopLimit for what is closed after the stages, when nothing is under way any more.
const (
	publisherClose  = 500 * time.Millisecond
	subscriberClose = time.Second
)

// What a worker holds in memory. A message is up to batch records of one partition; window messages of each are in flight at
// once. That bounds the size of a transaction while catching up, and how much is read again after a crash.
const (
	window     = 4
	batch      = 256
	aheadCount = 12_000 // records read ahead, of all partitions
	aheadBytes = 8 << 20
	cacheBytes = 32 << 20 // of SQLite's pages
)

// What a process that is only the one or the other lets Go take. Ingest needs a few MiB; SQLite and the program come on top of a worker's.
const (
	ingestMemory = 128 << 20
	workerMemory = 110 << 20
)

// collectLate lets garbage lie for longer than Go does by itself, up to so much memory: what a delivery or an event leaves is much beside
// what these processes keep, so that a tenth of their time would go into collecting. The environment's GOGC and GOMEMLIMIT have precedence.
func collectLate(percent int, memory int64) {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(memory)
	}
}

// kafkaConfig is how the configuration reaches Kafka.
func kafkaConfig(c *config.Config, log *slog.Logger, reg prometheus.Registerer) (kafka.Config, error) {
	kc := kafka.Config{Brokers: c.Brokers, ClientID: "hookfold", Logger: log, Registerer: reg}
	var err error
	if c.Kafka.TLS {
		if kc.TLS, err = kafkaTLS(c.Kafka); err != nil {
			return kafka.Config{}, err
		}
	}
	switch s := c.Kafka.SASL; s.Mechanism {
	case "PLAIN":
		kc.SASL = kafka.Plain(s.Username, s.Password)
	case "SCRAM-SHA-256":
		kc.SASL = kafka.ScramSHA256(s.Username, s.Password)
	case "SCRAM-SHA-512":
		kc.SASL = kafka.ScramSHA512(s.Username, s.Password)
	}
	return kc, nil
}

func kafkaTLS(k config.Kafka) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.CA != "" {
		pem, err := os.ReadFile(k.CA)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka.tls.ca: %s holds no certificate in PEM", k.CA)
		}
	}
	if k.Cert.Cert != "" {
		pair, err := tls.LoadX509KeyPair(k.Cert.Cert, k.Cert.Key)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.cert and key: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// ensureTopic creates the topic where it is not there.
func ensureTopic(ctx context.Context, kc kafka.Config, c *config.Config) error {
	return kafka.EnsureTopic(ctx, kc, kafka.TopicSpec{
		Name: c.Topic, Partitions: int32(c.Partitions), ReplicationFactor: int16(c.Replication),
		Configs: map[string]string{"max.message.bytes": fmt.Sprint(c.BodyLimit + envelopeRoom)},
	})
}

// prepareTopic makes sure that the topic is there and keeps what it is given. Findings that would lose confirmed records
// in normal operation are an error, lesser ones a warning.
func prepareTopic(ctx context.Context, kc kafka.Config, c *config.Config, log *slog.Logger) error {
	findings, err := kafka.CheckTopic(ctx, kc, c.Topic)
	if err != nil { // most likely it is not there
		if err = ensureTopic(ctx, kc, c); err == nil {
			findings, err = kafka.CheckTopic(ctx, kc, c.Topic)
		}
		if err != nil {
			return err
		}
	}
	var lossy []string
	for _, f := range findings {
		if f.Fatal {
			lossy = append(lossy, f.String())
		} else {
			log.Warn("a setting of the topic risks records", "topic", c.Topic, "finding", f.String())
		}
	}
	if len(lossy) > 0 {
		return &lossyTopic{c.Topic, lossy}
	}
	return nil
}

// lossyTopic is a topic that would lose confirmed records in normal operation. Nothing may be recorded in it.
type lossyTopic struct {
	topic    string
	findings []string
}

func (e *lossyTopic) Error() string {
	return fmt.Sprintf("topic %s would lose what was recorded:\n  %s", e.topic, strings.Join(e.findings, "\n  "))
}

// prepareTopicLater is prepareTopic for a process that has to start although Kafka may be down: it tries until it succeeds.
func (p *process) prepareTopicLater(kc kafka.Config) {
	p.stage("topic", func(ctx context.Context) error {
		for wait := topicRetryMin; ; wait = min(2*wait, topicRetryMax) {
			err := prepareTopic(ctx, kc, p.config, p.log)
			if err == nil || errors.As(err, new(*lossyTopic)) {
				return err
			}
			p.log.Warn("the topic cannot be looked at yet; trying again", "topic", p.config.Topic, "error", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
		}
	})
}

const (
	topicRetryMin = 250 * time.Millisecond
	topicRetryMax = 5 * time.Second
)

// addIngest builds the endpoint:
//
//	listener ─▶ ingest.Handler, one verifier a connection ─▶ kafka.Publisher, acks=all ─▶ topic
func (p *process) addIngest(kc kafka.Config) (net.Listener, error) {
	c := p.config
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{
		Config: kc, DeliveryTimeout: max(c.Deadline, minDelivery), MaxMessageBytes: int32(c.BodyLimit + envelopeRoom),
		CloseTimeout: publisherClose,
	})
	if err != nil {
		return nil, err
	}
	p.closeLater("publisher", publisher.Close)
	connections := make([]ingest.Connection, len(c.Connections))
	for i, conn := range c.Connections {
		connections[i] = ingest.Connection{
			Connection: conn.Connection, Provider: c.Providers[conn.Provider], AllowFrom: conn.AllowFrom,
		}
		if conn.BasicAuth != nil {
			connections[i].BasicAuth = &ingest.BasicAuth{Username: conn.BasicAuth.Username, Password: conn.BasicAuth.Password}
		}
	}
	handler, err := ingest.New(ingest.Config{
		Connections: connections, Append: appender(publisher, c.Topic), MaxBody: c.BodyLimit, Deadline: c.Deadline,
		TrustedProxies: c.TrustedProxies, Logger: p.log, Registerer: p.registry,
	})
	if err != nil {
		return nil, err
	}
	ln, err := p.listen("listen", c.Listen)
	if err != nil {
		return nil, err
	}
	p.check("log", func(ctx context.Context) error { return publisher.Ready(ctx, c.Topic) })
	p.stage("ingest", func(ctx context.Context) error {
		return ingest.Serve(ctx, ln, handler, ingest.ServerConfig{TLSCert: c.TLS.Cert, TLSKey: c.TLS.Key, Logger: p.log})
	})
	return ln, nil
}

// addWorker builds the consumer:
//
//	topic ─▶ kafka.Subscriber ─▶ worker.Worker ─▶ projections.Store ─▶ look-ups, which append to the topic
//	              ▲                                     │
//	              └── where to begin: Store.Resume ─────┘
func (p *process) addWorker(ctx context.Context, kc kafka.Config) (*worker.Worker, error) {
	c := p.config
	lifecycles, err := compile(c.Providers)
	if err != nil {
		return nil, err
	}
	decoder := newDecoder(c)
	reader, err := kafka.NewReader(kafka.ReaderConfig{Config: kc})
	if err != nil {
		return nil, err
	}
	p.closeLater("reader", reader.Close)
	var store *projections.Store
	err = p.awaitRoom(ctx, "store", func() (err error) {
		if err := os.MkdirAll(c.Data, 0o750); err != nil {
			return fmt.Errorf("the data directory: %w; choose another with --data", err)
		}
		store, err = projections.Open(ctx, projections.Config{
			Path: storePath(c), Topic: c.Topic, Lifecycles: lifecycles, History: worker.History(reader, c.Topic, decoder),
			CacheBytes: cacheBytes,
			Logger:     p.log, Registerer: p.registry,
		})
		return err
	})
	if err != nil {
		return nil, staleStore(ctx, reader, c.Topic, err)
	}
	p.closeLater("store", store.Close)
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Config: kc, Group: c.Group, Marshaler: worker.Marshaler(), Window: window, Batch: batch,
		MaxRecords: aheadCount, MaxBytes: aheadBytes, CloseTimeout: subscriberClose, SessionTimeout: c.SessionTimeout,
		StartOffsets: func(ctx context.Context, _ string, partitions []int32) (map[int32]int64, error) {
			return store.Resume(ctx, partitions)
		},
	})
	if err != nil {
		return nil, err
	}
	p.closeLater("subscriber", subscriber.Close)
	w, err := worker.New(worker.Config{
		Subscriber: subscriber, Store: store, Decoder: decoder, Topic: c.Topic, Logger: p.log, Registerer: p.registry,
	})
	if err != nil {
		return nil, err
	}
	p.check("worker", w.Ready)
	p.stage("worker", w.Run)
	return w, p.addLookups(kc, store)
}

func storePath(c *config.Config) string { return filepath.Join(c.Data, "projections.db") }

func newDecoder(c *config.Config) *worker.Decoder {
	connections := make([]provider.Connection, len(c.Connections))
	for i, conn := range c.Connections {
		connections[i] = conn.Connection
	}
	return worker.NewDecoder(sortedProviders(c.Providers), connections)
}

// compile makes lifecycles of all providers' definitions, of those without a connection too: what is in the log stays
// readable.
func compile(providers map[string]provider.Provider) ([]*lifecycle.Lifecycle, error) {
	var out []*lifecycle.Lifecycle
	for _, p := range sortedProviders(providers) {
		for _, d := range p.Lifecycles() {
			l, err := lifecycle.New(d)
			if err != nil {
				return nil, err
			}
			out = append(out, l)
		}
	}
	return out, nil
}

func sortedProviders(byName map[string]provider.Provider) []provider.Provider {
	var out []provider.Provider
	for _, p := range byName {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b provider.Provider) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

// appender gives the function that appends an event to a topic.
func appender(p *kafka.Publisher, topic string) func(context.Context, *event.Event) error {
	return func(ctx context.Context, e *event.Event) error {
		rec, err := worker.Record(e)
		if err != nil {
			return err
		}
		return p.Append(ctx, topic, rec)
	}
}
