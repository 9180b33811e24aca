package decode

// MPLS is the view of one label stack entry, 4 bytes (RFC 3032).
type MPLS []byte

func (h MPLS) Label() uint32       { return be32(h) >> 12 }
func (h MPLS) TrafficClass() uint8 { return h[2] >> 1 & 7 }
func (h MPLS) Bottom() bool        { return h[2]&1 != 0 }
func (h MPLS) TTL() uint8          { return h[3] }

// MPLS returns the view of layer i, nil when it is another layer.
func (p *Packet) MPLS(i int) MPLS { return p.view(i, TypeMPLS) }

// mpls decodes one entry. The last does not say what follows: the first nibble tells IP, as routers do.
func (c *cursor) mpls(t Type, b []byte) Type {
	h := MPLS(b)
	c.add(TypeMPLS, 4)
	if !h.Bottom() {
		return TypeMPLS
	}
	return c.ipVersion(TypePayload)
}

var (
	fMPLSLabel  = Define("mpls.label", "Label", KindUint).Bits(0, 20)
	fMPLSExp    = Define("mpls.exp", "Traffic Class", KindUint).As("tc").Bits(20, 3)
	fMPLSBottom = Define("mpls.bottom", "Bottom of Stack", KindBool).Bits(23, 1)
	fMPLSTTL    = Define("mpls.ttl", "TTL", KindUint).At(3, 1)
)

func (*Printer) appendMPLS(b []byte, p *Packet, i int) []byte {
	h := p.MPLS(i)
	b = appendUint(append(b, "MPLS (label "...), uint64(h.Label()))
	b = appendUint(append(b, ", tc "...), uint64(h.TrafficClass()))
	if h.Bottom() {
		b = append(b, ", [S]"...)
	}
	b = appendUint(append(b, ", ttl "...), uint64(h.TTL()))
	return append(b, "), "...)
}
