// Command bench holds hookfold's stages against the least work possible, and pkg/kafka also against watermill-kafka v3
// (on sarama), in one run on this machine, and prints tables with ratios beside the goals of the design. Only the ratios
// travel between machines.
//
//	go run -C internal/bench .            # from the module's root; `make bench` calls it
//	go run -C internal/bench . -stages worker -events 200000
//	go run -C internal/bench . -stages ingest,worker -rounds 5 -program before=/tmp/a,after=/tmp/b
//	go run -C internal/bench . -stages kafka -for 10s -cpuprofile cpu.prof -only hookfold
//
// The stages: ingest (requests a second), idle (one delivery from POST to row), worker and rebuild (from a log's beginning to its
// end), beside (what a rebuild takes from live work), kafka (pkg/kafka alone). All but the last are the processes that users
// run, built for the run or named by -program; their CPU is that of the process; "of all" counts the load's source, which is
// this process, and the broker too. The broker is the embedded one in a process of its own.
//
// For pkg/kafka, with HOOKFOLD_KAFKA_HOME set, a real Apache Kafka follows, or is all that runs with -broker kafka. CPU is
// there that of this process, so of the client alone: user and system time for one message.
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

	stages      string
	rounds      int
	connections int
	client      string
	events      int // in the log that a worker catches up with
	spread      int
	program     string
	root        string
	log         string
	nice        string // of the rebuild beside live work
}

func main() {
	roles := map[string]func() error{brokerCommand: serveBroker, boundCommand: serveBound}
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		if err := roles[os.Args[1]](); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.DurationVar(&o.limit, "for", 3*time.Second, "the most that one measure of ingest and of pkg/kafka takes")
	flag.IntVar(&o.records, "records", 400_000, "records in the topic that pkg/kafka consumes; a measure ends when all are read")
	flag.IntVar(&o.partitions, "partitions", 6, "partitions of every topic")
	flag.IntVar(&o.size, "size", 900, "bytes of a message's body")
	flag.IntVar(&o.publishers, "publishers", 64, "goroutines that publish")
	flag.StringVar(&o.only, "only", "", "run only the measures whose line contains this, e.g. 'hookfold' or 'window 1000'")
	flag.StringVar(&o.broker, "broker", "", "'embedded' or 'kafka'; both without it, where a real Kafka is there")
	flag.StringVar(&o.stages, "stages", "ingest,idle,worker,rebuild,beside,kafka", "what to measure")
	flag.IntVar(&o.rounds, "rounds", 1, "how often each stage is measured, in turns with its bound and with other programs")
	flag.IntVar(&o.connections, "connections", 64, "keep-alive connections to ingest")
	flag.StringVar(&o.client, "client", clientEpoll, "what sends to ingest: '"+clientEpoll+"', which takes as little of the processors as can be, or '"+clientHTTP+"', Go's own client")
	flag.IntVar(&o.events, "events", 1_000_000, "events that a worker catches up with, five for each entity")
	flag.IntVar(&o.spread, "spread", 0, "events within which their order is random; 0 is all")
	flag.StringVar(&o.program, "program", "", "hookfold binaries to hold against each other, NAME=PATH,…; built from -root without it")
	flag.StringVar(&o.log, "log", "", "folder for the embedded broker's log, on the disk to be measured with; in memory without it")
	flag.StringVar(&o.nice, "nice", "", "how far the rebuild beside live work gives way, 0 to 19; as by default without it")
	flag.StringVar(&o.root, "root", "../..", "the module's root, to build hookfold in")
	flag.StringVar(&o.cpuprofile, "cpuprofile", "", "write a CPU profile of the whole run, the filling of the topic included, to this file")
	flag.Parse()
	if o.client != clientEpoll && o.client != clientHTTP {
		fmt.Fprintf(os.Stderr, "bench: -client %q: it is %q or %q\n", o.client, clientEpoll, clientHTTP)
		os.Exit(2)
	}
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
	if err := stages(o); err != nil {
		return err
	}
	if !strings.Contains(o.stages, "kafka") {
		return nil
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
