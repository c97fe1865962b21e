package declared_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider/declared"
)

const page = "../../../docs/add-a-provider.md"

// The descriptions in the documentation are those that the tests examine, letter by letter, and are in order where they stand.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, rest := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, ok := strings.Cut(rest, "```")
		if !ok {
			t.Fatalf("block %d has no end", i)
		}
		var file struct {
			Providers   []yaml.Node      `yaml:"providers"`
			Connections []map[string]any `yaml:"connections"`
		}
		if err := yaml.Unmarshal([]byte(block), &file); err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		for j := range file.Providers {
			p, problems := declared.Parse(&file.Providers[j])
			if p == nil {
				t.Fatalf("block %d: %v", i, problems)
			}
			tested, err := os.ReadFile(filepath.Join("testdata", p.Name()+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(block, entry(string(tested))) {
				t.Errorf("the description of %s is not testdata/%s.yaml", p.Name(), p.Name())
			}
			if file.Connections[0]["provider"] != p.Name() {
				t.Errorf("no connection uses %s", p.Name())
			}
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d descriptions, want those of Stripe and GitHub", found)
	}
}

// entry is a description as an item of a list.
func entry(text string) string {
	return "  - " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ")
}

// The tables of settings and statuses name all there are.
func TestDocumentation_Tables(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lifecycle.Families() {
		var all []string
		for _, s := range f.Statuses() {
			all = append(all, "`"+string(s)+"`")
		}
		if row := "| " + string(f) + " | " + strings.Join(all, " ") + " |"; !strings.Contains(string(text), row) {
			t.Errorf("no row %s", row)
		}
	}
}
