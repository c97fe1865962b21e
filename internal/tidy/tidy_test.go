package tidy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheHouse(t *testing.T) {
	found, err := Check("../..", house())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

// TestCheckFinds plants one violation at a time into a small tree that is in order.
func TestCheckFinds(t *testing.T) {
	rules := Rules{
		Module: "example.org/m",
		Top:    []string{"go.mod", "a", "b", "pkg"},
		Packages: []Package{
			{Dir: "a", May: []string{"pkg/..."}, Reason: "stages meet only through the log"},
			{Dir: "b", May: []string{"pkg/..."}, Reason: "stages meet only through the log"},
			{Dir: "pkg", Reason: "pkg knows no stage"},
			{Dir: "pkg/*", May: []string{"pkg"}, Reason: "one never imports another"},
			{Dir: "pkg/special", May: []string{"pkg/one"}, Reason: "only one"},
		},
		Owners: []Owner{
			{Import: "database/sql", By: []string{"b"}, Reason: "SQL is b's"},
			{Import: "net/http", Uses: []string{"Get", "Client"}, By: []string{"pkg/..."}, Reason: "only providers ask"},
		},
		Generic:  []string{"util"},
		MaxLines: 20,
	}
	order := map[string]string{
		"go.mod":                "module example.org/m\n",
		"a/a.go":                "// Package a is a.\npackage a\n\nimport _ \"example.org/m/pkg/one\"\n",
		"b/b.go":                "// Package b is b.\npackage b\n\nimport _ \"database/sql\"\n",
		"pkg/pkg.go":            "// Package pkg is pkg.\npackage pkg\n",
		"pkg/one/one.go":        "// Package one is one.\npackage one\n\nimport _ \"example.org/m/pkg\"\n",
		"pkg/special/s.go":      "// Package special is special.\npackage special\n\nimport _ \"example.org/m/pkg/one\"\n",
		"pkg/special/s_test.go": "package special\n\nimport _ \"example.org/m/a\"\n",
		".hidden/x.go":          "not Go at all",
		"a/testdata/x.go":       "not Go at all",
	}
	tests := []struct {
		name, path, text string
		want             string // empty: nothing is found
	}{
		{"in order", "", "", ""},
		{"stage to stage", "a/x.go", "package a\n\nimport _ \"example.org/m/b\"\n", "a/x.go: a imports b: stages meet only through the log"},
		{"pkg to stage", "pkg/x.go", "package pkg\n\nimport _ \"example.org/m/a\"\n", "pkg/x.go: pkg imports a: pkg knows no stage"},
		{"sibling", "pkg/one/x.go", "package one\n\nimport _ \"example.org/m/pkg/special\"\n", "pkg/one/x.go: pkg/one imports pkg/special: one never imports another"},
		{"the nearer rule counts", "pkg/special/x.go", "package special\n\nimport _ \"example.org/m/pkg\"\n", "pkg/special/x.go: pkg/special imports pkg: only one"},
		{"package without a rule", "pkg/one/two/x.go", "// Package two is two.\npackage two\n", "pkg/one/two: has no rule"},
		{"what another owns", "a/x.go", "package a\n\nimport _ \"database/sql/driver\"\n", "a/x.go: imports database/sql/driver: SQL is b's"},
		{"a use that another owns", "a/x.go", "package a\n\nimport web \"net/http\"\n\nvar c web.Client\n", "a/x.go: uses web.Client: only providers ask"},
		{"another use is free", "a/x.go", "package a\n\nimport \"net/http\"\n\nvar c http.Header\n", ""},
		{"tests may use it", "a/x_test.go", "package a\n\nimport \"net/http\"\n\nvar c http.Client\n", ""},
		{"second comment", "a/x.go", "// Package a is a again.\npackage a\n", "a: has 2 package comments"},
		{"no comment", "pkg/three/x.go", "package three\n", "pkg/three: has 0 package comments"},
		{"no comment, tests only", "pkg/three/x_test.go", "package three\n", "pkg/three: has 0 package comments"},
		{"comment, tests only", "pkg/three/x_test.go", "// Package three is three.\npackage three\n", ""},
		{"name", "pkg/util/x.go", "// Package util is util.\npackage util\n", "pkg/util: the name says nothing"},
		{"sleep", "a/x_test.go", "package a\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n", "a/x_test.go: sleeps in a test"},
		{"sleep by another name", "a/x_test.go", "package a\n\nimport t \"time\"\n\nfunc f() { t.Sleep(1) }\n", "a/x_test.go: sleeps in a test"},
		{"init", "a/x.go", "package a\n\nfunc init() {}\n", "a/x.go: has an init function"},
		{"a method called init", "a/x.go", "package a\n\ntype T struct{}\n\nfunc (T) init() {}\n", ""},
		{"length", "a/x.go", "package a\n" + strings.Repeat("\n", 20), "a/x.go: has 21 lines, more than 20"},
		{"planned work", "a/x.go", "package a\n\n// TO" + "DO: later\n", "a/x.go: leaves a"},
		{"top", "util.sh", "", "util.sh: may not lie at the top"},
		{"replace", "go.mod", "module example.org/m\n\nreplace x => ../x\n", "go.mod: has a replace"},
		{"a module of its own imports as it likes", "a/own/go.mod", "module own\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range order {
				write(t, root, name, text)
			}
			if tt.path != "" {
				write(t, root, tt.path, tt.text)
			}
			if strings.Contains(tt.name, "module of its own") {
				write(t, root, "a/own/x.go", "// Package own is own.\npackage own\n\nimport _ \"example.org/m/b\"\n")
			}
			found, err := Check(root, rules)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && len(found) > 0 {
				t.Errorf("found %q in a tree in order", found)
			}
			if tt.want != "" && !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("found %q, want %q", found, tt.want)
			}
		})
	}
	t.Run("a rule that names nothing any more", func(t *testing.T) {
		root := t.TempDir()
		for name, text := range order {
			if !strings.HasPrefix(name, "b/") && !strings.HasPrefix(name, "pkg/special") {
				write(t, root, name, text)
			}
		}
		found, err := Check(root, rules)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"internal/tidy: nobody imports database/sql any more: remove its rule",
			"internal/tidy: the rule for b names nothing any more: remove it",
			"internal/tidy: the rule for pkg/special names nothing any more: remove it",
		}
		if !slices.Equal(found, want) {
			t.Errorf("found %q, want %q", found, want)
		}
	})
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	at := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
