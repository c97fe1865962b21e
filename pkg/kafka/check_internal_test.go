package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJudge(t *testing.T) {
	good := map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1", "min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
	for _, c := range []struct {
		name     string
		replicas int
		set      [2]string
		want     string
		fatal    bool
	}{
		{"designed", 3, [2]string{}, "", false},
		{"compacted", 3, [2]string{"cleanup.policy", "compact"}, "cleanup.policy", true},
		{"both policies", 3, [2]string{"cleanup.policy", "delete,compact"}, "cleanup.policy", true},
		{"a week", 3, [2]string{"retention.ms", "604800000"}, "retention.ms", true},
		{"a gigabyte", 3, [2]string{"retention.bytes", "1073741824"}, "retention.bytes", true},
		{"one confirms", 3, [2]string{"min.insync.replicas", "1"}, "min.insync.replicas", false},
		{"unclean", 3, [2]string{"unclean.leader.election.enable", "true"}, "unclean.leader.election.enable", false},
		{"two replicas", 2, [2]string{}, "replication.factor", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			configs := map[string]string{}
			for k, v := range good {
				configs[k] = v
			}
			if c.set[0] != "" {
				configs[c.set[0]] = c.set[1]
			}
			findings := judge("events", c.replicas, configs)
			if c.want == "" {
				require.Empty(t, findings)
				return
			}
			require.Len(t, findings, 1)
			require.Equal(t, c.want, findings[0].Setting)
			require.Equal(t, c.fatal, findings[0].Fatal)
		})
	}
}
