package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder walks the file's nodes and collects problems with their lines.
type decoder struct {
	source   *Source
	lines    map[string]int // where each setting stands, by path
	broken   map[string]bool
	problems []Problem
}

// fields is what may stand in a mapping: a reader for each key.
type fields map[string]func(path string, n *yaml.Node)

// parse reads the file into one node, nil for an empty file.
func (d *decoder) parse(data []byte) *yaml.Node {
	var first, second yaml.Node
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err == nil {
		err = loader.Load(&first)
	}
	if err == nil {
		if err = loader.Load(&second); err == nil {
			d.fail("", content(&second), "is a second document", "put everything into one; remove the line of dashes")
			return nil
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		p := Problem{File: d.source.File, Text: "is not YAML: " + err.Error(), Mend: "see to indentation and quotes at that line"}
		if at := new(yaml.LoadError); errors.As(err, &at) {
			p.Line, p.Text = at.Mark.Line, "is not YAML: "+at.Message
		}
		d.problems = append(d.problems, p)
		return nil
	}
	if root := content(&first); root.Kind != 0 && !isNull(root) {
		return root
	}
	return nil
}

// content is the node within a document.
func content(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return n.Content[0]
	}
	return n
}

func (d *decoder) fail(path string, n *yaml.Node, text, mend string) {
	line := 0
	if n != nil {
		line = n.Line
	}
	d.problems = append(d.problems, Problem{File: d.source.File, Line: line, Setting: path, Text: text, Mend: mend})
	d.broken[path] = true
}

// failErr splits an error of the form "what; mend".
func (d *decoder) failErr(path string, n *yaml.Node, err error) {
	text, mend := halves(err)
	d.fail(path, n, text, mend)
}

// mapping reads a mapping, refusing keys that are unknown or given twice.
func (d *decoder) mapping(path string, n *yaml.Node, known fields) {
	n = d.enter(path, n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(path, n, "is "+kindName(n)+" where settings are expected", "write key: value lines below it")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		read := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || read == nil:
			d.unknownKey(path, key, known)
		case seen[key.Value] > 0:
			d.fail(at, key, fmt.Sprintf("is set twice, first in line %d", seen[key.Value]), "keep one of them")
		default:
			d.lines[at] = key.Line
			read(at, value)
		}
		seen[key.Value] = key.Line
	}
}

func (d *decoder) unknownKey(path string, key *yaml.Node, known fields) {
	names := slices.Sorted(maps.Keys(known))
	mend := "settings here are " + strings.Join(names, ", ")
	if near := nearest(key.Value, names); near != "" {
		mend = "did you mean " + near + "?"
	}
	d.fail(path, key, fmt.Sprintf("unknown setting %q", clip(key.Value)), mend)
}

// sequence reads a list, item by item.
func (d *decoder) sequence(path string, n *yaml.Node, read func(path string, n *yaml.Node)) {
	n = d.enter(path, n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(path, n, "is "+kindName(n)+" where a list is expected", "begin each item with a dash, or write [a, b]")
		return
	}
	for i, item := range n.Content {
		read(fmt.Sprintf("%s[%d]", path, i), item)
	}
}

// value reads a scalar and resolves variables in it; false where it could not.
func (d *decoder) value(path string, n *yaml.Node) (string, bool) {
	n = d.enter(path, n)
	if n.Kind != yaml.ScalarNode {
		d.fail(path, n, "is "+kindName(n)+" where one value is expected", "write it on the line of its key")
		return "", false
	}
	if isNull(n) {
		return "", true
	}
	text, err := d.source.expand(n.Value)
	if err != nil {
		d.failErr(path, n, err)
		return "", false
	}
	return text, true
}

// values reads a list of scalars, or one scalar as a list of one.
func (d *decoder) values(path string, n *yaml.Node) []string {
	var out []string
	add := func(path string, n *yaml.Node) {
		if text, ok := d.value(path, n); ok {
			out = append(out, text)
		}
	}
	if resolved(n).Kind == yaml.ScalarNode {
		add(path, n)
	} else {
		d.sequence(path, n, add)
	}
	return out
}

// enter notes where a setting stands and follows an alias.
func (d *decoder) enter(path string, n *yaml.Node) *yaml.Node {
	if d.lines[path] == 0 || strings.HasSuffix(path, "]") {
		d.lines[path] = n.Line
	}
	return resolved(n)
}

// line is where a setting stands, or the nearest one around it that stands in the file.
func (d *decoder) line(path string) int {
	for path != "" {
		if line := d.lines[path]; line > 0 {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		path = path[:max(cut, 0)]
	}
	return 0
}

// brokenAt says whether a setting, or one within it, has a problem of its own already.
func (d *decoder) brokenAt(path string) bool {
	for p := range d.broken {
		if p == path || strings.HasPrefix(p, path+".") || strings.HasPrefix(p, path+"[") {
			return true
		}
	}
	return false
}

// resolved follows aliases; YAML allows an alias to an alias only through nodes, so a few steps reach the end.
func resolved(n *yaml.Node) *yaml.Node {
	for range 8 {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a block of settings"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// clip keeps foreign text in messages short.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
