package config

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// section is a node of the tree that dotted names make: kafka.sasl.password stands in kafka, then sasl.
type section struct {
	read  func(path string, n *yaml.Node)
	below map[string]*section
}

// tree hangs the settings into sections.
func (c *Config) tree(d *decoder) *section {
	root := &section{below: map[string]*section{}}
	for _, s := range c.settings() {
		at := root
		for key := range strings.SplitSeq(s.name, ".") {
			if at.below[key] == nil {
				at.below[key] = &section{below: map[string]*section{}}
			}
			at = at.below[key]
		}
		at.read = func(path string, n *yaml.Node) { c.readSetting(d, s, path, n) }
	}
	return root
}

// fields are the readers of a section's keys.
func (s *section) fields(d *decoder) fields {
	known := fields{}
	for key, sub := range s.below {
		known[key] = sub.read
		if sub.read == nil {
			known[key] = func(path string, n *yaml.Node) { d.mapping(path, n, sub.fields(d)) }
		}
	}
	return known
}

// joinItems is the inverse of split. Items hold no commas: a value that does is read as several.
func joinItems(items []string) string { return strings.Join(items, ",") }

// halves splits an error of the form "what is wrong; what to do".
func halves(err error) (text, mend string) {
	text, mend, _ = strings.Cut(err.Error(), "; ")
	return text, mend
}
