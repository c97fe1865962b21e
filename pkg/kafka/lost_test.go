package kafka_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// TestLost has the coordinator forget the member while a handler has a message: the partition is dropped at once, the loss is told, and when the
// partition comes back, its messages wait for that handler.
func TestLost(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"))
	require.NoError(t, err)
	defer c.Close()
	cfg := kafka.Config{Brokers: c.ListenAddrs()}
	send(t, cfg, 0, 10)
	lost, assigned := make(chan []int32, 4), make(chan []int32, 4)
	tell := func(ch chan []int32) func(context.Context, string, []int32) {
		return func(_ context.Context, _ string, ps []int32) { ch <- ps }
	}
	_, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", HeartbeatInterval: 20 * time.Millisecond, CommitInterval: time.Millisecond,
		OnLost: tell(lost), OnAssigned: tell(assigned)})
	require.Equal(t, []int32{0}, <-assigned)
	next(t, msgs).Ack()
	held := next(t, msgs)
	require.Equal(t, "1", held.UUID)
	require.Eventually(t, func() bool { return groupOffsets(t, cfg, "g", 1)[0] == 1 }, 5*time.Second, time.Millisecond)

	var told atomic.Bool
	c.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the order is kfake's
		told.Store(true)
		resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
		resp.ErrorCode = kerr.UnknownMemberID.Code
		return resp, nil, true
	})
	require.Equal(t, []int32{0}, <-lost)
	require.True(t, told.Load())
	<-held.Context().Done()
	require.Equal(t, []int32{0}, <-assigned)
	select {
	case msg := <-msgs:
		t.Fatalf("message %s is handed out while a handler has messages of the partition", msg.UUID)
	case <-time.After(300 * time.Millisecond):
	}
	held.Ack() // counts for nothing
	for i := 1; i < 10; i++ {
		msg := next(t, msgs)
		require.Equal(t, string(msg.Payload), msg.UUID)
		pos, _ := kafka.PositionOf(msg)
		require.Equal(t, int64(i), pos.Offset, "nothing is skipped")
		msg.Ack()
	}
}

// TestRevokeWaits revokes a partition whose message is in a handler: the next owner gets it only after the limit, or not at all when the handler is done
// before.
func TestRevokeWaits(t *testing.T) {
	cfg := broker(t, "events", 1)
	send(t, cfg, 0, 2)
	order := make(chan string, 8)
	note := func(what string) func(context.Context, string, []int32) {
		return func(context.Context, string, []int32) { order <- what }
	}
	sub, msgs := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", HeartbeatInterval: 20 * time.Millisecond, CommitInterval: time.Hour,
		OnRevoking: note("revoking"), OnRevoked: note("revoked")})
	held := next(t, msgs)
	closed := make(chan error)
	go func() { closed <- sub.Close() }()
	_, others := subscribe(t, kafka.SubscriberConfig{Config: cfg, Group: "g", HeartbeatInterval: 20 * time.Millisecond})
	select {
	case <-others:
		t.Fatal("handed over with a message in a handler")
	case <-time.After(300 * time.Millisecond):
	}
	require.True(t, held.Ack())
	require.NoError(t, <-closed)
	require.Equal(t, "revoking", <-order)
	require.Equal(t, "revoked", <-order)
	require.Equal(t, "1", next(t, others).UUID, "what was acknowledged was committed before the handover")
}
