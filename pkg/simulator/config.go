package simulator

import (
	"fmt"
	"io"
	"strings"
)

// WriteConfig writes a configuration file for the receiver: a connection for each provider, with the plan's secrets and the
// addresses of the APIs on the given server. The secrets are made up and worth nothing.
func (p *Plan) WriteConfig(w io.Writer, server string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by hookfold simulate for the providers that it plays with seed %d. Nothing here is a secret of anybody.\nconnections:\n", p.Seed)
	for _, c := range p.Connections {
		fmt.Fprintf(&b, "  - name: %s\n    provider: %s\n    mode: %s\n", c.Name, c.Provider, c.Mode)
		if len(c.Secrets) > 0 {
			fmt.Fprintf(&b, "    secrets: [%q", c.Secrets[0])
			for _, secret := range c.Secrets[1:] {
				fmt.Fprintf(&b, ", %q", secret)
			}
			b.WriteString("]\n")
		}
		if c.Header != "" {
			fmt.Fprintf(&b, "    authorization: {scheme: HEADER, header: %s, value: %q}\n", c.Header, c.Credential)
		}
		if server == "" {
			continue
		}
		fmt.Fprintf(&b, "    api:\n      base_url: %s\n      secret: %q\n", BaseURL(server, c.Provider), c.APISecret)
		if c.KeyID != "" {
			fmt.Fprintf(&b, "      key_id: %q\n", c.KeyID)
		}
		if c.Token != "" {
			fmt.Fprintf(&b, "      token: %q\n", c.Token)
		}
		if c.AccountID != "" && c.Provider == Delfinance {
			fmt.Fprintf(&b, "      account_id: %q\n", c.AccountID)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
