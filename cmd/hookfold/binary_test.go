//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// buildBinary builds the program as users have it.
func buildBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hookfold")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// upProcess is a hookfold up in a process of its own.
type upProcess struct {
	t      *testing.T
	cmd    *exec.Cmd
	said   map[string]any
	stderr *lockedBuffer
	exited chan error
}

// startUp starts hookfold up and waits until it says that it is up.
func startUp(t *testing.T, binary, config, data string) *upProcess {
	t.Helper()
	p := &upProcess{t: t, stderr: &lockedBuffer{}, exited: make(chan error, 1)}
	p.cmd = exec.Command(binary, "up", "--config", config, "--data", data, "--output", "json", "--log-level", "warn",
		"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--brokers", "127.0.0.1:0")
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.cmd.Process.Kill() }) // it may be gone already, as it should
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	require.NoError(t, err, "hookfold up did not come up: %s", p.stderr)
	require.NoError(t, json.Unmarshal(line, &p.said))
	go func() {
		_, e := io.Copy(io.Discard, lines)
		p.exited <- errors.Join(e, p.cmd.Wait())
	}()
	return p
}

// stop ends it as an operator does.
func (p *upProcess) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, <-p.exited, "%s", p.stderr)
}

// memoryPeak is the most memory that a running process has held, in bytes; 0 where it is gone. What the system says of a
// process that has ended counts the one that started it, too.
func memoryPeak(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, text, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int64
	if _, err := fmt.Sscan(text, &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}

func (m *million) up(config string) *upProcess {
	m.t.Helper()
	return startUp(m.t, m.binary, config, m.data)
}

// rebuiltProcess is a hookfold rebuild that came to its end.
type rebuiltProcess struct {
	rebuilt
	peak int64 // of its memory, in bytes
}

// rebuild runs hookfold rebuild to its end.
func (m *million) rebuild() *rebuiltProcess {
	m.t.Helper()
	return m.rebuildFor(time.Hour)
}

// rebuildFor runs hookfold rebuild and kills it after a time; nil where that happened before its end.
func (m *million) rebuildFor(limit time.Duration) *rebuiltProcess {
	m.t.Helper()
	args := []string{"rebuild", "--config", m.quiet, "--data", m.data, "--output", "json", "--log-level", "warn"}
	if m.n < 200_000 {
		args = append(args, "--memory", "32MiB") // so that a short log makes several sorted runs, too
	}
	cmd := exec.Command(m.binary, args...)
	var stdout, stderr lockedBuffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(m.t, cmd.Start())
	killed := time.AfterFunc(limit, func() { cmd.Process.Kill() }) // it may be gone already
	out, ended := &rebuiltProcess{}, make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	for tick, over := time.NewTicker(20*time.Millisecond), false; !over; {
		select {
		case err = <-ended:
			over = true
			tick.Stop()
		case <-tick.C:
			out.peak = max(out.peak, memoryPeak(cmd.Process.Pid))
		}
	}
	killed.Stop()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return nil
	}
	require.NoError(m.t, err, "%s", stderr.String())
	require.NoError(m.t, json.Unmarshal([]byte(stdout.String()), &out.rebuilt))
	return out
}

// run runs a command to its end.
func (m *million) run(args ...string) (code int, stdout, stderr string) {
	m.t.Helper()
	cmd := exec.Command(m.binary, append(args, "--config", m.quiet, "--data", m.data, "--log-level", "warn")...)
	var out, errs lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
