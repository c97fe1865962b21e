package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Print writes the effective configuration as YAML, in the order of the documentation, each secret as its fingerprint.
// What it writes can be read again, except that the secrets are gone.
func (c *Config) Print(w io.Writer) error {
	text, err := yaml.Dump(c.node())
	if err != nil {
		return fmt.Errorf("config: print: %w", err)
	}
	_, err = w.Write(text)
	return err
}

// PrintJSON writes what Print writes as one JSON object.
func (c *Config) PrintJSON(w io.Writer) error {
	var plain map[string]any
	if err := c.node().Decode(&plain); err != nil {
		return fmt.Errorf("config: print: %w", err)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(plain)
}

func (c *Config) node() *yaml.Node {
	root := mapping()
	for _, s := range c.settings() {
		value := s.get()
		if value == "" || value == "-1" {
			continue // the default is to have none
		}
		parent, names := root, strings.Split(s.name, ".")
		for _, name := range names[:len(names)-1] {
			parent = child(parent, name)
		}
		name := names[len(names)-1]
		switch {
		case s.secret:
			put(parent, name, hidden(value))
		case s.list:
			put(parent, name, list(split(value)))
		default:
			put(parent, name, plainScalar(value))
		}
	}
	if c.described != nil {
		put(root, "providers", c.described)
	}
	connections := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for i := range c.Connections {
		connections.Content = append(connections.Content, c.Connections[i].node())
	}
	put(root, "connections", connections)
	return root
}

func (c *Connection) node() *yaml.Node {
	n := mapping()
	putText(n, "name", c.Name)
	putText(n, "provider", c.Provider)
	putText(n, "mode", string(c.Mode))
	if len(c.Secrets) > 0 {
		secrets := list(nil)
		for _, s := range c.Secrets {
			secrets.Content = append(secrets.Content, hidden(s))
		}
		put(n, "secrets", secrets)
	}
	if c.Tolerance != nil {
		putText(n, "tolerance", c.Tolerance.String())
	}
	if a := c.Authorization; a != (provider.Authorization{}) {
		at := child(n, "authorization")
		putText(at, "scheme", a.Scheme)
		putText(at, "header", a.Header)
		putSecret(at, "value", a.Value)
	}
	if a := c.API; a != (provider.API{}) {
		at := child(n, "api")
		putText(at, "base_url", a.BaseURL)
		putText(at, "key_id", a.KeyID)
		putSecret(at, "secret", a.Secret)
		putText(at, "account_id", a.AccountID)
		putText(at, "email", a.Email)
		putSecret(at, "password", a.Password)
		putSecret(at, "token", a.Token)
		putText(at, "version", a.Version)
		putFile(at, "client_cert", a.ClientCert)
		putFile(at, "client_key", a.ClientKey)
	}
	if b := c.BasicAuth; b != nil {
		at := child(n, "basic_auth")
		putText(at, "username", b.Username)
		putSecret(at, "password", b.Password)
	}
	if len(c.AllowFrom) > 0 {
		put(n, "allow_from", list(split(joinPrefixes(c.AllowFrom))))
	}
	c.Lookups.put(n)
	return n
}

// putFile shows the name of a file, and hides what stands in its place.
func putFile(parent *yaml.Node, name, value string) {
	if strings.Contains(value, "-----BEGIN") {
		putSecret(parent, name, value)
		return
	}
	putText(parent, name, value)
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func list(items []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, item := range items {
		n.Content = append(n.Content, scalar(item))
	}
	return n
}

// scalar is a text, quoted where it would read as something else.
func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// plainScalar is a number, a boolean or a text, as it reads.
func plainScalar(value string) *yaml.Node {
	n := scalar(value)
	if _, err := strconv.ParseInt(value, 10, 64); err == nil {
		n.Tag = "!!int"
	} else if value == "true" || value == "false" {
		n.Tag = "!!bool"
	}
	return n
}

// fingerprintPrefix begins what stands for a secret.
const fingerprintPrefix = "fingerprint:"

func hidden(secret string) *yaml.Node {
	if secret == "" {
		return scalar("")
	}
	return scalar(fingerprintPrefix + provider.Fingerprint(secret))
}

// child is the mapping at a key, added where it is not there.
func child(parent *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(parent.Content); i += 2 {
		if parent.Content[i].Value == name {
			return parent.Content[i+1]
		}
	}
	n := mapping()
	put(parent, name, n)
	return n
}

func put(parent *yaml.Node, name string, value *yaml.Node) {
	parent.Content = append(parent.Content, scalar(name), value)
}

func putText(parent *yaml.Node, name, value string) {
	if value != "" {
		put(parent, name, scalar(value))
	}
}

func putSecret(parent *yaml.Node, name, value string) {
	if value != "" {
		put(parent, name, hidden(value))
	}
}
