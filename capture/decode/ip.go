package decode

import "sockwire/raw/wire"

// The views of headers are those of raw/wire.
type (
	IPv4          = wire.IPv4
	IPv6          = wire.IPv6
	IPv6Extension = wire.Extension
	IPv6Fragment  = wire.Fragment
	AH            = wire.AH
)

// IPv4 returns the view of layer i, nil when it is another layer.
func (p *Packet) IPv4(i int) IPv4 { return p.view(i, TypeIPv4) }

func (c *cursor) ipv4(t Type, h []byte) Type {
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

// IPv6 returns the view of layer i, nil when it is another layer.
func (p *Packet) IPv6(i int) IPv6 { return p.view(i, TypeIPv6) }

func (c *cursor) ipv6(t Type, h []byte) Type {
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
	case h[6] == wire.ProtoHopByHop:
		// A jumbo payload option may follow; without one there is no room for the header.
	default:
		c.limit(l, 40)
	}
	return ipProtocol(h[6])
}

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

func (c *cursor) ipv6Extension(t Type, _ []byte) Type {
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
	for o := range wire.IPv6Options(IPv6Extension(h).Options()) {
		if o.Kind == wire.IPv6OptionJumbo && len(o.Data) == 4 {
			c.limit(ip, int(min(40+uint64(be32(o.Data)), 1<<31-1)))
			return c.off <= c.end
		}
	}
	return ip.Flags&Superpacket != 0
}

// IPv6Fragment returns the view of layer i, nil when it is another layer.
func (p *Packet) IPv6Fragment(i int) IPv6Fragment { return p.view(i, TypeIPv6Fragment) }

func (c *cursor) ipv6Fragment(t Type, h []byte) Type {
	c.add(TypeIPv6Fragment, 8)
	if be16(h[2:])&^6 != 0 {
		c.part = true
	}
	if be16(h[2:])&^7 != 0 {
		return TypeFragment
	}
	return ipProtocol(h[0])
}

// AH returns the view of layer i, nil when it is another layer.
func (p *Packet) AH(i int) AH { return p.view(i, TypeAH) }

func (c *cursor) ah(t Type, h []byte) Type {
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
