package decode

import "sockwire/raw/wire"

// PPP protocol numbers, https://www.iana.org/assignments/ppp-numbers.
const (
	pppMPLSMC = 0x0283
)

// PPP is the view of a PPP header (RFC 1661, RFC 1662): the address and control bytes where they are
// there, and the protocol of one or two bytes.
type PPP []byte

// Framed reports whether the header has the address and control bytes, ff 03.
func (h PPP) Framed() bool { return len(h) > 2 }

// Protocol returns the protocol number.
func (h PPP) Protocol() uint16 {
	if h.Framed() {
		h = h[2:]
	}
	if len(h) == 1 {
		return uint16(h[0])
	}
	return be16(h)
}

// PPP returns the view of layer i, nil when it is another layer.
func (p *Packet) PPP(i int) PPP { return p.view(i, TypePPP) }

func (c *cursor) ppp(t Type, _ []byte) Type {
	n := 0
	if c.off+2 <= min(len(c.data), c.end) && c.data[c.off] == 0xff && c.data[c.off+1] == 3 {
		n = 2
	}
	h := c.need(t, n+1)
	if h == nil {
		return TypeNone
	}
	protocol := uint16(h[n])
	n++
	if protocol&1 == 0 { // an odd first byte is all of a compressed protocol field
		if h = c.need(t, n+1); h == nil {
			return TypeNone
		}
		protocol = protocol<<8 | uint16(h[n])
		n++
	}
	c.add(t, n)
	switch protocol {
	case wire.PPPIPv4:
		return TypeIPv4
	case wire.PPPIPv6:
		return TypeIPv6
	case wire.PPPMPLS, pppMPLSMC:
		return TypeMPLS
	}
	if t, ok := pppTypes[protocol]; ok {
		return t
	}
	return TypePayload
}

// hdlc decodes Cisco's framing with an EtherType.
func (c *cursor) hdlc(t Type, h []byte) Type {
	if be16(h[2:]) == osiEtherType && c.need(t, len(h)+1) != nil { // a byte of padding comes first
		c.add(t, len(h)+1)
		return c.inside(TypeLLC)
	}
	c.add(t, len(h))
	return serialType(be16(h[2:]))
}

// osiEtherType stands for what LLC has a service access point for, the ISO network layer.
const osiEtherType = 0xfefe

// hdlcOrPPP tells Cisco's framing from PPP where LINKTYPE_PPP_HDLC holds either.
func (c *cursor) hdlcOrPPP() Type {
	if c.off < len(c.data) && (c.data[c.off] == 0x0f || c.data[c.off] == 0x8f) {
		return TypeHDLC
	}
	return TypePPP
}

var (
	fPPPAddress   = Define("ppp.address", "Address", KindHex).At(0, 1)
	fPPPControl   = Define("ppp.control", "Control", KindHex).At(1, 1)
	fPPPProtocol  = Define("ppp.protocol", "Protocol", KindHex)
	fHDLCAddress  = Define("chdlc.address", "Address", KindHex).At(0, 1)
	fHDLCControl  = Define("chdlc.control", "Control", KindHex).At(1, 1)
	fHDLCProtocol = Define("chdlc.protocol", "Protocol", KindHex).At(2, 2).Means(etherTypeName)
)

func pppFields(w *FieldWriter) {
	off := 0
	if PPP(w.data).Framed() {
		w.Add(0, fPPPAddress, fPPPControl)
		off = 2
	}
	w.Enum(fPPPProtocol, off, len(w.data)-off, pppName)
}

func (*Printer) appendHDLC(b []byte, p *Packet, i int) []byte {
	if next := p.next(i); next != TypePayload && next != TypeNone {
		return b
	}
	b = append(b, "CHDLC, ethertype "...)
	return append(appendHexN(b, uint64(be16(p.Header(i)[2:])), 4), ", "...)
}

var pppName = Names{
	wire.PPPIPv4: "IPv4", wire.PPPIPv6: "IPv6", wire.PPPMPLS: "MPLS", pppMPLSMC: "MPLS", 0x002d: "VJ compressed TCP",
	0x003d: "Multilink", 0x00fd: "CCP datagram", 0x8021: "IPCP", 0x8057: "IPV6CP", 0x80fd: "CCP", 0x8281: "MPLSCP",
	0xc021: "LCP", 0xc023: "PAP", 0xc025: "LQR", 0xc223: "CHAP", 0xc227: "EAP",
}.Of

// pppCodes are those of LCP and of the control protocols made like it (RFC 1661 section 5).
var pppCodes = [...]string{
	"Vendor-Extension", "Conf-Request", "Conf-Ack", "Conf-Nack", "Conf-Reject", "Term-Request", "Term-Ack", "Code-Reject",
	"Prot-Reject", "Echo-Request", "Echo-Reply", "Disc-Req", "Ident",
}

func (*Printer) appendPPP(b []byte, p *Packet, i int) []byte {
	protocol := p.PPP(i).Protocol()
	if next := p.next(i); next != TypePayload && next != TypeNone {
		return b
	}
	b = append(b, "PPP "...)
	if s := pppName(uint64(protocol)); s != "" {
		b = append(b, s...)
	} else {
		b = appendHexN(b, uint64(protocol), 4)
	}
	b = append(b, ", "...)
	switch protocol {
	case 0xc021, 0x8021, 0x8057, 0x80fd, 0x8281:
		if body := p.Payload(i); len(body) >= 2 && int(body[0]) < len(pppCodes) {
			b = append(b, pppCodes[body[0]]...)
			b = append(appendHexN(append(b, ", id "...), uint64(body[1]), 2), ", "...)
		}
	}
	return b
}

// PPPoE is the view of a PPPoE header, 6 bytes (RFC 2516).
type PPPoE []byte

func (h PPPoE) Version() uint8    { return h[0] >> 4 }
func (h PPPoE) Type() uint8       { return h[0] & 15 }
func (h PPPoE) Code() uint8       { return h[1] }
func (h PPPoE) SessionID() uint16 { return be16(h[2:]) }
func (h PPPoE) Length() uint16    { return be16(h[4:]) }

// PPPoE returns the view of layer i, nil when it is another layer.
func (p *Packet) PPPoE(i int) PPPoE { return p.view(i, TypePPPoE) }

func (c *cursor) pppoe(t Type, b []byte) Type {
	h := PPPoE(b)
	l := c.add(TypePPPoE, 6)
	c.limit(l, 6+int(h.Length()))
	if h.Code() == 0 {
		return TypePPP
	}
	return TypePayload
}

var (
	fPPPoEVersion = Define("pppoe.version", "Version", KindUint).Bits(0, 4)
	fPPPoEType    = Define("pppoe.type", "Type", KindUint).Bits(4, 4)
	fPPPoECode    = Define("pppoe.code", "Code", KindHex).At(1, 1).Means(pppoeName)
	fPPPoESession = Define("pppoe.session_id", "Session ID", KindHex).At(2, 2)
	fPPPoELength  = Define("pppoe.payload_length", "Payload Length", KindUint).At(4, 2)
)

var pppoeName = Names{
	0: "Session Data", 0x07: "PADO", 0x09: "PADI", 0x19: "PADR", 0x65: "PADS", 0xa7: "PADT",
}.Of

func (*Printer) appendPPPoE(b []byte, p *Packet, i int) []byte {
	h := p.PPPoE(i)
	if h.Code() == 0 {
		b = append(b, "PPPoE ses "...)
		return append(appendHex(b, uint64(h.SessionID())), ", "...)
	}
	b = append(b, "PPPoE "...)
	if s := pppoeName(uint64(h.Code())); s != "" {
		b = append(b, s...)
	} else {
		b = appendHex(append(b, "code "...), uint64(h.Code()))
	}
	if h.SessionID() != 0 {
		b = appendHex(append(b, ", ses "...), uint64(h.SessionID()))
	}
	return append(b, ", "...)
}
