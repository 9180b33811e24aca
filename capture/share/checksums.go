package share

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// checksums makes the checksums true again, from the innermost on: those of tunnels count what is in them. What the
// capture cut off counts as 0, as all payload does.
func (s *Sharer) checksums() {
	layers := s.packet.Layers()
	for i := len(layers) - 1; i >= 0; i-- {
		l := &layers[i]
		end := min(l.Offset+l.Length, len(s.out))
		if end < l.Offset+l.Header {
			continue
		}
		b := s.out[l.Offset:end]
		bad := l.Checksum == decode.ChecksumBad
		if l.Flags&decode.Quoted != 0 && l.Type != decode.TypeIPv4 {
			continue
		}
		switch l.Type {
		case decode.TypeIPv4:
			put(b[:l.Header], 10, wire.Sum(0).Add(b[:l.Header]).Checksum(), bad && l.Flags&decode.Quoted == 0)
		case decode.TypeTCP:
			s.transport(i, b, 16, wire.ProtoTCP, bad)
		case decode.TypeUDP:
			if l.Checksum != decode.ChecksumZero {
				s.transport(i, b, 6, wire.ProtoUDP, bad)
			}
		case decode.TypeICMPv4, decode.TypeIGMP:
			s.transport(i, b, 2, 0, bad)
		case decode.TypeICMPv6:
			s.transport(i, b, 2, wire.ProtoICMPv6, bad)
		case decode.TypeICMPExtension:
			if l.Header >= 4 && l.Checksum != decode.ChecksumZero {
				h := b[:l.Header]
				put(h, 2, wire.Sum(0).Add(h).Checksum(), bad)
			}
		case decode.TypeGRE:
			if b[0]&0x80 != 0 && l.Header >= 8 {
				put(b, 4, wire.Sum(0).Add(b).Checksum(), bad)
			}
		case decode.TypeSCTP:
			if l.Header >= 12 && l.Offset+l.Length <= len(s.out) {
				sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
				if bad {
					sum = ^sum
				}
				binary.LittleEndian.PutUint32(b[8:], sum)
			}
		}
	}
}

// put writes a checksum, or where it is to stay wrong, another.
func put(b []byte, at int, sum uint16, bad bool) {
	if at+2 > len(b) {
		return
	}
	if bad {
		sum ^= 0x1234
	}
	binary.BigEndian.PutUint16(b[at:], sum)
}

// transport writes the checksum of layer i, of a protocol with a pseudo header if that is not 0.
func (s *Sharer) transport(i int, b []byte, at int, protocol uint8, bad bool) {
	if at+2 > len(b) {
		return
	}
	src, dst, fragment := s.ends(i)
	if fragment {
		return
	}
	sum := wire.Sum(0)
	if protocol != 0 {
		if !src.IsValid() {
			return
		}
		sum = wire.PseudoHeader(src, dst, protocol, s.packet.Layers()[i].Length)
	}
	v := sum.Add(b).Checksum()
	if protocol == wire.ProtoUDP && v == 0 {
		v = 0xffff
	}
	put(b, at, v, bad)
}

// ends returns the addresses of the IP header around layer i, as they are mapped, and whether it is a fragment.
func (s *Sharer) ends(i int) (src, dst netip.Addr, fragment bool) {
	p := &s.packet
	final := -1
	home := -1
	for i--; i >= 0; i-- {
		l := &p.Layers()[i]
		h := s.out[l.Offset : l.Offset+l.Header]
		switch l.Type {
		case decode.TypeIPv6Fragment:
			fragment = fragment || wire.Fragment(h).FragmentOffset() > 0 || wire.Fragment(h).MoreFragments()
		case decode.TypeIPv6Routing:
			if at, ok := wire.Extension(h).FinalDestination(); ok && final < 0 {
				final = l.Offset + at
			}
		case decode.TypeIPv6Destination:
			if at, ok := wire.Extension(h).HomeAddress(); ok {
				home = l.Offset + at
			}
		case decode.TypeIPv4:
			ip := wire.IPv4(h)
			return ip.Source(), ip.Destination(), ip.Fragmented()
		case decode.TypeIPv6:
			ip := wire.IPv6(h)
			src, dst = ip.Source(), ip.Destination()
			if final >= 0 {
				dst, _ = netip.AddrFromSlice(s.out[final : final+16])
			}
			if home >= 0 {
				src, _ = netip.AddrFromSlice(s.out[home : home+16])
			}
			return src, dst, fragment
		}
	}
	return src, dst, fragment
}
