package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// rebuild is `hookfold rebuild` of the whole topic into a new file, from the command's start to its end.
func (b *bed) rebuild(p program) (r result, u usage, err error) {
	b.runs++
	dir := filepath.Join(b.dir, fmt.Sprintf("rebuilt-%d", b.runs))
	if err := os.Mkdir(dir, 0o750); err != nil {
		return r, u, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cmd := exec.Command(p.path, "rebuild", "--config", b.config, "--brokers", strings.Join(b.addrs, ","), "--topic", catchUpTopic,
		"--data", dir, "--into", filepath.Join(dir, "rebuilt.db"), "--output", "json", "--log-level", "error")
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return r, u, fmt.Errorf("%s rebuild: %w", p.name, err)
	}
	r.elapsed, r.messages = time.Since(began), b.events
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if s, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.maxRSS = int64(s.Maxrss) << 10 // Linux counts KiB
	}
	return r, u, nil
}
