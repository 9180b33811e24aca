package main

// counts are those of the summary.
type counts struct{ packets, bytes, drops uint64 }

// numberSet is a set of the numbers of packets.
type numberSet struct{ bits []uint64 }

func (s *numberSet) add(n uint64) {
	for uint64(len(s.bits)) <= n/64 {
		s.bits = append(s.bits, 0)
	}
	s.bits[n/64] |= 1 << (n % 64)
}

func (s *numberSet) has(n uint64) bool {
	return n/64 < uint64(len(s.bits)) && s.bits[n/64]>>(n%64)&1 != 0
}
