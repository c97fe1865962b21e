package declared_test

import (
	cmporder "cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/declared"
)

// Each file under testdata/wrong is a description with comments "# want: …" on the lines where problems must be named.
func TestParse_Problems(t *testing.T) {
	paths, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no descriptions (%v)", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p, problems := declared.ParseBytes(text)
			if p != nil {
				t.Error("a provider in spite of problems")
			}
			var got []located
			for _, problem := range problems {
				if problem.Text == "" || problem.Mend == "" {
					t.Errorf("%v lacks its text or mend", problem)
				}
				got = append(got, located{problem.Line, problem.Field + ": " + problem.Text})
			}
			slices.SortStableFunc(got, located.compare)
			if diff := cmp.Diff(wanted(string(text)), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// located is a problem's line and text.
type located struct {
	Line int
	Text string
}

func (l located) compare(m located) int {
	return cmporder.Or(cmporder.Compare(l.Line, m.Line), strings.Compare(l.Text, m.Text))
}

func wanted(text string) []located {
	var out []located
	for i, line := range strings.Split(text, "\n") {
		for _, want := range strings.Split(line, "# want: ")[1:] {
			out = append(out, located{i + 1, strings.TrimSpace(want)})
		}
	}
	slices.SortStableFunc(out, located.compare)
	return out
}

// Lines are those of the file that the node was read from.
func TestParse_Node(t *testing.T) {
	var file struct {
		Providers []yaml.Node `yaml:"providers"`
	}
	text := "connections: []\nproviders:\n  - name: Wrong.Name\n"
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	_, problems := declared.Parse(&file.Providers[0])
	if len(problems) == 0 || problems[0].Line != 3 || problems[0].Field != "name" {
		t.Errorf("problems %v", problems)
	}
	if p, problems := declared.Parse(nil); p != nil || len(problems) == 0 {
		t.Errorf("of nothing: %v, %v", p, problems)
	}
	if p, problems := declared.ParseBytes([]byte("name: [\n")); p != nil || len(problems) != 1 || problems[0].Line < 1 {
		t.Errorf("of no YAML: %v, %v", p, problems)
	}
}

func TestCheck(t *testing.T) {
	stripe, github := described(t, "stripe"), described(t, "github")
	good := provider.Connection{Name: "c", Secrets: []string{"whsec_abc"}}
	minute := time.Minute
	for _, c := range []struct {
		name, field, text string
		p                 provider.Provider
		change            func(*provider.Connection)
	}{
		{"in order", "", "", stripe, func(*provider.Connection) {}},
		{"no secret", "secrets", "stripe signs its deliveries", stripe, func(c *provider.Connection) { c.Secrets = nil }},
		{"another beginning", "secrets[0]", "stripe secrets begin with whsec_", stripe, func(c *provider.Connection) { c.Secrets = []string{"abc"} }},
		{"beginning alone", "secrets[0]", "empty", stripe, func(c *provider.Connection) { c.Secrets = []string{"whsec_"} }},
		{"not encoded", "secrets[0]", "not base64", described(t, "standardwebhooks"), func(c *provider.Connection) { c.Secrets = []string{"whsec_a b"} }},
		{"tolerance without time", "tolerance", "signs no time", github, func(c *provider.Connection) { c.Tolerance = &minute }},
		{"static credential", "authorization", "not looked at", stripe, func(c *provider.Connection) { c.Authorization.Scheme = "BASIC" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := good
			c.change(&conn)
			problems := c.p.Check(conn)
			if c.field == "" {
				if len(problems) > 0 {
					t.Errorf("problems %+v", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Field != c.field || !strings.Contains(problems[0].Text, c.text) {
				t.Errorf("problems %+v, want one of %s with %q", problems, c.field, c.text)
			}
			if _, err := c.p.Verifier(conn); strings.HasPrefix(c.field, "secrets") && err == nil {
				t.Error("a verifier in spite of it")
			}
		})
	}
}

// Whatever stands in a description, there is a provider or there are problems, and a provider's lifecycles compile.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/wrong/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte("&a [*a]"))
	f.Add([]byte("a: &a {b: *a}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, problems := declared.ParseBytes(text)
		if (p == nil) == (len(problems) == 0) {
			t.Fatalf("provider %v, problems %v", p, problems)
		}
		if p == nil {
			return
		}
		for _, d := range p.Lifecycles() {
			if _, err := lifecycle.New(d); err != nil {
				t.Error(err)
			}
		}
		if _, err := p.Verifier(provider.Connection{Name: "c"}); err == nil {
			t.Error("a verifier without a secret")
		}
		d := provider.Delivery{Body: []byte(`{"id":"1","data":{"object":{"id":"2"}}}`)}
		p.Describe(&d)
	})
}
