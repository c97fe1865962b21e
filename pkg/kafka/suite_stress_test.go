//go:build stress

package kafka_test

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// TestSuiteStress runs Watermill's suite ten times at once (STRESS_TEST_COUNT), on one broker. The
// tag also gives the suite five times its patience and twice the threads:
//
//	go test -race -tags stress -run TestSuiteStress -timeout 60m ./pkg/kafka
func TestSuiteStress(t *testing.T) { eachSuite(t, tests.TestPubSubStressTest) }
