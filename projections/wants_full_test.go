package projections

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A lease that could not be committed is none, nor is its token: on a full disk a runner that believed in them would ask the provider for
// the same entity again and again, past every limit.
//
//	LeaseWant: BEGIN, take the token, mark the want, COMMIT ─✗ the disk is full; the caller gets an error and no lease
func TestAFullDiskLeasesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("needs the right to mount a small disk: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	s := openWants(t, filepath.Join(dir, "projections.db"))
	for i := range 20 {
		deliverThin(t, s, int64(i), fmt.Sprint("t", i), "created", epoch)
	}
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	require.NoError(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())

	now := epoch.Add(time.Second)
	r := LeaseRequest{Connection: "c", Owner: "one", Now: now, TTL: time.Minute, Rate: Rate{PerSecond: 1, Burst: 20}}
	granted, failed := 0, 0
	for range 10 {
		l, _, err := s.LeaseWant(t.Context(), r)
		if err != nil {
			failed++
			require.True(t, DiskFull(err), "%v", err)
			require.Nil(t, l)
			got, err := s.Claim(t.Context(), fmt.Sprint("sweep", failed), "one", now, now.Add(time.Minute))
			require.Equal(t, err == nil, got)
		} else if l != nil {
			granted++
		}
	}
	require.Positive(t, failed, "the disk has room for %d leases", granted)

	require.NoError(t, os.Remove(ballast))
	for range 20 - granted {
		require.NotNil(t, lease(t, s, "one", now))
	}
	require.Nil(t, lease(t, s, "one", now), "each is leased once")
}
