package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong.
type Problem struct {
	// File and Line are the place in the file; Line is 0 where the place is not in the file.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Origin is the flag or the variable at fault, where it is one.
	Origin string `json:"origin,omitempty"`
	// Setting is the path of the setting: connections[0].secrets[0].
	Setting string `json:"setting,omitempty"`
	// Text says what is wrong, Mend what to do about it. Neither holds a secret.
	Text string `json:"text"`
	Mend string `json:"mend,omitempty"`
}

// String is the problem on one line.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Origin != "":
		b.WriteString(p.Origin + ": ")
	case p.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	case p.File != "":
		b.WriteString(p.File + ": ")
	}
	if p.Setting != "" && p.Origin == "" {
		b.WriteString(p.Setting + ": ")
	}
	b.WriteString(p.Text)
	if p.Mend != "" {
		b.WriteString("; " + p.Mend)
	}
	return b.String()
}

// Error is a configuration that cannot be used: all its problems, in the order of the file.
type Error struct{ Problems []Problem }

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted orders problems by line; those without one come first, and equal lines keep their order.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return problems
}

// nearest is the known word that a misspelt one is most likely meant to be; empty where none is close.
func nearest(word string, known []string) string {
	best, distance := "", 1+(len(word)+1)/2
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance is Levenshtein's, in bytes; words longer than 64 bytes are far from everything.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous = row[j+1]
			row[j+1] = min(cost, previous+1, row[j]+1)
		}
	}
	return row[len(b)]
}
