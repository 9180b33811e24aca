package decode

// IEEE 802.2 service access points.
const (
	sapSTP  = 0x42
	sapIP   = 0x06
	sapSNAP = 0xaa
	sapISO  = 0xfe
)

// LLC is the view of an 802.2 header of 3 or 4 bytes.
type LLC []byte

func (h LLC) DSAP() uint8 { return h[0] }
func (h LLC) SSAP() uint8 { return h[1] }

// Unnumbered reports whether the control field is that of an unnumbered frame, one byte long.
func (h LLC) Unnumbered() bool { return h[2]&3 == 3 }

// LLC returns the view of layer i, nil when it is another layer.
func (p *Packet) LLC(i int) LLC { return p.view(i, TypeLLC) }

func (c *cursor) llc(t Type, b []byte) Type {
	h := LLC(b)
	n := 3
	if !h.Unnumbered() {
		if c.need(TypeLLC, 4) == nil {
			return TypeNone
		}
		n = 4
	}
	c.add(TypeLLC, n)
	if h[2]&^0x10 != 3 { // only unnumbered information carries a packet
		return TypePayload
	}
	switch {
	case h[0] == sapSNAP && h[1]&^1 == sapSNAP:
		return TypeSNAP
	case h[0] == sapSTP:
		return TypeSTP
	case h[0] == sapIP:
		return TypeIPv4
	case sapTypes[h[0]] != TypeNone:
		return sapTypes[h[0]]
	}
	return TypePayload
}

// SNAP is the view of a SNAP header, 5 bytes.
type SNAP []byte

func (h SNAP) OUI() uint32      { return be32(h) >> 8 }
func (h SNAP) Protocol() uint16 { return be16(h[3:]) }

// SNAP returns the view of layer i, nil when it is another layer.
func (p *Packet) SNAP(i int) SNAP { return p.view(i, TypeSNAP) }

// Organizations that SNAP headers name.
const (
	ouiEncapsulated = 0x000000 // the protocol is an EtherType
	ouiCisco        = 0x00000c
	ouiCiscoBridge  = 0x0000f8 // the protocol is an EtherType
)

func (c *cursor) snap(t Type, b []byte) Type {
	h := SNAP(b)
	c.add(TypeSNAP, 5)
	switch h.OUI() {
	case ouiEncapsulated, ouiCiscoBridge:
		return etherType(h.Protocol())
	case ouiCisco:
		if h.Protocol() == 0x010b { // PVST+
			return TypeSTP
		}
	}
	if t, ok := snapTypes[snapID(h.OUI(), h.Protocol())]; ok {
		return t
	}
	return TypePayload
}

var (
	fLLCDSAP    = Define("llc.dsap", "DSAP", KindHex).At(0, 1).Means(sapName)
	fLLCSSAP    = Define("llc.ssap", "SSAP", KindHex).At(1, 1).Means(sapName)
	fLLCControl = Define("llc.control", "Control", KindHex)
	fSNAPOUI    = Define("llc.oui", "Organization Code", KindHex).As("oui")
	fSNAPType   = Define("llc.type", "Type", KindHex).As("type")
	fSNAPCisco  = Define("llc.cisco_pid", "Protocol ID", KindHex).As("pid")
	fSNAPPID    = Define("llc.pid", "Protocol ID", KindHex).As("pid")
)

func llcFields(w *FieldWriter) {
	if len(w.data) == 3 {
		w.Uint(fLLCControl, 2, 1)
	} else if len(w.data) == 4 { // low byte first
		w.Value(fLLCControl, 2, 2, uint64(w.data[3])<<8|uint64(w.data[2]))
	}
}

func sapName(n uint64) string {
	switch n &^ 1 {
	case sapSNAP:
		return "SNAP"
	case sapSTP:
		return "Spanning Tree"
	case sapIP:
		return "IP"
	case 0xe0:
		return "NetWare"
	case 0xf0:
		return "NetBIOS"
	case sapISO:
		return "ISO network layer"
	case 0x00:
		return "Null"
	}
	return ""
}

func snapFields(w *FieldWriter) {
	switch oui := w.Uint(fSNAPOUI, 0, 3); oui {
	case ouiEncapsulated, ouiCiscoBridge:
		w.Enum(fSNAPType, 3, 2, etherTypeName)
	case ouiCisco:
		w.Uint(fSNAPCisco, 3, 2)
	default:
		w.Uint(fSNAPPID, 3, 2)
	}
}

func (*Printer) appendLLC(b []byte, p *Packet, i int) []byte {
	h := p.LLC(i)
	next := p.next(i)
	if next != TypePayload && next != TypeNone {
		return b
	}
	b = append(b, "LLC, dsap "...)
	b = appendHexN(b, uint64(h.DSAP()), 2)
	if s := sapName(uint64(h.DSAP())); s != "" {
		b = append(append(append(b, " ("...), s...), ')')
	}
	b = appendHexN(append(b, ", ssap "...), uint64(h.SSAP()), 2)
	b = appendHexN(append(b, ", ctrl "...), uint64(h[2]), 2)
	return append(b, ", "...)
}

func (*Printer) appendSNAP(b []byte, p *Packet, i int) []byte {
	if next := p.next(i); next != TypePayload && next != TypeNone {
		return b
	}
	h := p.SNAP(i)
	b = appendHexN(append(b, "SNAP, oui "...), uint64(h.OUI()), 6)
	b = appendHexN(append(b, ", pid "...), uint64(h.Protocol()), 4)
	return append(b, ", "...)
}

// next returns the type of the layer behind i, TypeNone for the last.
func (p *Packet) next(i int) Type {
	if i+1 < p.n {
		return p.layers[i+1].Type
	}
	return TypeNone
}
