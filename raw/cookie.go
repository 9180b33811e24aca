package raw

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// key makes cookies that nobody outside this process can make (SipHash-2-4 by Aumasson and Bernstein).
type key struct{ k0, k1 uint64 }

func newKey() key {
	var b [16]byte
	rand.Read(b[:])
	return key{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
}

// cookie is the proof that an answer was made from echo n to the target: nobody who did not see that echo knows it.
func (k key) cookie(n uint64, target netip.Addr) uint64 {
	a := target.As16()
	return k.hash(n, binary.LittleEndian.Uint64(a[:]), binary.LittleEndian.Uint64(a[8:]))
}

// hash is SipHash-2-4 of the words' 8 bytes each, little-endian.
func (k key) hash(words ...uint64) uint64 {
	v0, v1, v2, v3 := k.k0^0x736f6d6570736575, k.k1^0x646f72616e646f6d, k.k0^0x6c7967656e657261, k.k1^0x7465646279746573
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

// The payload of an echo: the cookie, the low half of the echo's number, the run's magic, then the pattern.
const (
	cookieEnd = 8
	numberEnd = 12
	magicEnd  = 16
)

// fillProof writes the first 16 bytes of a payload, or as many of them as fit.
func (k key) fillProof(payload []byte, n uint64, target netip.Addr, magic uint32) {
	var b [magicEnd]byte
	k.proof(&b, n, target, magic)
	copy(payload, b[:])
}

func (k key) proof(b *[magicEnd]byte, n uint64, target netip.Addr, magic uint32) {
	binary.BigEndian.PutUint64(b[:], k.cookie(n, target))
	binary.BigEndian.PutUint32(b[cookieEnd:], uint32(n))
	binary.BigEndian.PutUint32(b[numberEnd:], magic)
}

// fillPattern writes the rest of a payload, which is the same in every echo.
func fillPattern(payload, pattern []byte) {
	for i := magicEnd; i < len(payload); i++ {
		if len(pattern) > 0 {
			payload[i] = pattern[(i-magicEnd)%len(pattern)]
		} else {
			payload[i] = byte(i)
		}
	}
}
