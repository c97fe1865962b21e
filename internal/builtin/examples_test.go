package builtin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/lifecycle/lifecycletest"
)

// The worked examples of docs/fold.md, one for each family, are files that hold, and the page quotes them as they are.
func TestWorkedExamples(t *testing.T) {
	docs, err := os.ReadFile("../../docs/fold.md")
	if err != nil {
		t.Fatal(err)
	}
	families := map[lifecycle.Family]bool{}
	for _, p := range builtin.Providers() {
		for _, d := range p.Lifecycles() {
			path := filepath.Join("../../testdata/lifecycle", p.Name()+"_"+d.Kind+".txt")
			text, err := os.ReadFile(path)
			if err != nil {
				continue // not every kind has an example
			}
			families[d.Family] = true
			t.Run(p.Name()+" "+d.Kind, func(t *testing.T) {
				l, err := lifecycle.New(d)
				if err != nil {
					t.Fatal(err)
				}
				if lifecycletest.Table(t, l, path) == 0 {
					t.Fatal("nothing was checked")
				}
				if !strings.Contains(string(docs), "```\n"+string(text)+"```") {
					t.Errorf("docs/fold.md does not quote %s as it is", filepath.Base(path))
				}
			})
		}
	}
	for _, f := range lifecycle.Families() {
		if !families[f] {
			t.Errorf("no example for family %s", f)
		}
	}
}
