package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/provider/declared"
)

// readProvider returns the reader of one item of providers: a provider by description.
func (c *Config) readProvider(d *decoder) func(path string, n *yaml.Node) {
	return func(path string, n *yaml.Node) {
		d.enter(path, n)
		p, problems := declared.Parse(n)
		for _, problem := range problems {
			d.problems = append(d.problems, Problem{
				File: d.source.File, Line: problem.Line, Setting: join(path, problem.Field), Text: problem.Text, Mend: problem.Mend,
			})
			d.broken[path] = true
		}
		if p == nil {
			c.undescribed = true
			return
		}
		if _, taken := c.Providers[p.Name()]; taken {
			d.failAt(path, fmt.Sprintf("there is a provider called %q already", p.Name()), "choose another name")
			return
		}
		c.Providers[p.Name()] = p
	}
}
