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
