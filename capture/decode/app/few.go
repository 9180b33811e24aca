package app

import "sockwire/capture/decode"

// Protocols of which the header is shown.
var (
	_ = show(decode.TypePGM, pgmLine, pgmFields)
	_ = show(decode.TypeIPComp, ipcompLine, ipcompFields)
	_ = show(decode.TypeLSPPing, lspPingLine, lspPingFields)
)

var (
	fPGMSource = decode.Define("pgm.hdr.sport", "Source Port", decode.KindUint).As("src_port").At(0, 2)
	fPGMDest   = decode.Define("pgm.hdr.dport", "Destination Port", decode.KindUint).As("dst_port").At(2, 2)
	fPGMType   = decode.Define("pgm.hdr.type", "Type", decode.KindHex).As("type").At(4, 1).Means(pgmName)
	fPGMSum    = decode.Define("pgm.hdr.cksum", "Checksum", decode.KindHex).As("checksum").At(6, 2)
	fPGMGSI    = decode.Define("pgm.hdr.gsi", "Global Source Identifier", decode.KindBytes).As("gsi").At(8, 6)
	fPGMLength = decode.Define("pgm.hdr.tsdulen", "Transport Service Data Unit Length", decode.KindUint).
			As("tsdu_length").At(14, 2)

	fIPCompFlags = decode.Define("ipcomp.flags", "Flags", decode.KindHex).At(1, 1)
	fIPCompCPI   = decode.Define("ipcomp.cpi", "CPI", decode.KindHex).At(2, 2).Means(ipcompCPI)

	fLSPPingVersion = decode.Define("mpls_echo.version", "Version", decode.KindUint).At(0, 2)
	fLSPPingType    = decode.Define("mpls_echo.msg_type", "Message Type", decode.KindUint).As("type").At(4, 1).Means(lspPingName)
	fLSPPingMode    = decode.Define("mpls_echo.reply_mode", "Reply Mode", decode.KindUint).At(5, 1)
	fLSPPingReturn  = decode.Define("mpls_echo.return_code", "Return Code", decode.KindUint).At(6, 1)
	fLSPPingSub     = decode.Define("mpls_echo.return_subcode", "Return Subcode", decode.KindUint).At(7, 1)
	fLSPPingHandle  = decode.Define("mpls_echo.sender_handle", "Sender's Handle", decode.KindHex).At(8, 4)
	fLSPPingSeq     = decode.Define("mpls_echo.sequence", "Sequence Number", decode.KindUint).At(12, 4)
)

// pgmFields describes the header of RFC 3208 section 8.1.
func pgmFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fPGMSource, fPGMDest, fPGMType, fPGMSum, fPGMGSI, fPGMLength)
}

func pgmLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 16 {
		return b, false
	}
	b = decode.AppendName(append(b, "PGM, "...), pgmName(uint64(data[4])), "type ", uint64(data[4]))
	b = appendNumber(b, ", ", be16(data))
	b = appendNumber(b, " > ", be16(data[2:]))
	b = decode.AppendBytes(append(b, ", source "...), data[8:14])
	return appendNumber(b, ", length ", be16(data[14:])), true
}

// ipcompFields describes the header of RFC 3173 section 3.
func ipcompFields(w *decode.FieldWriter, _ bool) { w.Add(0, fIPCompFlags, fIPCompCPI) }

func ipcompLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	return appendHex(b, "IPComp, cpi ", be16(data[2:])), true
}

// lspPingFields describes the header of RFC 8029 section 3.
func lspPingFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fLSPPingVersion, fLSPPingType, fLSPPingMode, fLSPPingReturn, fLSPPingSub, fLSPPingHandle, fLSPPingSeq)
}

func lspPingLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 16 {
		return b, false
	}
	b = decode.AppendName(append(b, "LSP-PING, "...), lspPingName(uint64(data[4])), "type ", uint64(data[4]))
	b = appendHex(b, ", handle ", be32(data[8:]))
	return appendNumber(b, ", seq ", be32(data[12:])), true
}

var pgmName = decode.Names{
	0: "SPM", 1: "POLL", 2: "POLR", 4: "ODATA", 5: "RDATA", 8: "NAK", 9: "N-NAK", 10: "NCF", 13: "SPMR", 14: "ACK",
}.Of

var ipcompCPI = decode.Names{1: "OUI", 2: "DEFLATE", 3: "LZS", 4: "LZJH"}.Of

var lspPingName = decode.Names{1: "Echo Request", 2: "Echo Reply", 3: "Proxy Ping Request", 4: "Proxy Ping Reply"}.Of

var (
	_ = show(decode.TypeAoE, aoeLine, aoeFields)
	_ = show(decode.TypeIPX, ipxLine, ipxFields)
	_ = show(decode.TypeTIPC, tipcLine, tipcFields)
	_ = show(decode.TypeAutoRP, autoRPLine, autoRPFields)
)

var (
	fAoEVersion  = decode.Define("aoe.version", "Version", decode.KindUint).Bits(0, 4)
	fAoEResponse = decode.Define("aoe.response", "Response", decode.KindBool).Bits(4, 1)
	fAoEMajor    = decode.Define("aoe.major", "Major", decode.KindUint).At(2, 2)
	fAoEMinor    = decode.Define("aoe.minor", "Minor", decode.KindUint).At(4, 1)
	fAoECommand  = decode.Define("aoe.cmd", "Command", decode.KindUint).As("command").At(5, 1).Means(aoeName)
	fAoETag      = decode.Define("aoe.tag", "Tag", decode.KindHex).At(6, 4)

	fIPXChecksum = decode.Define("ipx.checksum", "Checksum", decode.KindHex).At(0, 2)
	fIPXLength   = decode.Define("ipx.len", "Length", decode.KindUint).As("length").At(2, 2)
	fIPXHops     = decode.Define("ipx.hops", "Transport Control", decode.KindUint).At(4, 1)
	fIPXType     = decode.Define("ipx.packet_type", "Packet Type", decode.KindUint).At(5, 1)
	fIPXDstNet   = decode.Define("ipx.dst.net", "Destination Network", decode.KindHex).At(6, 4)
	fIPXDstNode  = decode.Define("ipx.dst.node", "Destination Node", decode.KindMAC).At(10, 6)
	fIPXDstSock  = decode.Define("ipx.dst.socket", "Destination Socket", decode.KindHex).At(16, 2)
	fIPXSrcNet   = decode.Define("ipx.src.net", "Source Network", decode.KindHex).At(18, 4)
	fIPXSrcNode  = decode.Define("ipx.src.node", "Source Node", decode.KindMAC).At(22, 6)
	fIPXSrcSock  = decode.Define("ipx.src.socket", "Source Socket", decode.KindHex).At(28, 2)

	fTIPCVersion = decode.Define("tipc.ver", "Version", decode.KindUint).As("version").Bits(0, 3)
	fTIPCUser    = decode.Define("tipc.usr", "User", decode.KindUint).As("user").Bits(3, 4).Means(tipcUser)
	fTIPCSize    = decode.Define("tipc.msg_size", "Message Size", decode.KindUint).As("message_size").Bits(15, 17)

	fAutoRPVersion = decode.Define("auto_rp.version", "Version", decode.KindUint).Bits(0, 4)
	fAutoRPType    = decode.Define("auto_rp.type", "Type", decode.KindUint).Bits(4, 4).Means(autoRPName)
	fAutoRPCount   = decode.Define("auto_rp.rp_count", "RP count", decode.KindUint).At(1, 1)
	fAutoRPHold    = decode.Define("auto_rp.holdtime", "Hold time, in s", decode.KindUint).At(2, 2)
)

func aoeFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fAoEVersion, fAoEResponse, fAoEMajor, fAoEMinor, fAoECommand, fAoETag)
}

func aoeLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 10 {
		return b, false
	}
	b = appendNumber(b, "AoE v", uint64(data[0]>>4))
	b = decode.AppendName(append(b, ", "...), aoeName(uint64(data[5])), "command ", uint64(data[5]))
	b = append(b, [...]string{" request", " response"}[data[0]>>3&1]...)
	b = appendNumber(b, ", ", be16(data[2:]))
	b = appendNumber(b, ".", uint64(data[4]))
	return appendHex(b, ", tag ", be32(data[6:])), true
}

func ipxFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fIPXChecksum, fIPXLength, fIPXHops, fIPXType, fIPXDstNet, fIPXDstNode, fIPXDstSock, fIPXSrcNet, fIPXSrcNode,
		fIPXSrcSock)
}

func ipxLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 30 {
		return b, false
	}
	end := func(e []byte) {
		b = append(decode.AppendBytes(b, e[:4]), '.')
		b = append(decode.AppendMAC(b, e[4:10]), '.')
		b = decode.AppendBytes(b, e[10:12])
	}
	b = append(b, "IPX "...)
	end(data[18:30])
	b = append(b, " > "...)
	end(data[6:18])
	return appendNumber(b, ", length ", be16(data[2:])), true
}

func tipcFields(w *decode.FieldWriter, _ bool) { w.Add(0, fTIPCVersion, fTIPCUser, fTIPCSize) }

func tipcLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "TIPC v", uint64(data[0]>>5))
	user := uint64(data[0] >> 1 & 15)
	b = decode.AppendName(append(b, ", "...), tipcUser(user), "user ", user)
	return appendNumber(b, ", size ", be32(data)&0x1ffff), true
}

func autoRPFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fAutoRPVersion, fAutoRPType, fAutoRPCount, fAutoRPHold)
}

func autoRPLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = decode.AppendName(append(b, "Auto-RP "...), autoRPName(uint64(data[0]&15)), "type ", uint64(data[0]&15))
	return appendNumber(b, ", hold time ", be16(data[2:])), true
}

var aoeName = decode.Names{0: "Issue ATA", 1: "Query Config", 2: "MAC Mask List", 3: "Reserve/Release"}.Of

var tipcUser = decode.Names{
	0: "low importance data", 1: "medium importance data", 2: "high importance data", 3: "critical importance data",
	5: "broadcast protocol", 6: "message bundler", 7: "link protocol", 8: "connection manager", 10: "changeover protocol",
	11: "name distributor", 12: "message fragmenter", 13: "link configuration",
}.Of

var autoRPName = decode.Names{1: "announcement", 2: "mapping"}.Of
