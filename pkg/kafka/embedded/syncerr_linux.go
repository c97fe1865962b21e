package embedded

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncError tells whether the kernel failed to bring data of the file to the disk since the file was opened or last asked. It waits for
// nothing where all is written, as after a sync. Each open file is told of an error once, so another's sync does not hide it.
func syncError(f *os.File) error {
	return unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WAIT_BEFORE)
}
