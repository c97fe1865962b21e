// Package simulator plays the payment providers: it makes up entities, walks them through their lifecycles, delivers what
// happens to them as signed webhooks, misbehaves on purpose, answers their read and management APIs, and knows what must come
// out.
//
// A Plan is a function of its Options alone: the same seed gives the same entities, histories, deliveries, faults and secrets, byte
// for byte. Only a signature also depends on when it is made, because receivers hold it against their clock: Plan.Header takes
// that time. A Sender delivers a plan over HTTP, signing each attempt when it is made; Plan.Write prints it with every delivery
// signed at its planned time, which is the form in which two plans are compared. An API serves the entities as the providers'
// APIs would. An Auditor compares the rows of a receiver with what the plan knows.
//
// Plan and Delivery are immutable and safe for concurrent use, so are API and Sender; an Auditor is for one goroutine.
//
// The package shares no code with what it tests and imports nothing of this module: signatures, bodies, lifecycles and the
// common statuses are written here a second time, from the providers' documents. Each provider has a file whose header says
// what is imitated, what is not, and what had to be made up. All people, documents and account numbers are invented.
//
// Everything in the package has two clocks: simulated time, in which histories and the providers' retries run, and the clock on
// the wall, against which signatures and rate limits are held.
package simulator
