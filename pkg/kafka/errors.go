package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	// ErrClosed is returned by a publisher, subscriber or reader that was closed. A retry cannot help.
	ErrClosed = errors.New("kafka: closed")
	// ErrBufferFull is returned by Publish when as many records or bytes wait for the brokers as the configuration
	// allows. A retry helps once the brokers answer again.
	ErrBufferFull = errors.New("kafka: publish buffer is full: the brokers do not confirm fast enough")
)

// PublishError says which messages of one Publish were not confirmed. The others were.
type PublishError struct {
	Topic string
	// Total is the number of messages given to Publish.
	Total int
	// Failed are the indexes of the messages that were not confirmed, ascending. Each may still be in the log where
	// the outcome is unknown (the context ended, a time-out).
	Failed []int
	// Err is the cause of the first of them.
	Err error
}

func (e *PublishError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kafka: publish to %s: ", e.Topic)
	if e.Total > 1 {
		fmt.Fprintf(&b, "%d of %d messages not confirmed: ", len(e.Failed), e.Total)
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

func (e *PublishError) Unwrap() error { return e.Err }

// Retryable says whether the same call can succeed later without a change of configuration, rights or message. A retry
// of a publication whose outcome is unknown can append the record twice.
func Retryable(err error) bool {
	switch {
	case err == nil, errors.Is(err, ErrClosed), errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, ErrBufferFull), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries):
		return true
	}
	var ke *kerr.Error
	if errors.As(err, &ke) {
		// The broker failed in a way that it has no code for (a full disk among them): it is the broker's to mend, and the
		// message is not at fault.
		return ke.Retriable || ke.Code == kerr.UnknownServerError.Code || sequenceTrouble(ke)
	}
	var first *kgo.ErrFirstReadEOF
	if errors.As(err, &first) {
		return true
	}
	var ne net.Error
	return errors.As(err, &ne)
}

// sequenceTrouble names the errors after which the client takes a new producer epoch and can go on.
func sequenceTrouble(ke *kerr.Error) bool {
	switch ke.Code {
	case kerr.OutOfOrderSequenceNumber.Code, kerr.UnknownProducerID.Code, kerr.InvalidProducerEpoch.Code, kerr.InvalidProducerIDMapping.Code:
		return true
	}
	return false
}
