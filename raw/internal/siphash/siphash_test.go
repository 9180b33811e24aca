package siphash

import "testing"

// TestHash compares with the vectors of the reference implementation: key 00..0f, input 00..07 and 00..0f.
func TestHash(t *testing.T) {
	k := Key{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	for _, c := range []struct {
		words []uint64
		want  uint64
	}{
		{nil, 0x726fdb47dd0e0e31},
		{[]uint64{0x0706050403020100}, 0x93f5f5799a932462},
		{[]uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}, 0x3f2acc7f57c29bdb},
	} {
		if got := k.Hash(c.words...); got != c.want {
			t.Errorf("of %x: %#x, want %#x", c.words, got, c.want)
		}
	}
}
