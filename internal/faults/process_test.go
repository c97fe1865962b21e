//go:build linux

package faults

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that is started again whenever it ends, as a supervisor of containers does.
type process struct {
	name string
	path string
	args []string
	log  string
	// clock is that of the machine it runs on; nil for the true one.
	clock *clock

	mu      sync.Mutex
	pid     int            // 0 while it is down
	down    time.Duration  // how long it stays down after a kill
	ended   map[string]int // ends that nobody asked for, by the last line written, and starts that failed
	killed  bool
	running chan struct{} // closed when supervision has ended
	cancel  context.CancelFunc
}

// supervise runs a program for the length of the test.
func supervise(t *testing.T, name, log string, clock *clock, path string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{name: name, path: path, args: args, log: log, clock: clock, ended: map[string]int{}, running: make(chan struct{}), cancel: cancel}
	go p.loop(ctx)
	t.Cleanup(func() { p.stop(t) })
	return p
}

func (p *process) loop(ctx context.Context) {
	// The kernel ties a child's life to the thread that made it, so that thread lasts as long as this loop.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.running)
	for ctx.Err() == nil {
		out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			p.note(fmt.Sprintf("its log cannot be opened: %v", err))
			return
		}
		cmd := exec.Command(p.path, p.args...)
		cmd.Stdout, cmd.Stderr = out, out
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Ptrace: p.clock != nil}
		if err := cmd.Start(); err != nil {
			p.note(fmt.Sprintf("it cannot be started: %v", err))
			out.Close() //nolint:errcheck // nothing was written
			return
		}
		if p.clock != nil {
			if err := p.clock.move(cmd.Process.Pid); err != nil {
				p.note(fmt.Sprintf("its clock cannot be moved: %v", err))
			}
		}
		p.mu.Lock()
		p.pid, p.killed = cmd.Process.Pid, false
		p.mu.Unlock()
		if ctx.Err() != nil {
			p.signal(syscall.SIGTERM) // it was to stop while it started
		}
		err = cmd.Wait()
		out.Close() //nolint:errcheck // the child's own descriptor wrote
		if p.clock != nil {
			p.clock.forget(cmd.Process.Pid)
		}
		p.mu.Lock()
		p.pid = 0
		if !p.killed && ctx.Err() == nil {
			p.ended[fmt.Sprintf("%v: %s", err, p.last())]++
		}
		down := p.down
		p.mu.Unlock()
		wait(ctx, down)
	}
}

func (p *process) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended[text]++
}

// signal reaches the process if it is up, and says whether it did.
func (p *process) signal(sig syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid != 0 && syscall.Kill(p.pid, sig) == nil
}

// kill ends it at once; it stays down for a while.
func (p *process) kill(down time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 || p.killed {
		return false
	}
	p.killed, p.down = true, down
	return syscall.Kill(p.pid, syscall.SIGKILL) == nil
}

// stop ends it in order, and supervision with it; it must take no longer than Hookfold promises.
func (p *process) stop(t *testing.T) {
	p.cancel()
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	late := time.NewTimer(11 * time.Second)
	defer late.Stop()
	select {
	case <-p.running:
	case <-late.C:
		t.Errorf("%s did not stop within 11 s of SIGTERM", p.name)
		p.signal(syscall.SIGKILL)
		<-p.running
	}
}

// last is the last line that it wrote, without the numbers in it.
func (p *process) last() string {
	lines := strings.Split(strings.TrimSpace(p.tail(1000)), "\n")
	return digits.ReplaceAllString(lines[len(lines)-1], "#")
}

var digits = regexp.MustCompile("[0-9]+")

// tail is the end of what it wrote.
func (p *process) tail(n int) string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}
