// Package faults is the campaign that holds Hookfold's promises against what happens to machines: built binaries run as
// processes of their own, are killed with signal 9, stopped, cut off, slowed down, robbed of their disk and set off in time, while
// hookfold simulate plays the providers in another process, whose APIs are cut off as well. Then two auditors, which share no code
// with Hookfold, compare what is there with what the providers know: the simulator's the store, the one here the log, byte for byte.
//
//	go test -count=1 -v ./internal/faults                                     the short form
//	HOOKFOLD_FAULTS_KILLS=200 go test -count=1 -v -timeout 25m -run TestCampaign ./internal/faults
//	HOOKFOLD_FAULTS_SEED=7 …                                                  the same order of faults again
//
// A seed fixes which faults come in which order and what the providers send; how they meet is the machine's. What holds is
// in docs/guarantees.md. It runs on Linux; the part with Apache Kafka where HOOKFOLD_KAFKA_HOME names one (.ci/kafka), the full
// disks as root, and the clocks on amd64.
package faults
