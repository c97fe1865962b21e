package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFullDisk: with the disk of the embedded log full no delivery is confirmed, and readiness says why; with room again
// everything goes on, without a restart.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Mkdir(data, 0o700))
	if err := unix.Mount("none", data, "tmpfs", 0, "size=96m"); err != nil {
		t.Skipf("mounting a small file system needs more rights: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(data, unix.MNT_DETACH)) })
	file := filepath.Join(dir, "hookfold.yaml")
	require.NoError(t, os.WriteFile(file, []byte("connections: [{name: devengo-live, provider: devengo, secrets: ["+testSecret+"]}]\ndeadline: 3s\n"), 0o600))
	up := inProcess(t, "up", "--config", file, "--data", data, "--output", "json", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--brokers", "127.0.0.1:0")
	untilReady(t, text(up, "admin"))
	require.Equal(t, 200, post(t, text(up, "url"), "acc_1"))

	ballast := filepath.Join(data, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 64<<20), 0o600))
	require.Equal(t, 503, post(t, text(up, "url"), "acc_2"))
	require.Contains(t, readiness(t, text(up, "admin")), "broker: ")
	require.NotContains(t, readiness(t, text(up, "admin")), "broker: ok")

	require.NoError(t, os.Remove(ballast))
	untilReady(t, text(up, "admin"))
	require.Equal(t, 200, post(t, text(up, "url"), "acc_2"))
	untilRow(t, text(up, "store"), "select id, status from accounts order by id", "acc_1|active\nacc_2|active")
}
