package devengo_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hookfold/hookfold/pkg/provider/devengo"
)

// TestDocumentedStatuses: the table in docs/providers is what the code says.
func TestDocumentedStatuses(t *testing.T) {
	const path = "../../../docs/providers/devengo.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| kind | status at Devengo | status | may be followed by |\n|---|---|---|---|\n")
	for _, d := range devengo.New().Lifecycles() {
		for _, s := range d.States {
			word := "`" + s.Word + "`"
			if s.Final {
				word = "**" + word + "**"
			}
			next := "–"
			if len(s.Next) > 0 {
				next = "`" + strings.Join(s.Next, "`, `") + "`"
			}
			fmt.Fprintf(&want, "| `%s` | %s | `%s` | %s |\n", d.Kind, word, s.Status, next)
		}
	}
	if !strings.Contains(string(doc), "\n\n"+want.String()+"\n") {
		t.Errorf("the table of statuses in %s is not that of the code, which is:\n%s", path, want.String())
	}
}
