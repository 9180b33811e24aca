package app

import "sockwire/capture/decode"

var _ = show(decode.TypeLDP, ldpLine, ldpFields)

var (
	fLDPPDU     = decode.Define("ldp.pdu", "PDU", decode.KindGroup).As("pdus").Several()
	fLDPVersion = decode.Define("ldp.hdr.version", "Version", decode.KindUint).As("version").At(0, 2)
	fLDPLength  = decode.Define("ldp.hdr.pdu_len", "PDU Length", decode.KindUint).As("length").At(2, 2)
	fLDPLSR     = decode.Define("ldp.hdr.ldpid.lsr", "LSR ID", decode.KindIP).As("lsr_id").At(4, 4)
	fLDPSpace   = decode.Define("ldp.hdr.ldpid.lsid", "Label Space ID", decode.KindUint).As("label_space").At(8, 2)
	fLDPMessage = decode.Define("ldp.message", "Message", decode.KindGroup).As("messages").Several()
	fLDPUnknown = decode.Define("ldp.msg.ubit", "U bit", decode.KindBool).As("unknown").Bits(0, 1)
	fLDPType    = decode.Define("ldp.msg.type", "Message Type", decode.KindHex).As("type").Bits(1, 15).Means(ldpName)
	fLDPMsgLen  = decode.Define("ldp.msg.len", "Message Length", decode.KindUint).As("length").At(2, 2)
	fLDPMsgID   = decode.Define("ldp.msg.id", "Message ID", decode.KindHex).As("id").At(4, 4)
	fLDPTLV     = decode.Define("ldp.tlv", "TLV", decode.KindGroup).As("tlvs").Several()
	fLDPTLVBits = decode.Define("ldp.msg.tlv.unknown", "U and F bits", decode.KindUint).As("unknown").Bits(0, 2)
	fLDPTLVType = decode.Define("ldp.msg.tlv.type", "TLV Type", decode.KindHex).As("type").Bits(2, 14).Means(ldpTLV)
	fLDPTLVLen  = decode.Define("ldp.msg.tlv.len", "TLV Length", decode.KindUint).As("length").At(2, 2)
	fLDPHold    = decode.Define("ldp.msg.tlv.hello.hold", "Hold Time, in s", decode.KindUint).As("hold_time").At(4, 2)
	fLDPTarget  = decode.Define("ldp.msg.tlv.hello.targeted", "Targeted Hello", decode.KindBool).As("targeted").Bits(48, 1)
	fLDPRequest = decode.Define("ldp.msg.tlv.hello.requested", "Request Targeted Hello", decode.KindBool).
			As("requested").Bits(49, 1)
	fLDPAddr4 = decode.Define("ldp.msg.tlv.ipv4.taddr", "Transport Address", decode.KindIP).
			As("transport_address").At(4, 4)
	fLDPAddr6 = decode.Define("ldp.msg.tlv.ipv6.taddr", "Transport Address", decode.KindIP).
			As("transport_address").At(4, 16)
	fLDPSeq = decode.Define("ldp.msg.tlv.hello.cnf_seqno", "Configuration Sequence Number", decode.KindUint).
		As("configuration_sequence").At(4, 4)
	fLDPSessVer  = decode.Define("ldp.msg.tlv.sess.ver", "Protocol Version", decode.KindUint).As("protocol_version").At(4, 2)
	fLDPSessHold = decode.Define("ldp.msg.tlv.sess.ka", "KeepAlive Time, in s", decode.KindUint).
			As("keepalive_time").At(6, 2)
	fLDPSessAdv  = decode.Define("ldp.msg.tlv.sess.advbit", "On Demand", decode.KindBool).As("on_demand").Bits(64, 1)
	fLDPSessLoop = decode.Define("ldp.msg.tlv.sess.ldetbit", "Loop Detection", decode.KindBool).
			As("loop_detection").Bits(65, 1)
	fLDPSessPV  = decode.Define("ldp.msg.tlv.sess.pvlim", "Path Vector Limit", decode.KindUint).As("path_vector_limit").At(9, 1)
	fLDPSessMax = decode.Define("ldp.msg.tlv.sess.mxpdu", "Max PDU Length", decode.KindUint).As("max_pdu_length").At(10, 2)
	fLDPSessLSR = decode.Define("ldp.msg.tlv.sess.rxlsr", "Receiver LSR ID", decode.KindIP).As("receiver_lsr_id").At(12, 4)
	fLDPSessLS  = decode.Define("ldp.msg.tlv.sess.rxls", "Receiver Label Space", decode.KindUint).As("receiver_label_space").At(16, 2)
	fLDPFEC     = decode.Define("ldp.fec", "FEC Element", decode.KindGroup).As("fec_elements").Several()
	fLDPFECType = decode.Define("ldp.msg.tlv.fec.type", "FEC Element Type", decode.KindUint).As("type").At(0, 1).Means(ldpFEC)
	fLDPFECAF   = decode.Define("ldp.msg.tlv.fec.af", "Address Family", decode.KindUint).As("address_family").At(1, 2)
	fLDPFECLen  = decode.Define("ldp.msg.tlv.fec.len", "Length, in bits", decode.KindUint).As("length").At(3, 1)
	fLDPPrefix  = decode.Define("ldp.msg.tlv.fec.prefix", "Prefix", decode.KindIP).As("prefix")
	fLDPLabel   = decode.Define("ldp.msg.tlv.generic.label", "Label", decode.KindHex).As("label").Bits(44, 20)
	fLDPHops    = decode.Define("ldp.msg.tlv.hc.value", "Hop Count", decode.KindUint).As("hop_count").At(4, 1)
	fLDPFamily  = decode.Define("ldp.msg.tlv.addrl.addr_family", "Address Family", decode.KindUint).
			As("address_family").At(4, 2)
	fLDPAddress = decode.Define("ldp.msg.tlv.addrl.address", "Address", decode.KindIP).As("addresses").Several()
	fLDPStatusE = decode.Define("ldp.msg.tlv.status.ebit", "Fatal Error", decode.KindBool).As("fatal").Bits(32, 1)
	fLDPStatusF = decode.Define("ldp.msg.tlv.status.fbit", "Forward", decode.KindBool).As("forward").Bits(33, 1)
	fLDPStatus  = decode.Define("ldp.msg.tlv.status.data", "Status", decode.KindHex).As("status").Bits(34, 30).Means(ldpStatus)
	fLDPPath    = decode.Define("ldp.msg.tlv.pv.lsrid", "LSR ID", decode.KindIP).As("lsr_ids").Several()
	fLDPValue   = decode.Define("ldp.msg.tlv.data", "Value", decode.KindBytes).As("value")
)

var ldpRecords = records{kind: 2, length: 2}

// ldpPDUs calls f for the PDUs of data (RFC 5036 section 3.1).
func ldpPDUs(data []byte, f func(off, end int)) {
	for off, n := 0, 0; off+10 <= len(data) && be16(data[off:]) == 1 && n < maxList; n++ {
		length := int(be16(data[off+2:]))
		if length < 6 {
			return
		}
		f(off, min(off+4+length, len(data)))
		off += 4 + length
	}
}

func ldpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	ldpPDUs(data, func(off, end int) {
		w.Group(fLDPPDU, off, end-off)
		w.Add(off, fLDPVersion, fLDPLength, fLDPLSR, fLDPSpace)
		ldpRecords.each(data, off+10, end, func(_ uint64, at, value, n int) bool {
			w.Group(fLDPMessage, at, 4+n)
			w.Add(at, fLDPUnknown, fLDPType, fLDPMsgLen)
			if n >= 4 {
				w.Add(at, fLDPMsgID)
				ldpRecords.each(data, value+4, value+n, func(kind uint64, at, value, n int) bool {
					w.Group(fLDPTLV, at, 4+n)
					w.Add(at, fLDPTLVBits, fLDPTLVType, fLDPTLVLen)
					ldpValue(w, kind&0x3fff, at, value, n)
					w.End()
					return true
				})
			}
			w.End()
			return true
		})
		w.End()
	})
}

func ldpValue(w *decode.FieldWriter, kind uint64, at, value, n int) {
	data := w.Data()
	switch {
	case kind == 0x400 && n == 4:
		w.Add(at, fLDPHold, fLDPTarget, fLDPRequest)
	case kind == 0x401 && n == 4:
		w.Add(at, fLDPAddr4)
	case kind == 0x402 && n == 4:
		w.Add(at, fLDPSeq)
	case kind == 0x403 && n == 16:
		w.Add(at, fLDPAddr6)
	case kind == 0x500 && n == 14:
		w.Add(at, fLDPSessVer, fLDPSessHold, fLDPSessAdv, fLDPSessLoop, fLDPSessPV, fLDPSessMax, fLDPSessLSR, fLDPSessLS)
	case kind == 0x100:
		ldpFECs(data, value, value+n, func(at, end int) {
			w.Group(fLDPFEC, at, end-at)
			w.Add(at, fLDPFECType)
			if data[at] == 2 && end >= at+4 {
				w.Add(at, fLDPFECAF, fLDPFECLen)
				w.Text(fLDPPrefix, at+4, end-at-4, prefixBytes(data[at+4:end], ldpWidth(be16(data[at+1:]))))
			}
			w.End()
		})
	case kind == 0x101 && n >= 2:
		w.Add(at, fLDPFamily)
		if width := ldpWidth(be16(data[value:])); width > 0 {
			w.Each(fLDPAddress, value+2, value+n, width)
		}
	case kind == 0x103 && n == 1:
		w.Add(at, fLDPHops)
	case kind == 0x104:
		w.Each(fLDPPath, value, value+n, 4)
	case kind == 0x200 && n == 4:
		w.Add(at, fLDPLabel)
	case kind == 0x300 && n >= 4:
		w.Add(at, fLDPStatusE, fLDPStatusF, fLDPStatus)
	case n > 0:
		w.Bytes(fLDPValue, value, n)
	}
}

// ldpWidth is how many bytes the addresses of an address family have.
func ldpWidth(family uint64) int {
	switch family {
	case 1:
		return 4
	case 2:
		return 16
	}
	return 0
}

// ldpFECs calls f for the elements of a FEC TLV: wildcards and prefixes; another is taken whole.
func ldpFECs(data []byte, off, end int, f func(at, end int)) {
	for count := 0; off < end && count < maxList; count++ {
		next := end
		switch {
		case data[off] == 1:
			next = off + 1
		case data[off] == 2 && off+4 <= end:
			next = off + 4 + (int(data[off+3])+7)/8
			if width := ldpWidth(be16(data[off+1:])); next > end || width == 0 || next-off-4 > width {
				return
			}
		}
		f(off, next)
		off = next
	}
}

func ldpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 10 || be16(data) != 1 {
		return b, false
	}
	b = appendNumber(appendAddress(b, "LDP, LSR ", data[4:8]), ":", be16(data[8:]))
	count := 0
	ldpPDUs(data, func(off, end int) {
		ldpRecords.each(data, off+10, end, func(kind uint64, _, value, n int) bool {
			if count++; count > 8 {
				return false
			}
			b = decode.AppendName(append(b, ", "...), ldpName(kind&0x7fff), "message ", kind&0x7fff)
			ldpRecords.each(data, value+4, value+n, func(kind uint64, _, value, n int) bool {
				switch kind & 0x3fff {
				case 0x100:
					ldpFECs(data, value, value+n, func(at, end int) {
						if data[at] == 2 && end >= at+4 {
							var a [16]byte
							copy(a[:], data[at+4:end])
							b = appendPrefix(b, " ", a[:ldpWidth(be16(data[at+1:]))], uint64(data[at+3]))
						}
					})
				case 0x200:
					if n == 4 {
						b = appendNumber(b, " label ", be32(data[value:])&0xfffff)
					}
				case 0x300:
					if n >= 4 {
						s := be32(data[value:]) & 0x3fffffff
						b = decode.AppendName(append(b, ' '), ldpStatus(s), "status ", s)
					}
				case 0x400:
					if n == 4 {
						b = appendNumber(b, " hold ", be16(data[value:]))
					}
				case 0x401:
					if n == 4 {
						b = appendAddress(b, " transport ", data[value:value+4])
					}
				}
				return true
			})
			return true
		})
	})
	return b, true
}

var ldpName = decode.Names{
	0x1: "Notification", 0x100: "Hello", 0x200: "Initialization", 0x201: "KeepAlive", 0x202: "Capability",
	0x300: "Address", 0x301: "Address Withdraw", 0x400: "Label Mapping", 0x401: "Label Request",
	0x402: "Label Withdraw", 0x403: "Label Release", 0x404: "Label Abort Request",
}.Of

var ldpTLV = decode.Names{
	0x100: "FEC", 0x101: "Address List", 0x103: "Hop Count", 0x104: "Path Vector", 0x200: "Generic Label",
	0x201: "ATM Label", 0x202: "Frame Relay Label", 0x300: "Status", 0x301: "Extended Status", 0x302: "Returned PDU",
	0x303: "Returned Message", 0x400: "Common Hello Parameters", 0x401: "IPv4 Transport Address",
	0x402: "Configuration Sequence Number", 0x403: "IPv6 Transport Address", 0x500: "Common Session Parameters",
	0x501: "ATM Session Parameters", 0x502: "Frame Relay Session Parameters", 0x503: "Fault Tolerant Session Parameters",
	0x600: "Label Request Message ID", 0x96a: "PW Status", 0x96c: "PW Group ID",
}.Of

var ldpFEC = decode.Names{1: "Wildcard", 2: "Prefix", 3: "Host Address", 128: "PWid", 129: "Generalized PWid"}.Of

var ldpStatus = decode.Names{
	0: "Success", 1: "Bad LDP Identifier", 2: "Bad Protocol Version", 3: "Bad PDU Length", 4: "Unknown Message Type",
	5: "Bad Message Length", 6: "Unknown TLV", 7: "Bad TLV Length", 8: "Malformed TLV Value", 9: "Hold Timer Expired",
	10: "Shutdown", 11: "Loop Detected", 12: "Unknown FEC", 13: "No Route", 14: "No Label Resources",
	15: "Label Resources Available", 16: "No Hello", 17: "Parameters Advertisement Mode", 18: "Max PDU Length",
	19: "Label Range", 20: "KeepAlive Timer Expired", 21: "Label Request Aborted",
}.Of
