package app

import "sockwire/capture/decode"

var (
	_ = show(decode.TypeCDP, cdpLine, cdpFields)
	_ = show(decode.TypeDTP, dtpLine, dtpFields)
	_ = show(decode.TypeVTP, vtpLine, vtpFields)
	_ = show(decode.TypeUDLD, udldLine, udldFields)
)

var (
	fCDPVersion  = decode.Define("cdp.version", "Version", decode.KindUint).At(0, 1)
	fCDPTTL      = decode.Define("cdp.ttl", "TTL, in s", decode.KindUint).At(1, 1)
	fCDPChecksum = decode.Define("cdp.checksum", "Checksum", decode.KindHex).At(2, 2)
	fCDPTLV      = decode.Define("cdp.tlv", "TLV", decode.KindGroup).As("tlvs").Several()
	fCDPType     = decode.Define("cdp.tlv.type", "Type", decode.KindHex).As("type").At(0, 2).Means(cdpTLV)
	fCDPLength   = decode.Define("cdp.tlv.len", "Length", decode.KindUint).As("length").At(2, 2)
	fCDPDevice   = decode.Define("cdp.deviceid", "Device ID", decode.KindText).As("device_id")
	fCDPPort     = decode.Define("cdp.portid", "Port ID", decode.KindText).As("port_id")
	fCDPSoftware = decode.Define("cdp.software_version", "Software Version", decode.KindText)
	fCDPPlatform = decode.Define("cdp.platform", "Platform", decode.KindText)
	fCDPDomain   = decode.Define("cdp.vtp_management_domain", "VTP Management Domain", decode.KindText)
	fCDPCaps     = decode.Define("cdp.capabilities", "Capabilities", decode.KindHex)
	fCDPVLAN     = decode.Define("cdp.native_vlan", "Native VLAN", decode.KindUint)
	fCDPDuplex   = decode.Define("cdp.duplex", "Full Duplex", decode.KindBool)
	fCDPCount    = decode.Define("cdp.number_of_addresses", "Number of Addresses", decode.KindUint).As("address_count")
	fCDPAddress  = decode.Define("cdp.nrgyz.ip_address", "IP Address", decode.KindIP).As("addresses").Several()
	fCDPValue    = decode.Define("cdp.tlv.value", "Value", decode.KindBytes).As("value")

	fDTPVersion = decode.Define("dtp.version", "Version", decode.KindUint).At(0, 1)
	fDTPTLV     = decode.Define("dtp.tlv", "TLV", decode.KindGroup).As("tlvs").Several()
	fDTPType    = decode.Define("dtp.tlv_type", "Type", decode.KindHex).As("type").At(0, 2).Means(dtpTLV)
	fDTPLength  = decode.Define("dtp.tlv_len", "Length", decode.KindUint).As("length").At(2, 2)
	fDTPDomain  = decode.Define("dtp.domain", "Domain", decode.KindText)
	fDTPStatus  = decode.Define("dtp.status", "Trunk Status", decode.KindHex)
	fDTPKind    = decode.Define("dtp.trunk_type", "Trunk Type", decode.KindHex)
	fDTPSender  = decode.Define("dtp.senderid", "Sender ID", decode.KindMAC).As("sender_id")
	fDTPValue   = decode.Define("dtp.tlv_value", "Value", decode.KindBytes).As("value")

	fVTPVersion   = decode.Define("vtp.version", "Version", decode.KindUint).At(0, 1)
	fVTPCode      = decode.Define("vtp.code", "Code", decode.KindUint).At(1, 1).Means(vtpCode)
	fVTPFollowers = decode.Define("vtp.followers", "Followers", decode.KindUint).At(2, 1)
	fVTPDomainLen = decode.Define("vtp.md_len", "Management Domain Length", decode.KindUint).
			As("management_domain_length").At(3, 1)
	fVTPDomain   = decode.Define("vtp.md", "Management Domain", decode.KindText).As("management_domain")
	fVTPRevision = decode.Define("vtp.conf_rev_num", "Configuration Revision Number", decode.KindUint).
			As("configuration_revision").At(36, 4)
	fVTPUpdater = decode.Define("vtp.upd_id", "Updater Identity", decode.KindIP).As("updater").At(40, 4)

	fUDLDVersion  = decode.Define("udld.version", "Version", decode.KindUint).Bits(0, 3)
	fUDLDOp       = decode.Define("udld.opcode", "Opcode", decode.KindUint).Bits(3, 5).Means(udldName)
	fUDLDFlags    = decode.Define("udld.flags", "Flags", decode.KindHex).At(1, 1)
	fUDLDChecksum = decode.Define("udld.checksum", "Checksum", decode.KindHex).At(2, 2)
	fUDLDTLV      = decode.Define("udld.tlv", "TLV", decode.KindGroup).As("tlvs").Several()
	fUDLDType     = decode.Define("udld.tlv.type", "Type", decode.KindHex).As("type").At(0, 2).Means(udldTLV)
	fUDLDLength   = decode.Define("udld.tlv.len", "Length", decode.KindUint).As("length").At(2, 2)
	fUDLDDevice   = decode.Define("udld.device_id", "Device ID", decode.KindText)
	fUDLDPort     = decode.Define("udld.sent_through_interface", "Port ID", decode.KindText).As("port_id")
	fUDLDValue    = decode.Define("udld.tlv.value", "Value", decode.KindBytes).As("value")
)

var (
	cdpRecords  = tlvShape{records{kind: 2, length: 2, whole: true}, fCDPTLV, fCDPType, fCDPLength, fCDPValue}
	dtpRecords  = tlvShape{records{kind: 2, length: 2, whole: true}, fDTPTLV, fDTPType, fDTPLength, fDTPValue}
	udldRecords = tlvShape{records{kind: 2, length: 2, whole: true}, fUDLDTLV, fUDLDType, fUDLDLength, fUDLDValue}
)

func cdpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fCDPVersion, fCDPTTL, fCDPChecksum)
	data := w.Data()
	cdpRecords.add(w, 4, len(data), func(kind uint64, value, n int) bool {
		switch {
		case kind == 1:
			w.Bytes(fCDPDevice, value, n)
		case kind == 3:
			w.Bytes(fCDPPort, value, n)
		case kind == 5:
			w.Bytes(fCDPSoftware, value, n)
		case kind == 6:
			w.Bytes(fCDPPlatform, value, n)
		case kind == 9 && n > 0:
			w.Bytes(fCDPDomain, value, n)
		case kind == 4 && n == 4:
			w.Uint(fCDPCaps, value, 4)
		case kind == 10 && n == 2:
			w.Uint(fCDPVLAN, value, 2)
		case kind == 11 && n == 1:
			w.Uint(fCDPDuplex, value, 1)
		case (kind == 2 || kind == 0x16) && n >= 4:
			w.Uint(fCDPCount, value, 4)
			cdpAddresses(data, value+4, value+n, func(at int) { w.Bytes(fCDPAddress, at, 4) })
		default:
			return false
		}
		return true
	})
}

// cdpAddresses calls f for the IPv4 addresses of a list.
func cdpAddresses(data []byte, off, end int, f func(at int)) {
	for count := 0; off+4 <= end && count < maxList; count++ {
		protocol := int(data[off+1])
		at := off + 4 + protocol
		if at > end {
			return
		}
		n := int(be16(data[at-2:]))
		if at+n > end {
			return
		}
		if protocol == 1 && data[off+2] == 0xcc && n == 4 {
			f(at)
		}
		off = at + n
	}
}

func cdpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "CDPv", uint64(data[0]))
	b = append(appendNumber(b, ", ttl: ", uint64(data[1])), 's')
	cdpRecords.each(data, 4, len(data), func(kind uint64, _, value, n int) bool {
		v := data[value : value+n]
		switch {
		case kind == 1:
			b = decode.AppendQuoted(append(b, ", Device-ID "...), v, maxText)
		case kind == 2 && n >= 4:
			cdpAddresses(data, value+4, value+n, func(at int) { b = appendAddress(b, ", address ", data[at:at+4]) })
		case kind == 3:
			b = decode.AppendQuoted(append(b, ", Port-ID "...), v, maxText)
		case kind == 6:
			b = decode.AppendQuoted(append(b, ", platform "...), v, maxText)
		case kind == 10 && n == 2:
			b = appendNumber(b, ", native VLAN ", be16(v))
		}
		return true
	})
	return b, true
}

func dtpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fDTPVersion)
	data := w.Data()
	dtpRecords.add(w, 1, len(data), func(kind uint64, value, n int) bool {
		switch {
		case kind == 1:
			if domain := trimZeroes(data[value : value+n]); len(domain) > 0 {
				w.Bytes(fDTPDomain, value, len(domain))
			}
		case kind == 2 && n == 1:
			w.Uint(fDTPStatus, value, 1)
		case kind == 3 && n == 1:
			w.Uint(fDTPKind, value, 1)
		case kind == 4 && n == 6:
			w.Bytes(fDTPSender, value, 6)
		default:
			return false
		}
		return true
	})
}

func dtpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 1 {
		return b, false
	}
	b = appendNumber(b, "DTPv", uint64(data[0]))
	dtpRecords.each(data, 1, len(data), func(kind uint64, _, value, n int) bool {
		switch v := data[value : value+n]; {
		case kind == 1:
			b = decode.AppendQuoted(append(b, ", domain "...), trimZeroes(v), maxText)
		case kind == 2 && n == 1:
			b = appendHex(b, ", status ", uint64(v[0]))
		case kind == 3 && n == 1:
			b = appendHex(b, ", type ", uint64(v[0]))
		case kind == 4 && n == 6:
			b = decode.AppendMAC(append(b, ", neighbor "...), v)
		}
		return true
	})
	return b, true
}

func vtpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fVTPVersion, fVTPCode)
	data := w.Data()
	if len(data) < 36 {
		return
	}
	if data[1] == 1 {
		w.Add(0, fVTPFollowers)
	}
	w.Add(0, fVTPDomainLen)
	w.Bytes(fVTPDomain, 4, min(int(data[3]), 32))
	if data[1] == 1 || data[1] == 2 {
		w.Add(0, fVTPRevision)
	}
	if data[1] == 1 {
		w.Add(0, fVTPUpdater)
	}
}

func vtpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "VTPv", uint64(data[0]))
	b = decode.AppendName(append(b, ", "...), vtpCode(uint64(data[1])), "message ", uint64(data[1]))
	if len(data) >= 36 {
		b = decode.AppendQuoted(append(b, ", domain "...), data[4:4+min(int(data[3]), 32)], maxText)
	}
	if len(data) >= 40 && (data[1] == 1 || data[1] == 2) {
		b = appendNumber(b, ", revision ", be32(data[36:]))
	}
	return b, true
}

func udldFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fUDLDVersion, fUDLDOp, fUDLDFlags, fUDLDChecksum)
	udldRecords.add(w, 4, len(w.Data()), func(kind uint64, value, n int) bool {
		switch kind {
		case 1:
			w.Bytes(fUDLDDevice, value, n)
		case 2:
			w.Bytes(fUDLDPort, value, n)
		default:
			return false
		}
		return true
	})
}

func udldLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "UDLDv", uint64(data[0]>>5))
	b = decode.AppendName(append(b, ", "...), udldName(uint64(data[0]&31)), "opcode ", uint64(data[0]&31))
	udldRecords.each(data, 4, len(data), func(kind uint64, _, value, n int) bool {
		switch v := data[value : value+n]; kind {
		case 1:
			b = decode.AppendQuoted(append(b, ", Device-ID "...), v, maxText)
		case 2:
			b = decode.AppendQuoted(append(b, ", Port-ID "...), v, maxText)
		}
		return true
	})
	return b, true
}

var cdpTLV = decode.Names{
	1: "Device ID", 2: "Addresses", 3: "Port ID", 4: "Capabilities", 5: "Software Version", 6: "Platform", 7: "Prefixes",
	8: "Protocol Hello", 9: "VTP Management Domain", 10: "Native VLAN", 11: "Duplex", 14: "VoIP VLAN Reply",
	15: "VoIP VLAN Query", 16: "Power Consumption", 17: "MTU", 18: "Trust Bitmap", 19: "Untrusted Port CoS",
	20: "System Name", 21: "System Object ID", 22: "Management Addresses", 23: "Location", 25: "Power Requested",
	26: "Power Available", 31: "Spare PoE",
}.Of

var dtpTLV = decode.Names{1: "Domain", 2: "Trunk Status", 3: "Trunk Type", 4: "Sender ID"}.Of

var vtpCode = decode.Names{1: "Summary Advertisement", 2: "Subset Advertisement", 3: "Advertisement Request", 4: "Join"}.Of

var udldName = decode.Names{0: "Reserved", 1: "Probe", 2: "Echo", 3: "Flush"}.Of

var udldTLV = decode.Names{
	1: "Device ID", 2: "Port ID", 3: "Echo", 4: "Message Interval", 5: "Timeout Interval", 6: "Device Name",
	7: "Sequence Number",
}.Of
