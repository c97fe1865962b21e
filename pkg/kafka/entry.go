package kafka

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Position is where a consumed message stands in the log. That of a message of several records is of all of them: Offset is the last one's.
//
// The intervals [Prev, Offset] of one assignment tile the partition without gap or overlap, also where offsets are missing (compaction,
// transactions). A consumer that keeps its own offsets can therefore merge the intervals of what it has stored: the
// contiguous prefix ends where no interval joins on. A redelivery keeps its Position.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
	// Prev is the offset after the record delivered before on this assignment; for the first, where the assignment started.
	Prev int64
}

type positionKey struct{}

// PositionOf gives the position of a message that a [Subscriber] of this package delivered, from the message's context.
func PositionOf(msg *message.Message) (Position, bool) {
	e, ok := msg.Context().Value(positionKey{}).(*entry)
	if !ok {
		return Position{}, false
	}
	last := e.last()
	return Position{Topic: last.Topic, Partition: last.Partition, Offset: last.Offset, Prev: e.prev}, true
}

// RecordsOf gives the records of a message that a [Subscriber] of this package delivered, in order of offset, from the message's context:
// one, unless [SubscriberConfig.Batch] asks for more. Their bytes are the message's and must not be changed. There are none for other messages.
func RecordsOf(msg *message.Message) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		e, ok := msg.Context().Value(positionKey{}).(*entry)
		if !ok {
			return
		}
		for _, r := range e.recs {
			if !yield(fromClient(r)) {
				return
			}
		}
	}
}

// entry is what one message carries, one record or several of one partition, between its first delivery and its acknowledgement. A redelivery
// is a new message, and so a new context, of the same records, but the same entry in its partition's lists.
type entry struct {
	recs     []*kgo.Record
	msg      *message.Message
	prev     int64
	attempts int
	due      time.Time // of the next delivery, while backing off

	order, live links // membership in a partition's two lists
	*messageContext
}

func (e *entry) first() *kgo.Record { return e.recs[0] }
func (e *entry) last() *kgo.Record  { return e.recs[len(e.recs)-1] }

// messageContext is the context of one delivery: done when the message is acknowledged either way, or the subscription ends.
// It allocates a channel only for a handler that asks for one.
type messageContext struct {
	parent context.Context
	e      *entry
	span   func(acked bool)

	mu    sync.Mutex
	done  chan struct{}
	unreg func() bool
	ended bool
}

var _ context.Context = (*messageContext)(nil)

func (c *messageContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }

func (c *messageContext) Value(key any) any {
	if _, ok := key.(positionKey); ok {
		return c.e
	}
	return c.parent.Value(key)
}

func (c *messageContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.ended {
			close(c.done)
		} else if c.parent.Done() != nil {
			c.unreg = context.AfterFunc(c.parent, c.end)
		}
	}
	return c.done
}

func (c *messageContext) Err() error {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if ended {
		return context.Canceled
	}
	return c.parent.Err()
}

// finish ends the delivery with its outcome.
func (c *messageContext) finish(acked bool) {
	c.end()
	if c.span != nil {
		c.span(acked)
		c.span = nil
	}
}

// end cancels the context. It may be called more than once.
func (c *messageContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	if c.done != nil {
		close(c.done)
	}
	if c.unreg != nil {
		c.unreg()
	}
}
