// Package kafka is a Watermill publisher and subscriber over franz-go, with windows of messages in flight, commits of the contiguous
// acknowledged prefix, start offsets from the caller, lag metrics, a range reader and topic checks.
//
// It depends on nothing else of this module. The package embedded beside it runs a broker in the process; the
// guarantees, each with the test that holds it, stand in docs/kafka.md.
//
// # Publishing
//
// [Publisher.Publish] returns when all replicas in sync have each record (acks=all). Callers that publish at the same time share requests:
// while some are under way, records gather for the next. The client is idempotent within a record's delivery
// time; a caller that repeats a publication of unknown outcome can append twice. [Retryable] says whether repeating can help.
//
// # Subscribing
//
// Delivery is at least once. Of each partition up to Window messages are unacknowledged at once, handed out in order of offset:
//
//   - Window 1: the next message comes after the acknowledgement of the one before. A nack redelivers that message
//     after a back-off; its partition waits, others do not.
//   - Window n: handlers finish in any order. A nack redelivers that message alone, later than messages that came
//     after it. While it waits it keeps its place in the window.
//
// With [SubscriberConfig.Batch] a message carries many records of one partition, for handlers that are worth less than a message costs;
// all of the above is then about messages, and their records share the outcome.
//
// Only the prefix of a partition below which everything is acknowledged is ever committed, so that a crash repeats what
// lies above it and skips nothing. A message that is never acknowledged holds back the commits of its partition, and
// its place in the window, for as long as the subscription lives.
//
// When a partition is revoked, its delivery stops, its messages in flight are waited for up to RevokeTimeout, and the prefix is
// committed before it is handed over. When it is lost (the group gave it away without asking), the contexts of its messages
// in flight end, their acknowledgements count for nothing, and OnLost is told. Up to 16 messages lie ready in the channel; those
// of a lost partition among them are still received, with an ended context. In both cases, a [Subscriber] that gets
// the partition back delivers it only when no handler has messages of it from before: no record is in two handlers of one Subscriber.
//
// A record that the marshaler cannot decode does not block its partition: see [SubscriberConfig.OnUndecodable].
//
// # The caller's duties
//
// Acknowledge each message either way. Heed the message's context in handlers that take long. Close what you open. Where one process has
// several members of a group, let them be subscriptions of one Subscriber. A consumer that keeps its own offsets does so by
// [PositionOf] and SubscriberConfig.StartOffsets; what it stores must be the contiguous prefix.
//
// # Limits
//
// Offsets that fell out of the log are read from the oldest record left: a position beyond the end, which a log has that lost its
// tail, repeats the partition and skips nothing. A partition that is added later, to a group that begins at Latest, begins
// at its end. Transactions are read (committed records only) and never written.
package kafka
