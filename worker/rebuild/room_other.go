//go:build !linux && !darwin && !freebsd

package rebuild

import "errors"

// freeSpace is not known here: a full disk shows when it is written to.
func freeSpace(string) (free, reserve int64, err error) { return 0, 0, errors.ErrUnsupported }
