package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFullDisk: with the disk of the embedded log full no delivery is confirmed, and readiness says why; with room again
// everything goes on, without a restart.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	data := smallDisk(t, dir, 96)
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

// smallDisk mounts a file system of so many MiB as a data directory.
func smallDisk(t *testing.T, dir string, mebibytes int) string {
	t.Helper()
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Mkdir(data, 0o700))
	if err := unix.Mount("none", data, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		t.Skipf("mounting a small file system needs more rights: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(data, unix.MNT_DETACH)) })
	return data
}

// TestFullDiskOfRebuild: a rebuild that finds no room, or runs out of it, says what, where, how much and what to do, and leaves
// the live store, which goes on. With room again it goes on where it was.
func TestFullDiskOfRebuild(t *testing.T) {
	m := newMillion(t, 12_000)
	m.data = smallDisk(t, t.TempDir(), 500)
	require.NoError(t, os.Symlink(t.TempDir(), filepath.Join(m.data, "log"))) // the log has a disk of its own
	m.deliver()
	want := m.live()
	up := m.up(m.quiet)
	live := fileSize(t, m.store())

	// leave fills the disk up to so many bytes.
	ballast := filepath.Join(m.data, "ballast")
	leave := func(free int64) {
		var s unix.Statfs_t
		require.NoError(t, unix.Statfs(m.data, &s))
		require.NoError(t, os.WriteFile(ballast, make([]byte, int64(s.Bavail)*s.Bsize-free), 0o600))
	}
	refused := func() string {
		t.Helper()
		code, _, stderr := m.run("rebuild", "--memory", "32MiB")
		require.Equal(t, exitFailed, code, stderr)
		require.Regexp(t, `the disk of \S+/data is too full to build projections\.db\.at-\S+: it has \d+ MiB free, and about \d+ MiB are needed; make room, and give the command again: it goes on where it was`, stderr)
		require.Equal(t, want, m.state(), "the live store is left alone")
		return stderr
	}
	leave(live / 3)
	began := time.Now()
	refused()
	t.Logf("with room for a third of the store: refused after %v", time.Since(began))
	left, err := filepath.Glob(m.store() + ".at-*.building/*.run")
	require.NoError(t, err)
	require.Empty(t, left, "nothing was begun for which there is plainly no room")

	require.NoError(t, os.Remove(ballast))
	leave(live*5/4 + 500<<20/8) // an eighth of the disk is left to others
	t.Log(refused())
	left, err = filepath.Glob(m.store() + ".at-*.building/*.run")
	require.NoError(t, err)
	require.NotEmpty(t, left, "what was sorted is kept")
	untilReady(t, text(up.said, "admin"))

	require.NoError(t, os.Remove(ballast))
	r := m.rebuild()
	require.True(t, r.Resumed)
	require.True(t, r.Switched)
	require.Equal(t, want.digest, r.Digest)
	require.Equal(t, want, m.state())
	up.stop()
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}
