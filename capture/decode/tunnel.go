package decode

// GRE is the view of a GRE header with its optional fields (RFC 2784, RFC 2890), or that of version 1
// (RFC 2637).
type GRE []byte

func (h GRE) HasChecksum() bool { return h[0]&0x80 != 0 }
func (h GRE) HasRouting() bool  { return h[0]&0x40 != 0 }
func (h GRE) HasKey() bool      { return h[0]&0x20 != 0 }
func (h GRE) HasSequence() bool { return h[0]&0x10 != 0 }
func (h GRE) Version() uint8    { return h[1] & 7 }

// HasAck tells whether a version 1 header has an acknowledgment number.
func (h GRE) HasAck() bool { return h.Version() == 1 && h[1]&0x80 != 0 }

// greERSPAN is a mirrored frame.
const greERSPAN = 0x88be

// osiInGRE is the protocol of the ISO network layer.
const osiInGRE = 0x00fe

func (h GRE) Protocol() uint16 { return be16(h[2:]) }

// Key returns the key, 0 when there is none. In version 1 it is the payload length and the call ID.
func (h GRE) Key() uint32 {
	off := 4
	if h.HasChecksum() || h.HasRouting() {
		off = 8
	}
	if !h.HasKey() || off+4 > len(h) {
		return 0
	}
	return be32(h[off:])
}

// GRE returns the view of layer i, nil when it is another layer.
func (p *Packet) GRE(i int) GRE { return p.view(i, TypeGRE) }

func (c *cursor) gre(t Type, b []byte) Type {
	h := GRE(b)
	if h.Version() > 1 {
		return c.malformed(TypeGRE, "the version is neither 0 nor 1")
	}
	n := 4
	if h.HasChecksum() || h.HasRouting() {
		n += 4
	}
	for _, has := range [...]bool{h.HasKey(), h.HasSequence(), h.HasAck()} {
		if has {
			n += 4
		}
	}
	for routed := h.HasRouting(); routed; { // source route entries up to an empty one, RFC 1701
		e := c.need(TypeGRE, n+4)
		if e == nil {
			return TypeNone
		}
		routed = be16(e[n:]) != 0 || e[n+3] != 0
		n += 4 + int(e[n+3])
	}
	if h = c.need(TypeGRE, n); h == nil {
		return TypeNone
	}
	l := c.add(TypeGRE, n)
	if h.HasChecksum() {
		c.verify(l, be16(h[4:]), c.end, 0, false)
	}
	switch t := h.Protocol(); t {
	case osiInGRE:
		return c.inside(TypeLLC)
	case grePPP:
		return TypePPP
	case greERSPAN:
		if !h.HasSequence() { // type I has no header of its own
			return TypeEthernet
		}
		return etherType(t)
	case greWCCP:
		if b := c.data[c.off:min(len(c.data), max(c.end, c.off))]; len(b) > 4 && b[0]>>4 != 4 {
			c.off += 4 // the redirect header of version 2
			l.Header += 4
		}
		return TypeIPv4
	default:
		return etherType(t)
	}
}

// Protocol types of GRE that are no EtherTypes elsewhere.
const (
	grePPP  = 0x880b
	greWCCP = 0x883e
)

var (
	fGREHasSum   = Define("gre.flags.checksum", "Checksum present", KindBool).Bits(0, 1)
	fGRERouting  = Define("gre.flags.routing", "Routing present", KindBool).Bits(1, 1)
	fGREHasKey   = Define("gre.flags.key", "Key present", KindBool).Bits(2, 1)
	fGREHasSeq   = Define("gre.flags.sequence_number", "Sequence Number present", KindBool).Bits(3, 1)
	fGREVersion  = Define("gre.flags.version", "Version", KindUint).As("version").Bits(13, 3)
	fGREProtocol = Define("gre.proto", "Protocol Type", KindHex).As("protocol").At(2, 2).Means(etherTypeName)
	fGREChecksum = Define("gre.checksum", "Checksum", KindHex).At(4, 2)
	fGREStatus   = Define("gre.checksum.status", "Checksum status", KindState).At(4, 2)
	fGREOffset   = Define("gre.offset", "Offset", KindUint)
	fGREKey      = Define("gre.key", "Key", KindHex)
	fGREPayload  = Define("gre.key.payload_length", "Payload Length", KindUint).As("payload_length").At(0, 2)
	fGRECall     = Define("gre.key.call_id", "Call ID", KindUint).As("call_id").At(2, 2)
	fGRESequence = Define("gre.sequence_number", "Sequence Number", KindUint).As("seq")
	fGREAck      = Define("gre.ack_number", "Acknowledgment Number", KindUint).As("ack")
)

func greFields(w *FieldWriter) {
	h := GRE(w.data)
	w.Add(0, fGREHasSum, fGRERouting, fGREHasKey, fGREHasSeq, fGREVersion, fGREProtocol)
	off := 4
	if h.HasChecksum() || h.HasRouting() {
		if h.HasChecksum() {
			w.Add(0, fGREChecksum, fGREStatus)
		}
		if h.HasRouting() {
			w.Uint(fGREOffset, 6, 2)
		}
		off += 4
	}
	if h.HasKey() {
		if h.Version() == 1 {
			w.Add(off, fGREPayload, fGRECall)
		} else {
			w.Uint(fGREKey, off, 4)
		}
		off += 4
	}
	if h.HasSequence() {
		w.Uint(fGRESequence, off, 4)
		off += 4
	}
	if h.HasAck() {
		w.Uint(fGREAck, off, 4)
	}
}

func (*Printer) appendGRE(b []byte, p *Packet, i int) []byte {
	h := p.GRE(i)
	b = appendUint(append(b, "GREv"...), uint64(h.Version()))
	if h.HasKey() {
		if h.Version() == 1 {
			b = appendUint(append(b, ", call "...), uint64(h.Key()&0xffff))
		} else {
			b = appendHex(append(b, ", key "...), uint64(h.Key()))
		}
	}
	b = append(b, ", "...)
	if next := p.next(i); next == TypePayload || next == TypeNone {
		b = append(b, "proto "...)
		b = append(appendHexN(b, uint64(h.Protocol()), 4), ", "...)
	}
	return b
}

// VXLAN is the view of a VXLAN header, 8 bytes (RFC 7348), also with the generic protocol extension.
type VXLAN []byte

func (h VXLAN) Flags() uint8 { return h[0] }
func (h VXLAN) VNI() uint32  { return be32(h[4:]) >> 8 }

// NextProtocol is that of the generic protocol extension, 0 without it.
func (h VXLAN) NextProtocol() uint8 {
	if h[0]&4 == 0 {
		return 0
	}
	return h[3]
}

// VXLAN returns the view of layer i, nil when it is another layer.
func (p *Packet) VXLAN(i int) VXLAN { return p.view(i, TypeVXLAN) }

func (c *cursor) vxlan(t Type, b []byte) Type {
	h := VXLAN(b)
	c.add(TypeVXLAN, 8)
	switch h.NextProtocol() {
	case 0, 3:
		return TypeEthernet
	case 1:
		return TypeIPv4
	case 2:
		return TypeIPv6
	}
	return TypePayload
}

var (
	fVXLANFlags    = Define("vxlan.flags", "Flags", KindHex)
	fVXLANPolicy   = Define("vxlan.gbp", "Group Policy ID", KindUint).As("group_policy")
	fVXLANNext     = Define("vxlan.next_proto", "Next Protocol", KindUint).As("next_protocol")
	fVXLANVNI      = Define("vxlan.vni", "VNI", KindUint).At(4, 3)
	fVXLANReserved = Define("vxlan.reserved8", "Reserved", KindUint).As("reserved").At(7, 1)
)

func vxlanFields(w *FieldWriter) {
	if VXLAN(w.data).NextProtocol() != 0 {
		w.Uint(fVXLANFlags, 0, 1)
		w.Uint(fVXLANNext, 3, 1)
	} else {
		w.Uint(fVXLANFlags, 0, 2)
		w.Uint(fVXLANPolicy, 2, 2)
	}
	w.Add(0, fVXLANVNI, fVXLANReserved)
}

// Geneve is the view of a Geneve header with its options (RFC 8926).
type Geneve []byte

func (h Geneve) Version() uint8   { return h[0] >> 6 }
func (h Geneve) Critical() bool   { return h[1]&0x40 != 0 }
func (h Geneve) OAM() bool        { return h[1]&0x80 != 0 }
func (h Geneve) Protocol() uint16 { return be16(h[2:]) }
func (h Geneve) VNI() uint32      { return be32(h[4:]) >> 8 }

// Geneve returns the view of layer i, nil when it is another layer.
func (p *Packet) Geneve(i int) Geneve { return p.view(i, TypeGeneve) }

func (c *cursor) geneve(t Type, b []byte) Type {
	h := Geneve(b)
	if h.Version() != 0 {
		return c.malformed(TypeGeneve, "the version is not 0")
	}
	n := 8 + 4*int(h[0]&0x3f)
	if c.need(TypeGeneve, n) == nil {
		return TypeNone
	}
	c.add(TypeGeneve, n)
	return etherType(h.Protocol())
}

var (
	fGeneveVersion  = Define("geneve.version", "Version", KindUint).Bits(0, 2)
	fGeneveOAM      = Define("geneve.flags.oam", "OAM", KindBool).As("oam").Bits(8, 1)
	fGeneveCritical = Define("geneve.flags.critical", "Critical options", KindBool).As("critical").Bits(9, 1)
	fGeneveProtocol = Define("geneve.proto_type", "Protocol Type", KindHex).As("protocol").At(2, 2).Means(etherTypeName)
	fGeneveVNI      = Define("geneve.vni", "VNI", KindUint).At(4, 3)
	fGeneveOption   = Define("geneve.opt", "Option", KindGroup).As("options").Several()
	fGeneveClass    = Define("geneve.option.class", "Class", KindHex).As("class").At(0, 2)
	fGeneveType     = Define("geneve.option.type", "Type", KindHex).As("type").At(2, 1)
	fGeneveLength   = Define("geneve.option.length", "Length", KindUint).As("length")
	fGeneveData     = Define("geneve.option.data", "Data", KindBytes).As("data")
)

func geneveFields(w *FieldWriter) {
	for off := 8; off+4 <= len(w.data); {
		n := 4 + 4*int(w.data[off+3]&0x1f)
		w.Group(fGeneveOption, off, n)
		w.Add(off, fGeneveClass, fGeneveType)
		w.Value(fGeneveLength, off+3, 1, uint64(n))
		if n > 4 {
			w.Bytes(fGeneveData, off+4, n-4)
		}
		w.End()
		off += n
	}
}

// appendVNI adds the header of VXLAN or Geneve.
func (*Printer) appendVNI(b []byte, p *Packet, i int) []byte {
	if h := p.VXLAN(i); h != nil {
		b = append(b, "VXLAN, vni "...)
		return append(appendUint(b, uint64(h.VNI())), ": "...)
	}
	h := p.Geneve(i)
	b = append(b, "Geneve, vni "...)
	b = appendUint(b, uint64(h.VNI()))
	if h.OAM() {
		b = append(b, ", oam"...)
	}
	if next := p.next(i); next == TypePayload || next == TypeNone {
		b = appendHexN(append(b, ", proto "...), uint64(h.Protocol()), 4)
	}
	return append(b, ": "...)
}

// ESP is the view of the clear start of an ESP packet, 8 bytes (RFC 4303).
type ESP []byte

func (h ESP) SPI() uint32      { return be32(h) }
func (h ESP) Sequence() uint32 { return be32(h[4:]) }

// ESP returns the view of layer i, nil when it is another layer.
func (p *Packet) ESP(i int) ESP { return p.view(i, TypeESP) }

func (c *cursor) esp(t Type, _ []byte) Type {
	c.add(TypeESP, 8)
	return TypePayload
}

var (
	fESPSPI      = Define("esp.spi", "SPI", KindHex).At(0, 4)
	fESPSequence = Define("esp.sequence", "Sequence Number", KindUint).At(4, 4)
)

func (*Printer) appendESP(b []byte, p *Packet, i int) []byte {
	h := p.ESP(i)
	b = appendHexN(append(b, "ESP(spi="...), uint64(h.SPI()), 8)
	b = appendHex(append(b, ",seq="...), uint64(h.Sequence()))
	return append(b, "), "...)
}

func (*Printer) appendAH(b []byte, p *Packet, i int) []byte {
	h := p.AH(i)
	b = appendHexN(append(b, "AH(spi="...), uint64(h.SPI()), 8)
	b = appendHex(append(b, ",seq="...), uint64(h.Sequence()))
	return append(b, "): "...)
}
