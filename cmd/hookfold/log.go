package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

// openLog gives a command that reads the log the way to it: the brokers of the configuration where it names any; else, or
// where those are hookfold up's own, the embedded log of the data directory, through the hookfold up that holds it, or
// through a broker of the command's own where none runs. The function that it returns must be called at the end.
func (w *world) openLog(c *config.Config) (kafka.Config, func() error, error) {
	none := func() error { return nil }
	if c.Given["brokers"] && !(embeddedLog(c) && listensThere(c)) {
		kc, err := kafkaConfig(c, w.logger, nil)
		return kc, none, err
	}
	dir := logDir(c)
	if !embeddedLog(c) {
		return kafka.Config{}, none, &usageError{"there is no log in " + dir, "name the data directory of hookfold up with --data, or Kafka's addresses with --brokers"}
	}
	kc := kafka.Config{ClientID: "hookfold", Logger: w.logger}
	broker, err := embedded.Start(embedded.Config{Dir: dir, Listen: "127.0.0.1:0", Logger: w.logger})
	switch {
	case err == nil:
		kc.Brokers = broker.Addrs()
		return kc, broker.Close, nil
	case errors.Is(err, embedded.ErrInUse):
		address, e := os.ReadFile(addressFile(c))
		if e != nil {
			return kc, none, fmt.Errorf("the log in %s is held by another process that does not say where it listens: %w; name its address with --brokers", dir, e)
		}
		kc.Brokers = []string{strings.TrimSpace(string(address))}
		return kc, none, nil
	default:
		return kc, none, err
	}
}

// embeddedLog says whether the data directory holds an embedded log.
func embeddedLog(c *config.Config) bool {
	info, err := os.Stat(logDir(c))
	return err == nil && info.IsDir()
}

// listensThere says whether the configured brokers are where hookfold up listened on this data directory last: for up, the
// setting is its own address. Any other address is that of a Kafka, whatever an earlier hookfold up left in the directory.
func listensThere(c *config.Config) bool {
	text, err := os.ReadFile(addressFile(c))
	if err != nil || len(c.Brokers) != 1 {
		return false
	}
	lastHost, lastPort, err := net.SplitHostPort(strings.TrimSpace(string(text)))
	host, port, e := net.SplitHostPort(c.Brokers[0])
	return err == nil && e == nil && (port == lastPort || port == "0") && (host == lastHost || here(host) && here(lastHost))
}

// here says whether a host is this machine, as far as its name tells.
func here(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || ip.IsLoopback() || ip.IsUnspecified()
}

func logDir(c *config.Config) string { return filepath.Join(c.Data, "log") }

// addressFile is where hookfold up writes the address of its broker, for commands that run beside it.
func addressFile(c *config.Config) string { return filepath.Join(c.Data, "log.address") }
