// Package config reads the configuration of a Hookfold process: from flags, from the environment, from a YAML file, and
// from defaults, in this order of precedence.
//
// Load reports everything that is wrong at once, as an Error whose problems each name the place (file and line, variable
// or flag), the setting and the mend. It asks every connection's provider, so that what is wrong is said in the provider's
// own terms. Nothing that it reports, and nothing that Print writes, holds a secret.
//
// The package decides nothing about how a process is built; that is cmd/hookfold's.
package config

import (
	"net"
	"net/netip"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Config is an effective configuration: every setting has its value, every secret is resolved.
type Config struct {
	// File is the configuration file that was read; empty where there was none.
	File string
	// Listen is the address of the webhook endpoint, Admin that of /livez, /readyz and /metrics.
	Listen, Admin string
	// Console serves the web view of the store on the admin address, where Given says that it was set.
	Console bool
	// Data is the directory of the store, and of the log where it is embedded.
	Data string
	// Brokers are Kafka's addresses, host:port.
	Brokers []string
	// Given says of Brokers, Listen and Console whether they were set at all, rather than left at their defaults.
	Given map[string]bool
	// Topic is the topic of observations, Group the workers' consumer group.
	Topic, Group string
	// SessionTimeout is how long a worker may be silent before its partitions go to others.
	SessionTimeout time.Duration
	// Partitions and Replication are used when the topic has to be created; Replication -1 is the cluster's default.
	Partitions, Replication int
	// BodyLimit is the largest body that ingest accepts, in bytes.
	BodyLimit int64
	// Deadline is how long ingest waits for the log to confirm.
	Deadline time.Duration
	// TLS are the certificate and key of the endpoint, as files; empty for plain HTTP.
	TLS CertFiles
	// TrustedProxies are the proxies whose X-Forwarded-For header is believed.
	TrustedProxies []netip.Prefix
	// Kafka is how to reach the brokers.
	Kafka Kafka

	// Connections are the accounts, in the order of the file.
	Connections []Connection
	// Providers are the built-in providers and those that the file describes, by name.
	Providers map[string]provider.Provider

	described *yaml.Node // the file's providers, for Print: descriptions hold no secrets
	// undescribed: a description is wrong, so that a connection's provider may be the one that is missing.
	undescribed bool
}

// CertFiles name a certificate and its key, both PEM.
type CertFiles struct{ Cert, Key string }

// Kafka is how to reach the brokers. The zero value is a plain connection.
type Kafka struct {
	// TLS turns encryption on. CA is a PEM file to check the brokers against, the system's where it is empty.
	TLS  bool
	CA   string
	Cert CertFiles
	SASL SASL
}

// SASL is a Kafka credential; Mechanism is empty, PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
type SASL struct{ Mechanism, Username, Password string }

// Connection is a provider's connection with what ingest demands beside the provider's own verification.
type Connection struct {
	provider.Connection
	// BasicAuth is the HTTP Basic credential that every delivery must carry; nil for none.
	BasicAuth *BasicAuth
	// AllowFrom are the address ranges that deliveries may come from; empty for any.
	AllowFrom []netip.Prefix
	// Lookups say when the provider is asked.
	Lookups Lookups
}

// BasicAuth is an HTTP Basic credential.
type BasicAuth struct{ Username, Password string }

// Source is where a configuration comes from.
type Source struct {
	// File is the configuration file; empty for none.
	File string
	// Flags are settings given on the command line, by the setting's name (body_limit).
	Flags map[string]string
	// LookupEnv and ReadFile are the world: os.LookupEnv and os.ReadFile.
	LookupEnv func(string) (string, bool)
	ReadFile  func(string) ([]byte, error)
	// Providers are the built-in ones.
	Providers []provider.Provider
	// SecretsLater lets connections pass that have no secret yet: it comes with the webhook that is about to be registered.
	SecretsLater bool
}

// Limits of settings, where they hang together: a provider waits 15 s for an answer, so the deadline ends before that;
// a body above MaxBodyLimit would need brokers set up for it.
const (
	DefaultBodyLimit = 1 << 20
	MinBodyLimit     = 1 << 10
	MaxBodyLimit     = 16 << 20
	DefaultDeadline  = 8 * time.Second
	MinDeadline      = 10 * time.Millisecond
	MaxDeadline      = 14 * time.Second
	// Session timeouts have the bounds that Kafka's brokers set unless they are told otherwise.
	DefaultSessionTimeout = 45 * time.Second
	MinSessionTimeout     = 6 * time.Second
	MaxSessionTimeout     = 30 * time.Minute
	MaxPartitions         = 10_000
	// MaxName is the longest name of a connection, in bytes.
	MaxName = 100
)

// defaults is the configuration before anything is read.
func defaults() *Config {
	return &Config{
		Listen:      "127.0.0.1:8080",
		Admin:       "127.0.0.1:9090",
		Data:        "./data",
		Brokers:     []string{"127.0.0.1:9092"},
		Given:       map[string]bool{},
		Topic:       "hookfold.events",
		Group:       "hookfold",
		Partitions:  6,
		Replication: -1,
		BodyLimit:   DefaultBodyLimit,
		Deadline:    DefaultDeadline,

		SessionTimeout: DefaultSessionTimeout,
	}
}

// URL is the address of the endpoint for those on this machine, given where it listens.
func (c *Config) URL(at net.Addr) string {
	scheme := "http"
	if c.TLS.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + at.String()
}
