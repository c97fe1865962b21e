//go:build linux

package faults

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookfold/hookfold/internal/kafkatest"
)

// build makes the program that is examined.
func build(t *testing.T) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "hookfold")
	cmd := exec.Command("go", "build", "-o", to, "./cmd/hookfold")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build hookfold: %v\n%s", err, out)
	}
	return to
}

// site is a Hookfold in operation.
type site struct {
	world   *world
	urls    []string // of the endpoints, as the providers see them
	brokers string   // for the auditor
	apis    string   // where the providers' APIs listen
	binary  string
	dir     string
	config  string
	quiet   string // a configuration of the same connections that asks no API
	data    string // of the store
	clocks  *clocks
	victims []victim
	procs   []*process
}

// strikeFunc returns when the fault is over, and says how many processes it killed.
type strikeFunc func(ctx context.Context, r *rand.Rand, d time.Duration) (killed int, err error)

// victim is something that a fault can strike. Faults on one victim never overlap.
type victim struct {
	name    string
	strikes map[string]strikeFunc
}

// topologies are the ways to operate Hookfold.
var topologies = []struct {
	name  string
	build func(t *testing.T, w *world, binary string, free *ports) *site
	// part is for how long the world tells what it tells first, for each kill: so that it goes on about as long as the faults do.
	part time.Duration
}{
	{"up", newUp, 1600 * time.Millisecond},
	{"cluster", newCluster, 1200 * time.Millisecond},
}

// newUp is everything in one process, on the embedded broker.
func newUp(t *testing.T, w *world, binary string, free *ports) *site {
	s := newSite(t, w, binary, free)
	listen, admin := free.take(t), free.take(t)
	s.brokers = free.take(t)
	web := newLink(t, listen)
	s.urls = []string{"http://" + web.addr()}
	host := s.host(t, "host", back)
	p := s.run(t, "up", host, "up", "--data", s.data, "--listen", listen, "--admin", admin, "--brokers", s.brokers, "--deadline", "3s")
	s.victims = append(s.victims, processVictim(p), linkVictim("web", web))
	s.ownDisk(t, "disk", s.data, 2<<30)
	return s
}

// newCluster is an Apache Kafka behind a link, two endpoints behind links, and three workers on one store.
func newCluster(t *testing.T, w *world, binary string, free *ports) *site {
	s := newSite(t, w, binary, free)
	wire := newLink(t, "")
	logs := filepath.Join(s.dir, "kafka")
	full := s.fileSystem(t, logs, 1<<30)
	k := kafkatest.Start(t, kafkatest.Storage(logs), kafkatest.Advertise(func(broker string) string {
		wire.aim(broker)
		return wire.addr()
	}))
	if !full {
		logs = ""
	}
	s.brokers = wire.addr()
	s.victims = append(s.victims, keep(t, k, logs).victim(), linkVictim("kafka's link", wire))
	s.ownDisk(t, "workers' disk", s.data, 2<<30)
	for i := range 2 {
		listen := free.take(t)
		web := newLink(t, listen)
		s.urls = append(s.urls, "http://"+web.addr())
		name := fmt.Sprint("ingest", i)
		p := s.run(t, name, s.host(t, name+"'s host", anyhow), "ingest", "--brokers", s.brokers, "--listen", listen, "--admin", free.take(t), "--deadline", "3s", "--replication", "1")
		s.victims = append(s.victims, processVictim(p), linkVictim("web of "+p.name, web))
	}
	host := s.host(t, "workers' host", byLittle)
	for i := range 3 {
		p := s.run(t, fmt.Sprint("worker", i), host, "worker", "--brokers", s.brokers, "--data", s.data, "--admin", free.take(t), "--replication", "1",
			"--session-timeout", session.String())
		s.victims = append(s.victims, processVictim(p))
	}
	return s
}

// newSite is a site with its world, and nothing in operation yet.
func newSite(t *testing.T, w *world, binary string, free *ports) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{world: w, binary: binary, dir: dir, config: filepath.Join(dir, "hookfold.yaml"), quiet: filepath.Join(dir, "quiet.yaml"),
		data: filepath.Join(dir, "data"), apis: free.take(t), clocks: &clocks{}}
	apis := newLink(t, s.apis)
	s.victims = append(s.victims, linkVictim("APIs", apis))
	for path, server := range map[string]string{s.config: "http://" + apis.addr(), s.quiet: ""} {
		var text bytes.Buffer
		if err := w.plan.WriteConfig(&text, server); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// How many requests of one provider's API a process makes at once, and how many at once a shared rate lets through, at most, where the
// provider's limit is a narrow one.
const (
	underWay = 4
	burst    = 5
)

// beyondLimits is how many requests may be beyond an API's limit through the faults that struck: what the link held up arrives at once, and a
// clock that is set gives a new burst, twice.
func (s *site) beyondLimits(struck map[string]int) int {
	askers, steps := 0, 0
	for _, p := range s.procs {
		if p.name == "up" || strings.HasPrefix(p.name, "worker") {
			askers++
		}
	}
	for _, v := range s.victims {
		if v.name == "clock of host" || v.name == "clock of workers' host" {
			steps += 2 * struck[v.name]
		}
	}
	return underWay*askers*struck["APIs"] + burst*steps
}

// host is a machine's clock, and a victim, where this machine can have several.
func (s *site) host(t *testing.T, name string, by func(*rand.Rand) time.Duration) *clock {
	t.Helper()
	if err := canSetClocks(); err != nil {
		t.Logf("no clock is set off in this run: %v", err)
		return nil
	}
	c := newClock()
	s.victims = append(s.victims, clockVictim("clock of "+name, c, s.clocks, by))
	return c
}

// fileSystem makes a file system of its own, small enough to be filled, and says whether it could.
func (s *site) fileSystem(t *testing.T, dir string, size int) bool {
	t.Helper()
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", size)); err != nil {
		t.Logf("%s is never full in this run, a file system cannot be mounted: %v", dir, err)
		return false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return true
}

// ownDisk makes a directory a disk that can be filled.
func (s *site) ownDisk(t *testing.T, name, dir string, size int) {
	t.Helper()
	if !s.fileSystem(t, dir, size) {
		return
	}
	s.victims = append(s.victims, victim{name, map[string]strikeFunc{"full": func(ctx context.Context, _ *rand.Rand, d time.Duration) (int, error) {
		empty, err := fill(dir)
		if err != nil {
			return 0, err
		}
		wait(ctx, d)
		return 0, empty()
	}}})
}

// run supervises a command of the program on a host.
func (s *site) run(t *testing.T, name string, host *clock, args ...string) *process {
	t.Helper()
	p := supervise(t, name, filepath.Join(s.dir, name+".log"), host, s.binary, append(args, "--config", s.config)...)
	s.procs = append(s.procs, p)
	return p
}

// ports hands out addresses on loopback that nobody listens on. They lie below the range from which the system takes ports
// for connections, so that they are still free when a killed process comes back.
type ports struct {
	mu   sync.Mutex
	next int
}

func (p *ports) take(t *testing.T) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for ; p.next < 32_000; p.next++ {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.next))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		p.next++
		return addr
	}
	t.Fatal("there is no free port left below 32000")
	return ""
}
