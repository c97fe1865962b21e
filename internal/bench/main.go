// Command bench holds pkg/kafka against watermill-kafka v3 (on sarama) and against the least work
// possible (franz-go alone), in one run on the same broker, and prints a table with ratios. Only
// the ratios travel between machines.
//
//	go run -C internal/bench .            # from the module's root; `make bench` calls it
//	go run -C internal/bench . -for 10s -cpuprofile cpu.prof -only hookfold
//
// The broker is the embedded one in a process of its own; with HOOKFOLD_KAFKA_HOME set a real
// Apache Kafka follows, or is all that runs with -broker kafka. CPU is that of this process, so of
// the client alone: user and system time for one message.
//
// It is a module of its own so that sarama never enters the requirements of the root.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

type options struct {
	limit      time.Duration // for one measure
	records    int           // in the topic that is consumed
	partitions int
	size       int // bytes of a message's body
	publishers int
	only       string
	broker     string
	cpuprofile string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == brokerCommand {
		if err := serveBroker(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.DurationVar(&o.limit, "for", 5*time.Second, "the most that one measure takes")
	flag.IntVar(&o.records, "records", 600_000, "records in the topic that is consumed; a measure ends when all are read")
	flag.IntVar(&o.partitions, "partitions", 6, "partitions of every topic")
	flag.IntVar(&o.size, "size", 900, "bytes of a message's body")
	flag.IntVar(&o.publishers, "publishers", 64, "goroutines that publish")
	flag.StringVar(&o.only, "only", "", "run only the measures whose line contains this, e.g. 'hookfold' or 'window 1000'")
	flag.StringVar(&o.broker, "broker", "", "'embedded' or 'kafka'; both without it, where a real Kafka is there")
	flag.StringVar(&o.cpuprofile, "cpuprofile", "", "write a CPU profile of the whole run, the filling of the topic included, to this file")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) (err error) {
	if o.cpuprofile != "" {
		f, ferr := os.Create(o.cpuprofile)
		if ferr != nil {
			return ferr
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	brokers, err := brokers(o)
	if err != nil {
		return err
	}
	for _, b := range brokers {
		if err := bench(o, b); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

// bench runs every measure on one broker.
func bench(o options, b broker) (err error) {
	addrs, stop, err := b.start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	fmt.Printf("\n%s, %d partitions, %d-byte messages, %d publishers, %d CPUs, %s\n\n",
		b.name, o.partitions, o.size, o.publishers, runtime.NumCPU(), runtime.Version())
	env := &environment{options: o, addrs: addrs}
	if err := env.fill(); err != nil {
		return fmt.Errorf("fill the topic to consume: %w", err)
	}
	var rows []result
	for _, m := range measures() {
		if !strings.Contains(m.what+", "+m.who, o.only) {
			continue
		}
		runtime.GC()
		r, err := m.run(env)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", m.what, m.who, err)
		}
		r.measure = m
		rows = append(rows, r)
		printRow(rows, r)
	}
	return nil
}
