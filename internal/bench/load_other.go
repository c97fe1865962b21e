//go:build !linux

package main

import (
	"errors"
	"time"
)

type loaded struct {
	requests int
	elapsed  time.Duration
	p50, p99 time.Duration
}

func (l loaded) perSecond() float64 { return float64(l.requests) / l.elapsed.Seconds() }

func load(string, [][]byte, int, time.Duration) (loaded, error) {
	return loaded{}, errors.New("the load is made with epoll: run this on Linux, or leave the stages out with -stages kafka")
}
