package builtin_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/lifecycle"
)

var update = flag.Bool("update", false, "write docs/lifecycles.md again")

const page = "../../docs/lifecycles.md"

// The page of lifecycles is drawn from the definitions that the fold uses, so that it cannot drift from them.
func TestLifecyclesPage(t *testing.T) {
	drawn := draw()
	if *update {
		if err := os.WriteFile(page, []byte(drawn), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != drawn {
		t.Fatal("docs/lifecycles.md does not show the lifecycles as they are: go test ./internal/builtin -run Page -update")
	}
}

func draw() string {
	var b strings.Builder
	b.WriteString(`# Lifecycles

Drawn from the code: ` + "`go test ./internal/builtin -run Page -update`" + ` writes this page. An arrow says that a status may follow directly; what follows
from that may follow, too. A final status ends in a circle with a dot, also where something can still undo it. Under each picture:
what the provider's words become. A word that is not here becomes ` + "`unknown`" + `, and is kept.
`)
	for _, p := range builtin.Providers() {
		fmt.Fprintf(&b, "\n## %s\n", p.Name())
		for _, d := range p.Lifecycles() {
			fmt.Fprintf(&b, "\n### %s `%s` (%s)\n\n", p.Name(), d.Kind, d.Family)
			diagram(&b, d)
			words(&b, d)
		}
	}
	return b.String()
}

// diagram writes a Mermaid state diagram. Words become identifiers, since Mermaid's have no spaces or slashes.
func diagram(b *strings.Builder, d lifecycle.Definition) {
	id := map[string]string{}
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	followed := map[string]bool{}
	for i, s := range d.States {
		id[s.Word] = fmt.Sprintf("s%d", i)
		fmt.Fprintf(b, "    s%d: %s\n", i, s.Word)
		for _, next := range s.Next {
			followed[next] = true
		}
	}
	for _, s := range d.States {
		if !followed[s.Word] {
			fmt.Fprintf(b, "    [*] --> %s\n", id[s.Word])
		}
		for _, next := range s.Next {
			fmt.Fprintf(b, "    %s --> %s\n", id[s.Word], id[next])
		}
		if s.Final {
			fmt.Fprintf(b, "    %s --> [*]\n", id[s.Word])
		}
	}
	b.WriteString("```\n\n")
}

func words(b *strings.Builder, d lifecycle.Definition) {
	var line []string
	for _, s := range d.States {
		shown := "`" + s.Word + "`"
		if s.Label != "" {
			shown += " (shown as `" + s.Label + "`)"
		}
		line = append(line, fmt.Sprintf("%s → `%s`", shown, s.Status))
	}
	b.WriteString(strings.Join(line, ", ") + "\n")
}
