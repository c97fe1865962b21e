// Package lifecycle folds the observations of an entity into its state, so that order, number and batching of the
// observations cannot change the result.
//
// # The rule
//
// The state of an entity is a function of the set of its observations. A Summary is what has to be remembered of that
// set: for each provider status the latest observation that claims it, for each group of attributes the latest writer of
// each status. Summaries form a join-semilattice: Join is commutative, associative and idempotent, and the size of a
// summary is bounded by the number of statuses, not of observations. Lifecycle.State reads the state from a summary.
//
// "Latest" means greatest by provider time, then by the status's rank in the lifecycle, then by observation id. Where a
// provider gives no time, the time at which the observation was recorded stands in.
//
// A claimed status is superseded by any other claimed status that can be reached from it, and not back. Where the
// statuses that remain are mutually reachable, the latest claim among them is current. Where several groups remain, the
// entity is in conflict: the latest look-up decides if it names one of them, else the latest claim. A word that the
// lifecycle does not know may follow any status that is not final, and may be followed by any known one.
//
// # Purity
//
// The package reads no clock, draws no random numbers and does no I/O. Everything in a state comes from observations.
//
// # Duties of the caller
//
// Deliveries with the same observation id are one observation, and the earliest recorded one counts; Dedupe and Fold see
// to it. Who joins summaries one by one (as a store does) must keep the ids it has joined, since a Summary does not.
package lifecycle
