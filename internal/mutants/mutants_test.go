// Package mutants breaks the rule of the fold on purpose, one way at a time, and demands that the tests of pkg/lifecycle
// notice. A suite that passes on a broken rule proves nothing.
//
// It compiles the suite once a mutant, so it runs only where HOOKFOLD_MUTANTS is set (make mutants does).
package mutants

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A mutant replaces one piece of source, which must stand in the file exactly once.
type mutant struct {
	name     string
	file     string
	from, to string
}

var mutants = []mutant{
	{
		"the newest timestamp wins", "lifecycle.go",
		"return l.Reachable(s, t) && !l.Reachable(t, s)", "return false",
	}, {
		"the first write of a status wins", "summary.go",
		"if c.latest.compare(&d.latest) < 0 {", "if c.latest.compare(&d.latest) > 0 {",
	}, {
		"the first write of a group wins", "summary.go",
		"case c[0].stamp.compare(&d[0].stamp) < 0:", "case c[0].stamp.compare(&d[0].stamp) > 0:",
	}, {
		"whoever is joined last writes the group", "summary.go",
		"case c[0].stamp.compare(&d[0].stamp) < 0:", "case true:",
	}, {
		"final statuses are not final", "lifecycle.go",
		"return !l.States[i].Final", "return true",
	}, {
		"an unknown word supersedes", "lifecycle.go",
		"return true\n\t}\n}\n\n// superseded", "return false\n\t}\n}\n\n// superseded",
	}, {
		"ties are left to chance", "summary.go",
		"return cmp.Or(s.at.compare(t.at), strings.Compare(s.id, t.id), slices.Compare(s.fingerprint[:], t.fingerprint[:]))", "return s.at.compare(t.at)",
	}, {
		"the last delivery of an id counts", "observation.go",
		"return c < 0", "return c > 0",
	}, {
		"of differing bodies, the one that came first in the slice counts", "observation.go",
		"return bytes.Compare(o.Fingerprint[:], p.Fingerprint[:]) < 0", "_ = bytes.Compare\n\treturn false",
	}, {
		"look-ups do not decide conflicts", "state.go",
		"return class, RuleLookup", "break",
	}, {
		"the first look-up decides", "summary.go",
		"l.compareLookups(&a, &b) < 0", "l.compareLookups(&a, &b) > 0",
	}, {
		"what superseded claims wrote is kept", "summary.go",
		"claims[i].entries = slices.DeleteFunc(slices.Clone(claims[i].entries), written)", "_ = written",
	}, {
		"pruning forgets too much", "summary.go",
		"return claims[j].entry(e.group) != nil", "return true",
	}, {
		"reachability is not transitive", "lifecycle.go",
		"l.reach[i] |= l.reach[k]", "_ = k",
	}, {
		"a conflict is not seen", "state.go",
		"if len(classes) > 1 {\n\t\tout.Conflict = true", "if false {\n\t\tout.Conflict = true",
	}, {
		"times are cut to seconds", "summary.go",
		"cmp.Or(cmp.Compare(i.sec, j.sec), cmp.Compare(i.nsec, j.nsec))", "cmp.Compare(i.sec, j.sec)",
	},
}

func TestMutants(t *testing.T) {
	docs, err := os.ReadFile("../../docs/fold.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		if !strings.Contains(string(docs), "| "+m.name+" |") {
			t.Errorf("docs/fold.md does not list the mutant %q", m.name)
		}
	}
	if os.Getenv("HOOKFOLD_MUTANTS") == "" {
		t.Skip("HOOKFOLD_MUTANTS is not set: make mutants compiles and runs the suite once for each")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			out, err := run(t, m)
			switch {
			case err == nil:
				t.Fatal("the suite passes on the broken rule")
			case !strings.Contains(out, "--- FAIL") && !strings.Contains(out, "panic:"):
				t.Fatalf("the mutant does not compile:\n%s", out)
			}
		})
	}
}

// run runs the suite with the mutant laid over its file.
func run(t *testing.T, m mutant) (string, error) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../pkg/lifecycle", m.file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.from); n != 1 {
		t.Fatalf("%s holds what the mutant replaces %d times, want once", m.file, n)
	}
	dir := t.TempDir()
	broken, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	index, err := json.Marshal(map[string]map[string]string{"Replace": {path: broken}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{broken: []byte(strings.Replace(string(source), m.from, m.to, 1)), overlay: index} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// vet would refuse some mutants for what makes them mutants.
	out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-overlay", overlay, "../../pkg/lifecycle").CombinedOutput()
	return string(out), err
}
