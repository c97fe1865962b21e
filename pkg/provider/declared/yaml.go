package declared

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Problem is one thing that is wrong with a description. Line is 1-based, in the file that the node was read from.
type Problem struct {
	Line int
	provider.Problem
}

func (p Problem) String() string {
	return fmt.Sprintf("line %d: %s: %s: %s", p.Line, p.Field, p.Text, p.Mend)
}

// reader walks a description and collects what is wrong with it. Its methods return zero values where they complain, so
// that the walk goes on.
type reader struct{ problems []Problem }

// at is a node with its path in the description. The node of a field that is missing is nil; line is then its parent's.
type at struct {
	node *yaml.Node
	path string
	line int
}

func (r *reader) bad(a at, text, mend string) {
	r.problems = append(r.problems, Problem{a.line, provider.Problem{Field: a.path, Text: text, Mend: mend}})
}

// sorted returns the problems in the order of their lines.
func (r *reader) sorted() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return r.problems
}

// resolve follows documents and aliases to what they hold.
func resolve(n *yaml.Node) *yaml.Node {
	for range 8 { // an alias that goes on longer names itself
		switch {
		case n == nil:
			return nil
		case n.Kind == yaml.DocumentNode && len(n.Content) == 1:
			n = n.Content[0]
		case n.Kind == yaml.AliasNode:
			n = n.Alias
		default:
			return n
		}
	}
	return nil
}

// fields are the fields of a mapping, by name.
type fields struct {
	at
	of map[string]at
}

// get is a field; its node is nil where the mapping lacks it.
func (f fields) get(name string) at {
	if a, ok := f.of[name]; ok {
		return a
	}
	return at{nil, join(f.path, name), f.line}
}

func (f fields) has(name string) bool { return f.get(name).node != nil }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// mapping reads a mapping with the known fields and no others.
func (r *reader) mapping(a at, known ...string) fields {
	f := fields{a, map[string]at{}}
	if a.node == nil {
		r.bad(a, "is missing", "give a mapping with "+strings.Join(known, ", "))
		return f
	}
	if a.node.Kind != yaml.MappingNode {
		r.bad(a, "is not a mapping", "give a mapping with "+strings.Join(known, ", "))
		return f
	}
	for i := 0; i+1 < len(a.node.Content); i += 2 {
		key, value := a.node.Content[i], resolve(a.node.Content[i+1])
		field := at{value, join(a.path, key.Value), key.Line}
		_, twice := f.of[key.Value]
		switch {
		case !slices.Contains(known, key.Value):
			r.bad(field, "is no setting of this place", "use one of "+strings.Join(known, ", "))
		case twice:
			r.bad(field, "is given twice", "remove one of the two")
		case value == nil || value.Kind == yaml.ScalarNode && value.Tag == "!!null":
			r.bad(field, "is empty", "give a value or remove the line")
		default:
			f.of[key.Value] = field
		}
	}
	return f
}

// items are the items of a sequence.
func (r *reader) items(a at, mend string) []at {
	if a.node == nil {
		r.bad(a, "is missing", mend)
		return nil
	}
	if a.node.Kind != yaml.SequenceNode {
		r.bad(a, "is not a list", mend)
		return nil
	}
	var out []at
	for i, n := range a.node.Content {
		item := at{resolve(n), fmt.Sprintf("%s[%d]", a.path, i), n.Line}
		if item.node == nil {
			r.bad(item, "is empty", mend)
			continue
		}
		out = append(out, item)
	}
	if len(a.node.Content) == 0 {
		r.bad(a, "is an empty list", mend)
	}
	return out
}

// text reads a scalar that must be there. The mend says what to give.
func (r *reader) text(a at, mend string) string {
	switch {
	case a.node == nil:
		r.bad(a, "is missing", mend)
	case a.node.Kind != yaml.ScalarNode:
		r.bad(a, "is not a single value", mend)
	case a.node.Value == "":
		r.bad(a, "is empty", mend)
	default:
		return a.node.Value
	}
	return ""
}

// optional reads a scalar that may be missing.
func (r *reader) optional(a at, mend string) string {
	if a.node == nil {
		return ""
	}
	return r.text(a, mend)
}

// words reads a list of scalars.
func (r *reader) words(a at, mend string) []string {
	var out []string
	for _, item := range r.items(a, mend) {
		if word := r.text(item, mend); word != "" {
			out = append(out, word)
		}
	}
	return out
}

// choice reads one of a few words.
func (r *reader) choice(a at, options ...string) string {
	mend := "give one of " + strings.Join(options, ", ")
	word := r.text(a, mend)
	if word != "" && !slices.Contains(options, word) {
		r.bad(a, fmt.Sprintf("%q is not known", word), mend)
		return ""
	}
	return word
}

func (r *reader) yes(a at) bool {
	return a.node != nil && r.choice(a, "true", "false") == "true"
}

func (r *reader) duration(a at) time.Duration {
	const mend = "give a duration such as 5m, longer than none"
	word := r.text(a, mend)
	if word == "" {
		return 0
	}
	d, err := time.ParseDuration(word)
	if err != nil || d <= 0 {
		r.bad(a, fmt.Sprintf("%q is not a duration, or not longer than none", word), mend)
	}
	return d
}

func (r *reader) digits(a at) int {
	if a.node == nil {
		return 0
	}
	const mend = "give the number of decimal digits of the amount, 0 to 9; 0 where it is in minor units already"
	word := r.text(a, mend)
	n, err := strconv.Atoi(word)
	if word != "" && (err != nil || n < 0 || n > 9) {
		r.bad(a, fmt.Sprintf("%q is not a number from 0 to 9", word), mend)
		return 0
	}
	return n
}
