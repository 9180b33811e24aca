package decode

// IEEE 802.2 service access points.
const (
	sapSTP  = 0x42
	sapIP   = 0x06
	sapSNAP = 0xaa
)

// LLC is the view of an 802.2 header of 3 or 4 bytes.
type LLC []byte

func (h LLC) DSAP() uint8 { return h[0] }
func (h LLC) SSAP() uint8 { return h[1] }

// Unnumbered reports whether the control field is that of an unnumbered frame, one byte long.
func (h LLC) Unnumbered() bool { return h[2]&3 == 3 }

// LLC returns the view of layer i, nil when it is another layer.
func (p *Packet) LLC(i int) LLC { return p.view(i, TypeLLC) }

func (c *cursor) llc() Type {
	h := LLC(c.need(TypeLLC, 3))
	if h == nil {
		return TypeNone
	}
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

func (c *cursor) snap() Type {
	h := SNAP(c.need(TypeSNAP, 5))
	if h == nil {
		return TypeNone
	}
	c.add(TypeSNAP, 5)
	switch h.OUI() {
	case ouiEncapsulated, ouiCiscoBridge:
		return etherType(h.Protocol())
	case ouiCisco:
		if h.Protocol() == 0x010b { // PVST+
			return TypeSTP
		}
	}
	return TypePayload
}

var (
	fLLCDSAP    = Define("llc.dsap", "DSAP", KindHex)
	fLLCSSAP    = Define("llc.ssap", "SSAP", KindHex)
	fLLCControl = Define("llc.control", "Control", KindHex)
	fSNAPOUI    = Define("llc.oui", "Organization Code", KindHex).As("oui")
	fSNAPType   = Define("llc.type", "Type", KindHex).As("type")
	fSNAPCisco  = Define("llc.cisco_pid", "Protocol ID", KindHex).As("pid")
	fSNAPPID    = Define("llc.pid", "Protocol ID", KindHex).As("pid")
)

func llcFields(w *FieldWriter) {
	w.Enum(fLLCDSAP, 0, 1, sapName)
	w.Enum(fLLCSSAP, 1, 1, sapName)
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
	case 0xfe:
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

func appendLLC(b []byte, p *Packet, i int) []byte {
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

func appendSNAP(b []byte, p *Packet, i int) []byte {
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

// STP is the view of a bridge protocol data unit (IEEE 802.1D, 802.1Q), at least 4 bytes.
type STP []byte

func (h STP) Version() uint8 { return h[2] }

// Type is 0 for a configuration, 0x80 for a topology change notification, 2 for RST and MST.
func (h STP) Type() uint8 { return h[3] }

// STP returns the view of layer i, nil when it is another layer.
func (p *Packet) STP(i int) STP { return p.view(i, TypeSTP) }

func (c *cursor) stp() Type {
	h := STP(c.need(TypeSTP, 4))
	if h == nil {
		return TypeNone
	}
	if h.Type() != 0x80 && c.need(TypeSTP, 35) == nil {
		return TypeNone
	}
	c.add(TypeSTP, min(len(c.data), c.end)-c.off)
	return TypeNone
}

var (
	fSTPProtocol   = Define("stp.protocol", "Protocol Identifier", KindHex)
	fSTPVersion    = Define("stp.version", "Protocol Version", KindUint)
	fSTPType       = Define("stp.type", "BPDU Type", KindHex)
	fSTPFlags      = Define("stp.flags", "Flags", KindHex)
	fSTPAck        = Define("stp.flags.tcack", "Topology Change Acknowledgment", KindBool)
	fSTPAgreement  = Define("stp.flags.agreement", "Agreement", KindBool)
	fSTPForwarding = Define("stp.flags.forwarding", "Forwarding", KindBool)
	fSTPLearning   = Define("stp.flags.learning", "Learning", KindBool)
	fSTPRole       = Define("stp.flags.port_role", "Port Role", KindUint)
	fSTPProposal   = Define("stp.flags.proposal", "Proposal", KindBool)
	fSTPChange     = Define("stp.flags.tc", "Topology Change", KindBool)
	fSTPRootPrio   = Define("stp.root.prio", "Root Priority", KindUint)
	fSTPRootExt    = Define("stp.root.ext", "Root System ID Extension", KindUint)
	fSTPRootHW     = Define("stp.root.hw", "Root Address", KindMAC).As("root_address")
	fSTPCost       = Define("stp.root.cost", "Root Path Cost", KindUint)
	fSTPBridgePrio = Define("stp.bridge.prio", "Bridge Priority", KindUint)
	fSTPBridgeExt  = Define("stp.bridge.ext", "Bridge System ID Extension", KindUint)
	fSTPBridgeHW   = Define("stp.bridge.hw", "Bridge Address", KindMAC).As("bridge_address")
	fSTPPort       = Define("stp.port", "Port Identifier", KindHex)
	fSTPAge        = Define("stp.msg_age", "Message Age, in 1/256 s", KindUint)
	fSTPMaxAge     = Define("stp.max_age", "Max Age, in 1/256 s", KindUint)
	fSTPHello      = Define("stp.hello", "Hello Time, in 1/256 s", KindUint)
	fSTPForward    = Define("stp.forward", "Forward Delay, in 1/256 s", KindUint)
)

func stpFields(w *FieldWriter) {
	w.Uint(fSTPProtocol, 0, 2)
	version := w.Uint(fSTPVersion, 2, 1)
	t := w.Enum(fSTPType, 3, 1, stpTypeName)
	if t == 0x80 || len(w.data) < 35 {
		return
	}
	w.Uint(fSTPFlags, 4, 1)
	w.Bit(fSTPAck, 32)
	if version >= 2 {
		w.Bit(fSTPAgreement, 33)
		w.Bit(fSTPForwarding, 34)
		w.Bit(fSTPLearning, 35)
		w.Bits(fSTPRole, 36, 2, stpRole)
		w.Bit(fSTPProposal, 38)
	}
	w.Bit(fSTPChange, 39)
	w.Value(fSTPRootPrio, 5, 2, uint64(w.data[5]&0xf0)<<8)
	w.Bits(fSTPRootExt, 44, 12, nil)
	w.Bytes(fSTPRootHW, 7, 6)
	w.Uint(fSTPCost, 13, 4)
	w.Value(fSTPBridgePrio, 17, 2, uint64(w.data[17]&0xf0)<<8)
	w.Bits(fSTPBridgeExt, 140, 12, nil)
	w.Bytes(fSTPBridgeHW, 19, 6)
	w.Uint(fSTPPort, 25, 2)
	w.Uint(fSTPAge, 27, 2)
	w.Uint(fSTPMaxAge, 29, 2)
	w.Uint(fSTPHello, 31, 2)
	w.Uint(fSTPForward, 33, 2)
}

func stpTypeName(n uint64) string {
	switch n {
	case 0:
		return "Configuration"
	case 2:
		return "Rapid or Multiple Spanning Tree"
	case 0x80:
		return "Topology Change Notification"
	}
	return ""
}

func stpRole(n uint64) string {
	return [...]string{"Unknown", "Alternate or Backup", "Root", "Designated"}[n&3]
}

func appendSTP(b []byte, p *Packet, i int) []byte {
	h := p.STP(i)
	b = append(b, "STP 802.1"...)
	switch {
	case h.Version() == 0:
		b = append(b, 'd')
	case h.Version() == 2:
		b = append(b, 'w')
	default:
		b = append(b, 's')
	}
	if h.Type() == 0x80 {
		return append(b, ", Topology Change"...)
	}
	if len(h) < 35 {
		return b
	}
	b = append(b, ", bridge-id "...)
	b = appendHexN(b, uint64(be16(h[17:])), 4)
	b = append(appendMAC(append(b, '.'), h[19:25]), '.')
	b = appendHexN(b, uint64(be16(h[25:])), 4)
	b = appendHexN(append(b, ", root "...), uint64(be16(h[5:])), 4)
	b = appendMAC(append(b, '.'), h[7:13])
	b = appendUint(append(b, ", cost "...), uint64(be32(h[13:])))
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}

// lldp is all one layer: a list of TLVs (IEEE 802.1AB).
func (c *cursor) lldp() Type {
	if c.need(TypeLLDP, 2) == nil {
		return TypeNone
	}
	c.add(TypeLLDP, min(len(c.data), c.end)-c.off)
	return TypeNone
}

var (
	fLLDPTLV       = Define("lldp.tlv", "TLV", KindGroup).As("tlvs").Several()
	fLLDPType      = Define("lldp.tlv.type", "Type", KindUint).As("type")
	fLLDPLength    = Define("lldp.tlv.len", "Length", KindUint).As("length")
	fLLDPChassis   = Define("lldp.chassis.subtype", "Chassis ID subtype", KindUint).As("subtype")
	fLLDPChassMAC  = Define("lldp.chassis.id.mac", "Chassis ID", KindMAC).As("id")
	fLLDPChassIP   = Define("lldp.chassis.id.ip4", "Chassis ID", KindIP).As("id")
	fLLDPChassText = Define("lldp.chassis.id.text", "Chassis ID", KindText).As("id")
	fLLDPPort      = Define("lldp.port.subtype", "Port ID subtype", KindUint).As("subtype")
	fLLDPPortMAC   = Define("lldp.port.id.mac", "Port ID", KindMAC).As("id")
	fLLDPPortText  = Define("lldp.port.id", "Port ID", KindText).As("id")
	fLLDPTTL       = Define("lldp.time_to_live", "Time To Live", KindUint).As("ttl")
	fLLDPPortDesc  = Define("lldp.port.desc", "Port Description", KindText).As("text")
	fLLDPName      = Define("lldp.tlv.system.name", "System Name", KindText).As("text")
	fLLDPDesc      = Define("lldp.tlv.system.desc", "System Description", KindText).As("text")
	fLLDPCaps      = Define("lldp.tlv.system_cap", "Capabilities", KindHex).As("capabilities")
	fLLDPEnabled   = Define("lldp.tlv.enable_system_cap", "Enabled Capabilities", KindHex).As("enabled")
	fLLDPMgmtIP    = Define("lldp.mgn.addr.ip4", "Management Address", KindIP).As("address")
	fLLDPMgmtIP6   = Define("lldp.mgn.addr.ip6", "Management Address", KindIP).As("address")
	fLLDPOUI       = Define("lldp.orgtlv.oui", "Organization Unique Code", KindHex).As("oui")
	fLLDPData      = Define("lldp.data", "Value", KindBytes).As("data")
)

func lldpFields(w *FieldWriter) {
	for off := 0; off+2 <= len(w.data); {
		n := int(be16(w.data[off:]) & 0x1ff)
		t := be16(w.data[off:]) >> 9
		w.Group(fLLDPTLV, off, 2+n)
		w.Bits(fLLDPType, off*8, 7, lldpTypeName)
		w.Bits(fLLDPLength, off*8+7, 9, nil)
		if off+2+n <= len(w.data) {
			lldpValue(w, t, off+2, n)
		}
		w.End()
		off += 2 + n
		if t == 0 {
			break
		}
	}
}

func lldpValue(w *FieldWriter, t uint16, off, n int) {
	switch {
	case t == 1 && n > 1:
		switch sub := w.Uint(fLLDPChassis, off, 1); {
		case sub == 4 && n == 7:
			w.Bytes(fLLDPChassMAC, off+1, 6)
		case sub == 5 && n == 6 && w.data[off+1] == 1:
			w.Bytes(fLLDPChassIP, off+2, 4)
		default:
			w.Bytes(fLLDPChassText, off+1, n-1)
		}
	case t == 2 && n > 1:
		if sub := w.Uint(fLLDPPort, off, 1); sub == 3 && n == 7 {
			w.Bytes(fLLDPPortMAC, off+1, 6)
		} else {
			w.Bytes(fLLDPPortText, off+1, n-1)
		}
	case t == 3 && n >= 2:
		w.Uint(fLLDPTTL, off, 2)
	case t == 4:
		w.Bytes(fLLDPPortDesc, off, n)
	case t == 5:
		w.Bytes(fLLDPName, off, n)
	case t == 6:
		w.Bytes(fLLDPDesc, off, n)
	case t == 7 && n >= 4:
		w.Uint(fLLDPCaps, off, 2)
		w.Uint(fLLDPEnabled, off+2, 2)
	case t == 8 && n >= 6 && w.data[off] == 5 && w.data[off+1] == 1:
		w.Bytes(fLLDPMgmtIP, off+2, 4)
	case t == 8 && n >= 18 && w.data[off] == 17 && w.data[off+1] == 2:
		w.Bytes(fLLDPMgmtIP6, off+2, 16)
	case t == 127 && n >= 4:
		w.Uint(fLLDPOUI, off, 3)
		w.Bytes(fLLDPData, off+3, n-3)
	case n > 0:
		w.Bytes(fLLDPData, off, n)
	}
}

func lldpTypeName(n uint64) string {
	switch n {
	case 0:
		return "End of LLDPDU"
	case 1:
		return "Chassis ID"
	case 2:
		return "Port ID"
	case 3:
		return "Time To Live"
	case 4:
		return "Port Description"
	case 5:
		return "System Name"
	case 6:
		return "System Description"
	case 7:
		return "System Capabilities"
	case 8:
		return "Management Address"
	case 127:
		return "Organization specific"
	}
	return ""
}

// appendLLDP adds the system name, or the port when there is none.
func appendLLDP(b []byte, p *Packet, i int) []byte {
	b = append(b, "LLDP"...)
	h := p.Header(i)
	for off, count := 0, 0; off+2 <= len(h); count++ {
		n, t := int(be16(h[off:])&0x1ff), be16(h[off:])>>9
		if off+2+n > len(h) || t == 0 || count == 16 {
			break
		}
		v := h[off+2 : off+2+n]
		switch {
		case t == 1 && n == 7 && v[0] == 4:
			b = appendMAC(append(b, ", chassis "...), v[1:])
		case t == 2 && n > 1 && (v[0] == 5 || v[0] == 7):
			b = AppendQuoted(append(b, ", port "...), v[1:], 64)
		case t == 5:
			b = AppendQuoted(append(b, ", name "...), v, 64)
		}
		off += 2 + n
	}
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}
