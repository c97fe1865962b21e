package lifecycle_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// TestTable reads the histories of testdata/lifecycle, where each line is an observation and the state after it.
func TestTable(t *testing.T) {
	text, err := os.ReadFile("../../testdata/lifecycle/payment.txt")
	if err != nil {
		t.Fatal(err)
	}
	l := payment(t)
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
				t.Fatalf("line %d: no bar", n+1)
			}
			o := parseObservation(t, n+1, strings.Fields(given))
			o.ID = strconv.Itoa(len(history) + 1)
			history = append(history, o)
			sum, _ := l.Fold(history)
			if got, want := describe(l.State(sum)), strings.Join(strings.Fields(want), " "); got != want {
				t.Errorf("line %d, %s: state is\n  %s\nwant\n  %s", n+1, name, got, want)
			}
			checked++
		}
	}
	if checked < 30 {
		t.Fatalf("only %d lines were checked", checked)
	}
}

func parseObservation(t *testing.T, line int, fields []string) lifecycle.Observation {
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
		return start.Add(time.Duration(n) * time.Second)
	}
	return lifecycle.Observation{
		Entity:   lifecycle.Entity{Connection: "c", Kind: "payment", ID: "p1"},
		Source:   lifecycle.Source(fields[0]),
		Status:   strings.TrimPrefix(fields[1], "-"),
		Occurred: second(fields[2]),
		Recorded: second(fields[3]),
		// The object is there so that nothing is wanted for being thin; TestWants has the thin ones.
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
