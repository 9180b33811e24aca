package app

import "sockwire/capture/decode"

var _ = show(decode.TypeNHRP, nhrpLine, nhrpFields)

var (
	fNHRPFamily   = decode.Define("nhrp.hdr.afn", "Address Family Number", decode.KindUint).As("address_family").At(0, 2)
	fNHRPProtocol = decode.Define("nhrp.hdr.pro.type", "Protocol Type", decode.KindHex).As("protocol_type").At(2, 2)
	fNHRPHops     = decode.Define("nhrp.hdr.hopcnt", "Hop Count", decode.KindUint).As("hop_count").At(9, 1)
	fNHRPLength   = decode.Define("nhrp.hdr.pktsz", "Packet Length", decode.KindUint).As("packet_length").At(10, 2)
	fNHRPChecksum = decode.Define("nhrp.hdr.chksum", "Checksum", decode.KindHex).As("checksum").At(12, 2)
	fNHRPExt      = decode.Define("nhrp.hdr.extoff", "Extension Offset", decode.KindUint).As("extension_offset").At(14, 2)
	fNHRPVersion  = decode.Define("nhrp.hdr.version", "Version", decode.KindUint).As("version").At(16, 1)
	fNHRPType     = decode.Define("nhrp.hdr.op.type", "Packet Type", decode.KindUint).As("type").At(17, 1).Means(nhrpName)
	fNHRPSrcLen   = decode.Define("nhrp.src.prot.len", "Source Protocol Length", decode.KindUint).
			As("source_protocol_length").At(20, 1)
	fNHRPDstLen = decode.Define("nhrp.dst.prot.len", "Destination Protocol Length", decode.KindUint).
			As("destination_protocol_length").At(21, 1)
	fNHRPFlags   = decode.Define("nhrp.flags", "Flags", decode.KindHex).At(22, 2)
	fNHRPRequest = decode.Define("nhrp.reqid", "Request ID", decode.KindUint).As("request_id").At(24, 4)
	fNHRPNBMA    = decode.Define("nhrp.src.nbma.addr", "Source NBMA Address", decode.KindIP).As("source_nbma")
	fNHRPSource  = decode.Define("nhrp.src.prot.addr", "Source Protocol Address", decode.KindIP).As("source")
	fNHRPDest    = decode.Define("nhrp.dst.prot.addr", "Destination Protocol Address", decode.KindIP).As("destination")
)

// nhrpPlace is where the addresses of the common header are (RFC 2332 section 5.2.0.1); ok where all are there.
func nhrpAt(data []byte) (nbma, nbmaN, src, srcN, dst, dstN int, ok bool) {
	if len(data) < 28 {
		return
	}
	nbma, nbmaN = 28, int(data[18]&0x3f)
	src = nbma + nbmaN + int(data[19]&0x3f)
	srcN, dstN = int(data[20]), int(data[21])
	dst = src + srcN
	ok = data[17] >= 1 && data[17] <= 8 && data[17] != 7 && dst+dstN <= len(data)
	return
}

func nhrpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fNHRPFamily, fNHRPProtocol, fNHRPHops, fNHRPLength, fNHRPChecksum, fNHRPExt, fNHRPVersion, fNHRPType)
	nbma, nbmaN, src, srcN, dst, dstN, ok := nhrpAt(w.Data())
	if !ok {
		return
	}
	w.Add(0, fNHRPSrcLen, fNHRPDstLen, fNHRPFlags, fNHRPRequest)
	if nbmaN > 0 {
		w.Bytes(fNHRPNBMA, nbma, nbmaN)
	}
	if srcN > 0 {
		w.Bytes(fNHRPSource, src, srcN)
	}
	if dstN > 0 {
		w.Bytes(fNHRPDest, dst, dstN)
	}
}

func nhrpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 20 {
		return b, false
	}
	b = decode.AppendName(append(b, "NHRP, "...), nhrpName(uint64(data[17])), "type ", uint64(data[17]))
	nbma, nbmaN, src, srcN, dst, dstN, ok := nhrpAt(data)
	if !ok {
		return b, true
	}
	b = appendNumber(b, ", id ", be32(data[24:]))
	b = appendAddress(b, ", nbma ", data[nbma:nbma+nbmaN])
	b = appendAddress(b, ", ", data[src:src+srcN])
	return appendAddress(b, " > ", data[dst:dst+dstN]), true
}

var nhrpName = decode.Names{
	1: "Resolution Request", 2: "Resolution Reply", 3: "Registration Request", 4: "Registration Reply",
	5: "Purge Request", 6: "Purge Reply", 7: "Error Indication", 8: "Traffic Indication",
}.Of
