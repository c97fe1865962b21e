package config

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// acme is a provider whose secrets begin with acme_. Only what Load asks of a provider does anything.
type acme struct{ provider.Provider }

func (acme) Name() string { return "acme" }

func (acme) Lifecycles() []lifecycle.Definition {
	return []lifecycle.Definition{{Provider: "acme", Kind: "transfer", Family: lifecycle.Payment}}
}

func (acme) Check(c provider.Connection) []provider.Problem {
	if len(c.Secrets) == 0 {
		return []provider.Problem{{Field: "secrets", Text: "no secret is set", Mend: "set the one that acme showed"}}
	}
	for _, s := range c.Secrets {
		if !strings.HasPrefix(s, "acme_") {
			return []provider.Problem{{Field: "secrets[0]", Text: "is no acme secret", Mend: "acme secrets begin with acme_"}}
		}
	}
	return nil
}

// world is a source whose file, variables and further files are maps.
func world(file string, env, files map[string]string) Source {
	s := Source{
		Providers: []provider.Provider{acme{}},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if path == "hookfold.yaml" {
				return []byte(file), nil
			}
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	}
	if file != "" {
		s.File = "hookfold.yaml"
	}
	return s
}

func TestLoad(t *testing.T) {
	c, err := Load(world(`
listen: ":8081"
brokers: [a:9092, b:9092]
body_limit: 64KiB
deadline: 2s
session_timeout: 10s
kafka:
  tls: {enabled: true, ca: ca.pem}
  sasl: {mechanism: plain, username: u, password: "${PASSWORD}"}
connections:
  - name: acme-live
    provider: acme
    secrets: ["${ONE}", "${TWO}", "${file:/three}", "acme_$${x}"]
    tolerance: 0
    basic_auth: {username: u, password: p}
    allow_from: [203.0.113.7, 2001:db8::/32]
  - &base
    name: acme-test
    provider: acme
    mode: test
    secrets: "${ONE}"
    tolerance: 5m
    api: {base_url: "https://api.example/v1/", key_id: k, secret: s}
`, map[string]string{"PASSWORD": "pw: [", "ONE": "acme_1", "TWO_FILE": "/two"},
		map[string]string{"/two": "acme_2\n", "/three": "acme_3\r\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Connections[0].Secrets, []string{"acme_1", "acme_2", "acme_3", "acme_${x}"}; !cmp.Equal(got, want) {
		t.Errorf("secrets: %s", cmp.Diff(want, got))
	}
	if got := *c.Connections[0].Tolerance; got != 0 {
		t.Errorf("tolerance = %v, want 0", got)
	}
	if got := c.Connections[0].Mode; got != lifecycle.ModeLive {
		t.Errorf("mode = %q, want live where none is given", got)
	}
	if got := joinPrefixes(c.Connections[0].AllowFrom); got != "203.0.113.7/32,2001:db8::/32" {
		t.Errorf("allow_from = %s", got)
	}
	if got := *c.Connections[1].Tolerance; got != 5*time.Minute {
		t.Errorf("tolerance = %v, want 5m", got)
	}
	if got := c.Connections[1].API.BaseURL; got != "https://api.example/v1" {
		t.Errorf("base_url = %q", got)
	}
	want := Kafka{TLS: true, CA: "ca.pem", SASL: SASL{"PLAIN", "u", "pw: ["}}
	if diff := cmp.Diff(want, c.Kafka); diff != "" {
		t.Error(diff)
	}
	if c.BodyLimit != 64<<10 || c.Deadline != 2*time.Second || c.SessionTimeout != 10*time.Second || c.Topic != "hookfold.events" {
		t.Errorf("body_limit %d, deadline %v, session_timeout %v, topic %q", c.BodyLimit, c.Deadline, c.SessionTimeout, c.Topic)
	}
}

func TestPrecedence(t *testing.T) {
	tests := []struct {
		name            string
		file, env, flag string
		want            string
	}{
		{"default", "", "", "", "hookfold.events"},
		{"file over default", "topic: file", "", "", "file"},
		{"environment over file", "topic: file", "env", "", "env"},
		{"flag over environment", "topic: file", "env", "flag", "flag"},
		{"an overridden value is not checked", "topic: 'not possible'", "env", "", "env"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{}
			if tt.env != "" {
				env["HOOKFOLD_TOPIC"] = tt.env
			}
			s := world(tt.file, env, nil)
			if tt.flag != "" {
				s.Flags = map[string]string{"topic": tt.flag}
			}
			c, err := Load(s)
			if err != nil {
				t.Fatal(err)
			}
			if c.Topic != tt.want {
				t.Errorf("topic = %q, want %q", c.Topic, tt.want)
			}
		})
	}
}

func TestSecretSettingFromFile(t *testing.T) {
	c, err := Load(world("kafka: {sasl: {mechanism: PLAIN, username: u}}",
		map[string]string{"HOOKFOLD_KAFKA_SASL_PASSWORD_FILE": "/pw"}, map[string]string{"/pw": "secret\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Kafka.SASL.Password != "secret" {
		t.Errorf("password = %q", c.Kafka.SASL.Password)
	}
}

func TestProblems(t *testing.T) {
	tests := []struct {
		name, file string
		want       []string
	}{
		{"not YAML", "listen: [", []string{"hookfold.yaml:2: is not YAML"}},
		{"not a mapping", "- a", []string{"hookfold.yaml:1: is a list where settings are expected; write key: value lines below it"}},
		{"two documents", "topic: a\n---\ntopic: b", []string{"hookfold.yaml:3: is a second document"}},
		{"unknown setting", "\nlisen: ':1'", []string{`hookfold.yaml:2: unknown setting "lisen"; did you mean listen?`}},
		{"unknown nested", "kafka:\n  sasl:\n    pasword: x", []string{`hookfold.yaml:3: kafka.sasl: unknown setting "pasword"; did you mean password?`}},
		{"far from everything", "zzzzzz: 1", []string{`unknown setting "zzzzzz"; settings here are admin, body_limit, brokers,`}},
		{"twice", "topic: a\ntopic: b", []string{"hookfold.yaml:2: topic: is set twice, first in line 1; keep one of them"}},
		{"wrong shape", "listen: {a: b}", []string{"hookfold.yaml:1: listen: is a block of settings where one value is expected"}},
		{"unset variable", "topic: ${NO}", []string{"hookfold.yaml:1: topic: variable NO is not set; set it, or set NO_FILE"}},
		{"open brace", "topic: ${NO", []string{"topic: holds ${ without }"}},
		{"bad variable", "topic: ${a b}", []string{"topic: holds ${…} with something that is no variable"}},
		{"missing file", "topic: ${file:/no}", []string{"topic: cannot read a value from a file: open /no: file does not exist; check the path"}},
		{"addresses", "listen: nonsense\nadmin: 'a:x'\nbrokers: [a]", []string{"hookfold.yaml:1: listen:", "hookfold.yaml:2: admin:", "hookfold.yaml:3: brokers:"}},
		{"numbers", "body_limit: 1GB\ndeadline: 20s\npartitions: 0\nsession_timeout: 5s", []string{":1: body_limit:", ":2: deadline:", ":3: partitions:", ":4: session_timeout:"}},
		{"a session without an end", "session_timeout: 31m", []string{":1: session_timeout:"}},
		{"half a pair", "tls:\n  cert: a.pem", []string{"hookfold.yaml:2: tls.cert: is only half of a pair with tls.key"}},
		{"half a credential", "kafka:\n  sasl:\n    username: a", []string{"hookfold.yaml:2: kafka.sasl: needs mechanism, username and password together"}},
		{"TLS off", "kafka: {tls: {ca: a.pem}}", []string{"kafka.tls: names files although encryption is off; add enabled: true"}},
		{"connection without anything", "connections:\n  - mode: live", []string{
			"hookfold.yaml:2: connections[0].name: is missing", "hookfold.yaml:2: connections[0].provider: is missing; name one of acme"}},
		{"name", "connections:\n- {name: a/b, provider: acme, secrets: [acme_1]}", []string{`:2: connections[0].name: "a/b" cannot name a connection; use letters`}},
		{"dots", "connections:\n- {name: .., provider: acme, secrets: [acme_1]}", []string{`:2: connections[0].name: ".." cannot name a connection`}},
		{"name taken", "connections:\n- {name: a, provider: acme, secrets: [acme_1]}\n- {name: a, provider: acme, secrets: [acme_1]}", []string{
			`hookfold.yaml:3: connections[1].name: "a" is taken by the connection in line 2`}},
		{"unknown provider", "connections:\n- {name: a, provider: amce}", []string{`:2: connections[0].provider: no provider is called "amce"; did you mean acme?`}},
		{"mode, tolerance, ranges, address", "connections:\n- name: a\n  provider: acme\n  secrets: [acme_1]\n  mode: prod\n  tolerance: 5\n  allow_from: [x]\n  api: {base_url: 'ftp://x'}", []string{
			`:5: connections[0].mode: "prod" is no mode`, `:6: connections[0].tolerance: "5" is no duration`, `:7: connections[0].allow_from: "x" is not an address range`, ":8: connections[0].api.base_url: is no base address"}},
		{"the provider's own terms", "connections:\n- name: a\n  provider: acme\n  secrets:\n  - hush-hush", []string{
			"hookfold.yaml:5: connections[0].secrets[0]: is no acme secret; acme secrets begin with acme_"}},
		{"no second complaint about an unset secret", "connections:\n- name: a\n  provider: acme\n  secrets: ['${NO}']", []string{
			"hookfold.yaml:4: connections[0].secrets[0]: variable NO is not set"}},
		{"two claims of one header", "connections:\n- name: a\n  provider: acme\n  secrets: [acme_1]\n  authorization: {scheme: Basic, value: x}\n  basic_auth: {username: u, password: p}", []string{
			":6: connections[0].basic_auth: and authorization.scheme BASIC both claim the Authorization header"}},
		{"everything at once", "lisen: a\nconnections:\n- {name: a, provider: acme, secrets: [x]}\ntopic: 'a b'", []string{
			":1: unknown setting", ":3: connections[0].secrets[0]: is no acme secret", ":4: topic:"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(world(tt.file, nil, nil))
			e := new(Error)
			if !errors.As(err, &e) {
				t.Fatalf("error = %v, want an *Error", err)
			}
			if len(e.Problems) != len(tt.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(e.Problems), len(tt.want), err)
			}
			for i, want := range tt.want {
				if got := e.Problems[i].String(); !strings.Contains(got, want) {
					t.Errorf("problem %d\n got %s\nwant %s", i, got, want)
				}
			}
			if strings.Contains(err.Error(), "hush-hush") {
				t.Errorf("a secret is in the message: %v", err)
			}
		})
	}
}

func TestProblemsOutsideTheFile(t *testing.T) {
	s := world("", map[string]string{"HOOKFOLD_DEADLINE": "soon"}, nil)
	s.Flags = map[string]string{"body_limit": "0"}
	_, err := Load(s)
	if err == nil || !strings.Contains(err.Error(), `--body-limit: "0" is not possible`) || !strings.Contains(err.Error(), `HOOKFOLD_DEADLINE: "soon" is not possible`) {
		t.Errorf("error = %v", err)
	}
	s = world("", nil, nil)
	s.File = "absent.yaml"
	if _, err = Load(s); err == nil || !strings.Contains(err.Error(), "absent.yaml: cannot be read: file does not exist; give the path") {
		t.Errorf("error = %v", err)
	}
}

func TestPrint(t *testing.T) {
	file := `
kafka: {sasl: {mechanism: PLAIN, username: u, password: hush-1}}
connections:
  - name: acme-live
    provider: acme
    secrets: [acme_hush-2]
    authorization: {scheme: HEADER, header: x-key, value: hush-3}
    api: {base_url: "https://api.example", secret: hush-4}
    basic_auth: {username: u, password: hush-5}
    tolerance: 0
`
	c, err := Load(world(file, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	var yamlText, jsonText strings.Builder
	if err := errors.Join(c.Print(&yamlText), c.PrintJSON(&jsonText)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{yamlText.String(), jsonText.String()} {
		if strings.Contains(text, "hush") {
			t.Errorf("a secret is printed:\n%s", text)
		}
		for i, s := range []string{"hush-1", "acme_hush-2", "hush-3", "hush-4", "hush-5"} {
			if !strings.Contains(text, "fingerprint:"+provider.Fingerprint(s)) {
				t.Errorf("secret %d has no fingerprint in\n%s", i+1, text)
			}
		}
	}
	// What is printed reads as what was read, secrets aside.
	again, err := Load(world(strings.Replace(yamlText.String(), "fingerprint:"+provider.Fingerprint("acme_hush-2"), "acme_hush-2", 1), nil, nil))
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, yamlText.String())
	}
	if again.Listen != c.Listen || len(again.Connections) != 1 || *again.Connections[0].Tolerance != 0 || again.Partitions != 6 {
		t.Errorf("read again: %+v", again)
	}
}

// FuzzLoad: no file makes Load panic, and every problem it reports has a text and a line that exists.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "listen: :80", "connections:\n- {name: a, provider: acme, secrets: [acme_1], tolerance: 5m}", "a: &a [*a]",
		"connections: &c\n- *c", "kafka: {tls: {enabled: yes}}", "topic: ${X}", "topic: $${X}", "<<: {a: b}", "- - -", "? [a]\n: b", "---\n---\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		c, err := Load(world(file, map[string]string{"X": "x"}, nil))
		if err == nil {
			if perr := c.Print(new(strings.Builder)); perr != nil {
				t.Fatalf("loaded, but cannot be printed: %v", perr)
			}
			return
		}
		e := new(Error)
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("error = %#v, want an *Error with problems", err)
		}
		for _, p := range e.Problems {
			// YAML also breaks lines at CR, NEL, LS and PS; every one of them is at least one byte.
			if p.Text == "" || p.Line < 0 || p.Line > len(file)+1 {
				t.Errorf("problem %+v", p)
			}
		}
	})
}

// TestDocumented holds the table of settings in docs/configuration.md against the code.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	names, secret := Settings()
	for _, name := range names {
		flag := "`" + Flag(name) + "`"
		if secret[name] {
			flag = "–"
		}
		if row := "| `" + name + "` | " + flag + " | `" + Variable(name) + "` |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/configuration.md has no row that begins with\n%s", row)
		}
	}
	if rows := strings.Count(string(text), "\n| `"); rows != len(names) {
		t.Errorf("docs/configuration.md has %d rows, and there are %d settings", rows, len(names))
	}
}
