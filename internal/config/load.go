package config

import (
	"errors"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Load reads a configuration. The error is an *Error with everything that is wrong.
func Load(source Source) (*Config, error) {
	c := defaults()
	d := &decoder{source: &source, lines: map[string]int{}, broken: map[string]bool{}}
	c.Providers = make(map[string]provider.Provider, len(source.Providers))
	for _, p := range source.Providers {
		c.Providers[p.Name()] = p
	}
	if source.File != "" {
		c.File = source.File
		c.readFile(d)
	}
	c.override(d)
	c.check(d)
	if len(d.problems) > 0 {
		return nil, &Error{sorted(d.problems)}
	}
	return c, nil
}

func (c *Config) readFile(d *decoder) {
	data, err := d.source.ReadFile(c.File)
	if err != nil {
		mend := "check who may read it"
		if errors.Is(err, fs.ErrNotExist) {
			mend = "give the path of a configuration with --config"
		}
		d.problems = append(d.problems, Problem{File: c.File, Text: "cannot be read: " + pathless(err), Mend: mend})
		return
	}
	root := d.parse(data)
	if root == nil {
		return
	}
	known := c.tree(d).fields(d)
	known["connections"] = func(path string, n *yaml.Node) { d.sequence(path, n, c.readConnection(d)) }
	known["providers"] = func(path string, n *yaml.Node) {
		c.described = d.enter(path, n)
		d.sequence(path, n, c.readProvider(d))
	}
	d.mapping("", root, known)
}

func (c *Config) readSetting(d *decoder, s setting, path string, n *yaml.Node) {
	var value string
	if s.list {
		items := d.values(path, n)
		if d.brokenAt(path) {
			return
		}
		value = joinItems(items)
	} else {
		var ok bool
		if value, ok = d.value(path, n); !ok {
			return
		}
	}
	if isNull(resolved(n)) {
		return // key without a value: the default stands
	}
	c.Given[s.name] = true
	if err := s.set(value); err != nil {
		d.failErr(path, n, err)
	}
}

// override applies variables, then flags, above what the file said. A value that is overridden is not checked.
func (c *Config) override(d *decoder) {
	for _, s := range c.settings() {
		value, given, origin := "", false, Variable(s.name)
		var err error
		if flag, ok := d.source.Flags[s.name]; ok {
			value, given, origin = flag, true, Flag(s.name)
		} else if s.secret {
			value, given, err = d.source.lookup(origin)
		} else {
			value, given = d.source.LookupEnv(origin)
		}
		if err == nil && !given {
			continue
		}
		d.forget(s.name)
		c.Given[s.name] = true
		if err == nil {
			err = s.set(value)
		}
		if err != nil {
			text, mend := halves(err)
			d.problems = append(d.problems, Problem{Origin: origin, Setting: s.name, Text: text, Mend: mend})
			d.broken[s.name] = true
		}
	}
}

// check looks at what hangs together, then asks each connection's provider.
func (c *Config) check(d *decoder) {
	pair := func(a, b, mend string, files CertFiles) {
		if (files.Cert == "") != (files.Key == "") && !d.brokenAt(a) && !d.brokenAt(b) {
			d.failAt(a, "is only half of a pair with "+b, mend)
		}
	}
	pair("tls.cert", "tls.key", "name both files, or none", c.TLS)
	pair("kafka.tls.cert", "kafka.tls.key", "name both files, or none", c.Kafka.Cert)
	sasl := c.Kafka.SASL
	if (sasl.Mechanism == "") != (sasl.Username == "" && sasl.Password == "") && !d.brokenAt("kafka.sasl") {
		d.failAt("kafka.sasl", "needs mechanism, username and password together", "set all three, or none")
	}
	if !c.Kafka.TLS && (c.Kafka.CA != "" || c.Kafka.Cert.Cert != "") && !d.brokenAt("kafka.tls") {
		d.failAt("kafka.tls", "names files although encryption is off", "add enabled: true")
	}
	if topic := c.Topic; (topic == "." || topic == "..") && !d.brokenAt("topic") {
		d.failAt("topic", fmt.Sprintf("%q is not possible", topic), "choose a name")
	}
	c.checkConnections(d)
}

// failAt reports a problem at a path that was read, or around it.
func (d *decoder) failAt(path, text, mend string) {
	p := Problem{Setting: path, Text: text, Mend: mend}
	if line := d.line(path); line > 0 {
		p.File, p.Line = d.source.File, line
	}
	d.problems = append(d.problems, p)
	d.broken[path] = true
}

// forget drops the problems of a setting that something above the file overrides.
func (d *decoder) forget(path string) {
	kept := d.problems[:0]
	for _, p := range d.problems {
		if p.Setting != path {
			kept = append(kept, p)
		}
	}
	d.problems = kept
	delete(d.broken, path)
}

// pathless is an error of a file without the file's name, which the message has already.
func pathless(err error) string {
	if at := new(fs.PathError); errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}
