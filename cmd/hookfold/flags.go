package main

import (
	"os"
	"strconv"

	"github.com/alecthomas/kong"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/internal/config"
)

// flags are the settings as flags. Those that do not stand on the command line are not given; package config knows the defaults and reads the environment.
type flags struct {
	Listen         string `help:"Address of the endpoint (127.0.0.1:8080)." placeholder:"ADDR"`
	Admin          string `help:"Address of /livez, /readyz, /metrics and the console (127.0.0.1:9090)." placeholder:"ADDR"`
	Console        bool   `help:"Serve the read-only web view at /console/ of the admin address; it shows personal data (up: where that is a loopback address; worker: not)." negatable:""`
	Data           string `help:"Directory of the store, projections.db, and of the embedded log (./data)." placeholder:"DIR"`
	Brokers        string `help:"Kafka's addresses; for up, where the embedded broker listens (127.0.0.1:9092)." placeholder:"ADDR,…"`
	Topic          string `help:"Topic of observations (hookfold.events)." placeholder:"NAME"`
	Group          string `help:"Consumer group of the workers (hookfold)." placeholder:"NAME"`
	SessionTimeout string `help:"How long a worker may be silent before its partitions go to others (45s)." placeholder:"DURATION"`
	Partitions     string `help:"Partitions of a topic that has to be created (6)." placeholder:"N"`
	Replication    string `help:"Replicas of a topic that has to be created (the cluster's default)." placeholder:"N"`
	BodyLimit      string `help:"Largest body that the endpoint accepts (1MiB)." placeholder:"SIZE"`
	Deadline       string `help:"How long the log may take to confirm (8s)." placeholder:"DURATION"`
	TrustedProxies string `help:"Proxies whose X-Forwarded-For is believed (none)." placeholder:"CIDR,…"`

	TLSCert string `name:"tls-cert" help:"Certificate of the endpoint; read again when it changes." placeholder:"FILE"`
	TLSKey  string `name:"tls-key" help:"Key of the endpoint's certificate." placeholder:"FILE"`

	KafkaTLSEnabled    string `name:"kafka-tls-enabled" help:"Encrypt the connection to Kafka (false)." placeholder:"BOOL"`
	KafkaTLSCA         string `name:"kafka-tls-ca" help:"Authorities that Kafka's certificates must come from (the system's)." placeholder:"FILE"`
	KafkaTLSCert       string `name:"kafka-tls-cert" help:"Certificate to show to Kafka." placeholder:"FILE"`
	KafkaTLSKey        string `name:"kafka-tls-key" help:"Key of that certificate." placeholder:"FILE"`
	KafkaSASLMechanism string `name:"kafka-sasl-mechanism" help:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; the password comes by HOOKFOLD_KAFKA_SASL_PASSWORD or …_FILE." placeholder:"NAME"`
	KafkaSASLUsername  string `name:"kafka-sasl-username" help:"User at Kafka." placeholder:"NAME"`
}

// given are the settings that stand on the command line, by the setting's name.
func given(parsed *kong.Context) map[string]string {
	values := map[string]string{}
	for _, f := range parsed.Flags() {
		if !f.Set {
			continue
		}
		switch v := f.Target.Interface().(type) {
		case string:
			values["--"+f.Name] = v
		case bool:
			values["--"+f.Name] = strconv.FormatBool(v)
		}
	}
	out := map[string]string{}
	names, _ := config.Settings()
	for _, name := range names {
		if text, ok := values[config.Flag(name)]; ok {
			out[name] = text
		}
	}
	return out
}

// load reads the configuration of a command.
func (w *world) load() (*config.Config, error) { return w.loadFrom(false) }

// loadFrom is load; where secrets come later, connections need none yet.
func (w *world) loadFrom(secretsLater bool) (*config.Config, error) {
	if w.file == "" {
		if _, err := os.Stat(defaultFile); err == nil {
			w.file = defaultFile
		}
	}
	return config.Load(config.Source{
		File: w.file, Flags: w.flags, LookupEnv: w.lookupEnv, ReadFile: w.readFile, Providers: builtin.Providers(),
		SecretsLater: secretsLater,
	})
}

// loadConnections is load for a command that cannot do without connections.
func (w *world) loadConnections() (*config.Config, error) {
	c, err := w.load()
	switch {
	case err != nil:
		return nil, err
	case c.File == "":
		return nil, &usageError{"there is no configuration file", "write hookfold.yaml (see docs/configuration.md) or name one with --config; hookfold up needs none"}
	case len(c.Connections) == 0:
		return nil, &usageError{c.File + " names no connections", "list at least one under connections"}
	}
	return c, nil
}
