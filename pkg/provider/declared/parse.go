package declared

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/provider"
)

// name is what a provider and a header may be called.
var (
	providerName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	headerName   = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]{1,100}$`)
)

// Parse makes a provider of a description. Where anything is wrong with it, the provider is nil and the problems, ordered
// by line, are all that was found.
func Parse(node *yaml.Node) (provider.Provider, []Problem) {
	var r reader
	root := at{resolve(node), "", 1}
	if root.node != nil {
		root.line = root.node.Line
	}
	f := r.mapping(root, "name", "verification", "event", "redact", "kinds")
	if len(f.of) == 0 {
		return nil, r.sorted()
	}
	const mend = "give a name of lower-case letters, digits, - and _, which begins with a letter"
	p := &Provider{name: r.text(f.get("name"), mend)}
	if p.name != "" && !providerName.MatchString(p.name) {
		r.bad(f.get("name"), fmt.Sprintf("%q cannot be a provider's name", p.name), mend)
	}
	p.scheme = r.scheme(f.get("verification"))
	p.scheme.name = p.name + "-hmac-" + p.scheme.hashName
	p.naming = r.naming(f.get("event"))
	if f.has("redact") {
		p.naming.redact = r.words(f.get("redact"), "list the names of fields that hold credentials, to be taken out of objects")
	}
	p.kinds = r.kinds(f.get("kinds"), p.name, &p.naming)
	if problems := r.sorted(); len(problems) > 0 {
		return nil, problems
	}
	return p, nil
}

// lineOf finds the line in an error of the YAML parser, which has no field for it.
var lineOf = regexp.MustCompile(`line (\d+)`)

// ParseBytes is Parse for a document of its own.
func ParseBytes(text []byte) (provider.Provider, []Problem) {
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		problem := Problem{Line: 1, Problem: provider.Problem{
			Text: "is not YAML: " + strings.ReplaceAll(err.Error(), "\n", " "), Mend: "mend the syntax at this line or just above it",
		}}
		if m := lineOf.FindStringSubmatch(err.Error()); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				problem.Line = n
			}
		}
		return nil, []Problem{problem}
	}
	return Parse(&node)
}
