package kafkatest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that dies with its parent.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the child has ended and was waited for
}

// spawn starts the command with both outputs appended to the file log.
func spawn(log, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(name, args...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = dieWithParent()

	started := make(chan error)
	go func() {
		// The kernel ties the child to the thread that made it, so that thread must last as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		out.Close() //nolint:errcheck // the child has its own descriptor
		started <- err
		if err != nil {
			return
		}
		p.cmd.Wait() //nolint:errcheck // how it ended stands in ProcessState
		close(p.done)
	}()
	return p, <-started
}

// end signals the child and waits. Past the limit it is killed, and end reports false.
func (p *process) end(sig syscall.Signal, limit time.Duration) bool {
	p.cmd.Process.Signal(sig) //nolint:errcheck // it fails only for a child that has ended already
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.done:
		return true
	case <-late.C:
		p.cmd.Process.Kill() //nolint:errcheck // as above
		<-p.done
		return false
	}
}

// tail is the end of what the child wrote, for error messages.
func (p *process) tail(n int) string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Sprintf("(its log cannot be read: %v)", err)
	}
	return string(b[max(0, len(b)-n):])
}
