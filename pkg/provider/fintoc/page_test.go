package fintoc_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// The page for users names exactly the event types of which there is a sample, and none of them is parked. Samples whose
// event is not documented say so in their names.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/providers/fintoc.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n## Events\n")
	section, _, found := strings.Cut(rest, "\n## ")
	if !found {
		t.Fatal("the page has no section Events")
	}
	var named []string
	for line := range strings.Lines(section) {
		if types, ok := strings.CutPrefix(line, "| `"); ok {
			types, _, _ = strings.Cut(types, " |")
			named = append(named, regexp.MustCompile(`[a-z_.]+`).FindAllString(types, -1)...)
		}
	}
	_, all := providertest.Load(t, samples)
	var shown []string
	for _, s := range all {
		if !strings.HasSuffix(s.Name, "-unconfirmed") && !strings.HasPrefix(s.Name, "parked") {
			shown = append(shown, fintoc.New().Describe(&s.Delivery).Type)
		}
	}
	slices.Sort(named)
	slices.Sort(shown)
	if diff := cmp.Diff(named, slices.Compact(shown)); diff != "" {
		t.Errorf("types named on the page (-) and types that have a sample (+) differ: %s", diff)
	}
}
