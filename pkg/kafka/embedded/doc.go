// Package embedded runs a Kafka broker in the process: franz-go's kfake with a data directory, made fit to keep a log.
//
// It speaks Kafka's protocol over TCP, so that one machine needs nothing else and a client knows no second path. It is one broker: the
// log is as safe as the disk under it.
//
// # Guarantees
//
//   - A record is confirmed when it has been written and synced; it survives the death of the process at any moment
//     (TestSurvivesKill).
//   - What could not be written is not confirmed. A full disk refuses records with a retryable error before it is quite full, and takes them again
//     when there is space (TestFullDisk). After a failed write the producer has to begin a new epoch, so that its retry is not
//     taken for a duplicate of what was never written (TestFailedWriteIsNotConfirmed).
//   - A disk that reports an error for data it had taken stops the broker from confirming anything until it is started anew
//     (TestSyncErrorStops); this is seen on Linux only, and not for the very first batch of a segment.
//   - One process per directory; a second is refused (TestSecondBroker). So is a taken port (TestTakenPort).
//   - Topics keep their id, their number of partitions and their records over restarts (TestRestart). Topics never lose records by age or size, also those
//     created by clients without a word about it.
//
// # The caller's duties
//
// The addresses given by [Broker.Addrs] are what clients are told to connect to: with a Listen of 0.0.0.0 set Advertise.
// There is no authentication: listen on an interface that only trusted programs reach.
//
// # Limits
//
// Memory grows with the number of batches (about 100 bytes each). Groups and their offsets persist; an idempotent producer's
// sequence is remembered over a clean stop only, so that a retry across a crash can append a record twice.
package embedded
