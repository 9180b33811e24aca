package app

import "sockwire/capture/decode"

var (
	_ = show(decode.TypeGTP, gtpLine, gtpFields)
	_ = show(decode.TypeGTPv2, gtpv2Line, gtpv2Fields)
	_ = show(decode.TypePFCP, pfcpLine, pfcpFields)
)

var (
	fGTPVersion  = decode.Define("gtp.flags.version", "Version", decode.KindUint).As("version").Bits(0, 3)
	fGTPProtocol = decode.Define("gtp.flags.payload", "Protocol Type", decode.KindUint).As("protocol_type").Bits(3, 1)
	fGTPHasExt   = decode.Define("gtp.flags.e", "Extension Header", decode.KindBool).As("has_extension").Bits(5, 1)
	fGTPHasSeq   = decode.Define("gtp.flags.s", "Sequence Number present", decode.KindBool).As("has_sequence").Bits(6, 1)
	fGTPHasNPDU  = decode.Define("gtp.flags.pn", "N-PDU Number present", decode.KindBool).As("has_npdu").Bits(7, 1)
	fGTPMessage  = decode.Define("gtp.message", "Message Type", decode.KindUint).At(1, 1).Means(gtpName)
	fGTPLength   = decode.Define("gtp.length", "Length", decode.KindUint).At(2, 2)
	fGTPTEID     = decode.Define("gtp.teid", "TEID", decode.KindHex).At(4, 4)
	fGTPSequence = decode.Define("gtp.seq_number", "Sequence Number", decode.KindUint).As("sequence").At(8, 2)
	fGTPNPDU     = decode.Define("gtp.npdu_number", "N-PDU Number", decode.KindUint).At(10, 1)
	fGTPNext     = decode.Define("gtp.ext_hdr.next", "Next Extension Header Type", decode.KindHex).As("next_extensions").
			Several().Means(gtpExtension)

	fGTP2Version  = decode.Define("gtpv2.version", "Version", decode.KindUint).Bits(0, 3)
	fGTP2P        = decode.Define("gtpv2.p", "Piggybacking", decode.KindBool).As("piggybacking").Bits(3, 1)
	fGTP2T        = decode.Define("gtpv2.t", "TEID present", decode.KindBool).As("has_teid").Bits(4, 1)
	fGTP2Message  = decode.Define("gtpv2.message_type", "Message Type", decode.KindUint).At(1, 1).Means(gtpv2Name)
	fGTP2Length   = decode.Define("gtpv2.msg_length", "Message Length", decode.KindUint).As("length").At(2, 2)
	fGTP2TEID     = decode.Define("gtpv2.teid", "TEID", decode.KindHex).At(4, 4)
	fGTP2Sequence = decode.Define("gtpv2.seq", "Sequence Number", decode.KindUint).As("sequence")
	fGTP2IE       = decode.Define("gtpv2.ie", "Information Element", decode.KindGroup).As("ies").Several()
	fGTP2IEType   = decode.Define("gtpv2.ie_type", "IE Type", decode.KindUint).As("type").At(0, 1).Means(gtpv2IE)
	fGTP2IELen    = decode.Define("gtpv2.ie_len", "IE Length", decode.KindUint).As("length").At(1, 2)
	fGTP2Instance = decode.Define("gtpv2.instance", "Instance", decode.KindUint).As("instance").Bits(28, 4)
	fGTP2Cause    = decode.Define("gtpv2.cause", "Cause", decode.KindUint).Means(gtpv2Cause)
	fGTP2Data     = decode.Define("gtpv2.ie_data", "Value", decode.KindBytes).As("data")

	fPFCPVersion  = decode.Define("pfcp.version", "Version", decode.KindUint).Bits(0, 3)
	fPFCPS        = decode.Define("pfcp.s", "SEID present", decode.KindBool).As("has_seid").Bits(7, 1)
	fPFCPMessage  = decode.Define("pfcp.msg_type", "Message Type", decode.KindUint).As("message_type").At(1, 1).Means(pfcpName)
	fPFCPLength   = decode.Define("pfcp.length", "Length", decode.KindUint).At(2, 2)
	fPFCPSEID     = decode.Define("pfcp.seid", "SEID", decode.KindHex).At(4, 8)
	fPFCPSequence = decode.Define("pfcp.seqno", "Sequence Number", decode.KindUint).As("sequence")
	fPFCPIE       = decode.Define("pfcp.ie", "Information Element", decode.KindGroup).As("ies").Several()
	fPFCPIEType   = decode.Define("pfcp.ie_type", "IE Type", decode.KindUint).As("type").At(0, 2).Means(pfcpIE)
	fPFCPIELen    = decode.Define("pfcp.ie_len", "IE Length", decode.KindUint).As("length").At(2, 2)
	fPFCPCause    = decode.Define("pfcp.cause", "Cause", decode.KindUint)
	fPFCPData     = decode.Define("pfcp.ie_data", "Value", decode.KindBytes).As("data")
)

// gtpFields describes the header of version 1 (3GPP TS 29.281, TS 29.060); in front of a G-PDU that is all.
func gtpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 8 {
		return
	}
	w.Add(0, fGTPVersion, fGTPProtocol)
	if data[0]>>5 == 1 {
		w.Add(0, fGTPHasExt, fGTPHasSeq, fGTPHasNPDU)
	}
	w.Add(0, fGTPMessage, fGTPLength)
	if data[0]>>5 != 1 {
		return
	}
	w.Add(0, fGTPTEID)
	if data[0]&7 == 0 || len(data) < 12 {
		return
	}
	if data[0]&2 != 0 {
		w.Add(0, fGTPSequence)
	}
	if data[0]&1 != 0 {
		w.Add(0, fGTPNPDU)
	}
	if data[0]&4 == 0 {
		return
	}
	for at, off := 11, 12; at < len(data); {
		next := w.Enum(fGTPNext, at, 1, gtpExtension)
		if next == 0 || off >= len(data) || data[off] == 0 {
			return
		}
		off += 4 * int(data[off])
		at = off - 1
	}
}

func gtpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 8 {
		return b, false
	}
	b = appendNumber(b, "GTPv", uint64(data[0]>>5))
	b = decode.AppendName(append(b, ", "...), gtpName(uint64(data[1])), "message ", uint64(data[1]))
	if data[0]>>5 != 1 {
		return b, true
	}
	b = appendHex(b, ", teid ", be32(data[4:]))
	if data[0]&2 != 0 && len(data) >= 10 {
		b = appendNumber(b, ", seq ", be16(data[8:]))
	}
	return b, true
}

// gtpv2Start is where the information elements start (3GPP TS 29.274 section 5.1).
func gtpv2Start(data []byte) int {
	if data[0]&8 != 0 {
		return 12
	}
	return 8
}

// A gtpv2 IE has its type, its length and, not counted in that, the instance.
func gtpv2IEs(data []byte, f func(kind byte, at, value, n int)) {
	end := min(len(data), 4+int(be16(data[2:])))
	for off, count := gtpv2Start(data), 0; off+4 <= end && count < maxList; count++ {
		n := int(be16(data[off+1:]))
		if off+4+n > end {
			return
		}
		f(data[off], off, off+4, n)
		off += 4 + n
	}
}

func gtpv2Fields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 8 {
		return
	}
	w.Add(0, fGTP2Version, fGTP2P, fGTP2T, fGTP2Message, fGTP2Length)
	start := gtpv2Start(data)
	if start == 12 {
		w.Add(0, fGTP2TEID)
	}
	w.Uint(fGTP2Sequence, start-4, 3)
	gtpv2IEs(data, func(kind byte, at, value, n int) {
		w.Group(fGTP2IE, at, 4+n)
		w.Add(at, fGTP2IEType, fGTP2IELen, fGTP2Instance)
		switch {
		case kind == 2 && n >= 2:
			w.Enum(fGTP2Cause, value, 1, gtpv2Cause)
		case n > 0:
			w.Bytes(fGTP2Data, value, n)
		}
		w.End()
	})
}

func gtpv2Line(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 12 {
		return b, false
	}
	b = decode.AppendName(append(b, "GTPv2, "...), gtpv2Name(uint64(data[1])), "message ", uint64(data[1]))
	start := gtpv2Start(data)
	if start == 12 {
		b = appendHex(b, ", teid ", be32(data[4:]))
	}
	b = appendNumber(b, ", seq ", be24(data[start-4:]))
	gtpv2IEs(data, func(kind byte, _, value, n int) {
		if kind == 2 && n >= 2 {
			b = decode.AppendName(append(b, ", cause "...), gtpv2Cause(uint64(data[value])), "", uint64(data[value]))
		}
	})
	return b, true
}

// pfcpStart is where the information elements start (3GPP TS 29.244 section 7.2.2).
func pfcpStart(data []byte) int {
	if data[0]&1 != 0 {
		return 16
	}
	return 8
}

var pfcpRecords = tlvShape{records{kind: 2, length: 2}, fPFCPIE, fPFCPIEType, fPFCPIELen, fPFCPData}

func pfcpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 8 {
		return
	}
	w.Add(0, fPFCPVersion, fPFCPS, fPFCPMessage, fPFCPLength)
	start := pfcpStart(data)
	if start == 16 {
		w.Add(0, fPFCPSEID)
	}
	w.Uint(fPFCPSequence, start-4, 3)
	pfcpRecords.add(w, start, min(len(data), 4+int(be16(data[2:]))), func(kind uint64, value, n int) bool {
		if kind != 19 || n != 1 {
			return false
		}
		w.Uint(fPFCPCause, value, 1)
		return true
	})
}

func pfcpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 16 {
		return b, false
	}
	b = decode.AppendName(append(b, "PFCP, "...), pfcpName(uint64(data[1])), "message ", uint64(data[1]))
	start := pfcpStart(data)
	if start == 16 {
		b = appendHex(b, ", seid ", be64(data[4:]))
	}
	return appendNumber(b, ", seq ", be24(data[start-4:])), true
}

var gtpName = decode.Names{
	1: "Echo Request", 2: "Echo Response", 3: "Version Not Supported", 16: "Create PDP Context Request",
	17: "Create PDP Context Response", 18: "Update PDP Context Request", 19: "Update PDP Context Response",
	20: "Delete PDP Context Request", 21: "Delete PDP Context Response", 26: "Error Indication",
	27: "PDU Notification Request", 28: "PDU Notification Response", 31: "Supported Extension Headers Notification",
	48: "Identification Request", 49: "Identification Response", 50: "SGSN Context Request",
	51: "SGSN Context Response", 52: "SGSN Context Acknowledge", 240: "Data Record Transfer Request",
	241: "Data Record Transfer Response", 254: "End Marker", 255: "G-PDU",
}.Of

var gtpExtension = decode.Names{
	0: "none", 0x20: "Service Class Indicator", 0x40: "UDP Port", 0x81: "RAN Container", 0x82: "Long PDCP PDU Number",
	0x84: "NR RAN Container", 0x85: "PDU Session Container", 0xc0: "PDCP PDU Number",
}.Of

var gtpv2Name = decode.Names{
	1: "Echo Request", 2: "Echo Response", 3: "Version Not Supported", 32: "Create Session Request",
	33: "Create Session Response", 34: "Modify Bearer Request", 35: "Modify Bearer Response",
	36: "Delete Session Request", 37: "Delete Session Response", 64: "Modify Bearer Command", 66: "Delete Bearer Command",
	68: "Bearer Resource Command", 95: "Create Bearer Request", 96: "Create Bearer Response",
	97: "Update Bearer Request", 98: "Update Bearer Response", 99: "Delete Bearer Request",
	100: "Delete Bearer Response", 128: "Identification Request", 129: "Identification Response",
	130: "Context Request", 131: "Context Response", 132: "Context Acknowledge", 133: "Forward Relocation Request",
	134: "Forward Relocation Response", 170: "Release Access Bearers Request",
	171: "Release Access Bearers Response", 176: "Downlink Data Notification",
	177: "Downlink Data Notification Acknowledge",
}.Of

var gtpv2IE = decode.Names{
	1: "IMSI", 2: "Cause", 3: "Recovery", 71: "APN", 72: "AMBR", 73: "EBI", 74: "IP Address", 75: "MEI", 76: "MSISDN",
	77: "Indication", 78: "PCO", 79: "PAA", 80: "Bearer QoS", 82: "RAT Type", 83: "Serving Network", 84: "Bearer TFT",
	86: "ULI", 87: "F-TEID", 93: "Bearer Context", 94: "Charging ID", 95: "Charging Characteristics", 99: "PDN Type",
	114: "UE Time Zone", 127: "APN Restriction", 128: "Selection Mode",
}.Of

var gtpv2Cause = decode.Names{
	16: "Request accepted", 17: "Request accepted partially", 64: "Context Not Found", 67: "Missing or unknown APN",
	70: "Mandatory IE missing", 72: "System failure", 73: "No resources available", 78: "Missing or unknown APN",
	92: "User authentication failed", 94: "Request rejected",
}.Of

var pfcpName = decode.Names{
	1: "Heartbeat Request", 2: "Heartbeat Response", 3: "PFD Management Request", 4: "PFD Management Response",
	5: "Association Setup Request", 6: "Association Setup Response", 7: "Association Update Request",
	8: "Association Update Response", 9: "Association Release Request", 10: "Association Release Response",
	11: "Version Not Supported Response", 12: "Node Report Request", 13: "Node Report Response",
	14: "Session Set Deletion Request", 15: "Session Set Deletion Response", 50: "Session Establishment Request",
	51: "Session Establishment Response", 52: "Session Modification Request", 53: "Session Modification Response",
	54: "Session Deletion Request", 55: "Session Deletion Response", 56: "Session Report Request",
	57: "Session Report Response",
}.Of

var pfcpIE = decode.Names{
	1: "Create PDR", 2: "PDI", 3: "Create FAR", 4: "Forwarding Parameters", 6: "Create URR", 7: "Create QER",
	8: "Created PDR", 9: "Update PDR", 10: "Update FAR", 15: "Remove PDR", 16: "Remove FAR", 19: "Cause",
	20: "Source Interface", 21: "F-TEID", 22: "Network Instance", 29: "Precedence", 44: "Apply Action",
	56: "PDR ID", 57: "F-SEID", 60: "Node ID", 84: "Outer Header Creation", 89: "CP Function Features",
	95: "Outer Header Removal", 96: "Recovery Time Stamp", 108: "FAR ID", 109: "QER ID", 43: "UP Function Features",
}.Of
