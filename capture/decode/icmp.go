package decode

import "sockwire/raw/wire"

// ICMP is the view of an ICMPv4 or ICMPv6 message: the 8 bytes of its fixed part, all of a message that carries no
// payload such as those of neighbor discovery, or at least 4 bytes of one that is cut.
type ICMP = wire.ICMP

// ICMPv4 returns the view of layer i, nil when it is another layer.
func (p *Packet) ICMPv4(i int) ICMP { return p.view(i, TypeICMPv4) }

// ICMPv6 returns the view of layer i, nil when it is another layer.
func (p *Packet) ICMPv6(i int) ICMP { return p.view(i, TypeICMPv6) }

// icmp adds the layer of an ICMP message.
func (c *cursor) icmp(t Type, pseudo bool) []byte {
	h := c.need(t, 4)
	if h == nil {
		return nil
	}
	n := wire.ICMPHeaderLen(t == TypeICMPv6, h[0])
	if c.off+n > min(len(c.data), c.end) || n == 0 {
		if n > 0 || c.end > len(c.data) {
			c.need(t, max(n, c.end-c.off))
		}
		n = max(4, min(len(c.data), c.end)-c.off)
	}
	h = c.data[c.off : c.off+n : c.off+n]
	l := c.add(t, n)
	c.verify(l, be16(h[2:]), c.end, wire.ProtoICMPv6, pseudo)
	return h
}

func (c *cursor) icmpv4(t Type, _ []byte) Type {
	h := c.icmp(TypeICMPv4, false)
	if h == nil {
		return TypeNone
	}
	switch {
	case wire.IsICMPError(false, h[0]):
		return c.quotation(h, TypeIPv4)
	case h[0] == wire.ICMPv4ExtendedEcho:
		return c.probeObject(h)
	}
	return TypePayload
}

func (c *cursor) icmpv6(t Type, _ []byte) Type {
	if c.ip >= 0 && c.p.layers[c.ip].Type == TypeIPv4 {
		return TypePayload
	}
	h := c.icmp(TypeICMPv6, true)
	if h == nil {
		return TypeNone
	}
	switch h[0] {
	case wire.ICMPv6Unreachable, wire.ICMPv6PacketTooBig, wire.ICMPv6TimeExceeded, wire.ICMPv6ParamProblem:
		return c.quotation(h, TypeIPv6)
	case wire.ICMPv6ExtendedEcho:
		return c.probeObject(h)
	}
	return TypePayload
}

// probeObject makes what follows an extended echo request the extension structure that names the interface to
// probe (RFC 8335 section 2).
func (c *cursor) probeObject(h []byte) Type {
	if len(h) == 8 && c.off+4 <= min(len(c.data), c.end) {
		c.extOff, c.extEnd = c.off, c.end
		return TypeNone
	}
	return TypePayload
}

// quotation prepares for the packet that an ICMP error quotes.
func (c *cursor) quotation(h []byte, ip Type) Type {
	if len(h) < 8 {
		return TypePayload
	}
	if c.quoted {
		return TypePayload // errors do not quote errors
	}
	if n, ok := wire.ICMPQuoteLen(ip == TypeIPv6, h); ok {
		switch {
		case n > 0 && c.off+n+4 <= min(len(c.data), c.end):
			c.extOff, c.extEnd, c.end = c.off+n, c.end, c.off+n
		case n == 0 && c.compatible(c.off+128):
			c.extOff, c.extEnd, c.end = c.off+128, c.end, c.off+128
		}
	}
	c.quoted = true
	return ip
}

// compatible reports whether an extension structure lies at off behind a quotation that does not tell its
// length (RFC 4884 section 5.5).
func (c *cursor) compatible(off int) bool {
	if off+4 > min(len(c.data), c.end) || !c.captured() {
		return false
	}
	h := c.data[off:c.end]
	return h[0]>>4 == 2 && be16(h[2:]) != 0 && wire.Sum(0).Add(h).Good()
}

// icmpExtension adds the extension structure that followed the quotation.
func (c *cursor) icmpExtension() {
	c.off, c.end, c.quoted = c.extOff, c.extEnd, false
	if c.p.n == MaxLayers {
		c.fail(TypeICMPExtension, TooDeep, 0, "")
		return
	}
	n := min(len(c.data), c.end) - c.off
	l := c.add(TypeICMPExtension, n)
	h := c.data[l.Offset:c.off]
	switch {
	case be16(h[2:]) == 0:
		l.Checksum = ChecksumZero
	case !c.captured() || c.d.SkipChecksums:
		l.Checksum = ChecksumUnverified
	case wire.Sum(0).Add(h).Good():
		l.Checksum = ChecksumGood
	default:
		l.Checksum = ChecksumBad
	}
}
