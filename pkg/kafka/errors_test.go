package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/hookfold/hookfold/pkg/kafka"
)

func TestRetryable(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{kafka.ErrClosed, false},
		{kafka.ErrBufferFull, true},
		{context.Canceled, false},
		{context.DeadlineExceeded, true},
		{kgo.ErrRecordTimeout, true},
		{kgo.ErrRecordRetries, true},
		{kgo.ErrClientClosed, false},
		{kerr.NotEnoughReplicas, true},
		{kerr.KafkaStorageError, true},
		{kerr.UnknownServerError, true},
		{kerr.OutOfOrderSequenceNumber, true},
		{kerr.MessageTooLarge, false},
		{kerr.TopicAuthorizationFailed, false},
		{kerr.InvalidTopicException, false},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		{errors.New("marshal"), false},
	} {
		require.Equal(t, c.want, kafka.Retryable(c.err), "%v", c.err)
		if c.err != nil {
			wrapped := &kafka.PublishError{Topic: "events", Total: 1, Err: fmt.Errorf("wrapped: %w", c.err)}
			require.Equal(t, c.want, kafka.Retryable(wrapped), "%v", c.err)
		}
	}
}
