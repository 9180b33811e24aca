package decode

import "sockwire/raw/wire"

// UDPLite is the view of a UDP-Lite header, 8 bytes (RFC 3828).
type UDPLite []byte

func (h UDPLite) SourcePort() uint16      { return be16(h) }
func (h UDPLite) DestinationPort() uint16 { return be16(h[2:]) }

// Coverage is how many bytes the checksum covers, 0 for all.
func (h UDPLite) Coverage() uint16 { return be16(h[4:]) }
func (h UDPLite) Checksum() uint16 { return be16(h[6:]) }

// UDPLite returns the view of layer i, nil when it is another layer.
func (p *Packet) UDPLite(i int) UDPLite { return p.view(i, TypeUDPLite) }

func (c *cursor) udpLite(t Type, b []byte) Type {
	h := UDPLite(b)
	coverage := int(h.Coverage())
	if coverage != 0 && coverage < 8 || coverage > c.end-c.off {
		return c.malformed(TypeUDPLite, "the checksum coverage is neither 0 nor within the packet")
	}
	l := c.add(TypeUDPLite, 8)
	to := c.end
	if coverage != 0 {
		to = l.Offset + coverage
	}
	c.verifyPart(l, h.Checksum(), to, c.end, wire.ProtoUDPLite)
	return c.application(h, wire.ProtoUDPLite)
}

var fUDPCoverage = Define("udp.checksum_coverage", "Checksum Coverage", KindUint).At(4, 2)

func (*Printer) appendUDPLite(b []byte, p *Packet, i int) []byte {
	return appendInt(append(b, "UDP-Lite, length "...), p.PayloadLength(i))
}
