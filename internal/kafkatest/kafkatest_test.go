package kafkatest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBrokerStopsRestartsAndIsKilled(t *testing.T) {
	k := Start(t)
	addr := k.Addrs()[0]
	if err := probe(addr); err != nil {
		t.Fatalf("after Start: %v", err)
	}
	if err := k.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := probe(addr); err != nil {
		t.Fatalf("after Restart: %v", err)
	}
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := probe(addr); err == nil {
		t.Fatal("a killed broker answers")
	}
	if err := k.Restart(); err != nil {
		t.Fatalf("after a crash: %v", err)
	}
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Fatal("a stopped broker still listens")
	}
	if err := k.Stop(); err != nil {
		t.Fatalf("stopping twice: %v", err)
	}
}

func TestStartSkipsWithoutAHome(t *testing.T) {
	t.Setenv("HOOKFOLD_KAFKA_HOME", "")
	t.Run("inner", func(t *testing.T) {
		t.Cleanup(func() {
			if !t.Skipped() {
				t.Error("it was not skipped")
			}
		})
		Start(t)
	})
}

func TestAWrongHomeIsAnErrorThatSaysSo(t *testing.T) {
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("needs java on the path")
	}
	_, err := Run(filepath.Join(t.TempDir(), "nothing"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), ".ci/kafka") {
		t.Fatalf("got %v, want an error that names .ci/kafka", err)
	}
}

func TestAChildThatEndsBeforeItIsReady(t *testing.T) {
	p, err := spawn(filepath.Join(t.TempDir(), "log"), "sh", "-c", "echo no room; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := ready(fmt.Sprintf("127.0.0.1:%d", ports[0]), p.done, time.Minute); !errors.Is(err, errExited) {
		t.Fatalf("got %v, want that the process ended", err)
	}
	if got := p.tail(100); got != "no room\n" {
		t.Fatalf("its log is %q", got)
	}
}

func TestAStubbornChildIsKilled(t *testing.T) {
	p, err := spawn(filepath.Join(t.TempDir(), "log"), "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
	if err != nil {
		t.Fatal(err)
	}
	for p.tail(100) != "up\n" {
		select {
		case <-p.done:
			t.Fatalf("it ended early: %s", p.tail(100))
		default:
		}
	}
	if p.end(syscall.SIGTERM, 200*time.Millisecond) {
		t.Fatal("a child that ignores SIGTERM is said to have stopped in order")
	}
	if p.cmd.ProcessState.Success() {
		t.Fatal("it ended by itself")
	}
}

func TestRestartCommand(t *testing.T) {
	var calls int
	cmd := RestartCommand(t, func() error { calls++; return nil })
	for range 2 {
		if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	if calls != 2 {
		t.Fatalf("restarted %d times, want 2", calls)
	}
}

func TestCPUTimeOfThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs /proc")
	}
	for start := time.Now(); cpuTime(os.Getpid()) == 0; {
		if time.Since(start) > 5*time.Second {
			t.Fatal("five seconds of work count as none")
		}
	}
}
