package decode

import "sockwire/raw/wire"

// VRRP is the view of a VRRP message (RFC 3768, RFC 5798).
type VRRP []byte

func (h VRRP) Version() uint8         { return h[0] >> 4 }
func (h VRRP) Type() uint8            { return h[0] & 15 }
func (h VRRP) VirtualRouterID() uint8 { return h[1] }
func (h VRRP) Priority() uint8        { return h[2] }
func (h VRRP) Count() uint8           { return h[3] }

// VRRP returns the view of layer i, nil when it is another layer.
func (p *Packet) VRRP(i int) VRRP { return p.view(i, TypeVRRP) }

func (c *cursor) vrrp(t Type, b []byte) Type {
	h := VRRP(b)
	if v := h.Version(); v != 2 && v != 3 {
		return c.malformed(TypeVRRP, "the version is neither 2 nor 3")
	}
	if c.end > len(c.data) {
		c.need(TypeVRRP, c.end-c.off)
	}
	l := c.add(TypeVRRP, min(len(c.data), c.end)-c.off)
	c.verify(l, be16(h[6:]), c.end, wire.ProtoVRRP, h.Version() == 3)
	return TypeNone
}

var (
	fVRRPVersion  = Define("vrrp.version", "Version", KindUint).Bits(0, 4)
	fVRRPType     = Define("vrrp.type", "Type", KindUint).Bits(4, 4)
	fVRRPID       = Define("vrrp.virt_rtr_id", "Virtual Router ID", KindUint).As("vrid").At(1, 1)
	fVRRPPriority = Define("vrrp.prio", "Priority", KindUint).As("priority").At(2, 1)
	fVRRPCount    = Define("vrrp.addr_count", "Address count", KindUint)
	fVRRPAuth     = Define("vrrp.auth_type", "Auth Type", KindUint).At(4, 1)
	fVRRPSeconds  = Define("vrrp.adver_int", "Advertisement interval, in s", KindUint).As("interval_s").At(5, 1)
	fVRRPCenti    = Define("vrrp.short_adver_int", "Advertisement interval, in 1/100 s", KindUint).As("interval_cs")
	fVRRPChecksum = Define("vrrp.checksum", "Checksum", KindHex).At(6, 2)
	fVRRPStatus   = Define("vrrp.checksum.status", "Checksum status", KindState).At(6, 2)
	fVRRPAddress  = Define("vrrp.ip_addr", "Address", KindIP).As("addresses").Several()
	fVRRPAddress6 = Define("vrrp.ipv6_addr", "Address", KindIP).As("addresses").Several()
)

func vrrpFields(w *FieldWriter, inIPv6 bool) {
	h := VRRP(w.data)
	w.Add(0, fVRRPVersion, fVRRPType, fVRRPID, fVRRPPriority)
	n := int(w.Uint(fVRRPCount, 3, 1))
	if h.Version() == 3 {
		w.Bits(fVRRPCenti, 36, 12, nil)
	} else {
		w.Add(0, fVRRPAuth, fVRRPSeconds)
	}
	w.Add(0, fVRRPChecksum, fVRRPStatus)
	d, size := fVRRPAddress, 4
	if inIPv6 {
		d, size = fVRRPAddress6, 16
	}
	w.Each(d, 8, 8+size*n, size)
}

func (*Printer) appendVRRP(b []byte, p *Packet, i int) []byte {
	h := p.VRRP(i)
	b = appendUint(append(b, "VRRPv"...), uint64(h.Version()))
	if h.Type() == 1 {
		b = append(b, ", Advertisement"...)
	} else {
		b = appendUint(append(b, ", type "...), uint64(h.Type()))
	}
	b = appendUint(append(b, ", vrid "...), uint64(h.VirtualRouterID()))
	b = appendUint(append(b, ", prio "...), uint64(h.Priority()))
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}

// OSPF is the view of an OSPF packet header, 24 bytes in version 2 (RFC 2328) and 16 in version 3 (RFC 5340).
type OSPF []byte

func (h OSPF) Version() uint8   { return h[0] }
func (h OSPF) Type() uint8      { return h[1] }
func (h OSPF) Length() uint16   { return be16(h[2:]) }
func (h OSPF) RouterID() []byte { return h[4:8:8] }
func (h OSPF) AreaID() []byte   { return h[8:12:12] }

// OSPF returns the view of layer i, nil when it is another layer.
func (p *Packet) OSPF(i int) OSPF { return p.view(i, TypeOSPF) }

func (c *cursor) ospf(t Type, b []byte) Type {
	h := OSPF(b)
	n := 16
	switch h.Version() {
	case 2:
		n = 24
	case 3:
	default:
		return c.malformed(TypeOSPF, "the version is neither 2 nor 3")
	}
	if h = c.need(TypeOSPF, n); h == nil {
		return TypeNone
	}
	if int(h.Length()) < n {
		return c.malformed(TypeOSPF, "the length is less than that of the header")
	}
	l := c.add(TypeOSPF, n)
	end := l.Offset + int(h.Length())
	if h.Version() == 3 {
		if end <= c.end {
			c.verify(l, be16(h[12:]), end, wire.ProtoOSPF, true)
		}
	} else {
		l.Checksum = c.ospfChecksum(h, l.Offset, end)
	}
	return TypePayload
}

// ospfChecksum verifies the checksum of version 2, which leaves out the authentication field and is not used
// with cryptographic authentication.
func (c *cursor) ospfChecksum(h OSPF, off, end int) Checksum {
	switch {
	case be16(h[14:]) == 2:
		return ChecksumZero
	case end > len(c.data) || end > c.end || c.part || c.quoted || c.d.SkipChecksums:
		return ChecksumUnverified
	case wire.Sum(0).Add(h[:16]).Add(c.data[off+24 : end]).Good():
		return ChecksumGood
	}
	return ChecksumBad
}

var (
	fOSPFVersion  = Define("ospf.version", "Version", KindUint).At(0, 1)
	fOSPFType     = Define("ospf.msg", "Type", KindUint).As("type").At(1, 1).Means(ospfName)
	fOSPFLength   = Define("ospf.packet_length", "Packet length", KindUint).As("packet_length").At(2, 2)
	fOSPFRouter   = Define("ospf.srcrouter", "Router ID", KindIP).As("router_id").At(4, 4)
	fOSPFArea     = Define("ospf.area_id", "Area ID", KindIP).At(8, 4)
	fOSPFChecksum = Define("ospf.checksum", "Checksum", KindHex).At(12, 2)
	fOSPFStatus   = Define("ospf.checksum.status", "Checksum status", KindState).At(12, 2)
	fOSPFAuth     = Define("ospf.auth.type", "Auth Type", KindUint)
	fOSPFInstance = Define("ospf.instance_id", "Instance ID", KindUint)
)

func ospfFields(w *FieldWriter) {
	if len(w.data) == 24 {
		w.Uint(fOSPFAuth, 14, 2)
	} else {
		w.Uint(fOSPFInstance, 14, 1)
	}
}

var ospfName = Names{
	1: "Hello", 2: "Database Description", 3: "LS-Request", 4: "LS-Update", 5: "LS-Ack",
}.Of

func (*Printer) appendOSPF(b []byte, p *Packet, i int) []byte {
	h := p.OSPF(i)
	b = appendUint(append(b, "OSPFv"...), uint64(h.Version()))
	b = append(b, ", "...)
	b = AppendName(b, ospfName(uint64(h.Type())), "type ", uint64(h.Type()))
	b = appendIPv4(append(b, ", router "...), h.RouterID())
	b = appendIPv4(append(b, ", area "...), h.AreaID())
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}

// PIM is the view of a PIM header, 4 bytes, or 8 of a register message (RFC 7761).
type PIM []byte

func (h PIM) Version() uint8   { return h[0] >> 4 }
func (h PIM) Type() uint8      { return h[0] & 15 }
func (h PIM) Checksum() uint16 { return be16(h[2:]) }

// PIM returns the view of layer i, nil when it is another layer.
func (p *Packet) PIM(i int) PIM { return p.view(i, TypePIM) }

func (c *cursor) pim(t Type, b []byte) Type {
	h := PIM(b)
	if h.Version() != 2 {
		c.add(TypePIM, 4)
		return TypePayload
	}
	pseudo := c.ip >= 0 && c.p.layers[c.ip].Type == TypeIPv6
	if h.Type() != 1 {
		l := c.add(TypePIM, 4)
		c.verify(l, h.Checksum(), c.end, wire.ProtoPIM, pseudo)
		return TypePayload
	}
	if c.need(TypePIM, 8) == nil {
		return TypeNone
	}
	l := c.add(TypePIM, 8)
	c.verify(l, h.Checksum(), l.Offset+8, wire.ProtoPIM, pseudo) // without the packet that it carries
	if l.Checksum == ChecksumBad {
		c.verify(l, h.Checksum(), c.end, wire.ProtoPIM, pseudo) // some senders take it in
	}
	if c.data[l.Offset+4]&0x40 != 0 {
		c.quoted = true // a null-register carries the header of a packet without the packet
	}
	return c.ipVersion(TypePayload)
}

var (
	fPIMVersion  = Define("pim.version", "Version", KindUint)
	fPIMType     = Define("pim.type", "Type", KindUint)
	fPIMChecksum = Define("pim.cksum", "Checksum", KindHex).As("checksum").At(2, 2)
	fPIMStatus   = Define("pim.cksum.status", "Checksum status", KindState).As("checksum_status").At(2, 2)
	fPIMBorder   = Define("pim.register_flag.border", "Border", KindBool).As("border").Bits(32, 1)
	fPIMNull     = Define("pim.register_flag.null_register", "Null-Register", KindBool).As("null_register").Bits(33, 1)
)

func pimFields(w *FieldWriter) {
	w.Bits(fPIMVersion, 0, 4, nil)
	t := w.Bits(fPIMType, 4, 4, pimName)
	w.Add(0, fPIMChecksum, fPIMStatus)
	if t == 1 {
		w.Add(0, fPIMBorder, fPIMNull)
	}
}

func pimName(n uint64) string {
	return [...]string{"Hello", "Register", "Register-Stop", "Join/Prune", "Bootstrap", "Assert", "Graft", "Graft-Ack",
		"Candidate RP Advertisement", "State-Refresh", "DF election", "ECMP redirect", "PFM", "", "", ""}[n&15]
}

func (*Printer) appendPIM(b []byte, p *Packet, i int) []byte {
	h := p.PIM(i)
	b = appendUint(append(b, "PIMv"...), uint64(h.Version()))
	b = append(b, ", "...)
	if s := pimName(uint64(h.Type())); s != "" && h.Version() == 2 {
		b = append(b, s...)
	} else {
		b = appendUint(append(b, "type "...), uint64(h.Type()))
	}
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}
