package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// giveWay gives the calling goroutine a thread of its own that lets others have the processors first: 0 not at all, 19 the
// most. The thread ends with the goroutine, and no other is made of it. So the rest of the process keeps its priority, which
// a user who is not root could not give back: others wait for the switch of a store.
func giveWay(nice int) error {
	runtime.LockOSThread()
	return unix.Setpriority(unix.PRIO_PROCESS, 0, nice)
}
