package decode

// lldp is all one layer: a list of TLVs (IEEE 802.1AB).
func (c *cursor) lldp(t Type, _ []byte) Type {
	c.add(TypeLLDP, min(len(c.data), c.end)-c.off)
	return TypeNone
}

var (
	fLLDPTLV       = Define("lldp.tlv", "TLV", KindGroup).As("tlvs").Several()
	fLLDPType      = Define("lldp.tlv.type", "Type", KindUint).As("type").Bits(0, 7).Means(lldpTypeName)
	fLLDPLength    = Define("lldp.tlv.len", "Length", KindUint).As("length").Bits(7, 9)
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
	fLLDPCaps      = Define("lldp.tlv.system_cap", "Capabilities", KindHex).As("capabilities").At(0, 2)
	fLLDPEnabled   = Define("lldp.tlv.enable_system_cap", "Enabled Capabilities", KindHex).As("enabled").At(2, 2)
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
		w.Add(off, fLLDPType, fLLDPLength)
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
		w.Add(off, fLLDPCaps, fLLDPEnabled)
	case t == 8 && n >= 6 && w.data[off] == 5 && w.data[off+1] == 1:
		w.Bytes(fLLDPMgmtIP, off+2, 4)
	case t == 8 && n >= 18 && w.data[off] == 17 && w.data[off+1] == 2:
		w.Bytes(fLLDPMgmtIP6, off+2, 16)
	case t == 127 && n >= 4:
		w.Uint(fLLDPOUI, off, 3)
		lldpOrganization(w, off, n)
	case n > 0:
		w.Bytes(fLLDPData, off, n)
	}
}

// Organizations of TLVs.
const (
	oui8021 = 0x0080c2
	oui8023 = 0x00120f
	ouiMED  = 0x0012bb
)

var (
	fLLDP8021     = Define("lldp.ieee.802_1.subtype", "802.1 Subtype", KindUint).As("subtype").Means(lldp8021Name)
	fLLDP8023     = Define("lldp.ieee.802_3.subtype", "802.3 Subtype", KindUint).As("subtype").Means(lldp8023Name)
	fLLDPMED      = Define("lldp.media.subtype", "Media Subtype", KindUint).As("subtype").Means(lldpMEDName)
	fLLDPPVID     = Define("lldp.ieee.802_1.port_vlan.id", "Port VLAN Identifier", KindUint).As("port_vlan")
	fLLDPVLAN     = Define("lldp.ieee.802_1.vlan.id", "VLAN Identifier", KindUint).As("vlan")
	fLLDPVLANName = Define("lldp.ieee.802_1.vlan.name", "VLAN Name", KindText).As("vlan_name")
	fLLDPMAU      = Define("lldp.ieee.802_3.pmd_mau_type", "Operational MAU Type", KindUint).As("mau_type")
	fLLDPMaxFrame = Define("lldp.ieee.802_3.max_frame_size", "Maximum Frame Size", KindUint).As("max_frame_size")
	fLLDPMEDCaps  = Define("lldp.media.subtype.caps", "Capabilities", KindHex).As("capabilities")
	fLLDPMEDClass = Define("lldp.media.subtype.class", "Class Type", KindUint).As("class")
	fLLDPMEDApp   = Define("lldp.media.app_type", "Application Type", KindUint).As("application_type")
	fLLDPMEDText  = Define("lldp.media.text", "Inventory", KindText).As("text")
)

// lldpOrganization adds the value of an organizational TLV that starts with the OUI.
func lldpOrganization(w *FieldWriter, off, n int) {
	at, left := off+4, n-4
	switch oui, sub := be32(w.data[off:])>>8, w.data[off+3]; oui {
	case oui8021:
		w.Enum(fLLDP8021, off+3, 1, lldp8021Name)
		switch {
		case sub == 1 && left == 2:
			w.Uint(fLLDPPVID, at, 2)
			return
		case sub == 3 && left >= 3 && 3+int(w.data[at+2]) <= left:
			w.Uint(fLLDPVLAN, at, 2)
			w.Bytes(fLLDPVLANName, at+3, int(w.data[at+2]))
			return
		}
	case oui8023:
		w.Enum(fLLDP8023, off+3, 1, lldp8023Name)
		switch {
		case sub == 1 && left == 5:
			w.Uint(fLLDPMAU, at+3, 2)
			return
		case sub == 4 && left == 2:
			w.Uint(fLLDPMaxFrame, at, 2)
			return
		}
	case ouiMED:
		w.Enum(fLLDPMED, off+3, 1, lldpMEDName)
		switch {
		case sub == 1 && left == 3:
			w.Uint(fLLDPMEDCaps, at, 2)
			w.Uint(fLLDPMEDClass, at+2, 1)
			return
		case sub == 2 && left == 4:
			w.Uint(fLLDPMEDApp, at, 1)
			at, left = at+1, left-1
		case sub >= 5 && sub <= 11 && left > 0:
			w.Bytes(fLLDPMEDText, at, left)
			return
		}
	default:
		at, left = off+3, n-3
	}
	if left > 0 {
		w.Bytes(fLLDPData, at, left)
	}
}

var lldp8021Name = Names{
	1: "Port VLAN ID", 2: "Port and Protocol VLAN ID", 3: "VLAN Name", 4: "Protocol Identity", 5: "VID Usage Digest",
	6: "Management VID", 7: "Link Aggregation", 8: "Congestion Notification", 9: "ETS Configuration",
	10: "ETS Recommendation", 11: "Priority-based Flow Control", 12: "Application Priority",
}.Of

var lldp8023Name = Names{
	1: "MAC/PHY Configuration/Status", 2: "Power Via MDI", 3: "Link Aggregation", 4: "Maximum Frame Size",
	5: "Energy-Efficient Ethernet",
}.Of

var lldpMEDName = Names{
	1: "Media Capabilities", 2: "Network Policy", 3: "Location Identification", 4: "Extended Power-via-MDI",
	5: "Hardware Revision", 6: "Firmware Revision", 7: "Software Revision", 8: "Serial Number", 9: "Manufacturer Name",
	10: "Model Name", 11: "Asset ID",
}.Of

var lldpTypeName = Names{
	0: "End of LLDPDU", 1: "Chassis ID", 2: "Port ID", 3: "Time To Live", 4: "Port Description", 5: "System Name",
	6: "System Description", 7: "System Capabilities", 8: "Management Address", 127: "Organization specific",
}.Of

// appendLLDP adds the system name, or the port when there is none.
func (*Printer) appendLLDP(b []byte, p *Packet, i int) []byte {
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
			b = AppendMAC(append(b, ", chassis "...), v[1:])
		case t == 2 && n > 1 && (v[0] == 5 || v[0] == 7):
			b = AppendQuoted(append(b, ", port "...), v[1:], 64)
		case t == 5:
			b = AppendQuoted(append(b, ", name "...), v, 64)
		}
		off += 2 + n
	}
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}
