package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/internal/config"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// demo is what up runs on where there is no configuration file: a connection for each built-in provider, whose secret is
// random and stays the same for as long as the data directory does.
type demo struct {
	// Secrets are the secrets by provider, as demo.json keeps them.
	Secrets map[string]string `json:"secrets"`
}

// demoHeader is the header of the demo's Delfinance connection.
const demoHeader = "x-webhook-key"

// startDemo puts the demo's connections into a configuration that has none. Nobody but this machine may reach them.
func startDemo(c *config.Config) (*demo, error) {
	for _, s := range []struct{ name, address string }{{"listen", c.Listen}, {"admin", c.Admin}, {"brokers", c.Brokers[0]}} {
		if !loopback(s.address) {
			return nil, &usageError{
				fmt.Sprintf("%s %s is not a loopback address, and without a configuration file the connections are made up", config.Flag(s.name), s.address),
				"write hookfold.yaml, or use 127.0.0.1",
			}
		}
	}
	if err := os.MkdirAll(c.Data, 0o750); err != nil {
		return nil, fmt.Errorf("the data directory: %w; choose another with --data", err)
	}
	d, err := loadDemo(demoFile(c))
	if err != nil {
		return nil, err
	}
	d.connect(c)
	return d, nil
}

// loadBeside reads the configuration of a command that works on what an up has made: its file, or the connections of the
// demo that the data directory comes from.
func (w *world) loadBeside() (*config.Config, error) {
	c, err := w.load()
	if err != nil || c.File != "" {
		return c, err
	}
	if _, err := os.Stat(demoFile(c)); err != nil {
		return c, nil //nolint:nilerr // there was no demo here
	}
	d, err := loadDemo(demoFile(c))
	if err != nil {
		return nil, err
	}
	d.connect(c)
	return c, nil
}

func demoFile(c *config.Config) string { return filepath.Join(c.Data, "demo.json") }

// connect adds the demo's connections to a configuration.
func (d *demo) connect(c *config.Config) {
	for _, p := range builtin.Providers() {
		c.Connections = append(c.Connections, d.connection(p.Name()))
	}
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.IsLoopback())
}

// loadDemo reads the demo's secrets, and makes up those that are missing.
func loadDemo(path string) (*demo, error) {
	d := &demo{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, d)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the demo's secrets, %s: %w; remove the file for new ones", path, err)
	}
	changed := false
	for _, p := range builtin.Providers() {
		if d.Secrets[p.Name()] == "" {
			if d.Secrets == nil {
				d.Secrets = map[string]string{}
			}
			d.Secrets[p.Name()], changed = randomSecret(p.Name()), true
		}
	}
	if !changed {
		return d, nil
	}
	return d, d.save(path)
}

// save writes the file whole or not at all, readable for its owner only.
func (d *demo) save(path string) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".demo-*") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("the demo's secrets: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("the demo's secrets: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// randomSecret is a secret in the form that the provider gives its own.
func randomSecret(provider string) string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	switch provider {
	case "yoco":
		return "whsec_" + base64.StdEncoding.EncodeToString(b)
	case "fintoc":
		return "whsec_" + hex.EncodeToString(b)
	default:
		return hex.EncodeToString(b[:20])
	}
}

// connection is the demo's connection to a provider. Signed timestamps are not held against the clock, so that a command
// printed an hour ago still works.
func (d *demo) connection(name string) config.Connection {
	off := time.Duration(0)
	c := provider.Connection{Name: name + "-demo", Provider: name, Mode: lifecycle.ModeTest, Tolerance: &off}
	switch secret := d.Secrets[name]; name {
	case "delfinance":
		c.Authorization = provider.Authorization{Scheme: "HEADER", Header: demoHeader, Value: secret}
	case "yoco":
		c.Mode = lifecycle.ModeBoth // its events say themselves which they are
		c.Secrets = []string{secret}
	default:
		c.Secrets = []string{secret}
	}
	return config.Connection{Connection: c}
}

// curl is a command that delivers what Devengo sends when an account becomes usable, signed as Devengo signs.
func (d *demo) curl(url string, now time.Time) string {
	id := strings.ToLower(rand.Text()[:10])
	at := now.UTC().Format(time.RFC3339)
	body := fmt.Sprintf(`{"id":"evt_%[1]s","api_version":"v1","type":"account.activated","created_at":"%[2]s","data":{"object":`+
		`{"id":"acc_%[1]s","status":"active","created_at":"%[2]s","name":"Demo account","currency":"EUR",`+
		`"identifiers":[],"bank":null,"balance":{"total":{"cents":125000,"currency":"EUR"},"available":{"cents":125000,"currency":"EUR"}},`+
		`"metadata":{},"closed_at":null}}}`, id, at)
	return fmt.Sprintf("curl -X POST %s/webhooks/devengo-demo \\\n  -H 'Content-Type: application/json' \\\n  -H 'X-Devengo-Webhooks-Sig: %s' \\\n  -d '%s'",
		url, signDevengo(d.Secrets["devengo"], now, body), body)
}

// signDevengo is the value of Devengo's signature header.
func signDevengo(secret string, at time.Time, body string) string {
	t := fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "." + body))
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// quote makes a path safe to paste into a shell.
func quote(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
