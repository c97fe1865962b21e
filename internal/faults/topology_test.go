//go:build linux

package faults

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	urls    []string // of the endpoints, as the provider sees them
	brokers string   // for the auditor
	binary  string
	config  string
	data    string // of the store
	disk    string // the file system to fill; empty where there is none to spare
	victims []victim
	procs   []*process
}

// victim is something that a fault can strike. Faults on one victim never overlap.
type victim struct {
	name string
	// strikes by name; each returns when the fault is over, and says how many processes it killed.
	strikes map[string]func(ctx context.Context, d time.Duration) (killed int, err error)
}

// topologies are the ways to operate Hookfold.
var topologies = []struct {
	name  string
	build func(t *testing.T, binary string, free *ports) *site
}{
	{"up", newUp},
	{"cluster", newCluster},
}

// newUp is everything in one process, on the embedded broker.
func newUp(t *testing.T, binary string, free *ports) *site {
	s := newSite(t, binary)
	listen, admin := free.take(t), free.take(t)
	s.brokers = free.take(t)
	web := newLink(t, listen)
	s.urls = []string{"http://" + web.addr()}
	p := s.run(t, "up", "up", "--data", s.data, "--listen", listen, "--admin", admin, "--brokers", s.brokers, "--deadline", "3s")
	s.victims = append(s.victims, processVictim(p), linkVictim("web", web), s.diskVictim())
	return s
}

// newCluster is an Apache Kafka behind a link, two endpoints behind links, and three workers on one store.
func newCluster(t *testing.T, binary string, free *ports) *site {
	wire := newLink(t, "")
	k := kafkatest.Start(t, kafkatest.Advertise(func(broker string) string {
		wire.aim(broker)
		return wire.addr()
	}))
	s := newSite(t, binary)
	s.brokers = wire.addr()
	s.victims = append(s.victims, kafkaVictim(k), linkVictim("kafka's link", wire), s.diskVictim())
	for i := range 2 {
		listen := free.take(t)
		web := newLink(t, listen)
		s.urls = append(s.urls, "http://"+web.addr())
		p := s.run(t, fmt.Sprint("ingest", i), "ingest", "--brokers", s.brokers, "--listen", listen, "--admin", free.take(t), "--deadline", "3s", "--replication", "1")
		s.victims = append(s.victims, processVictim(p), linkVictim("web of "+p.name, web))
	}
	for i := range 3 {
		p := s.run(t, fmt.Sprint("worker", i), "worker", "--brokers", s.brokers, "--data", s.data, "--admin", free.take(t), "--replication", "1")
		s.victims = append(s.victims, processVictim(p))
	}
	return s
}

func newSite(t *testing.T, binary string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{binary: binary, config: filepath.Join(dir, "hookfold.yaml"), data: filepath.Join(dir, "data")}
	text := "connections:\n  - name: " + connection + "\n    provider: devengo\n    mode: live\n    secrets: [" + secret + "]\n    tolerance: 5m\n"
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.data, 0o750); err != nil {
		t.Fatal(err)
	}
	// A file system of its own, small enough to be filled.
	if err := syscall.Mount("tmpfs", s.data, "tmpfs", 0, "size=2g"); err != nil {
		t.Logf("the disk is never full in this run, a file system cannot be mounted: %v", err)
		return s
	}
	s.disk = s.data
	t.Cleanup(func() {
		if err := syscall.Unmount(s.data, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return s
}

// run supervises a command of the program.
func (s *site) run(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := supervise(t, name, filepath.Join(filepath.Dir(s.config), name+".log"), s.binary, append(args, "--config", s.config)...)
	s.procs = append(s.procs, p)
	return p
}

func processVictim(p *process) victim {
	kill := func(_ context.Context, d time.Duration) (int, error) {
		if p.kill(d / 2) {
			return 1, nil
		}
		return 0, nil
	}
	return victim{p.name, map[string]func(context.Context, time.Duration) (int, error){
		"kill": kill, "kill again": kill, "kill and kill": func(ctx context.Context, d time.Duration) (int, error) {
			n, _ := kill(ctx, 0)
			wait(ctx, d/20) // while it starts
			m, _ := kill(ctx, d/2)
			return n + m, nil
		},
		"pause": func(ctx context.Context, d time.Duration) (int, error) {
			p.signal(syscall.SIGSTOP)
			wait(ctx, d)
			p.signal(syscall.SIGCONT)
			return 0, nil
		},
	}}
}

func kafkaVictim(k *kafkatest.Kafka) victim {
	return victim{"kafka", map[string]func(context.Context, time.Duration) (int, error){
		"kill": func(ctx context.Context, d time.Duration) (int, error) {
			if err := k.Kill(); err != nil {
				return 0, err
			}
			wait(ctx, d/2)
			return 1, restart(k)
		},
		"pause": func(ctx context.Context, d time.Duration) (int, error) {
			if err := k.Pause(); err != nil {
				return 0, err
			}
			wait(ctx, 2*d)
			return 0, k.Resume()
		},
	}}
}

// restart tries more than once: its port may be taken for a moment by somebody's connection.
func restart(k *kafkatest.Kafka) error {
	var err error
	for range 3 {
		if err = k.Restart(); err == nil {
			return nil
		}
	}
	return err
}

func linkVictim(name string, l *link) victim {
	return victim{name, map[string]func(context.Context, time.Duration) (int, error){
		"cut": func(context.Context, time.Duration) (int, error) { l.cut(); return 0, nil },
		"slow": func(ctx context.Context, d time.Duration) (int, error) {
			l.slow(d / 10)
			defer l.slow(0)
			wait(ctx, d)
			return 0, nil
		},
		"hold": func(ctx context.Context, d time.Duration) (int, error) {
			l.hold()
			defer l.let()
			wait(ctx, d)
			return 0, nil
		},
		"hold and cut": func(ctx context.Context, d time.Duration) (int, error) {
			l.hold()
			defer l.let()
			wait(ctx, d)
			l.cut()
			return 0, nil
		},
	}}
}

// diskVictim fills the file system of the store, and of the embedded log.
func (s *site) diskVictim() victim {
	return victim{"disk", map[string]func(context.Context, time.Duration) (int, error){
		"full": func(ctx context.Context, d time.Duration) (int, error) {
			if s.disk == "" {
				return 0, nil
			}
			filler := filepath.Join(s.disk, "filler")
			f, err := os.Create(filler)
			if err != nil {
				return 0, err
			}
			var fs syscall.Statfs_t
			err = syscall.Statfs(s.disk, &fs)
			for size := int64(fs.Bavail) * fs.Bsize; err == nil && size >= fs.Bsize; size /= 2 {
				at, e := f.Seek(0, 2)
				if err = e; err == nil {
					syscall.Fallocate(int(f.Fd()), 0, at, size) //nolint:errcheck // it fails where others were faster
				}
			}
			wait(ctx, d)
			return 0, firstError(err, f.Close(), os.Remove(filler))
		},
	}}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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
