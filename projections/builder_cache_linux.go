package projections

import (
	"os"

	"golang.org/x/sys/unix"
)

// forget and expect tell the system that a part of a file will not be read soon, and that it will. They only give advice: where
// the system does not take it, nothing is lost but time. Zero bytes stand for the file's rest.

func forget(f *os.File, from, n int64) { _ = unix.Fadvise(int(f.Fd()), from, n, unix.FADV_DONTNEED) }

func expect(f *os.File, from, n int64) { _ = unix.Fadvise(int(f.Fd()), from, n, unix.FADV_WILLNEED) }
