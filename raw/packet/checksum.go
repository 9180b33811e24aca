package packet

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Sum is an unfinished Internet checksum (RFC 1071): the one's complement sum of the 16-bit words seen so far.
// The zero Sum is empty. Every piece added must have an even length, except the last.
type Sum uint64

// Add returns s with the bytes of b added. It does not allocate.
func (s Sum) Add(b []byte) Sum {
	// 2^64-1 is a multiple of 2^16-1, so adding 64 bits at a time with the carry put back gives the same sum.
	acc, carry := uint64(s), uint64(0)
	for len(b) >= 32 {
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b), carry)
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b[8:]), carry)
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b[16:]), carry)
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b[24:]), carry)
		b = b[32:]
	}
	for len(b) >= 8 {
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b), carry)
		b = b[8:]
	}
	var rest uint64
	for i, c := range b {
		rest |= uint64(c) << (56 - 8*i)
	}
	acc, carry = bits.Add64(acc, rest, carry)
	acc, carry = bits.Add64(acc, 0, carry)
	return Sum(acc + carry)
}

// Fold returns the sum in 16 bits, not complemented.
func (s Sum) Fold() uint16 {
	v := uint64(s)
	v = v>>32 + v&0xffffffff
	v = v>>32 + v&0xffffffff
	v = v>>16 + v&0xffff
	v = v>>16 + v&0xffff
	return uint16(v>>16 + v&0xffff)
}

// Checksum returns the finished checksum, the complement of the sum.
func (s Sum) Checksum() uint16 { return ^s.Fold() }

// Checksum returns the Internet checksum of b (RFC 1071). Over bytes that include a right checksum it is 0.
func Checksum(b []byte) uint16 { return Sum(0).Add(b).Checksum() }

// PseudoHeader returns the sum of the pseudo-header that UDP, TCP and ICMPv6 checksums cover: of IPv4 (RFC 9293,
// section 3.1) when src is an IPv4 address, otherwise of IPv6 (RFC 8200, section 8.1). length is that of the
// transport header and its data in bytes. An invalid address counts as zeros.
func PseudoHeader(src, dst netip.Addr, protocol uint8, length int) Sum {
	s := addAddr(addAddr(0, src), dst)
	var tail [8]byte
	binary.BigEndian.PutUint32(tail[:], uint32(length))
	tail[7] = protocol
	return s.Add(tail[:])
}

func addAddr(s Sum, a netip.Addr) Sum {
	switch {
	case a.Is4():
		b := a.As4()
		return s.Add(b[:])
	case a.IsValid():
		b := a.As16()
		return s.Add(b[:])
	}
	return s
}

// UpdateChecksum returns the checksum after the bytes from became the bytes to, without summing the rest again
// (RFC 1624, equation 3). Both start at an even offset of the checksummed data and have the same length, odd only
// where the data end. A UDP checksum of 0 means there is none and must not be updated.
func UpdateChecksum(checksum uint16, from, to []byte) uint16 {
	var complement Sum
	complement = complement.Add(from)
	s := Sum(^checksum) + Sum(^complement.Fold())
	return (s + Sum(Sum(0).Add(to).Fold())).Checksum()
}

// UpdateChecksum16 is [UpdateChecksum] for one 16-bit field.
func UpdateChecksum16(checksum, from, to uint16) uint16 {
	return (Sum(^checksum) + Sum(^from) + Sum(to)).Checksum()
}
