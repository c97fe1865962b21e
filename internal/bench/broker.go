package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hookfold/hookfold/internal/kafkatest"
)

// brokerCommand as the first argument makes this program the embedded broker: it prints its
// address and serves until its standard input ends.
const brokerCommand = "broker"

type broker struct {
	name  string
	start func() (addrs []string, stop func() error, err error)
}

func brokers(o options) ([]broker, error) {
	embedded := broker{"embedded broker (a process of its own)", func() ([]string, func() error, error) {
		b, err := startEmbedded(o.log)
		if err != nil {
			return nil, nil, err
		}
		return b.addrs, b.stop, nil
	}}
	real := broker{"Apache Kafka", startKafka}
	switch {
	case o.broker == "embedded", o.broker == "" && kafkatest.Home() == "":
		return []broker{embedded}, nil
	case o.broker == "kafka" && kafkatest.Home() == "":
		return nil, errors.New(`-broker kafka needs one: export HOOKFOLD_KAFKA_HOME="$(.ci/kafka)"`)
	case o.broker == "kafka":
		return []broker{real}, nil
	case o.broker == "":
		return []broker{embedded, real}, nil
	}
	return nil, fmt.Errorf("-broker %q: it is 'embedded' or 'kafka'", o.broker)
}

// memory is where a log in files costs no disk: a sync there takes no time.
const memory = "/dev/shm"

// ownBroker is the embedded broker as a process.
type ownBroker struct {
	addrs []string
	child *process
	dir   string
}

// startEmbedded starts a broker whose log is in a new folder of dir; empty is memory where there is one, so that the
// figures are ours and not the disk's.
func startEmbedded(dir string) (*ownBroker, error) {
	if dir == "" {
		if info, err := os.Stat(memory); err == nil && info.IsDir() {
			dir = memory
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if dir, err = os.MkdirTemp(dir, "hookfold-bench-"); err != nil {
		return nil, err
	}
	child, addr, err := launch(self, brokerCommand, dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the embedded broker did not start: %w", err), os.RemoveAll(dir))
	}
	return &ownBroker{[]string{addr}, child, dir}, nil
}

// stop ends the broker and removes its log.
func (b *ownBroker) stop() error {
	_, err := b.child.stop()
	return errors.Join(err, os.RemoveAll(b.dir))
}

func startKafka() ([]string, func() error, error) {
	dir, err := os.MkdirTemp("", "hookfold-bench-")
	if err != nil {
		return nil, nil, err
	}
	k, err := kafkatest.Run(kafkatest.Home(), dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return k.Addrs(), func() error { return errors.Join(k.Stop(), os.RemoveAll(dir)) }, nil
}

// untilParentEnds blocks until standard input is closed, which the parent's end also does.
func untilParentEnds() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
