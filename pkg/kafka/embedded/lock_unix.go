//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// lockDir takes the directory for this process. The lock goes with the process, however it ends.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "broker.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, readErr := os.ReadFile(path)
		closeErr := f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) && readErr == nil {
			return nil, fmt.Errorf("embedded broker: %w: %s is held by process %s; stop it or use another directory",
				ErrInUse, dir, strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("embedded broker: lock %s: %w", path, errors.Join(err, readErr, closeErr))
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded broker: lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// freeBytes gives the space left to this process on the directory's file system.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
