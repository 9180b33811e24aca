package decode

import (
	"net/netip"

	"sockwire/raw/wire"
)

// IP protocol numbers, https://www.iana.org/assignments/protocol-numbers.
const (
	protoHopByHop = 0
	protoICMP     = 1
	protoIGMP     = 2
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoDCCP     = 33
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoESP      = 50
	protoAH       = 51
	protoICMPv6   = 58
	protoNoNext   = 59
	protoDestOpts = 60
	protoOSPF     = 89
	protoPIM      = 103
	protoVRRP     = 112
	protoSCTP     = 132
	protoMobility = 135
	protoUDPLite  = 136
	protoHIP      = 139
	protoShim6    = 140
	protoEthernet = 143
)

// ipProtocol returns the layer that an IP protocol number announces.
func ipProtocol(n uint8) Type {
	switch n {
	case protoTCP:
		return TypeTCP
	case protoUDP:
		return TypeUDP
	case protoICMP:
		return TypeICMPv4
	case protoICMPv6:
		return TypeICMPv6
	case protoIPv4:
		return TypeIPv4
	case protoIPv6:
		return TypeIPv6
	case protoHopByHop:
		return TypeIPv6HopByHop
	case protoRouting:
		return TypeIPv6Routing
	case protoFragment:
		return TypeIPv6Fragment
	case protoDestOpts:
		return TypeIPv6Destination
	case protoMobility:
		return TypeIPv6Mobility
	case protoAH:
		return TypeAH
	case protoEthernet:
		return TypeEthernet
	case protoESP:
		return TypeESP
	case protoGRE:
		return TypeGRE
	case protoIGMP:
		return TypeIGMP
	case protoSCTP:
		return TypeSCTP
	case protoDCCP:
		return TypeDCCP
	case protoUDPLite:
		return TypeUDPLite
	case protoVRRP:
		return TypeVRRP
	case protoOSPF:
		return TypeOSPF
	case protoPIM:
		return TypePIM
	}
	return TypePayload
}

// IPv4 is the view of an IPv4 header with its options (RFC 791).
type IPv4 []byte

func (h IPv4) Version() uint8      { return h[0] >> 4 }
func (h IPv4) HeaderLength() int   { return int(h[0]&15) * 4 }
func (h IPv4) TOS() uint8          { return h[1] }
func (h IPv4) DSCP() uint8         { return h[1] >> 2 }
func (h IPv4) ECN() uint8          { return h[1] & 3 }
func (h IPv4) TotalLength() uint16 { return be16(h[2:]) }
func (h IPv4) ID() uint16          { return be16(h[4:]) }
func (h IPv4) Reserved() bool      { return h[6]&0x80 != 0 }
func (h IPv4) DontFragment() bool  { return h[6]&0x40 != 0 }
func (h IPv4) MoreFragments() bool { return h[6]&0x20 != 0 }

// FragmentOffset is in bytes.
func (h IPv4) FragmentOffset() int     { return int(be16(h[6:])&0x1fff) * 8 }
func (h IPv4) TTL() uint8              { return h[8] }
func (h IPv4) Protocol() uint8         { return h[9] }
func (h IPv4) Checksum() uint16        { return be16(h[10:]) }
func (h IPv4) Source() netip.Addr      { return netip.AddrFrom4([4]byte(h[12:16])) }
func (h IPv4) Destination() netip.Addr { return netip.AddrFrom4([4]byte(h[16:20])) }

// Options are the bytes behind the fixed header, padding included.
func (h IPv4) Options() []byte { return h[20:] }

// IPv4 returns the view of layer i, nil when it is another layer.
func (p *Packet) IPv4(i int) IPv4 { return p.view(i, TypeIPv4) }

func (c *cursor) ipv4() Type {
	h := c.need(TypeIPv4, 20)
	if h == nil {
		return TypeNone
	}
	if h[0]>>4 != 4 {
		return c.malformed(TypeIPv4, "the version is not 4")
	}
	n := int(h[0]&15) * 4
	if n < 20 {
		return c.malformed(TypeIPv4, "the header length is less than 20")
	}
	total := int(be16(h[2:]))
	if total != 0 && total < n {
		return c.malformed(TypeIPv4, "the total length is less than the header length")
	}
	if h = c.need(TypeIPv4, n); h == nil {
		return TypeNone
	}
	c.ip, c.short = c.p.n, false
	c.src, c.dst = c.off+wire.IPv4SourceAt, c.off+wire.IPv4DestinationAt
	if n > wire.IPv4Len {
		if at, ok := wire.SourceRoute(h[wire.IPv4Len:]); ok {
			c.dst = c.off + wire.IPv4Len + at
		}
	}
	l := c.add(TypeIPv4, n)
	if total == 0 {
		l.Flags |= Superpacket
	} else {
		c.limit(l, total)
	}
	l.Checksum = c.ipv4Checksum(h)
	frag := be16(h[6:])
	c.part = frag&0x3fff != 0
	if frag&0x1fff != 0 {
		return TypeFragment
	}
	next := ipProtocol(h[9])
	switch next {
	case TypeIPv6HopByHop, TypeIPv6Routing, TypeIPv6Fragment, TypeIPv6Destination, TypeIPv6Mobility:
		return TypePayload // headers of IPv6 only
	}
	return next
}

func (c *cursor) ipv4Checksum(h []byte) Checksum {
	switch {
	case c.d.SkipChecksums:
		return ChecksumUnverified
	case wire.Sum(0).Add(h).Good():
		return ChecksumGood
	case c.quoted:
		return ChecksumUnverified // routers and hosts change the header they quote
	case be16(h[10:]) == 0 && (c.p.Frame.Offload.ChecksumPending || c.unsaid()):
		return ChecksumOffloaded
	}
	return ChecksumBad
}

// IPv6 is the view of an IPv6 header, 40 bytes (RFC 8200).
type IPv6 []byte

func (h IPv6) Version() uint8          { return h[0] >> 4 }
func (h IPv6) TrafficClass() uint8     { return h[0]<<4 | h[1]>>4 }
func (h IPv6) DSCP() uint8             { return h.TrafficClass() >> 2 }
func (h IPv6) ECN() uint8              { return h.TrafficClass() & 3 }
func (h IPv6) FlowLabel() uint32       { return be32(h) & 0xfffff }
func (h IPv6) PayloadLength() uint16   { return be16(h[4:]) }
func (h IPv6) NextHeader() uint8       { return h[6] }
func (h IPv6) HopLimit() uint8         { return h[7] }
func (h IPv6) Source() netip.Addr      { return netip.AddrFrom16([16]byte(h[8:24])) }
func (h IPv6) Destination() netip.Addr { return netip.AddrFrom16([16]byte(h[24:40])) }

// IPv6 returns the view of layer i, nil when it is another layer.
func (p *Packet) IPv6(i int) IPv6 { return p.view(i, TypeIPv6) }

func (c *cursor) ipv6() Type {
	h := c.need(TypeIPv6, 40)
	if h == nil {
		return TypeNone
	}
	if h[0]>>4 != 6 {
		return c.malformed(TypeIPv6, "the version is not 6")
	}
	c.ip, c.part, c.short = c.p.n, false, false
	c.src, c.dst = c.off+wire.IPv6SourceAt, c.off+wire.IPv6DestinationAt
	l := c.add(TypeIPv6, 40)
	length := int(be16(h[4:]))
	switch {
	case length > 0:
		c.limit(l, 40+length)
	case c.end > l.Offset+40+0xffff:
		l.Flags |= Superpacket // a jumbogram, or one left to be segmented
	case h[6] == protoHopByHop:
		// A jumbo payload option may follow; without one there is no room for the header.
	default:
		c.limit(l, 40)
	}
	return ipProtocol(h[6])
}

// IPv6Extension is the view of a hop-by-hop, destination options, routing or mobility header.
type IPv6Extension []byte

func (h IPv6Extension) NextHeader() uint8 { return h[0] }

// Length is that of the header in bytes.
func (h IPv6Extension) Length() int { return 8 + 8*int(h[1]) }

// Options are the bytes of the options of a hop-by-hop or destination options header, padding included.
func (h IPv6Extension) Options() []byte { return h[2:] }

// RoutingType and SegmentsLeft are fields of a routing header.
func (h IPv6Extension) RoutingType() uint8  { return h[2] }
func (h IPv6Extension) SegmentsLeft() uint8 { return h[3] }

// IPv6Extension returns the view of layer i, nil when it is no such header.
func (p *Packet) IPv6Extension(i int) IPv6Extension {
	if uint(i) < uint(p.n) {
		switch p.layers[i].Type {
		case TypeIPv6HopByHop, TypeIPv6Destination, TypeIPv6Routing, TypeIPv6Mobility:
			return p.Header(i)
		}
	}
	return nil
}

func (c *cursor) ipv6Extension(t Type) Type {
	if c.ip < 0 || c.p.layers[c.ip].Type != TypeIPv6 {
		return TypePayload
	}
	h := c.need(t, 8)
	if h == nil {
		return TypeNone
	}
	n := 8 + 8*int(h[1])
	if h = c.need(t, n); h == nil {
		return TypeNone
	}
	c.add(t, n)
	if t == TypeIPv6HopByHop && !c.jumbo(h) {
		c.off -= n
		return c.malformed(t, "neither a payload length nor a jumbo payload option")
	}
	switch start := c.off - n; t {
	case TypeIPv6Routing:
		if at, ok := wire.Extension(h).FinalDestination(); ok {
			c.dst = start + at
		}
	case TypeIPv6Destination:
		if at, ok := wire.Extension(h).HomeAddress(); ok {
			c.src = start + at
		}
	}
	return ipProtocol(h[0])
}

// jumbo applies the jumbo payload option of a hop-by-hop header to its IPv6 layer (RFC 2675). It reports
// false when neither that nor the IPv6 header tells a length, and nothing else explains it.
func (c *cursor) jumbo(h []byte) bool {
	ip := &c.p.layers[c.ip]
	if be16(c.data[ip.Offset+4:]) != 0 {
		return true
	}
	for off := 2; off+2 <= len(h); {
		switch n := int(h[off+1]); {
		case h[off] == 0:
			off++
		case h[off] == 0xc2 && n == 4 && off+6 <= len(h):
			c.limit(ip, int(min(40+uint64(be32(h[off+2:])), 1<<31-1)))
			return c.off <= c.end
		default:
			off += 2 + n
		}
	}
	return ip.Flags&Superpacket != 0
}

// IPv6Fragment is the view of a fragment header, 8 bytes.
type IPv6Fragment []byte

func (h IPv6Fragment) NextHeader() uint8 { return h[0] }

// FragmentOffset is in bytes.
func (h IPv6Fragment) FragmentOffset() int { return int(be16(h[2:]) &^ 7) }
func (h IPv6Fragment) MoreFragments() bool { return h[3]&1 != 0 }
func (h IPv6Fragment) ID() uint32          { return be32(h[4:]) }

// IPv6Fragment returns the view of layer i, nil when it is another layer.
func (p *Packet) IPv6Fragment(i int) IPv6Fragment { return p.view(i, TypeIPv6Fragment) }

func (c *cursor) ipv6Fragment() Type {
	h := c.need(TypeIPv6Fragment, 8)
	if h == nil {
		return TypeNone
	}
	c.add(TypeIPv6Fragment, 8)
	if be16(h[2:])&^6 != 0 {
		c.part = true
	}
	if be16(h[2:])&^7 != 0 {
		return TypeFragment
	}
	return ipProtocol(h[0])
}

// AH is the view of an authentication header (RFC 4302).
type AH []byte

func (h AH) NextHeader() uint8 { return h[0] }
func (h AH) SPI() uint32       { return be32(h[4:]) }
func (h AH) Sequence() uint32  { return be32(h[8:]) }
func (h AH) ICV() []byte       { return h[12:] }

// AH returns the view of layer i, nil when it is another layer.
func (p *Packet) AH(i int) AH { return p.view(i, TypeAH) }

func (c *cursor) ah() Type {
	h := c.need(TypeAH, 12)
	if h == nil {
		return TypeNone
	}
	n := 4 * (int(h[1]) + 2)
	if n < 12 {
		return c.malformed(TypeAH, "the length is less than 12")
	}
	if c.need(TypeAH, n) == nil {
		return TypeNone
	}
	c.add(TypeAH, n)
	return ipProtocol(h[0])
}
