// Package containers runs Hookfold and pkg/kafka against Apache Kafka's own image, by Testcontainers: the adapter's suite, the
// checks of topics, SASL and TLS, a cluster of three brokers of which one is killed, the pipeline from the image, and
// docker-compose.yml from its first start to a killed worker.
//
//	go test ./...                    where Docker answers; elsewhere all of it is skipped
//	eval "$(../../.ci/docker)"       brings Docker and the images first
//
// It is a module of its own, so that Docker's client stays out of Hookfold's requirements.
package containers
