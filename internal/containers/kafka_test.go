package containers_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	dockernetwork "github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/hookfold/hookfold/pkg/kafka"
)

const kafkaImage = "apache/kafka:4.3.1"

// engine gives the host on which Docker publishes ports. It skips the test where Docker does not answer, and fails it there if
// HOOKFOLD_CONTAINERS says that it must.
func engine(t *testing.T) string {
	t.Helper()
	provider, err := testcontainers.NewDockerProvider()
	if err == nil {
		defer provider.Close() //nolint:errcheck // it only asked
		var host string
		if host, err = provider.DaemonHost(t.Context()); err == nil {
			if err = provider.Health(t.Context()); err == nil {
				return host
			}
		}
	}
	if os.Getenv("HOOKFOLD_CONTAINERS") == "required" {
		t.Fatalf("Docker does not answer: %v", err)
	}
	t.Skip(`needs Docker, which does not answer here: eval "$(.ci/docker)" brings it`)
	return ""
}

// cluster is a number of brokers on a network of their own.
type cluster struct {
	net     *testcontainers.DockerNetwork
	brokers []*testcontainers.DockerContainer
	addrs   []string // as seen from this process
}

// inside are the brokers' addresses as seen by containers on the network.
func (c *cluster) inside() string {
	var all []string
	for i := range c.brokers {
		all = append(all, fmt.Sprintf("kafka%d:9092", i+1))
	}
	return strings.Join(all, ",")
}

func (c *cluster) config() kafka.Config { return kafka.Config{Brokers: c.addrs} }

// startKafka starts n brokers, each also a controller, with the environment on top of what it takes.
func startKafka(t *testing.T, n int, env map[string]string, options ...testcontainers.ContainerCustomizer) *cluster {
	t.Helper()
	host := engine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	nw, err := network.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	testcontainers.CleanupNetwork(t, nw)
	c := &cluster{net: nw}
	var voters []string
	for i := range n {
		voters = append(voters, fmt.Sprintf("%d@kafka%d:9093", i+1, i+1))
	}
	replicas := fmt.Sprint(min(n, 3))
	for i := range n {
		name, port := fmt.Sprintf("kafka%d", i+1), freePort(t)
		settings := map[string]string{
			"CLUSTER_ID":                                             "hookfold-containers-00",
			"KAFKA_NODE_ID":                                          fmt.Sprint(i + 1),
			"KAFKA_PROCESS_ROLES":                                    "broker,controller",
			"KAFKA_CONTROLLER_QUORUM_VOTERS":                         strings.Join(voters, ","),
			"KAFKA_LISTENERS":                                        "INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:9094",
			"KAFKA_ADVERTISED_LISTENERS":                             fmt.Sprintf("INTERNAL://%s:9092,EXTERNAL://%s:%s", name, host, port),
			"KAFKA_CONTROLLER_LISTENER_NAMES":                        "CONTROLLER",
			"KAFKA_INTER_BROKER_LISTENER_NAME":                       "INTERNAL",
			"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":                   "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT",
			"KAFKA_LOG_DIRS":                                         "/var/lib/kafka/data",
			"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                        "false",
			"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":                 replicas,
			"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS":                     "4",
			"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR":         replicas,
			"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":                    "1",
			"KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR":            "1",
			"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":                 "0",
			"KAFKA_BROKER_SESSION_TIMEOUT_MS":                        "6000",
			"KAFKA_HEAP_OPTS":                                        "-Xms128m -Xmx512m",
			"KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": replicas,
		}
		maps.Copy(settings, env)
		all := append([]testcontainers.ContainerCustomizer{
			testcontainers.WithEnv(settings),
			testcontainers.WithExposedPorts("9094/tcp"),
			network.WithNetwork([]string{name}, nw),
			// The port is known before the broker starts, because it must tell it to clients.
			testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
				h.PortBindings = dockernetwork.PortMap{dockernetwork.MustParsePort("9094/tcp"): {{HostPort: port}}}
			}),
		}, options...)
		b, err := testcontainers.Run(ctx, kafkaImage, all...)
		testcontainers.CleanupContainer(t, b)
		if err != nil {
			t.Fatalf("start %s: %v", name, err)
		}
		c.brokers = append(c.brokers, b)
		c.addrs = append(c.addrs, net.JoinHostPort(host, port))
	}
	c.await(ctx, t)
	return c
}

// await waits until every broker listens.
func (c *cluster) await(ctx context.Context, t *testing.T) {
	t.Helper()
	for i, b := range c.brokers {
		if err := wait.ForListeningPort("9094/tcp").WithStartupTimeout(time.Minute).SkipInternalCheck().WaitUntilReady(ctx, b); err != nil {
			t.Fatalf("kafka%d does not come up: %v\n%s", i+1, err, logs(t, b))
		}
	}
}

// logs are the last words of a container.
func logs(t *testing.T, c testcontainers.Container) string {
	t.Helper()
	r, err := c.Logs(context.WithoutCancel(t.Context()))
	if err != nil {
		return err.Error()
	}
	defer r.Close() //nolint:errcheck // it was only read
	var b strings.Builder
	if _, err := fmt.Fprint(&b, readAll(r)); err != nil {
		return err.Error()
	}
	text := b.String()
	return text[max(0, len(text)-4000):]
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // it only held the port
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// ensure waits until a topic can be created, or is there.
func (c *cluster) ensure(t *testing.T, cfg kafka.Config, spec kafka.TopicSpec) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		err := kafka.EnsureTopic(ctx, cfg, spec)
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}
