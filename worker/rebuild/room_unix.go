//go:build linux || darwin || freebsd

package rebuild

import "golang.org/x/sys/unix"

// freeSpace is how much a disk has free, and how much of that a build leaves to others, in bytes.
func freeSpace(dir string) (free, reserve int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	block := int64(s.Bsize) //nolint:unconvert // its type depends on the system
	return int64(s.Bavail) * block, min(maxReserve, int64(s.Blocks)*block/reserveShare), nil
}
