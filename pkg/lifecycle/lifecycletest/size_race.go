//go:build race

package lifecycletest

// maxAlphabet is smaller under the race detector, which slows the joins by ten and has nothing to find in them.
const maxAlphabet = 10
