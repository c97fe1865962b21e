package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// bed is what the stages are measured on: the embedded broker as a process of its own, and hookfold's binaries.
type bed struct {
	options
	dir      string
	addrs    []string
	programs []program
	config   string
	runs     int
}

// stages measures whole stages of hookfold, each against its bound.
func stages(o options) (err error) {
	want := func(name string) bool { return strings.Contains(o.stages, name) }
	if !want("ingest") && !want("idle") && !want("worker") && !want("rebuild") {
		return nil
	}
	dir, err := os.MkdirTemp("", "hookfold-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bed{options: o, dir: dir, config: filepath.Join(dir, "hookfold.yaml")}
	if b.programs, err = programs(o, dir); err != nil {
		return err
	}
	settings := fmt.Sprintf("connections:\n  - {name: %s, provider: devengo, mode: test, secrets: [%q], tolerance: 24h}\n", connection, secret)
	if err := os.WriteFile(b.config, []byte(settings), 0o600); err != nil {
		return err
	}
	fmt.Printf("\nstages on the embedded broker, each process of its own, %d partitions, %d-byte events, %d CPUs, %s\n\n",
		o.partitions, o.size, runtime.NumCPU(), runtime.Version())
	for _, s := range []struct {
		name string
		run  func() error
	}{{"ingest", b.ingest}, {"idle", b.idle}, {"worker", b.catchUp}} {
		if !want(s.name) && (s.name != "worker" || !want("rebuild")) {
			continue
		}
		if err := b.withBroker(s.run); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// withBroker gives each stage a log of its own.
func (b *bed) withBroker(do func() error) error {
	addrs, stop, err := startEmbedded(b.log)
	if err != nil {
		return err
	}
	b.addrs = addrs
	return errors.Join(do(), stop())
}

// hookfold starts a command of the binary, and returns what it says of itself.
func (b *bed) hookfold(p program, command, topic, data string) (*process, map[string]string, error) {
	b.runs++
	child, line, err := launch(p.path, command, "--config", b.config, "--brokers", strings.Join(b.addrs, ","), "--topic", topic,
		"--data", data, "--group", fmt.Sprintf("bench.%d", b.runs), "--partitions", fmt.Sprint(b.partitions),
		"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--output", "json", "--log-level", "error")
	if err != nil {
		return nil, nil, err
	}
	var said map[string]string
	if err := json.Unmarshal([]byte(line), &said); err != nil {
		_, stopErr := child.stop()
		return nil, nil, errors.Join(fmt.Errorf("%s %s said %q: %w", p.name, command, line, err), stopErr)
	}
	return child, said, nil
}

func (b *bed) createTopic(topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...))
	if err != nil {
		return err
	}
	defer cl.Close()
	forever := "-1"
	_, err = kadm.NewClient(cl).CreateTopic(context.Background(), int32(b.partitions), 1, map[string]*string{"retention.ms": &forever}, topic)
	return err
}

// line is one line of the table of stages.
type line struct {
	what, who string
	rate      float64       // a second; 0 where the measure is none
	cpu       time.Duration // of the process, for one
	p50, p99  time.Duration
	maxRSS    int64
	verdicts  []string
}

func (l line) print() {
	dash := func(ok bool, format string, v any) string {
		if !ok {
			return "–"
		}
		return fmt.Sprintf(format, v)
	}
	ms := func(d time.Duration) string { return dash(d > 0, "%.2f", float64(d.Microseconds())/1000) }
	fmt.Printf("%-26s %-22s %10s %11s %8s %8s %8s   %s\n", l.what, l.who, dash(l.rate > 0, "%.0f", l.rate),
		dash(l.cpu > 0, "%.2f", float64(l.cpu.Nanoseconds())/1000), ms(l.p50), ms(l.p99),
		dash(l.maxRSS > 0, "%d", l.maxRSS>>20), strings.Join(l.verdicts, "; "))
}

func head() {
	fmt.Printf("%-26s %-22s %10s %11s %8s %8s %8s   %s\n", "measure", "who", "a second", "CPU µs each", "p50 ms", "p99 ms", "RSS MiB", "goals")
}

// atLeast and below say whether a goal of the design is met.
func atLeast(what string, got, goal float64) string {
	return fmt.Sprintf("%.2f %s (goal ≥ %g: %s)", got, what, goal, verdict(got >= goal))
}

func below(what string, got, goal float64, unit string) string {
	return fmt.Sprintf("%s %.1f %s (goal < %g: %s)", what, got, unit, goal, verdict(got < goal))
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}
