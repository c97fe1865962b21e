//go:build linux

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// child is a program that runs once, and not longer than the test.
type child struct {
	out, log string        // files of its two outputs
	done     chan struct{} // closed when it has ended; code is set then
	code     int
	pid      int
}

// launch starts a program.
func launch(t *testing.T, out, log, path string, args ...string) *child {
	t.Helper()
	c := &child{out: out, log: log, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties a child's life to the thread that made it, so that thread lasts as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(c.done)
		cmd := exec.Command(path, args...)
		err := c.start(cmd)
		started <- err
		if err != nil {
			return
		}
		cmd.Wait() //nolint:errcheck // how it ended stands in its state
		c.code = cmd.ProcessState.ExitCode()
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		select {
		case <-c.done:
		default:
			syscall.Kill(c.pid, syscall.SIGKILL) //nolint:errcheck // it is not waited for before done is closed
			<-c.done
		}
	})
	t.Cleanup(stop)
	return c
}

func (c *child) start(cmd *exec.Cmd) error {
	out, err := os.Create(c.out)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the child has its own descriptors
	log, err := os.Create(c.log)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // as above
	cmd.Stdout, cmd.Stderr = out, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s cannot be started: %w", cmd.Path, err)
	}
	c.pid = cmd.Process.Pid
	return nil
}
