package lifecycletest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Table holds a lifecycle against a file of histories, one observation a line: source, provider status (- for none),
// provider's second (- for none), recorded second; then, after a bar, the state of the entity once that observation is
// known: status, the number of the current observation (- for none), the rule that chose it, anomalies, wants. A line
// that begins with "case" begins a new entity, one with # is a comment. An empty right side is not checked. Observations
// carry an object, so that nothing is wanted for being thin, and are signed. Table returns how many lines it checked.
func Table(t *testing.T, l *lifecycle.Lifecycle, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var history []lifecycle.Observation
	name, checked := "", 0
	for n, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "case "):
			name, history = line, nil
		default:
			given, want, ok := strings.Cut(line, "|")
			if !ok {
				t.Fatalf("%s:%d: no bar", path, n+1)
			}
			o := parseObservation(t, l, n+1, strings.Fields(given))
			o.ID = strconv.Itoa(len(history) + 1)
			history = append(history, o)
			sum, _ := l.Fold(history)
			if got, want := describe(l.State(sum)), strings.Join(strings.Fields(want), " "); got != want {
				t.Errorf("%s:%d, %s: state is\n  %s\nwant\n  %s", path, n+1, name, got, want)
			}
			checked++
		}
	}
	return checked
}

func parseObservation(t *testing.T, l *lifecycle.Lifecycle, line int, fields []string) lifecycle.Observation {
	t.Helper()
	if len(fields) != 4 {
		t.Fatalf("line %d: want source, status, provider's second, recorded second", line)
	}
	second := func(s string) time.Time {
		if s == "-" {
			return time.Time{}
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		return at(n)
	}
	return lifecycle.Observation{
		Entity:     lifecycle.Entity{Connection: "c", Kind: l.Kind, ID: "1"},
		Source:     lifecycle.Source(fields[0]),
		Status:     strings.TrimPrefix(fields[1], "-"),
		Occurred:   second(fields[2]),
		Recorded:   second(fields[3]),
		Attributes: lifecycle.Attributes{Object: []byte("{}")},
	}
}

func describe(s lifecycle.EntityState) string {
	words := []string{string(s.Status), s.Current, string(s.Rule)}
	if s.Current == "" {
		words[1] = "-"
	}
	var anomalies, wants []string
	for _, a := range s.Anomalies {
		anomalies = append(anomalies, fmt.Sprintf("%s(%s)", a.Reason, strings.ReplaceAll(a.Detail, " ", "_")))
	}
	for _, w := range s.Wants {
		wants = append(wants, string(w.Reason))
	}
	for _, list := range [][]string{anomalies, wants} {
		if len(list) > 0 {
			words = append(words, strings.Join(list, "+"))
		}
	}
	return strings.Join(words, " ")
}
