package embedded_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

// smallDisk gives a file system of a few MiB. It needs the right to mount.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// fill leaves so many bytes free.
func fill(t *testing.T, dir string, left int64) (undo func()) {
	t.Helper()
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	path := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(path, make([]byte, int64(st.Bavail)*st.Bsize-left), 0o600))
	return func() { require.NoError(t, os.Remove(path)) }
}

func tryPublish(pub *kafka.Publisher, id string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	payload := make([]byte, 900)
	if _, err := rand.Read(payload); err != nil { // does not compress
		return err
	}
	return pub.Publish("events", message.NewMessageWithContext(ctx, id, payload))
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	b := start(t, embedded.Config{Dir: dir, Partitions: map[string]int32{"events": 1}, MinFree: 1 << 20})
	pub := publisher(t, b)
	require.NoError(t, tryPublish(pub, "before", 10*time.Second))
	require.NoError(t, b.Healthy())

	undo := fill(t, dir, 900<<10)
	require.ErrorContains(t, b.Healthy(), "kept back")
	err := tryPublish(pub, "full", 500*time.Millisecond)
	require.Error(t, err)
	require.True(t, kafka.Retryable(err), "%v", err)
	require.Error(t, pub.Ready(context.Background(), "events"))
	require.Equal(t, []string{"before"}, ids(t, b))

	undo()
	require.NoError(t, tryPublish(pub, "after", 10*time.Second))
	require.NoError(t, b.Healthy())
	require.NoError(t, pub.Ready(context.Background(), "events"))
	require.Contains(t, ids(t, b), "after")
}

// TestFailedWriteIsNotConfirmed fills the disk to the last byte, with nothing kept back, so that kfake's own write fails.
func TestFailedWriteIsNotConfirmed(t *testing.T) {
	dir := smallDisk(t)
	b := start(t, embedded.Config{Dir: dir, Partitions: map[string]int32{"events": 1}, MinFree: -1})
	pub := publisher(t, b)
	require.NoError(t, tryPublish(pub, "before", 10*time.Second))

	undo := fill(t, dir, 0)
	confirmed := map[string]bool{"before": true}
	refused := false
	for i := range 20 { // the last pages of the file system have room for some
		id := fmt.Sprint("full-", i)
		if err := tryPublish(pub, id, 300*time.Millisecond); err != nil {
			require.True(t, kafka.Retryable(err), "%v", err)
			refused = true
		} else {
			require.False(t, refused, "%s was confirmed on a full disk", id)
			confirmed[id] = true
		}
	}
	require.True(t, refused)

	undo()
	require.NoError(t, tryPublish(pub, "after", 10*time.Second))
	confirmed["after"] = true
	require.NoError(t, b.Close())
	b = start(t, embedded.Config{Dir: dir})
	got := ids(t, b)
	for id := range confirmed {
		require.Contains(t, got, id)
	}
}
