package decode

// The tags that switches put into frames for the port of their processor. They stand behind the Ethernet addresses, so
// that one layer here is the addresses, the tag and the type; Broadcom's may stand before the frame as well.

// tagged decodes a layer whose last two bytes are an EtherType or a length.
func (c *cursor) tagged(t Type, h []byte) Type {
	c.add(t, len(h))
	return c.typeOrLength(be16(h[len(h)-2:]))
}

func (c *cursor) broadcomPrefix(t Type, h []byte) Type {
	c.add(t, len(h))
	return TypeEthernet
}

var dsaModes = Names{0: "To CPU", 1: "From CPU", 2: "To sniffer", 3: "Forward"}.Of

// The fields of a Marvell tag, in the tag.
var (
	fDSAMode     = Define("dsa.mode", "Mode", KindUint).Bits(0, 2).Means(dsaModes)
	fDSATagged   = Define("dsa.tagged", "Frame was tagged", KindBool).Bits(2, 1)
	fDSADevice   = Define("dsa.dev", "Device", KindUint).Bits(3, 5)
	fDSAPort     = Define("dsa.port", "Port", KindUint).Bits(8, 5)
	fDSATrunk    = Define("dsa.trunk", "Trunk", KindBool).Bits(13, 1)
	fDSAPriority = Define("dsa.priority", "Priority", KindUint).Bits(16, 3)
	fDSAVLAN     = Define("dsa.vid", "VLAN ID", KindUint).Bits(20, 12)
	fEDSAType    = Define("edsa.etype", "Tag type", KindHex).As("tag_type").At(12, 2)
	fEDSARes     = Define("edsa.reserved", "Reserved", KindHex).At(14, 2)
)

func dsaFields(w *FieldWriter) {
	w.Add(12, fDSAMode, fDSATagged, fDSADevice, fDSAPort, fDSATrunk, fDSAPriority, fDSAVLAN)
	typeOrLengthField(w, fEthType, fEthLen, 16)
}

func edsaFields(w *FieldWriter) {
	w.Add(0, fEDSAType, fEDSARes)
	w.Add(16, fDSAMode, fDSATagged, fDSADevice, fDSAPort, fDSATrunk, fDSAPriority, fDSAVLAN)
	typeOrLengthField(w, fEthType, fEthLen, 20)
}

var (
	fBroadcomOp      = Define("brcm_tag.opcode", "Opcode", KindUint).Bits(0, 3).Means(Names{0: "egress", 1: "ingress"}.Of)
	fBroadcomClass   = Define("brcm_tag.cid", "Classification ID", KindUint).Bits(7, 9)
	fBroadcomReason  = Define("brcm_tag.reason_code", "Reason code", KindHex).At(2, 1)
	fBroadcomTC      = Define("brcm_tag.tc", "Traffic class", KindUint).Bits(24, 3)
	fBroadcomPort    = Define("brcm_tag.port", "Source port", KindUint).Bits(27, 5)
	fBroadcomEnforce = Define("brcm_tag.te", "Tag enforcement", KindUint).Bits(6, 2)
	fBroadcomStamp   = Define("brcm_tag.ts", "Time stamp", KindBool).Bits(8, 1)
	fBroadcomPorts   = Define("brcm_tag.dst_map", "Destination ports", KindHex).Bits(9, 23)
)

// broadcomFields describes a tag at off.
func broadcomFields(w *FieldWriter, off int) {
	w.Add(off, fBroadcomOp)
	if off < len(w.data) && w.data[off]>>5 == 1 {
		w.Bits(fBroadcomTC, 8*off+3, 3, nil)
		w.Add(off, fBroadcomEnforce, fBroadcomStamp, fBroadcomPorts)
	} else {
		w.Add(off, fBroadcomClass, fBroadcomReason, fBroadcomTC, fBroadcomPort)
	}
	if off > 0 {
		typeOrLengthField(w, fEthType, fEthLen, off+4)
	}
}
