package kafka_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
)

func TestTopics(t *testing.T) {
	cfg := broker(t, "events", 1)
	ctx := within(t, 20*time.Second)
	spec := kafka.TopicSpec{Name: "kept", Partitions: 3}
	require.NoError(t, kafka.EnsureTopic(ctx, cfg, spec))
	require.NoError(t, kafka.EnsureTopic(ctx, cfg, spec), "again")
	findings, err := kafka.CheckTopic(ctx, cfg, "kept")
	require.NoError(t, err)
	require.Len(t, findings, 1)
	require.Equal(t, "replication.factor", findings[0].Setting)
	require.False(t, findings[0].Fatal)

	spec = kafka.TopicSpec{Name: "losing", Partitions: 1, Configs: map[string]string{
		"cleanup.policy": "compact,delete", "retention.ms": "604800000", "unclean.leader.election.enable": "true"}}
	require.NoError(t, kafka.EnsureTopic(ctx, cfg, spec))
	findings, err = kafka.CheckTopic(ctx, cfg, "losing")
	require.NoError(t, err)
	fatal := map[string]bool{}
	for _, f := range findings {
		fatal[f.Setting] = f.Fatal
		require.NotEmpty(t, f.Why)
		require.NotEmpty(t, f.Mend)
	}
	require.True(t, fatal["cleanup.policy"] && fatal["retention.ms"], "%v", findings)

	_, err = kafka.CheckTopic(ctx, cfg, "none")
	require.ErrorContains(t, err, "none")
}
