package wire

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Sum is an unfinished Internet checksum (RFC 1071): the ones' complement sum of the 16-bit words added so far. The
// zero Sum is empty. What it holds is not the sum as a number: [Sum.Fold] gives that.
type Sum uint64

// A ones' complement sum is the same in either byte order, but for the order of its two bytes (RFC 1071, section 2B).
// So words are added as most machines load them, and swapped once, at the end. 2^64-1 is a multiple of 2^16-1: adding
// 64 bits at a time, the carry put back, gives the same sum as adding 16.

// Add returns s with the bytes of b added. Every piece of the data but the last must have an even length. It does not
// allocate.
func (s Sum) Add(b []byte) Sum {
	acc, carry := uint64(s), uint64(0)
	for len(b) >= 64 {
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[8:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[16:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[24:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[32:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[40:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[48:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[56:]), carry)
		b = b[64:]
	}
	for len(b) >= 8 {
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b), carry)
		b = b[8:]
	}
	var rest uint64
	if len(b) >= 4 {
		rest = uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
		if len(b) >= 2 {
			rest |= uint64(binary.LittleEndian.Uint16(b)) << 32
			if len(b) == 3 {
				rest |= uint64(b[2]) << 48
			}
		} else if len(b) == 1 {
			rest |= uint64(b[0]) << 32
		}
	} else if len(b) >= 2 {
		rest = uint64(binary.LittleEndian.Uint16(b))
		if len(b) == 3 {
			rest |= uint64(b[2]) << 16
		}
	} else if len(b) == 1 {
		rest = uint64(b[0])
	}
	acc, carry = bits.Add64(acc, rest, carry)
	acc, carry = bits.Add64(acc, 0, carry)
	return Sum(acc + carry)
}

// Add16 returns s with one 16-bit word added.
func (s Sum) Add16(v uint16) Sum { return s.add(uint64(bits.ReverseBytes16(v))) }

// Add32 returns s with a 32-bit number added, as two words.
func (s Sum) Add32(v uint32) Sum { return s.add(uint64(bits.ReverseBytes32(v))) }

func (s Sum) add(v uint64) Sum {
	acc, carry := bits.Add64(uint64(s), v, 0)
	return Sum(acc + carry)
}

// Fold returns the sum in 16 bits, not complemented.
func (s Sum) Fold() uint16 {
	v := uint64(s)
	v = v>>32 + v&0xffffffff
	v = v>>32 + v&0xffffffff
	v = v>>16 + v&0xffff
	v = v>>16 + v&0xffff
	return bits.ReverseBytes16(uint16(v>>16 + v&0xffff))
}

// Checksum returns the finished checksum: the complement of the sum.
func (s Sum) Checksum() uint16 { return ^s.Fold() }

// Good reports whether the data added, which include their checksum, are as they were when it was written.
func (s Sum) Good() bool { return s.Fold() == 0xffff }

// Checksum returns the Internet checksum of b (RFC 1071). Over bytes that include a right checksum it is 0.
func Checksum(b []byte) uint16 { return Sum(0).Add(b).Checksum() }

// PseudoHeader returns the sum of the pseudo header that UDP, TCP and ICMPv6 checksums cover: of IPv4 (RFC 9293,
// section 3.1) when src is an IPv4 address, otherwise of IPv6 (RFC 8200, section 8.1). length is that of the
// transport header and its data in bytes. dst is the final destination of a source-routed packet: see [Layout]. An
// invalid address counts as zeros.
func PseudoHeader(src, dst netip.Addr, protocol uint8, length int) Sum {
	return addAddr(addAddr(0, src), dst).Add32(uint32(length)).Add16(uint16(protocol))
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
	return Sum(0).Add16(^checksum).Add16(^Sum(0).Add(from).Fold()).Add(to).Checksum()
}

// UpdateChecksum16 is [UpdateChecksum] for one 16-bit field.
func UpdateChecksum16(checksum, from, to uint16) uint16 {
	return Sum(0).Add16(^checksum).Add16(^from).Add16(to).Checksum()
}
