// Package siphash makes proofs that only those who know a key can make: SipHash-2-4, by Aumasson and Bernstein.
package siphash

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// Key is the secret.
type Key struct{ K0, K1 uint64 }

// New returns a key that nobody outside this process knows.
func New() Key {
	var b [16]byte
	rand.Read(b[:])
	return Key{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
}

// Hash is SipHash-2-4 of the words' 8 bytes each, little-endian. It does not allocate.
func (k Key) Hash(words ...uint64) uint64 {
	v0, v1, v2, v3 := k.K0^0x736f6d6570736575, k.K1^0x646f72616e646f6d, k.K0^0x6c7967656e657261, k.K1^0x7465646279746573
	round := func() {
		v0 += v1
		v2 += v3
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v1
		v0 += v3
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 = bits.RotateLeft64(v2, 32)
	}
	block := func(m uint64) {
		v3 ^= m
		round()
		round()
		v0 ^= m
	}
	for _, w := range words {
		block(w)
	}
	block(uint64(len(words)*8) << 56)
	v2 ^= 0xff
	for range 4 {
		round()
	}
	return v0 ^ v1 ^ v2 ^ v3
}
