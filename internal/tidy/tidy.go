// Package tidy holds the repository to its own rules: who may import whom and why, what may lie at the top, one package
// comment for each package, and a handful of habits. Its test is the check; the rules are in house.go.
//
// It reads the files themselves with go/parser and never asks the go command: the test cache sees the files that a test
// opens, but not those that a program it starts has read, so the verdict of yesterday would be served for the files of
// today. Modules of their own below the root are held to the habits only, not to the import rules.
package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Rules are the rules of a repository.
type Rules struct {
	// Module is the path of the root module.
	Module string
	// Top are the entries that may lie at the top, beside dot-files.
	Top []string
	// Packages says of each package of the root module what it may import of the module. Each package needs a rule, and
	// each rule a package.
	Packages []Package
	// Owners says which packages alone may use something of others'.
	Owners []Owner
	// Generic are names that say nothing, which no package may have.
	Generic []string
	// MaxLines is the longest that a file may be.
	MaxLines int
}

// Package is the rule of one package, or of all packages below a folder where Dir ends in /*.
type Package struct {
	Dir string
	// May lists the packages of the module that it may import; a name that ends in /... takes in what is below.
	May    []string
	Reason string
}

// Owner says that only the given packages, outside tests, may import a path or what is below it, or use the named
// identifiers of it where there are any.
type Owner struct {
	Import string
	Uses   []string
	By     []string
	Tests  bool // tests are held to it too
	Reason string
}

// file is one parsed Go file.
type file struct {
	path, dir string // slash-separated, relative to the root
	test      bool
	own       bool // of the root module
	lines     int
	syntax    *ast.File
	imports   map[string]string // path by local name
}

// Check returns what is wrong, each a line that begins with the place.
func Check(root string, rules Rules) ([]string, error) {
	files, err := read(root)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, f := range files {
		found = append(found, habits(f, rules)...)
		if f.own {
			found = append(found, imports(f, rules)...)
			found = append(found, owners(f, rules)...)
		}
	}
	found = append(found, packages(files, rules)...)
	found = append(found, unused(files, rules)...)
	top, err := topLevel(root, rules)
	if err != nil {
		return nil, err
	}
	found = append(found, top...)
	slices.Sort(found)
	return slices.Compact(found), nil
}

// read parses every Go file below root, testdata and dot-folders left out.
func read(root string) ([]file, error) {
	var files []file
	nested := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if e.IsDir() {
			if base := e.Name(); rel != "." && (base == "testdata" || strings.HasPrefix(base, ".")) {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && rel != "." {
				nested[rel] = true
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		f, err := parse(name, rel)
		if err != nil {
			return err
		}
		f.own = !within(f.dir, nested)
		files = append(files, f)
		return nil
	})
	return files, err
}

func within(dir string, roots map[string]bool) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		if roots[dir] {
			return true
		}
	}
	return false
}

func parse(name, rel string) (file, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return file{}, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), rel, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	f := file{
		path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
		lines: strings.Count(string(src), "\n"), syntax: syntax, imports: map[string]string{},
	}
	for _, spec := range syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("%s: import %s: %w", rel, spec.Path.Value, err)
		}
		local := path.Base(p)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		f.imports[local] = p
	}
	return f, nil
}

// packages wants exactly one package comment in each package, and a name that says something.
func packages(files []file, rules Rules) []string {
	type pkg struct{ comments, code int }
	byDir := map[string]*pkg{}
	for _, testsToo := range []bool{false, true} {
		for _, f := range files {
			p := byDir[f.dir]
			if f.test != testsToo || (f.test && p != nil && p.code > 0) {
				continue
			}
			if p == nil {
				p = &pkg{}
				byDir[f.dir] = p
			}
			if !f.test {
				p.code++
			}
			if f.syntax.Doc != nil {
				p.comments++
			}
		}
	}
	var found []string
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		if n := byDir[dir].comments; n != 1 {
			found = append(found, fmt.Sprintf("%s: has %d package comments: write exactly one, with use, guarantees and the caller's duties", dir, n))
		}
		if slices.Contains(rules.Generic, path.Base(dir)) {
			found = append(found, fmt.Sprintf("%s: the name says nothing: name a package after what it provides", dir))
		}
	}
	return found
}

func topLevel(root string, rules Rules) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, ".") && !slices.Contains(rules.Top, name) {
			found = append(found, fmt.Sprintf("%s: may not lie at the top: the folder list tells the flow, so find its place below", name))
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mod)) {
		if strings.HasPrefix(strings.TrimSpace(line), "replace") {
			found = append(found, "go.mod: has a replace: go install of this module would not see it")
		}
	}
	return found, nil
}
