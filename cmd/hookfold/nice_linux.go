package main

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// giveWay lets other processes have the processors first, 0 not at all, 19 the most. Linux keeps this for each thread, and
// gives a new one what the thread has that makes it; so it is done until no thread is found that others could have been made
// of. One that is just being made can be missed: do it again now and then.
func giveWay(nice int) error {
	var done []string
	for {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		fresh := false
		for _, thread := range threads {
			if slices.Contains(done, thread.Name()) {
				continue
			}
			done, fresh = append(done, thread.Name()), true
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			if err := unix.Setpriority(unix.PRIO_PROCESS, id, nice); err != nil && err != unix.ESRCH {
				return err
			}
		}
		if !fresh {
			return nil
		}
	}
}
