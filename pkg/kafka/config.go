package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/plugin/kotel"
	"github.com/twmb/franz-go/plugin/kprom"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// DefaultClientID names the client to the brokers where [Config.ClientID] is empty.
const DefaultClientID = "watermill"

// Config says how to reach the cluster and what to report. Publisher, subscriber, reader and topics share it.
type Config struct {
	// Brokers are host:port pairs to begin with; the rest of the cluster is learnt from them. Required.
	Brokers []string
	// ClientID names this client in the brokers' logs and quotas. Default [DefaultClientID].
	ClientID string
	// TLS turns on TLS where it is not nil; for mTLS give it a certificate.
	TLS *tls.Config
	// SASL authenticates where it is not nil; see [Plain], [ScramSHA256], [ScramSHA512], [OAuthBearer].
	SASL sasl.Mechanism
	// Logger hears of what a caller cannot see in a return value: lost partitions, retries, broken connections.
	// nil means silence.
	Logger *slog.Logger
	// Registerer takes the metrics; nil means none. Several clients may share one.
	Registerer prometheus.Registerer
	// TracerProvider turns on OpenTelemetry spans; nil means none. With it, trace headers are added to published records.
	TracerProvider trace.TracerProvider
	// Propagator carries the trace context in the headers. Default: W3C trace context.
	Propagator propagation.TextMapPropagator
	// Options are passed to the client last, so that they override everything. For tests and for what this package does
	// not offer; an option that contradicts a guarantee (acks, auto-commit) voids it.
	Options []kgo.Opt
}

func (c Config) withDefaults() Config {
	if c.ClientID == "" {
		c.ClientID = DefaultClientID
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Propagator == nil {
		c.Propagator = propagation.TraceContext{}
	}
	return c
}

func (c Config) validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("kafka: Brokers is empty: name at least one host:port")
	}
	return nil
}

// client builds a client; role tells the metrics of several clients apart. The returned function must be called after the client was closed.
func (c Config) client(role string, opts ...kgo.Opt) (*kgo.Client, *kotel.Tracer, func(), error) {
	all := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.WithLogger(clientLogger{c.Logger.With("client", c.ClientID, "role", role)}),
		kgo.DisableClientMetrics(),
	}
	if c.TLS != nil {
		all = append(all, kgo.DialTLSConfig(c.TLS))
	}
	if c.SASL != nil {
		all = append(all, kgo.SASL(c.SASL))
	}
	var tracer *kotel.Tracer
	if c.TracerProvider != nil {
		tracer = kotel.NewTracer(kotel.TracerProvider(c.TracerProvider), kotel.TracerPropagator(c.Propagator), kotel.ClientID(c.ClientID))
		all = append(all, kgo.WithHooks(kotel.NewKotel(kotel.WithTracer(tracer)).Hooks()...))
	}
	release := func() {}
	if c.Registerer != nil {
		reg, done, err := c.metricsOf(role)
		if err != nil {
			return nil, nil, nil, err
		}
		release = done
		all = append(all, kgo.WithHooks(kprom.NewMetrics("kafka", kprom.Registerer(reg),
			kprom.FetchAndProduceDetail(kprom.ByTopic, kprom.Batches, kprom.Records, kprom.UncompressedBytes))))
	}
	all = append(all, opts...)
	all = append(all, c.Options...)
	cl, err := kgo.NewClient(all...)
	if err != nil {
		release()
		return nil, nil, nil, fmt.Errorf("kafka: %s: %w", role, err)
	}
	return cl, tracer, release, nil
}

// metricsOf gives a registerer whose label "client" is unique, so that any number of clients can share one registry.
func (c Config) metricsOf(role string) (prometheus.Registerer, func(), error) {
	for n := 1; ; n++ {
		name := c.ClientID + "-" + role
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		reg := prometheus.WrapRegistererWith(prometheus.Labels{"client": name}, c.Registerer)
		up := prometheus.NewGauge(prometheus.GaugeOpts{Name: "kafka_client_up", Help: "1 for each Kafka client that is open."})
		err := reg.Register(up)
		var taken prometheus.AlreadyRegisteredError
		switch {
		case errors.As(err, &taken):
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("kafka: metrics of %s: %w", name, err)
		}
		up.Set(1)
		return reg, func() { reg.Unregister(up) }, nil
	}
}

// clientLogger passes the client library's log on: its warnings and errors as they are, its information as debug.
type clientLogger struct{ log *slog.Logger }

func (l clientLogger) Level() kgo.LogLevel {
	ctx := context.Background()
	switch {
	case l.log.Enabled(ctx, slog.LevelDebug):
		return kgo.LogLevelInfo
	case l.log.Enabled(ctx, slog.LevelWarn):
		return kgo.LogLevelWarn
	case l.log.Enabled(ctx, slog.LevelError):
		return kgo.LogLevelError
	}
	return kgo.LogLevelNone
}

func (l clientLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	at := slog.LevelDebug
	switch level {
	case kgo.LogLevelError:
		at = slog.LevelError
	case kgo.LogLevelWarn:
		at = slog.LevelWarn
	}
	l.log.Log(context.Background(), at, msg, keyvals...)
}
