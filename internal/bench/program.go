package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// program is a hookfold binary. Its stages are measured as the processes that users run, with the settings they have there.
type program struct{ name, path string }

// programs are those that -program names, else one that is built of the module's own state.
func programs(o options, dir string) ([]program, error) {
	if o.program == "" {
		path := filepath.Join(dir, "hookfold")
		build := exec.Command("go", "build", "-C", o.root, "-o", path, "./cmd/hookfold")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("build ./cmd/hookfold in %s: %w; name the module's root with -root", o.root, err)
		}
		return []program{{hookfold, path}}, nil
	}
	var out []program
	for named := range strings.SplitSeq(o.program, ",") {
		name, path, ok := strings.Cut(named, "=")
		if !ok {
			name, path = filepath.Base(named), named
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("-program: %w", err)
		}
		out = append(out, program{name, path})
	}
	return out, nil
}

// process is a running child.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// usage is what a process has used over its whole life.
type usage struct {
	cpu    time.Duration
	maxRSS int64 // bytes
}

// launch starts a program and returns the first line that it prints.
func launch(path string, args ...string) (*process, string, error) {
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	p := &process{cmd, in}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_, stopErr := p.stop()
		return nil, "", errors.Join(fmt.Errorf("%s %s said nothing: %w", filepath.Base(path), args[0], err), stopErr)
	}
	return p, strings.TrimSpace(line), nil
}

// stop ends the process as an operator does, or by the end of its standard input.
func (p *process) stop() (usage, error) {
	if err := errors.Join(p.stdin.Close(), p.cmd.Process.Signal(syscall.SIGTERM)); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return usage{}, err
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			err = nil // our own roles have no handler
		}
	}
	u := usage{cpu: p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()}
	if r, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.maxRSS = int64(r.Maxrss) << 10 // Linux counts KiB
	}
	return u, err
}
