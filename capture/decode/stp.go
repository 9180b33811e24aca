package decode

// STP is the view of a bridge protocol data unit (IEEE 802.1D, 802.1Q), at least 4 bytes.
type STP []byte

func (h STP) Version() uint8 { return h[2] }

// Type is 0 for a configuration, 0x80 for a topology change notification, 2 for RST and MST.
func (h STP) Type() uint8 { return h[3] }

// STP returns the view of layer i, nil when it is another layer.
func (p *Packet) STP(i int) STP { return p.view(i, TypeSTP) }

func (c *cursor) stp(t Type, b []byte) Type {
	h := STP(b)
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
	fSTPFlags      = Define("stp.flags", "Flags", KindHex).At(4, 1)
	fSTPAck        = Define("stp.flags.tcack", "Topology Change Acknowledgment", KindBool).Bits(32, 1)
	fSTPAgreement  = Define("stp.flags.agreement", "Agreement", KindBool).Bits(33, 1)
	fSTPForwarding = Define("stp.flags.forwarding", "Forwarding", KindBool).Bits(34, 1)
	fSTPLearning   = Define("stp.flags.learning", "Learning", KindBool).Bits(35, 1)
	fSTPRole       = Define("stp.flags.port_role", "Port Role", KindUint).Bits(36, 2).Means(stpRole)
	fSTPProposal   = Define("stp.flags.proposal", "Proposal", KindBool).Bits(38, 1)
	fSTPChange     = Define("stp.flags.tc", "Topology Change", KindBool)
	fSTPRootPrio   = Define("stp.root.prio", "Root Priority", KindUint)
	fSTPRootExt    = Define("stp.root.ext", "Root System ID Extension", KindUint).Bits(44, 12)
	fSTPRootHW     = Define("stp.root.hw", "Root Address", KindMAC).As("root_address").At(7, 6)
	fSTPCost       = Define("stp.root.cost", "Root Path Cost", KindUint).At(13, 4)
	fSTPBridgePrio = Define("stp.bridge.prio", "Bridge Priority", KindUint)
	fSTPBridgeExt  = Define("stp.bridge.ext", "Bridge System ID Extension", KindUint).Bits(140, 12)
	fSTPBridgeHW   = Define("stp.bridge.hw", "Bridge Address", KindMAC).As("bridge_address").At(19, 6)
	fSTPPort       = Define("stp.port", "Port Identifier", KindHex).At(25, 2)
	fSTPAge        = Define("stp.msg_age", "Message Age, in 1/256 s", KindUint).At(27, 2)
	fSTPMaxAge     = Define("stp.max_age", "Max Age, in 1/256 s", KindUint).At(29, 2)
	fSTPHello      = Define("stp.hello", "Hello Time, in 1/256 s", KindUint).At(31, 2)
	fSTPForward    = Define("stp.forward", "Forward Delay, in 1/256 s", KindUint).At(33, 2)
)

func stpFields(w *FieldWriter) {
	w.Uint(fSTPProtocol, 0, 2)
	version := w.Uint(fSTPVersion, 2, 1)
	t := w.Enum(fSTPType, 3, 1, stpTypeName)
	if t == 0x80 || len(w.data) < 35 {
		return
	}
	w.Add(0, fSTPFlags, fSTPAck)
	if version >= 2 {
		w.Add(0, fSTPAgreement, fSTPForwarding, fSTPLearning, fSTPRole, fSTPProposal)
	}
	w.Bit(fSTPChange, 39)
	w.Value(fSTPRootPrio, 5, 2, uint64(w.data[5]&0xf0)<<8)
	w.Add(0, fSTPRootExt, fSTPRootHW, fSTPCost)
	w.Value(fSTPBridgePrio, 17, 2, uint64(w.data[17]&0xf0)<<8)
	w.Add(0, fSTPBridgeExt, fSTPBridgeHW, fSTPPort, fSTPAge, fSTPMaxAge, fSTPHello, fSTPForward)
}

var stpTypeName = Names{
	0: "Configuration", 2: "Rapid or Multiple Spanning Tree", 0x80: "Topology Change Notification",
}.Of

func stpRole(n uint64) string {
	return [...]string{"Unknown", "Alternate or Backup", "Root", "Designated"}[n&3]
}

func (*Printer) appendSTP(b []byte, p *Packet, i int) []byte {
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
	b = append(AppendMAC(append(b, '.'), h[19:25]), '.')
	b = appendHexN(b, uint64(be16(h[25:])), 4)
	b = appendHexN(append(b, ", root "...), uint64(be16(h[5:])), 4)
	b = AppendMAC(append(b, '.'), h[7:13])
	b = appendUint(append(b, ", cost "...), uint64(be32(h[13:])))
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}
