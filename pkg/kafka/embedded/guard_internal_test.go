package embedded

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestSyncErrorStops(t *testing.T) {
	b, err := Start(Config{Dir: t.TempDir(), Partitions: map[string]int32{"events": 1}})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.DefaultProduceTopic("events"), kgo.AllowIdempotentProduceCancellation())
	require.NoError(t, err)
	defer cl.Close()
	produce := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return cl.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr()
	}
	require.NoError(t, produce())
	require.NoError(t, produce(), "the second opens the segment that the first made")

	b.guard.mu.Lock()
	b.guard.check = func(*os.File) error { return errors.New("input/output error") }
	b.guard.mu.Unlock()
	require.Error(t, produce())
	require.ErrorContains(t, b.Healthy(), "the disk failed to keep")

	// The kernel tells of an error once. That must do.
	b.guard.mu.Lock()
	b.guard.check = syncError
	b.guard.mu.Unlock()
	require.Error(t, produce())
}
