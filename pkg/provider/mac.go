package provider

import (
	"crypto/hmac"
	"hash"
	"sync"
)

// MAC makes HMACs of one key. Setting a key up costs as much as hashing a small delivery, so hashes are used again. It is
// safe for concurrent use.
type MAC struct{ hashes sync.Pool }

// NewMAC returns the HMACs of a key over a hash, such as sha256.New.
func NewMAC(h func() hash.Hash, key []byte) *MAC {
	return &MAC{sync.Pool{New: func() any { return hmac.New(h, key) }}}
}

// Append appends the HMAC of the parts, one after the other, to dst.
func (m *MAC) Append(dst []byte, parts ...[]byte) []byte {
	h := m.hashes.Get().(hash.Hash) //nolint:forcetypeassert // the pool holds nothing else
	defer m.hashes.Put(h)
	h.Reset()
	for _, part := range parts {
		h.Write(part) // a hash never fails to write
	}
	return h.Sum(dst)
}
