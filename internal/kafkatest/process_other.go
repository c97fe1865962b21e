//go:build !linux

package kafkatest

import (
	"syscall"
	"time"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

func cpuTime(int) time.Duration { return 0 }
