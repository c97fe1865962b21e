package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOnlyWhoGivesWayGivesWay: the threads of the goroutines that ask for it, none that is made meanwhile, and none afterwards.
func TestOnlyWhoGivesWayGivesWay(t *testing.T) {
	const polite, plain = 5, 20
	started, done := sync.WaitGroup{}, sync.WaitGroup{}
	finish := make(chan struct{})
	begin := func(n int, first func() error) {
		errs := make(chan error, n)
		for range n {
			started.Add(1)
			done.Go(func() {
				errs <- first()
				started.Done()
				<-finish
			})
		}
		started.Wait()
		for range n {
			require.NoError(t, <-errs)
		}
	}
	begin(polite, func() error { return giveWay(7) })
	begin(plain, func() error { runtime.LockOSThread(); return nil })
	require.InDelta(t, polite, threadsAt(t, "7"), 1, "one of them may have got the main thread")
	close(finish)
	done.Wait()
	until(t, func() error {
		if n := threadsAt(t, "7"); n > 0 {
			return fmt.Errorf("%d threads still give way", n)
		}
		return nil
	})
}

// threadsAt counts the threads of this process with a priority.
func threadsAt(t *testing.T, nice string) (n int) {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, thread := range threads {
		if thread.Name() == strconv.Itoa(os.Getpid()) {
			continue // the main thread cannot end before the process; nothing runs on it any more
		}
		stat, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		if strings.Fields(string(stat)[strings.LastIndex(string(stat), ")"):])[17] == nice {
			n++
		}
	}
	return n
}
