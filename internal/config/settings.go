package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// setting is one value that flags, environment and file can all give.
type setting struct {
	// name is its path in the file: kafka.sasl.password.
	name string
	// list allows a YAML sequence; set then gets the items joined by commas.
	list bool
	// secret values are shown as fingerprints, have no flag, and can come from a file named by the variable with _FILE.
	secret bool
	set    func(string) error
	get    func() string
}

// Variable is the environment variable of a setting: HOOKFOLD_BODY_LIMIT for body_limit.
func Variable(name string) string {
	return "HOOKFOLD_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

// Flag is the command-line flag of a setting: --body-limit for body_limit.
func Flag(name string) string {
	return "--" + strings.NewReplacer(".", "-", "_", "-").Replace(name)
}

// settings is the table of everything that is not a connection or a provider, bound to c.
func (c *Config) settings() []setting {
	return []setting{
		{name: "listen", set: address(&c.Listen), get: text(&c.Listen)},
		{name: "admin", set: address(&c.Admin), get: text(&c.Admin)},
		{name: "console", set: boolean(&c.Console), get: c.console},
		{name: "data", set: filled(&c.Data), get: text(&c.Data)},
		{name: "brokers", list: true, set: brokers(&c.Brokers), get: func() string { return strings.Join(c.Brokers, ",") }},
		{name: "topic", set: matching(&c.Topic, topicName, "letters, digits, dots, dashes and underscores, at most 249"), get: text(&c.Topic)},
		{name: "group", set: filled(&c.Group), get: text(&c.Group)},
		{name: "session_timeout", set: sessionTimeout(&c.SessionTimeout), get: func() string { return c.SessionTimeout.String() }},
		{name: "partitions", set: integer(&c.Partitions, 1, MaxPartitions), get: number(&c.Partitions)},
		{name: "replication", set: integer(&c.Replication, -1, 100), get: number(&c.Replication)},
		{name: "body_limit", set: size(&c.BodyLimit), get: func() string { return strconv.FormatInt(c.BodyLimit, 10) }},
		{name: "deadline", set: deadline(&c.Deadline), get: func() string { return c.Deadline.String() }},
		{name: "trusted_proxies", list: true, set: prefixes(&c.TrustedProxies), get: func() string { return joinPrefixes(c.TrustedProxies) }},
		{name: "tls.cert", set: anything(&c.TLS.Cert), get: text(&c.TLS.Cert)},
		{name: "tls.key", set: anything(&c.TLS.Key), get: text(&c.TLS.Key)},
		{name: "kafka.tls.enabled", set: boolean(&c.Kafka.TLS), get: func() string { return strconv.FormatBool(c.Kafka.TLS) }},
		{name: "kafka.tls.ca", set: anything(&c.Kafka.CA), get: text(&c.Kafka.CA)},
		{name: "kafka.tls.cert", set: anything(&c.Kafka.Cert.Cert), get: text(&c.Kafka.Cert.Cert)},
		{name: "kafka.tls.key", set: anything(&c.Kafka.Cert.Key), get: text(&c.Kafka.Cert.Key)},
		{name: "kafka.sasl.mechanism", set: mechanism(&c.Kafka.SASL.Mechanism), get: text(&c.Kafka.SASL.Mechanism)},
		{name: "kafka.sasl.username", set: anything(&c.Kafka.SASL.Username), get: text(&c.Kafka.SASL.Username)},
		{name: "kafka.sasl.password", secret: true, set: anything(&c.Kafka.SASL.Password), get: text(&c.Kafka.SASL.Password)},
	}
}

// console is empty where the setting is not given: what that means is the command's to say.
func (c *Config) console() string {
	if !c.Given["console"] {
		return ""
	}
	return strconv.FormatBool(c.Console)
}

// Settings lists the names of all settings in the order of the file, and whether each is a secret (and so has no flag).
func Settings() (names []string, secret map[string]bool) {
	secret = map[string]bool{}
	for _, s := range defaults().settings() {
		names = append(names, s.name)
		secret[s.name] = s.secret
	}
	return names, secret
}

func text(p *string) func() string { return func() string { return *p } }

func number(p *int) func() string { return func() string { return strconv.Itoa(*p) } }

func anything(p *string) func(string) error {
	return func(s string) error { *p = s; return nil }
}

func filled(p *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return fmt.Errorf("is empty; give a value, or leave it out for the default")
		}
		*p = s
		return nil
	}
}

func matching(p *string, re *regexp.Regexp, want string) func(string) error {
	return func(s string) error {
		if !re.MatchString(s) {
			return fmt.Errorf("%q is not possible; use %s", s, want)
		}
		*p = s
		return nil
	}
}

// topicName is what Kafka takes for the name of a topic.
var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

func address(p *string) func(string) error {
	return func(s string) error {
		if err := checkAddress(s); err != nil {
			return err
		}
		*p = s
		return nil
	}
}

func checkAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not an address; write host:port, as in 127.0.0.1:8080 or :8080", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no port; write a number from 0 to 65535 after the colon", s)
	}
	return nil
}

func brokers(p *[]string) func(string) error {
	return func(s string) error {
		list := split(s)
		for _, b := range list {
			if err := checkAddress(b); err != nil {
				return err
			}
		}
		if len(list) == 0 {
			return fmt.Errorf("names no broker; write host:port, several with commas")
		}
		*p = list
		return nil
	}
}

func integer(p *int, low, high int) func(string) error {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q is not possible; write a whole number from %d to %d", s, low, high)
		}
		*p = n
		return nil
	}
}

func boolean(p *bool) func(string) error {
	return func(s string) error {
		switch s {
		case "true":
			*p = true
		case "false":
			*p = false
		default:
			return fmt.Errorf("%q is neither true nor false; write one of them", s)
		}
		return nil
	}
}

func size(p *int64) func(string) error {
	return func(s string) error {
		digits, factor := s, int64(1)
		for suffix, f := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
			if rest, ok := strings.CutSuffix(s, suffix); ok {
				digits, factor = strings.TrimSpace(rest), f
			}
		}
		n, err := strconv.ParseInt(digits, 10, 32)
		if n *= factor; err != nil || n < MinBodyLimit || n > MaxBodyLimit {
			return fmt.Errorf("%q is not possible; write bytes, KiB or MiB (1MiB), from %d KiB to %d MiB", s, MinBodyLimit>>10, MaxBodyLimit>>20)
		}
		*p = n
		return nil
	}
}

func deadline(p *time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < MinDeadline || d > MaxDeadline {
			return fmt.Errorf("%q is not possible; write a duration from %v to %v (8s): a provider waits 15s at most", s, MinDeadline, MaxDeadline)
		}
		*p = d
		return nil
	}
}

func sessionTimeout(p *time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < MinSessionTimeout || d > MaxSessionTimeout {
			return fmt.Errorf("%q is not possible; write a duration from %v to %v (45s): brokers take no others unless they are told to",
				s, MinSessionTimeout, MaxSessionTimeout)
		}
		*p = d
		return nil
	}
}

func mechanism(p *string) func(string) error {
	return func(s string) error {
		switch m := strings.ToUpper(s); m {
		case "", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
			*p = m
			return nil
		default:
			return fmt.Errorf("%q is not known; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s)
		}
	}
}

func prefixes(p *[]netip.Prefix) func(string) error {
	return func(s string) error {
		list := []netip.Prefix{}
		for _, item := range split(s) {
			prefix, err := parsePrefix(item)
			if err != nil {
				return err
			}
			list = append(list, prefix)
		}
		*p = list
		return nil
	}
}

// parsePrefix reads an address range, or a single address as the range that holds only it.
func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an address range; write one as 203.0.113.0/24 or 203.0.113.7", s)
	}
	return prefix.Masked(), nil
}

func joinPrefixes(list []netip.Prefix) string {
	items := make([]string, len(list))
	for i, p := range list {
		items[i] = p.String()
	}
	return strings.Join(items, ",")
}

// split reads a list with commas; empty items are dropped.
func split(s string) []string {
	var out []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
