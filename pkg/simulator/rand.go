package simulator

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
)

// stream is a source of random numbers of its own for each name, so that a change to one part of a plan (another ratio of
// faults, one more entity) leaves the others as they are.
func stream(seed uint64, names ...any) *rand.Rand {
	var b strings.Builder
	fmt.Fprint(&b, seed)
	for _, n := range names {
		fmt.Fprintf(&b, "\x00%v", n)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

// chance is true in the given ratio of cases.
func chance(r *rand.Rand, ratio float64) bool { return r.Float64() < ratio }

const (
	alnum  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	hexits = "0123456789abcdef"
	digits = "0123456789"
)

// word draws n characters of an alphabet.
func word(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// guid draws a random UUID of version 4.
func guid(r *rand.Rand) string {
	h := word(r, hexits, 32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// pick draws one of several.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// people are invented; so are all numbers that go with them.
func person(r *rand.Rand) string {
	return pick(r, "Ana", "Bruno", "Carla", "Diego", "Elisa", "Fabio", "Lucía", "Thandi") + " " + pick(r, "Prueba", "Exemplo", "Ejemplo", "Sample")
}
