package provider_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/provider"
)

// A hash that is used again must not remember what it was used for, whoever uses it at the same time.
func TestMACIsTheStandardLibrarys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.SliceOf(rapid.Byte())
		key := octets.Draw(t, "key")
		bodies := rapid.SliceOfN(rapid.SliceOf(octets), 1, 8).Draw(t, "bodies")
		m := provider.NewMAC(sha256.New, key)
		var wg sync.WaitGroup
		for _, parts := range bodies {
			wg.Go(func() {
				for range 3 {
					h := hmac.New(sha256.New, key)
					h.Write(bytes.Join(parts, nil))
					assert.Equal(t, h.Sum([]byte("dst")), m.Append([]byte("dst"), parts...))
				}
			})
		}
		wg.Wait()
	})
}
