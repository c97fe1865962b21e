//go:build !race

package lifecycletest

// maxAlphabet bounds the subsets to 2^12 a world, some ten thousand joins.
const maxAlphabet = 12
