package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hookfold/hookfold/pkg/simulator"
)

// demo starts hookfold up as a child and plays against it:
//
//	this process: the providers ─POST─▶ child: hookfold up ─▶ DATA/projections.db ─▶ this process: the auditor
//	                    ▲───────look-ups────────┘
//
// One child, on free ports, with a configuration of its own. It is stopped in the end; its directory is removed unless it was
// named with --data.
func (c *simulateCmd) demo(w *world, plan *simulator.Plan, settle time.Duration) (err error) {
	dir := w.flags["data"]
	if dir == "" {
		if dir, err = os.MkdirTemp("", "hookfold-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	address := w.flags["listen"]
	if address == "" {
		address = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot serve the providers' APIs: %w; choose another address with --listen", err)
	}
	show, err := c.play(w, plan, settle)
	if err != nil {
		return errors.Join(&usageError{err.Error(), "see hookfold simulate --help"}, ln.Close())
	}
	config := filepath.Join(dir, "hookfold.yaml")
	if err := writeConfig(config, plan, "http://"+ln.Addr().String()); err != nil {
		return errors.Join(err, ln.Close())
	}
	child, report, err := startChild(config, filepath.Join(dir, "data"))
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	show.targets, show.audited = []string{report.URL}, report.Store
	show.note("hookfold up is at %s, its store is %s.\n", report.URL, report.Store)
	return errors.Join(show.run(ln), child.stop())
}

// child is a hookfold up that a demo started.
type child struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	exited chan error
}

// startChild starts hookfold up and waits until it says that it is up.
func startChild(config, data string) (*child, *upReport, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	ch := &child{
		cmd: exec.Command(program, "up", "--config", config, "--data", data, "--output", "json", "--log-level", "warn", "--listen", "127.0.0.1:0",
			"--admin", "127.0.0.1:0", "--brokers", "127.0.0.1:0"),
		stderr: &bytes.Buffer{}, exited: make(chan error, 1),
	}
	ch.cmd.Stderr = ch.stderr
	ch.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us; it is told to stop when we have
	stdout, err := ch.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := ch.cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("starting hookfold up: %w", err)
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	report := &upReport{}
	if err == nil {
		err = json.Unmarshal(line, report)
	}
	go func() {
		_, e := io.Copy(io.Discard, lines)
		ch.exited <- errors.Join(e, ch.cmd.Wait())
	}()
	if err != nil {
		return nil, nil, fmt.Errorf("hookfold up did not come up: %w", errors.Join(err, ch.stop()))
	}
	return ch, report, nil
}

// stop ends the child and says what it complained of if it did not end well.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := <-c.exited; err != nil {
		return fmt.Errorf("hookfold up: %w\n%s", err, c.stderr)
	}
	return nil
}
