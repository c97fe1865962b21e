package tidy

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
)

// rule is the rule of a package; the longest match counts.
func (r Rules) rule(dir string) *Package {
	var best *Package
	for i := range r.Packages {
		p := &r.Packages[i]
		if p.matches(dir) && (best == nil || len(p.Dir) > len(best.Dir) || !strings.HasSuffix(p.Dir, "/*")) {
			best = p
		}
	}
	return best
}

func (p *Package) matches(dir string) bool {
	if parent, ok := strings.CutSuffix(p.Dir, "/*"); ok {
		return path.Dir(dir) == parent
	}
	return p.Dir == dir
}

// covers says whether a name of a list, which may end in /..., takes in a path.
func covers(list []string, p string) bool {
	return slices.ContainsFunc(list, func(name string) bool {
		if base, ok := strings.CutSuffix(name, "/..."); ok {
			return p == base || strings.HasPrefix(p, base+"/")
		}
		return p == name
	})
}

// imports holds a file to the rule of its package. Tests may import what they test with.
func imports(f file, rules Rules) []string {
	rule := rules.rule(f.dir)
	if rule == nil {
		return []string{fmt.Sprintf("%s: has no rule: say in internal/tidy what it may import, and why", f.dir)}
	}
	if f.test {
		return nil
	}
	var found []string
	for _, p := range f.imports {
		to, ok := strings.CutPrefix(p, rules.Module+"/")
		if ok && !covers(rule.May, to) {
			found = append(found, fmt.Sprintf("%s: %s imports %s: %s", f.path, f.dir, to, rule.Reason))
		}
	}
	return found
}

// owners looks for what belongs to other packages.
func owners(f file, rules Rules) []string {
	var found []string
	for _, o := range rules.Owners {
		if (f.test && !o.Tests) || covers(o.By, f.dir) {
			continue
		}
		for local, p := range f.imports {
			if !covers([]string{o.Import + "/..."}, p) {
				continue
			}
			if len(o.Uses) == 0 {
				found = append(found, fmt.Sprintf("%s: imports %s: %s", f.path, p, o.Reason))
			}
			for _, name := range uses(f, local) {
				if slices.Contains(o.Uses, name) {
					found = append(found, fmt.Sprintf("%s: uses %s.%s: %s", f.path, local, name, o.Reason))
				}
			}
		}
	}
	return found
}

// uses lists the identifiers that a file takes from an import.
func uses(f file, local string) []string {
	var names []string
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == local {
				names = append(names, s.Sel.Name)
			}
		}
		return true
	})
	return names
}

// habits are the rules for every file, of whatever module.
func habits(f file, rules Rules) []string {
	var found []string
	say := func(text string) { found = append(found, f.path+": "+text) }
	if f.lines > rules.MaxLines {
		say(fmt.Sprintf("has %d lines, more than %d: split it by what its parts are for", f.lines, rules.MaxLines))
	}
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
			say("has an init function: build things where they are used")
		}
	}
	virtual := slices.Contains(slices.Collect(maps.Values(f.imports)), "testing/synctest")
	for local, p := range f.imports {
		if p == "time" && f.test && !virtual && slices.Contains(uses(f, local), "Sleep") {
			say("sleeps in a test: wait for a signal, or use testing/synctest")
		}
	}
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			for _, word := range []string{"TO" + "DO", "FIX" + "ME"} { // in halves, or this file would find itself
				if strings.Contains(c.Text, word) {
					say("leaves a " + word + ": do it, or write it where work is planned")
				}
			}
		}
	}
	return found
}

// unused are the rules that name nothing any more.
func unused(files []file, rules Rules) []string {
	var found []string
	for i := range rules.Packages {
		p := &rules.Packages[i]
		if !slices.ContainsFunc(files, func(f file) bool { return f.own && rules.rule(f.dir) == p }) {
			found = append(found, fmt.Sprintf("internal/tidy: the rule for %s names nothing any more: remove it", p.Dir))
		}
	}
	for _, o := range rules.Owners {
		if len(o.Uses) > 0 {
			continue // a ban on something of the standard library may have no user
		}
		used := slices.ContainsFunc(files, func(f file) bool {
			if !f.own {
				return false
			}
			for _, p := range f.imports {
				if covers([]string{o.Import + "/..."}, p) {
					return true
				}
			}
			return false
		})
		if !used {
			found = append(found, fmt.Sprintf("internal/tidy: nobody imports %s any more: remove its rule", o.Import))
		}
	}
	return found
}
