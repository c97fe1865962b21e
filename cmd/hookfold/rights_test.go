package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// TestRights: the rights that docs/deploy.md asks for are enough where the topic is there already.
func TestRights(t *testing.T) {
	on := func(resource kmsg.ACLResourceType, name string, operations ...kmsg.ACLOperation) (out []kfake.ACL) {
		for _, o := range operations {
			out = append(out, kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: o, Allow: true})
		}
		return out
	}
	onTopic := func(operations ...kmsg.ACLOperation) []kfake.ACL {
		return on(kmsg.ACLResourceTypeTopic, "hookfold.events", operations...)
	}
	const configs, write, read = kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationWrite, kmsg.ACLOperationRead
	group := on(kmsg.ACLResourceTypeGroup, "hookfold", read)
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "secret"),
		kfake.User("PLAIN", "ingest", "secret", onTopic(configs, write)...),
		kfake.User("PLAIN", "worker", "secret", append(onTopic(configs, write, read), group...)...),
	)
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	admin := kafka.Config{Brokers: broker.ListenAddrs(), SASL: kafka.Plain("admin", "secret")}
	require.NoError(t, kafka.EnsureTopic(t.Context(), admin, kafka.TopicSpec{
		Name: "hookfold.events", Partitions: 3, ReplicationFactor: 1, Configs: map[string]string{"retention.ms": "-1"},
	}))
	dir := t.TempDir()
	as := func(user string) string {
		file := filepath.Join(dir, user+".yaml")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "connections: [{name: devengo-live, provider: devengo, secrets: [%s]}]\n"+
			"brokers: %q\ndata: %q\nadmin: 127.0.0.1:0\nlisten: 127.0.0.1:0\nkafka: {sasl: {mechanism: PLAIN, username: %s, password: secret}}\n",
			testSecret, broker.ListenAddrs()[0], dir, user), 0o600))
		return file
	}
	in := inProcess(t, "ingest", "--config", as("ingest"), "--output", "json", "--replication", "1", "--partitions", "3")
	fold := inProcess(t, "worker", "--config", as("worker"), "--output", "json", "--replication", "1", "--partitions", "3")
	untilReady(t, text(in, "admin"))
	untilReady(t, text(fold, "admin"))
	require.Equal(t, 200, post(t, text(in, "listen"), "acc_1"))
	untilRow(t, text(fold, "store"), "select id, status from accounts order by id", "acc_1|active")
}
