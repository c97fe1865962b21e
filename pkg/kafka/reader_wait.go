package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// waiting is the patience of one call of a reader with brokers that cannot be reached.
type waiting struct {
	fails int
	since time.Time // of the first failure in a row
}

// goOn waits a moment after a failure and says whether the call should try again: the brokers could not be reached, and the reader's
// patience is not at its end.
func (w *waiting) goOn(ctx context.Context, r *Reader, err error) bool {
	if !unreachable(err) || r.cfg.Patience < 0 || ctx.Err() != nil || r.client.Context().Err() != nil {
		return false
	}
	now := time.Now()
	if w.fails++; w.fails == 1 {
		w.since = now
		r.cfg.Logger.Warn("kafka: reader: the brokers cannot be reached; waiting for them", "at_most", r.cfg.Patience, "error", err)
	}
	pause := backoff(w.fails)
	if now.Add(pause).Sub(w.since) > r.cfg.Patience {
		return false
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-r.client.Context().Done():
	}
	return false
}

// unreachable says whether an error is that no broker could be spoken to, rather than what one has answered.
func unreachable(err error) bool {
	var first *kgo.ErrFirstReadEOF
	var network net.Error
	return errors.As(err, &network) || errors.As(err, &first) || errors.Is(err, io.EOF)
}
