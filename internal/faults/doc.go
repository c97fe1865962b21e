// Package faults is the campaign that holds Hookfold's promises against what happens to machines: built binaries run as
// processes of their own, are killed with signal 9, stopped, cut off, slowed down and robbed of their disk, while a made-up
// provider delivers to them; then an auditor, which shares no code with Hookfold, compares the log and the store with what
// the provider knows.
//
//	go test -count=1 -v ./internal/faults                                     the short form
//	HOOKFOLD_FAULTS_KILLS=200 go test -count=1 -v -timeout 45m ./internal/faults
//	HOOKFOLD_FAULTS_SEED=7 …                                                  the same order of faults again
//
// A seed fixes which faults come in which order and what the provider sends; how they meet is the machine's. What holds is
// in docs/guarantees.md. It runs on Linux; the part with Apache Kafka where HOOKFOLD_KAFKA_HOME names one (.ci/kafka), the part
// with the full disk as root.
package faults
