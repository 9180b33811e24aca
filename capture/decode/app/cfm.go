package app

import "sockwire/capture/decode"

var _ = show(decode.TypeCFM, cfmLine, cfmFields)

var (
	fCFMLevel    = decode.Define("cfm.md.level", "MD Level", decode.KindUint).As("md_level").Bits(0, 3)
	fCFMVersion  = decode.Define("cfm.version", "Version", decode.KindUint).Bits(3, 5)
	fCFMOp       = decode.Define("cfm.opcode", "OpCode", decode.KindUint).At(1, 1).Means(cfmName)
	fCFMFlags    = decode.Define("cfm.flags", "Flags", decode.KindHex).At(2, 1)
	fCFMOffset   = decode.Define("cfm.first.tlv.offset", "First TLV Offset", decode.KindUint).As("first_tlv_offset").At(3, 1)
	fCFMSequence = decode.Define("cfm.ccm.seq.num", "Sequence Number", decode.KindUint).As("sequence").At(4, 4)
	fCFMMEP      = decode.Define("cfm.ccm.ma.ep.id", "MEP Identifier", decode.KindUint).As("mep_id").At(8, 2)
	fCFMMAID     = decode.Define("cfm.maid", "Maintenance Association Identifier", decode.KindBytes).At(10, 48)
	fCFMTrans    = decode.Define("cfm.lb.transaction.id", "Loopback Transaction Identifier", decode.KindUint).As("transaction_id").At(4, 4)
	fCFMTraceID  = decode.Define("cfm.lt.transaction.id", "Linktrace Transaction Identifier", decode.KindUint).
			As("transaction_id").At(4, 4)
	fCFMTTL    = decode.Define("cfm.lt.ttl", "TTL", decode.KindUint).As("ttl").At(8, 1)
	fCFMOrigin = decode.Define("cfm.ltm.orig.addr", "Original MAC Address", decode.KindMAC).As("original_address").At(9, 6)
	fCFMTarget = decode.Define("cfm.ltm.targ.addr", "Target MAC Address", decode.KindMAC).As("target_address").At(15, 6)
	fCFMTLV    = decode.Define("cfm.all.tlvs", "TLV", decode.KindGroup).As("tlvs").Several()
	fCFMType   = decode.Define("cfm.tlv.type", "TLV Type", decode.KindUint).As("type").At(0, 1).Means(cfmTLV)
	fCFMLength = decode.Define("cfm.tlv.length", "TLV Length", decode.KindUint).As("length").At(1, 2)
	fCFMValue  = decode.Define("cfm.tlv.value", "Value", decode.KindBytes).As("value")
)

var cfmRecords = tlvShape{records{kind: 1, length: 2}, fCFMTLV, fCFMType, fCFMLength, fCFMValue}

// cfmFields describes a message of IEEE 802.1ag or ITU-T Y.1731.
func cfmFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fCFMLevel, fCFMVersion, fCFMOp, fCFMFlags, fCFMOffset)
	data := w.Data()
	if len(data) < 4 {
		return
	}
	switch data[1] {
	case 1:
		w.Add(0, fCFMSequence, fCFMMEP, fCFMMAID)
	case 2, 3:
		w.Add(0, fCFMTrans)
	case 4:
		w.Add(0, fCFMTraceID, fCFMTTL)
	case 5:
		w.Add(0, fCFMTraceID, fCFMTTL, fCFMOrigin, fCFMTarget)
	}
	cfmRecords.add(w, 4+int(data[3]), cfmEnd(data), nil)
}

// cfmEnd is where the TLVs end: at the end TLV, which has no length.
func cfmEnd(data []byte) int {
	off := 4 + int(data[3])
	for off+3 <= len(data) && data[off] != 0 {
		off += 3 + int(be16(data[off+1:]))
	}
	return min(off, len(data))
}

func cfmLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "CFMv", uint64(data[0]&31))
	b = decode.AppendName(append(b, ' '), cfmName(uint64(data[1])), "opcode ", uint64(data[1]))
	b = appendNumber(b, ", MD Level ", uint64(data[0]>>5))
	switch {
	case data[1] == 1 && len(data) >= 10:
		b = appendNumber(b, ", MEP ", be16(data[8:]))
		b = appendNumber(b, ", seq ", be32(data[4:]))
	case data[1] >= 2 && data[1] <= 5 && len(data) >= 8:
		b = appendNumber(b, ", transaction ", be32(data[4:]))
	}
	return b, true
}

var cfmName = decode.Names{
	1: "Continuity Check", 2: "Loopback Reply", 3: "Loopback Message", 4: "Linktrace Reply", 5: "Linktrace Message",
	33: "Alarm Indication Signal", 35: "Lock Signal", 37: "Test Signal", 39: "Automatic Protection Switching",
	40: "Ring APS", 41: "Maintenance Communication Channel", 42: "Loss Measurement Reply", 43: "Loss Measurement Message",
	45: "One-Way Delay Measurement", 46: "Delay Measurement Reply", 47: "Delay Measurement Message",
	48: "Experimental Reply", 49: "Experimental Message", 50: "Vendor Specific Reply", 51: "Vendor Specific Message",
	52: "Client Signal Fail", 54: "Synthetic Loss Reply", 55: "Synthetic Loss Message",
}.Of

var cfmTLV = decode.Names{
	0: "End", 1: "Sender ID", 2: "Port Status", 3: "Data", 4: "Interface Status", 5: "Reply Ingress", 6: "Reply Egress",
	7: "LTM Egress Identifier", 8: "LTR Egress Identifier", 31: "Organization Specific",
}.Of
