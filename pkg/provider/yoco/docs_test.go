package yoco_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/provider/yoco"
)

// The diagram of the documentation is the code's.
func TestDocumentedLifecycles(t *testing.T) {
	text, err := os.ReadFile("../../../docs/providers/yoco.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "The arrows are tested against the code.\n\n```\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the documentation has no diagram")
	}
	var want []string
	for line := range strings.Lines(block) {
		want = append(want, strings.Join(strings.Fields(line), " "))
	}
	var got []string
	for _, d := range yoco.New().Lifecycles() {
		for _, s := range d.States {
			line := append([]string{d.Kind, s.Word, "->", string(s.Status), "next:"}, s.Next...)
			if s.Final {
				line = append(line, "final")
			}
			got = append(got, strings.Join(line, " "))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/providers/yoco.md differs from the code: %s", diff)
	}
}
