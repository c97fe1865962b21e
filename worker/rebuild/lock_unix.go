//go:build unix

package rebuild

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes a file for this process, so that two rebuilds of one store do not meet. The lock goes with the process,
// however it ends; the file stays.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errors.New("another rebuild of this store is under way: wait for it, or end it")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("rebuild: %s: %w", path, err), f.Close())
	}
	return f.Close, nil
}
