// Package kafkatest runs a real Apache Kafka for tests, without containers.
//
// The broker is one Java process that is controller and broker at once (KRaft), with its own
// storage in a temporary folder and two free ports of the loopback interface. It comes from the
// folder that the environment variable HOOKFOLD_KAFKA_HOME names, which the script .ci/kafka fills:
//
//	export HOOKFOLD_KAFKA_HOME="$(.ci/kafka)"
//
// A test calls Start, which skips it with one line where the variable is not set:
//
//	k := kafkatest.Start(t)
//	dial(k.Addrs())
//
// Restart keeps ports and data, Kill is a crash. The process never outlives the test binary (on
// Linux the kernel sees to it even if the binary is killed). RestartCommand makes a restart
// available to a suite that can only run a command, as Watermill's does.
package kafkatest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startLimit = 60 * time.Second // a loaded machine with two cores takes up to 20 s
	stopLimit  = 30 * time.Second // Kafka's controlled shutdown, before it is killed
)

// Home is the folder with Kafka's jars under libs/, from HOOKFOLD_KAFKA_HOME; empty if unset.
func Home() string { return os.Getenv("HOOKFOLD_KAFKA_HOME") }

// Option changes how a broker is run.
type Option func(*Kafka)

// Advertise lets clients be told another address than the broker's own, which the function is given: that of a proxy in
// between. Addrs is then this address.
func Advertise(as func(broker string) string) Option {
	return func(k *Kafka) { k.advertise = as }
}

// Storage is where the broker keeps its log, instead of the temporary folder; below it a folder is made.
func Storage(dir string) Option {
	return func(k *Kafka) { k.data = filepath.Join(dir, "data") }
}

// Kafka is one broker. Its methods may be called from any goroutine; they wait for one another.
type Kafka struct {
	home, dir string
	data      string // the log's folder
	addr      string // where it listens
	seed      string // what clients are told
	advertise func(broker string) string
	heap      string

	mu   sync.Mutex
	proc *process // nil while stopped
}

// Start runs a broker for the length of the test. The test is skipped where HOOKFOLD_KAFKA_HOME is
// not set, and fails where the broker does not come up; its log is then printed.
func Start(tb testing.TB, options ...Option) *Kafka {
	tb.Helper()
	if Home() == "" {
		tb.Skip(`needs a real Kafka: export HOOKFOLD_KAFKA_HOME="$(.ci/kafka)"`)
	}
	k, err := Run(Home(), tb.TempDir(), options...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := k.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return k
}

// Run formats storage under dir, which must exist and be empty, and returns when the broker
// answers. The caller must Stop it. It is for programs; tests use Start.
func Run(home, dir string, options ...Option) (*Kafka, error) {
	// A free port can be taken between the look and the bind, so a second pair is tried.
	var errs []error
	for range 3 {
		k, err := run(home, dir, options)
		if err == nil {
			return k, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func run(home, dir string, options []Option) (*Kafka, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, fmt.Errorf("kafkatest: find free ports: %w", err)
	}
	k := &Kafka{home: home, dir: dir, data: filepath.Join(dir, "data"), addr: fmt.Sprintf("127.0.0.1:%d", ports[0]), heap: "512m"}
	for _, o := range options {
		o(k)
	}
	if err := os.RemoveAll(k.data); err != nil { // an attempt before this one may have left something
		return nil, fmt.Errorf("kafkatest: %w", err)
	}
	k.seed = k.addr
	if k.advertise != nil {
		k.seed = k.advertise(k.addr)
	}
	if err := os.WriteFile(k.config(), []byte(properties(k.data, ports[0], ports[1], k.seed)), 0o600); err != nil {
		return nil, fmt.Errorf("kafkatest: write the broker's configuration: %w", err)
	}
	format := exec.Command("java", k.java("kafka.tools.StorageTool", "format",
		"--cluster-id", "hookfold-test-cluster0", "--config", k.config())...)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("kafkatest: format storage in %s (is %s what .ci/kafka printed, and java 17 or newer?): %w\n%s", dir, home, err, out)
	}
	return k, k.start()
}

// Addrs are the seed brokers, as host:port.
func (k *Kafka) Addrs() []string { return []string{k.seed} }

// Stop ends the broker in order: it hands over, flushes and exits. Stopping a stopped one does nothing.
func (k *Kafka) Stop() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.end(syscall.SIGTERM)
}

// Kill ends the broker at once, as a crash would.
func (k *Kafka) Kill() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.end(syscall.SIGKILL)
}

// Restart stops the broker if it runs and starts it again on the same ports and data. It returns
// when the broker answers.
func (k *Kafka) Restart() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.end(syscall.SIGTERM); err != nil {
		return err
	}
	return k.start()
}

// Alive says whether the broker runs: it may have ended by itself, as it does where its disk is full.
func (k *Kafka) Alive() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.proc == nil {
		return false
	}
	select {
	case <-k.proc.done:
		return false
	default:
		return true
	}
}

// Pause stops the running broker in its tracks, and Resume lets it go on: to others it seems to hang. A paused broker must be
// resumed before Stop or Restart, which ask it to end in order.
func (k *Kafka) Pause() error { return k.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (k *Kafka) Resume() error { return k.signal(syscall.SIGCONT) }

func (k *Kafka) signal(sig syscall.Signal) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.proc == nil {
		return errors.New("kafkatest: the broker is not running")
	}
	return k.proc.cmd.Process.Signal(sig)
}

// CPU is the processor time the running broker has used, where the system tells it; zero otherwise.
func (k *Kafka) CPU() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.proc == nil {
		return 0
	}
	return cpuTime(k.proc.cmd.Process.Pid)
}

func (k *Kafka) start() error {
	p, err := spawn(filepath.Join(k.dir, "broker.log"), "java", k.java("kafka.Kafka", k.config())...)
	if err != nil {
		return fmt.Errorf("kafkatest: start Kafka: %w", err)
	}
	if err := ready(k.addr, p.done, startLimit); err != nil {
		p.end(syscall.SIGKILL, stopLimit)
		return fmt.Errorf("kafkatest: Kafka on %s did not come up: %w\n%s", k.addr, err, p.tail(4000))
	}
	k.proc = p
	return nil
}

func (k *Kafka) end(sig syscall.Signal) error {
	p := k.proc
	if p == nil {
		return nil
	}
	k.proc = nil
	if !p.end(sig, stopLimit) {
		return fmt.Errorf("kafkatest: Kafka on %s did not stop within %v and was killed\n%s", k.addr, stopLimit, p.tail(4000))
	}
	return nil
}

func (k *Kafka) config() string { return filepath.Join(k.dir, "server.properties") }

func (k *Kafka) java(class string, args ...string) []string {
	return append([]string{
		"-Xms64m", "-Xmx" + k.heap, "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(k.home, "libs", "*"), class,
	}, args...)
}

// properties is a broker that is alone, joins members to groups at once and keeps everything small.
func properties(data string, broker, controller int, advertised string) string {
	return strings.Join([]string{
		"process.roles=broker,controller",
		"node.id=1",
		fmt.Sprintf("controller.quorum.voters=1@127.0.0.1:%d", controller),
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", broker, controller),
		"advertised.listeners=PLAINTEXT://" + advertised,
		"controller.listener.names=CONTROLLER",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs=" + data,
		"auto.create.topics.enable=false",
		"num.partitions=6",
		"offsets.topic.num.partitions=4",
		"offsets.topic.replication.factor=1",
		"transaction.state.log.num.partitions=1",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
		"group.initial.rebalance.delay.ms=0",
		"group.consumer.min.heartbeat.interval.ms=500",
		"group.consumer.heartbeat.interval.ms=500",
		"group.min.session.timeout.ms=1000",
		"group.consumer.min.session.timeout.ms=1000",
		"log.cleaner.dedupe.buffer.size=4194304",
		"controlled.shutdown.enable=true",
		"",
	}, "\n")
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:errcheck // it only holds the port until all are found
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
