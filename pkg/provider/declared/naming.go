package declared

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// naming is where a body says what happened.
type naming struct {
	id, kind, object string // gjson paths in the body; empty where not given
	eventType        string
	time             timeSource
	mode             wordSource
	redact           []string
}

// source is where a value stands: at a path in the object, at a path in the whole body, or nowhere, being the same always.
type source struct {
	path     string
	whole    bool
	constant string
}

// get is the value; it does not exist where the path leads nowhere.
func (s *source) get(body, object gjson.Result) gjson.Result {
	switch {
	case s.constant != "":
		return gjson.Result{Type: gjson.String, Str: s.constant, Raw: s.constant}
	case s.path == "":
		return gjson.Result{}
	case s.whole:
		return body.Get(s.path)
	default:
		return object.Get(s.path)
	}
}

// timeSource is a source with the format of its times.
type timeSource struct {
	source
	format string
}

// amountSource is a source with the number of decimal digits that its amounts have.
type amountSource struct {
	source
	digits int
}

// wordSource is a source whose words mean others: those of a mode, or of a direction.
type wordSource struct {
	source
	means map[string]string // nil: words mean themselves
}

func (s *wordSource) word(body, object gjson.Result) string {
	w := word(s.get(body, object))
	if s.means == nil {
		return w
	}
	return s.means[w]
}

const pathMend = "give a JSON path such as data.object.id"

func (r *reader) naming(a at) naming {
	f := r.mapping(a, "id", "type", "time", "mode", "object", "kind")
	n := naming{
		id:        r.optional(f.get("id"), pathMend),
		eventType: r.optional(f.get("type"), pathMend),
		object:    r.optional(f.get("object"), pathMend),
		kind:      r.optional(f.get("kind"), pathMend),
	}
	if f.has("time") {
		n.time = r.time(f.get("time"))
		n.time.whole = true
	}
	if f.has("mode") {
		n.mode = r.meaning(f.get("mode"), string(lifecycle.ModeLive), string(lifecycle.ModeTest))
		n.mode.whole = true
	}
	return n
}

// source reads a path in the object, or a mapping that says more.
func (r *reader) source(a at, more ...string) (source, fields) {
	if a.node == nil {
		return source{}, fields{at: a}
	}
	if a.node.Kind != yaml.MappingNode {
		return source{path: r.text(a, pathMend)}, fields{at: a}
	}
	f := r.mapping(a, append([]string{"path", "body", "const"}, more...)...)
	var given []string
	for _, name := range []string{"path", "body", "const"} {
		if f.has(name) {
			given = append(given, name)
		}
	}
	if len(given) != 1 {
		r.bad(a, fmt.Sprintf("has %d of path, body and const", len(given)), "give one: path (in the object), body (a path in the whole body) or const (always the same)")
		return source{}, f
	}
	value := r.text(f.get(given[0]), "give the path or the value")
	if given[0] == "const" {
		return source{constant: value}, f
	}
	return source{path: value, whole: given[0] == "body"}, f
}

func (r *reader) time(a at) timeSource {
	s, f := r.source(a, "format")
	out := timeSource{s, "rfc3339"}
	if f.has("format") {
		out.format = r.choice(f.get("format"), timeFormats...)
	}
	return out
}

func (r *reader) amount(a at) amountSource {
	s, f := r.source(a, "digits")
	return amountSource{s, r.digits(f.get("digits"))}
}

// meaning reads a source whose words mean one of a few others: {path: livemode, live: ["true"], test: ["false"]}. Without
// such lists the words mean themselves, and a constant must be one of them.
func (r *reader) meaning(a at, words ...string) wordSource {
	s, f := r.source(a, words...)
	out := wordSource{source: s}
	if s.constant != "" && !slices.Contains(words, s.constant) {
		r.bad(f.get("const"), fmt.Sprintf("%q is not known", s.constant), "give one of "+strings.Join(words, ", "))
	}
	out.means = map[string]string{}
	for _, w := range words {
		if !f.has(w) {
			continue
		}
		for _, theirs := range r.words(f.get(w), "list the provider's words that mean "+w) {
			if _, twice := out.means[theirs]; twice {
				r.bad(f.get(w), fmt.Sprintf("%q is listed twice", theirs), "list each word once")
			}
			out.means[theirs] = w
		}
	}
	if len(out.means) == 0 {
		for _, w := range words {
			out.means[w] = w
		}
	}
	return out
}
