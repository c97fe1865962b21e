//go:build !race

package rebuild_test

// raceDetector says whether this binary has the race detector, whose own memory counts in every figure.
const raceDetector = false
