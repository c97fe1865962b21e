// Package projections keeps the read model: what the log says of every entity, as rows of one SQLite file that the
// sqlite3 shell can read while workers write.
//
// # Use
//
// Open a Store, ask Resume where to read on when partitions are assigned, and Commit the facts of each record. Commit may
// be called from any number of goroutines and blocks until the fact is in a committed transaction; what is in flight at
// the same time shares one. A Reader reads the same file, in the same process or another.
//
// # Guarantees
//
// The views (see schema.go) are the contract; tables are private. Rows, offsets, look-ups that are wanted and the digest
// change in one transaction. Rows are a function of the set of observations committed: not of their order, their number,
// their batches, the number of processes or the machine's clock. An offset in the view progress is never ahead of the
// rows, and never past a record that was not committed.
//
// A power failure can take the last transactions with it (WAL with synchronous=NORMAL), rows and offsets together: the log
// is the truth, and Resume reads on from where the file stands. A process that is killed loses nothing.
//
// # Duties of the caller
//
// Facts of one partition must state in Prev where the record before ended, so that gaps in the offsets (transaction
// markers, compaction) are told from records that are still in flight. Config.History must be able to read any committed
// record again. A file that another fold or schema version wrote is refused: it is built again from the log.
package projections
