package decode

import "sockwire/raw/wire"

// The views of headers are those of raw/wire.
type (
	TCP = wire.TCP
	UDP = wire.UDP
)

// TCP returns the view of layer i, nil when it is another layer or a quotation of less than 20 bytes, of
// which Ports and Header still tell what is there.
func (p *Packet) TCP(i int) TCP {
	if h := p.view(i, TypeTCP); len(h) >= 20 {
		return h
	}
	return nil
}

// Ports returns the ports of layer i, of any transport, also where an ICMP error quotes only 8 bytes of it.
func (p *Packet) Ports(i int) (src, dst uint16, ok bool) {
	if uint(i) >= uint(p.n) || !p.layers[i].Type.Transport() {
		return 0, 0, false
	}
	h := p.Header(i)
	return be16(h), be16(h[2:]), true
}

func (c *cursor) tcp(t Type, _ []byte) Type {
	if c.quoted && c.off+8 <= min(len(c.data), c.end) && c.off+20 > min(len(c.data), c.end) {
		return c.quotedStart(TypeTCP)
	}
	h := c.need(TypeTCP, 20)
	if h == nil {
		return TypeNone
	}
	n := int(h[12]>>4) * 4
	if n < 20 {
		return c.malformed(TypeTCP, "the data offset is less than 20")
	}
	if c.quoted {
		n = min(n, min(len(c.data), c.end)-c.off)
	} else if c.need(TypeTCP, n) == nil {
		return TypeNone
	}
	l := c.add(TypeTCP, n)
	c.verify(l, be16(h[16:]), c.end, wire.ProtoTCP, true)
	return c.application(h, wire.ProtoTCP)
}

// quotedStart adds a transport layer of which an ICMP error quotes the ports and no more than the first 8
// bytes can be relied on (RFC 792).
func (c *cursor) quotedStart(t Type) Type {
	c.add(t, min(len(c.data), c.end)-c.off).Checksum = ChecksumUnverified
	return TypeNone
}

// UDP returns the view of layer i, nil when it is another layer.
func (p *Packet) UDP(i int) UDP { return p.view(i, TypeUDP) }

func (c *cursor) udp(t Type, h []byte) Type {
	length := int(be16(h[4:]))
	if length < 8 && !(length == 0 && c.end-c.off > 0xffff) {
		return c.malformed(TypeUDP, "the length is less than 8")
	}
	l := c.add(TypeUDP, 8)
	if length > 0 && !c.part {
		c.limit(l, length)
		c.short = l.Flags&Overlong != 0 // else all of it is here, also where the IP length is wrong
	}
	if be16(h[6:]) == 0 {
		l.Checksum = ChecksumZero
	} else {
		c.verify(l, be16(h[6:]), c.end, wire.ProtoUDP, true)
	}
	return c.application(h, wire.ProtoUDP)
}

// application returns the layer that a transport header h carries. Ports tell it, and where those are not
// reserved or carry many protocols the first bytes. It is a guess by custom, as port numbers are.
func (c *cursor) application(h []byte, transport uint8) Type {
	b := c.left()
	if len(b) == 0 {
		return TypePayload
	}
	c.stream = transport == wire.ProtoTCP
	src, dst := be16(h), be16(h[2:])
	t := TypeNone
	if len(c.d.Ports) > 0 {
		t = c.d.named(transport, src, dst, b)
	}
	if t == TypeNone && transport != wire.ProtoTCP && !c.quoted {
		t = tunnelOverUDP(src, dst, b)
	}
	switch {
	case t != TypeNone:
		if t >= firstApplication && c.d.SkipApplications || t < firstApplication && c.quoted {
			return TypePayload
		}
		return t
	case c.d.SkipApplications:
		return TypePayload
	case transport == wire.ProtoTCP:
		return inStreams.find(src, dst, b)
	}
	return inDatagrams.find(src, dst, b)
}

// tunnelOverUDP tells the layers below an application that use UDP.
func tunnelOverUDP(src, dst uint16, b []byte) Type {
	switch wire.TunnelOverUDP(src, dst, b) {
	case wire.TunnelVXLAN:
		return TypeVXLAN
	case wire.TunnelGeneve:
		return TypeGeneve
	case wire.TunnelMPLS:
		return TypeMPLS
	case wire.TunnelESP:
		return TypeESP
	}
	return TypeNone
}
