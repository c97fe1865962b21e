// Package console is a web view of a store: what there is, by connection and status; lists; and for each entity its
// state, the rule that decided, every observation, and the provider's object.
//
// # Use
//
// New gives a handler for everything below Prefix. It reads the file at Config.Path anew with each request, so that it
// follows a rebuild that puts another file there, and shows what is committed.
//
// # Guarantees
//
// It reads and never writes: the file is opened for reading only, and nothing but GET and HEAD is answered. Pages are made on the
// server, work without JavaScript, and load nothing from elsewhere; whatever providers sent is escaped. The default page of
// each list costs the same however many entities there are; a filter that matches little ends in time with a
// link to look on. No query makes it fail: what cannot be is a page that says so, with a 4xx.
//
// # Duties of the caller
//
// Pages show personal data to whoever asks: names, account numbers, all that is in the providers' objects. There are no
// users and no passwords here. Serve it on a loopback address with Config.LocalOnly, or behind something that
// asks who it is.
package console
