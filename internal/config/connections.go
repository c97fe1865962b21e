package config

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// connectionName is what may name a connection: it stands in URLs, keys and file names.
var connectionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// readConnection returns the reader of one item of connections. Items with problems are kept, so that their place in the
// list is the one in the file.
func (c *Config) readConnection(d *decoder) func(path string, n *yaml.Node) {
	return func(path string, n *yaml.Node) {
		conn := Connection{}
		conn.Mode = lifecycle.ModeLive
		d.mapping(path, n, fields{
			"name":      d.text(&conn.Name),
			"provider":  d.text(&conn.Provider),
			"mode":      d.mode(&conn.Mode),
			"secrets":   func(path string, n *yaml.Node) { conn.Secrets = d.values(path, n) },
			"tolerance": d.tolerance(&conn.Tolerance),
			"authorization": d.block(fields{
				"scheme": d.text(&conn.Authorization.Scheme),
				"header": d.text(&conn.Authorization.Header),
				"value":  d.text(&conn.Authorization.Value),
			}),
			"api": d.block(fields{
				"base_url":    d.baseURL(&conn.API.BaseURL),
				"key_id":      d.text(&conn.API.KeyID),
				"secret":      d.text(&conn.API.Secret),
				"account_id":  d.text(&conn.API.AccountID),
				"email":       d.text(&conn.API.Email),
				"password":    d.text(&conn.API.Password),
				"token":       d.text(&conn.API.Token),
				"version":     d.text(&conn.API.Version),
				"client_cert": d.text(&conn.API.ClientCert),
				"client_key":  d.text(&conn.API.ClientKey),
			}),
			"lookups": d.lookups(&conn.Lookups),
			"basic_auth": func(path string, n *yaml.Node) {
				conn.BasicAuth = &BasicAuth{}
				d.mapping(path, n, fields{
					"username": d.text(&conn.BasicAuth.Username),
					"password": d.text(&conn.BasicAuth.Password),
				})
			},
			"allow_from": func(path string, n *yaml.Node) {
				if err := prefixes(&conn.AllowFrom)(joinItems(d.values(path, n))); err != nil {
					d.failErr(path, n, err)
				}
			},
		})
		c.Connections = append(c.Connections, conn)
	}
}

func (c *Config) checkConnections(d *decoder) {
	first := map[string]int{}
	for i := range c.Connections {
		conn, at := &c.Connections[i], fmt.Sprintf("connections[%d]", i)
		c.checkName(d, conn.Name, at, first)
		c.checkProvider(d, conn, at)
		if b := conn.BasicAuth; b != nil {
			if (b.Username == "" || b.Password == "") && !d.brokenAt(at+".basic_auth") {
				d.failAt(at+".basic_auth", "needs a username and a password", "set both, as they stand in the URL that the provider has")
			}
			if s := strings.ToUpper(conn.Authorization.Scheme); s == "BASIC" || s == "BEARER" {
				d.failAt(at+".basic_auth", "and authorization.scheme "+s+" both claim the Authorization header", "keep one of them")
			}
		}
	}
}

func (c *Config) checkName(d *decoder, name, at string, first map[string]int) {
	path := at + ".name"
	switch {
	case d.brokenAt(path):
	case name == "":
		d.failAt(path, "is missing", "give the connection a name; it becomes part of the URL, /webhooks/NAME")
	case !connectionName.MatchString(name) || len(name) > MaxName:
		d.failAt(path, fmt.Sprintf("%q cannot name a connection", clip(name)),
			fmt.Sprintf("use letters, digits, dots, dashes and underscores, a letter or digit first, at most %d", MaxName))
	case first[name] > 0:
		d.failAt(path, fmt.Sprintf("%q is taken by the connection in line %d", name, first[name]), "choose another name")
	default:
		first[name] = max(d.line(path), 1)
	}
}

func (c *Config) checkProvider(d *decoder, conn *Connection, at string) {
	path := at + ".provider"
	if d.brokenAt(path) {
		return
	}
	known := slices.Sorted(maps.Keys(c.Providers))
	if conn.Provider == "" {
		d.failAt(path, "is missing", "name one of "+strings.Join(known, ", "))
		return
	}
	p, ok := c.Providers[conn.Provider]
	if !ok && c.undescribed {
		return // its description is wrong, which is reported there
	}
	if !ok {
		mend := "use one of " + strings.Join(known, ", ") + ", or describe it under providers"
		if near := nearest(conn.Provider, known); near != "" {
			mend = "did you mean " + near + "?"
		}
		d.failAt(path, fmt.Sprintf("no provider is called %q", clip(conn.Provider)), mend)
		return
	}
	d.checkLookups(conn, p, at)
	for _, problem := range p.Check(conn.Connection) {
		if d.source.SecretsLater && len(conn.Secrets) == 0 && problem.Field == "secrets" {
			continue
		}
		if field := join(at, problem.Field); !d.brokenAt(field) {
			d.failAt(field, problem.Text, problem.Mend)
		}
	}
}

func (d *decoder) text(p *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if value, ok := d.value(path, n); ok {
			*p = value
		}
	}
}

func (d *decoder) block(known fields) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) { d.mapping(path, n, known) }
}

func (d *decoder) mode(p *lifecycle.Mode) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		value, ok := d.value(path, n)
		if !ok {
			return
		}
		switch m := lifecycle.Mode(value); m {
		case lifecycle.ModeLive, lifecycle.ModeTest, lifecycle.ModeBoth:
			*p = m
		default:
			d.fail(path, n, fmt.Sprintf("%q is no mode", clip(value)), "use live, test, or both where the provider sends both to one endpoint")
		}
	}
}

func (d *decoder) tolerance(p **time.Duration) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		value, ok := d.value(path, n)
		if !ok || isNull(resolved(n)) {
			return
		}
		duration, err := time.ParseDuration(value)
		if err != nil || duration < 0 {
			d.fail(path, n, fmt.Sprintf("%q is no duration", clip(value)), "write one as 5m or 90s; 0 turns the window off")
			return
		}
		*p = &duration
	}
}

func (d *decoder) baseURL(p *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		value, ok := d.value(path, n)
		if !ok || value == "" {
			return
		}
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" {
			d.fail(path, n, "is no base address", "write https://HOST/PATH, without credentials or a query")
			return
		}
		*p = strings.TrimSuffix(value, "/")
	}
}
