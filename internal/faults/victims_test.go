//go:build linux

package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookfold/hookfold/internal/kafkatest"
)

func processVictim(p *process) victim {
	kill := func(_ context.Context, _ *rand.Rand, d time.Duration) (int, error) {
		if p.kill(d / 2) {
			return 1, nil
		}
		return 0, nil
	}
	return victim{p.name, map[string]strikeFunc{
		"kill": kill, "kill again": kill, "kill and kill": func(ctx context.Context, r *rand.Rand, d time.Duration) (int, error) {
			n, _ := kill(ctx, r, 0)
			wait(ctx, d/20) // while it starts
			m, _ := kill(ctx, r, d/2)
			return n + m, nil
		},
		"pause": func(ctx context.Context, _ *rand.Rand, d time.Duration) (int, error) {
			p.signal(syscall.SIGSTOP)
			wait(ctx, d)
			p.signal(syscall.SIGCONT)
			return 0, nil
		},
	}}
}

// keeper starts a Kafka again that has ended by itself, as a supervisor does. A Kafka may end some time after it found its disk full.
type keeper struct {
	*kafkatest.Kafka
	disk string // empty where it has none of its own

	mu sync.Mutex // held while a fault strikes
}

// keep watches over a Kafka for the length of the test.
func keep(t *testing.T, k *kafkatest.Kafka, disk string) *keeper {
	kept := &keeper{Kafka: k, disk: disk}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for wait(ctx, 250*time.Millisecond) {
			kept.mu.Lock()
			err := kept.revive()
			kept.mu.Unlock()
			if err != nil {
				t.Errorf("Kafka could not be started again: %v", err)
				return
			}
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return kept
}

func (k *keeper) revive() error {
	if k.Alive() {
		return nil
	}
	return restart(k.Kafka)
}

// victim is this Kafka.
func (k *keeper) victim() victim {
	v := victim{"kafka", map[string]strikeFunc{}}
	strike := func(name string, do func(ctx context.Context, d time.Duration) (int, error)) {
		v.strikes[name] = func(ctx context.Context, _ *rand.Rand, d time.Duration) (int, error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			if err := k.revive(); err != nil {
				return 0, err
			}
			return do(ctx, d)
		}
	}
	strike("kill", func(ctx context.Context, d time.Duration) (int, error) {
		if err := k.Kill(); err != nil {
			return 0, err
		}
		wait(ctx, d/2)
		return 1, restart(k.Kafka)
	})
	strike("pause", func(ctx context.Context, d time.Duration) (int, error) {
		err := k.Pause()
		if err == nil {
			wait(ctx, 2*d)
			err = k.Resume()
		}
		if err != nil && !k.Alive() {
			err = nil // it has ended by itself, and is started again
		}
		return 0, err
	})
	if k.disk != "" { // a Kafka that cannot write to its only disk ends, and whoever looks after it makes room and starts it again
		strike("disk full", func(ctx context.Context, d time.Duration) (int, error) {
			empty, err := fill(k.disk)
			if err != nil {
				return 0, err
			}
			wait(ctx, 2*d)
			return 0, empty()
		})
	}
	return v
}

// restart tries more than once: its port may be taken for a moment by somebody's connection.
func restart(k *kafkatest.Kafka) error {
	var err error
	for range 3 {
		if err = k.Restart(); err == nil {
			return nil
		}
	}
	return err
}

func linkVictim(name string, l *link) victim {
	return victim{name, map[string]strikeFunc{
		"cut": func(context.Context, *rand.Rand, time.Duration) (int, error) { l.cut(); return 0, nil },
		"slow": func(ctx context.Context, _ *rand.Rand, d time.Duration) (int, error) {
			l.slow(d / 10)
			defer l.slow(0)
			wait(ctx, d)
			return 0, nil
		},
		"hold": func(ctx context.Context, _ *rand.Rand, d time.Duration) (int, error) {
			l.hold()
			defer l.let()
			wait(ctx, d)
			return 0, nil
		},
		"hold and cut": func(ctx context.Context, _ *rand.Rand, d time.Duration) (int, error) {
			l.hold()
			defer l.let()
			wait(ctx, d)
			l.cut()
			return 0, nil
		},
	}}
}

// fill leaves no block of a directory's file system; empty gives them back.
func fill(dir string) (empty func() error, err error) {
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		return nil, err
	}
	var fs syscall.Statfs_t
	err = syscall.Statfs(dir, &fs)
	for size := int64(fs.Bavail) * fs.Bsize; err == nil && size >= fs.Bsize; size /= 2 {
		at, e := f.Seek(0, 2)
		if err = e; err == nil {
			syscall.Fallocate(int(f.Fd()), 0, at, size) //nolint:errcheck // it fails where others were faster
		}
	}
	empty = func() error { return errors.Join(f.Close(), os.Remove(filler)) }
	if err != nil {
		return nil, errors.Join(err, empty())
	}
	return empty, nil
}
