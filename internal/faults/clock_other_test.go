//go:build linux && !amd64

package faults

import (
	"errors"
	"time"
)

// clock is the clock on the wall, which this machine has no way to set for single programs: see clock_test.go.
type clock struct{}

func canSetClocks() error { return errors.ErrUnsupported }

func newClock() *clock { return nil }

func (*clock) set(time.Duration) error { return errors.ErrUnsupported }
func (*clock) forget(int)              {}
func (*clock) move(int) error          { return errors.ErrUnsupported }
