package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestStartOnAFullDisk: a start that finds no space on the disk does not fail. It waits, /readyz says for what, and goes on when there
// is space, with everything that was confirmed before.
func TestStartOnAFullDisk(t *testing.T) {
	for _, c := range []struct{ part, missing string }{
		{"broker", "log/partitions/*/snapshot.json"}, // as after a kill: it is made anew before anything else
		{"store", "projections.db*"},
	} {
		t.Run(c.part, func(t *testing.T) {
			dir := t.TempDir()
			data := filepath.Join(dir, "data")
			require.NoError(t, os.Mkdir(data, 0o700))
			if err := unix.Mount("none", data, "tmpfs", 0, "size=96m"); err != nil {
				t.Skipf("mounting a small file system needs more rights: %v", err)
			}
			t.Cleanup(func() { require.NoError(t, unix.Unmount(data, unix.MNT_DETACH)) })
			file := filepath.Join(dir, "hookfold.yaml")
			require.NoError(t, os.WriteFile(file, []byte("connections: [{name: devengo-live, provider: devengo, secrets: ["+testSecret+"]}]\n"), 0o600))
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			admin := ln.Addr().String()
			require.NoError(t, ln.Close())
			args := []string{"up", "--config", file, "--data", data, "--output", "json", "--listen", "127.0.0.1:0", "--admin", admin, "--brokers", "127.0.0.1:0"}

			t.Run("before", func(t *testing.T) {
				up := inProcess(t, args...)
				untilReady(t, admin)
				require.Equal(t, 200, post(t, text(up, "url"), "acc_1"))
			})
			gone, err := filepath.Glob(filepath.Join(data, c.missing))
			require.NoError(t, err)
			require.NotEmpty(t, gone)
			for _, name := range gone {
				require.NoError(t, os.Remove(name))
			}
			ballast := filepath.Join(data, "ballast")
			fillUp(t, ballast)

			freed := make(chan error, 1)
			go func() { freed <- freeWhenWaiting(t.Context(), admin, c.part, ballast) }()
			up := inProcess(t, args...)
			require.NoError(t, <-freed)
			untilReady(t, admin)
			require.Equal(t, 200, post(t, text(up, "url"), "acc_2"))
			untilRow(t, text(up, "store"), "select id, status from accounts order by id", "acc_1|active\nacc_2|active")
		})
	}
}

// fillUp leaves no block of a file system.
func fillUp(t *testing.T, ballast string) {
	t.Helper()
	f, err := os.Create(ballast)
	require.NoError(t, err)
	_, err = io.Copy(f, zeros{})
	require.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, f.Close())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// freeWhenWaiting removes the ballast as soon as a process says that it waits for space.
func freeWhenWaiting(ctx context.Context, admin, part, ballast string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for said := ""; ; {
		if resp, err := http.Get("http://" + admin + "/readyz"); err == nil {
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if said = string(body); err == nil && resp.StatusCode == 503 && strings.HasPrefix(said, part+": waiting for space on the disk: ") {
				return os.Remove(ballast)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nobody says that the %s waits for space, but %q", part, said)
		case <-tick.C:
		}
	}
}
