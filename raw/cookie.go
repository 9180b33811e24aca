package raw

import (
	"encoding/binary"
	"net/netip"

	"sockwire/raw/internal/siphash"
)

// key makes cookies that nobody outside this process can make.
type key struct{ siphash.Key }

func newKey() key { return key{siphash.New()} }

// cookie is the proof that an answer was made from echo n to the target: nobody who did not see that echo knows it.
func (k key) cookie(n uint64, target netip.Addr) uint64 {
	a := target.As16()
	return k.Hash(n, binary.LittleEndian.Uint64(a[:]), binary.LittleEndian.Uint64(a[8:]))
}

// The payload of an echo: the cookie, the low half of the echo's number, the run's magic, then the pattern.
const (
	cookieEnd = 8
	numberEnd = 12
	magicEnd  = 16
)

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
