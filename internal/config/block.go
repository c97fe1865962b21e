package config

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// Block is the connection as it has to stand in a configuration file, with a variable in the place of each secret, and the
// variables that have to be set, in the order in which they stand there. A connection without a secret or another credential of its
// deliveries gets one, for the secret that comes with its webhook.
func (c *Connection) Block() (text []byte, variables []string, err error) {
	copied := *c
	if len(c.Secrets) == 0 && c.Authorization.Value == "" {
		copied.Secrets = []string{"the one to come"}
	}
	item := copied.node()
	prefix := strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(c.Name))
	variable := func(n *yaml.Node, name string) {
		name = prefix + "_" + name
		n.Value = "${" + name + "}"
		variables = append(variables, name)
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i].Value, item.Content[i+1]
		if key == "secrets" {
			for j, n := range value.Content {
				variable(n, "WEBHOOK_SECRET"+strings.Repeat("_OLD", j))
			}
			continue
		}
		for j := 0; value.Kind == yaml.MappingNode && j+1 < len(value.Content); j += 2 {
			if n := value.Content[j+1]; strings.HasPrefix(n.Value, fingerprintPrefix) {
				variable(n, strings.ToUpper(key+"_"+value.Content[j].Value))
			}
		}
	}
	root := mapping()
	put(root, "connections", &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{item}})
	text, err = yaml.Dump(root)
	return text, variables, err
}
