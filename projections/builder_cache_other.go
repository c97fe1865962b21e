//go:build !linux

package projections

import "os"

func forget(*os.File, int64, int64) {}

func expect(*os.File, int64, int64) {}
