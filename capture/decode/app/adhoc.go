package app

import "sockwire/capture/decode"

// Routing in networks that form by themselves: Babel (RFC 8966), AODV (RFC 3561) and OLSR (RFC 3626).
var (
	_ = show(decode.TypeBabel, babelLine, babelFields)
	_ = show(decode.TypeAODV, aodvLine, aodvFields)
	_ = show(decode.TypeOLSR, olsrLine, olsrFields)
)

var (
	fBabelMagic   = decode.Define("babel.magic", "Magic", decode.KindUint).At(0, 1)
	fBabelVersion = decode.Define("babel.version", "Version", decode.KindUint).At(1, 1)
	fBabelLength  = decode.Define("babel.bodylen", "Body length", decode.KindUint).As("body_length").At(2, 2)
	fBabelTLV     = decode.Define("babel.message", "TLV", decode.KindGroup).As("tlvs").Several()
	fBabelType    = decode.Define("babel.message.type", "Type", decode.KindUint).As("type").At(0, 1).Means(babelName)
	fBabelSize    = decode.Define("babel.message.length", "Length", decode.KindUint).As("length").At(1, 1)
	fBabelNonce   = decode.Define("babel.message.nonce", "Nonce", decode.KindHex).As("nonce")
	fBabelSeqno   = decode.Define("babel.message.seqno", "Seqno", decode.KindHex).As("seqno")
	fBabelRxCost  = decode.Define("babel.message.rxcost", "Rxcost", decode.KindHex).As("rxcost")
	fBabelEvery   = decode.Define("babel.message.interval", "Interval, in 1/100 s", decode.KindUint).As("interval")
	fBabelRouter  = decode.Define("babel.message.routerid", "Router-Id", decode.KindBytes).As("router_id")
	fBabelAE      = decode.Define("babel.message.ae", "Address Encoding", decode.KindUint).As("address_encoding")
	fBabelPLen    = decode.Define("babel.message.plen", "Prefix Length", decode.KindUint).As("prefix_length")
	fBabelOmitted = decode.Define("babel.message.omitted", "Omitted Bytes", decode.KindUint).As("omitted")
	fBabelMetric  = decode.Define("babel.message.metric", "Metric", decode.KindUint).As("metric")
	fBabelValue   = decode.Define("babel.message.value", "Value", decode.KindBytes).As("value")

	fAODVType    = decode.Define("aodv.type", "Type", decode.KindUint).At(0, 1).Means(aodvName)
	fAODVHops    = decode.Define("aodv.hopcount", "Hop Count", decode.KindUint).As("hop_count").At(3, 1)
	fAODVRequest = decode.Define("aodv.rreq_id", "RREQ ID", decode.KindUint).As("request_id").At(4, 4)
	fAODVDest    = decode.Define("aodv.dest_ip", "Destination IP Address", decode.KindIP).As("destination")
	fAODVDestSeq = decode.Define("aodv.dest_seqno", "Destination Sequence Number", decode.KindUint).As("destination_sequence")
	fAODVOrigin  = decode.Define("aodv.orig_ip", "Originator IP Address", decode.KindIP).As("originator")
	fAODVOrigSeq = decode.Define("aodv.orig_seqno", "Originator Sequence Number", decode.KindUint).As("originator_sequence")
	fAODVLife    = decode.Define("aodv.lifetime", "Lifetime, in ms", decode.KindUint).At(16, 4)
	fAODVCount   = decode.Define("aodv.destcount", "DestCount", decode.KindUint).As("destination_count").At(3, 1)
	fAODVLost    = decode.Define("aodv.unreach_dest_ip", "Unreachable Destination", decode.KindIP).As("unreachable").Several()

	fOLSRLength   = decode.Define("olsr.packet_len", "Packet Length", decode.KindUint).As("packet_length").At(0, 2)
	fOLSRSequence = decode.Define("olsr.packet_seq_num", "Packet Sequence Number", decode.KindUint).
			As("packet_sequence").At(2, 2)
	fOLSRMessage = decode.Define("olsr.message", "Message", decode.KindGroup).As("messages").Several()
	fOLSRType    = decode.Define("olsr.message_type", "Message Type", decode.KindUint).As("type").At(0, 1).Means(olsrName)
	fOLSRSize    = decode.Define("olsr.message_size", "Message Size", decode.KindUint).As("size").At(2, 2)
	fOLSROrigin  = decode.Define("olsr.origin_addr", "Originator Address", decode.KindIP).As("originator").At(4, 4)
	fOLSRTTL     = decode.Define("olsr.ttl", "Time To Live", decode.KindUint).As("ttl")
	fOLSRHops    = decode.Define("olsr.hop_count", "Hop Count", decode.KindUint).As("hop_count")
	fOLSRMsgSeq  = decode.Define("olsr.message_seq_num", "Message Sequence Number", decode.KindUint).As("sequence")
)

// babelEach calls f for the TLVs; Pad1 has no length.
func babelEach(data []byte, f func(kind byte, at, value, n int)) {
	if len(data) < 4 {
		return
	}
	end := min(len(data), 4+int(be16(data[2:])))
	for off, count := 4, 0; off < end && count < maxList; count++ {
		if data[off] == 0 {
			f(0, off, off+1, 0)
			off++
			continue
		}
		if off+2 > end || off+2+int(data[off+1]) > end {
			return
		}
		n := int(data[off+1])
		f(data[off], off, off+2, n)
		off += 2 + n
	}
}

func babelFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fBabelMagic, fBabelVersion, fBabelLength)
	babelEach(w.Data(), func(kind byte, at, value, n int) {
		w.Group(fBabelTLV, at, value-at+n)
		w.Add(at, fBabelType)
		if kind != 0 {
			w.Add(at, fBabelSize)
		}
		switch {
		case kind == 2 && n >= 6:
			w.Uint(fBabelNonce, value+2, 2)
			w.Uint(fBabelEvery, value+4, 2)
		case kind == 3 && n >= 2:
			w.Uint(fBabelNonce, value, 2)
		case kind == 4 && n >= 6:
			w.Uint(fBabelSeqno, value+2, 2)
			w.Uint(fBabelEvery, value+4, 2)
		case kind == 5 && n >= 6:
			w.Uint(fBabelAE, value, 1)
			w.Uint(fBabelRxCost, value+2, 2)
			w.Uint(fBabelEvery, value+4, 2)
		case kind == 6 && n >= 10:
			w.Bytes(fBabelRouter, value+2, 8)
		case kind == 8 && n >= 10:
			w.Uint(fBabelAE, value, 1)
			w.Uint(fBabelPLen, value+2, 1)
			w.Uint(fBabelOmitted, value+3, 1)
			w.Uint(fBabelEvery, value+4, 2)
			w.Uint(fBabelSeqno, value+6, 2)
			w.Uint(fBabelMetric, value+8, 2)
		case n > 0 && kind != 1:
			w.Bytes(fBabelValue, value, n)
		}
		w.End()
	})
}

func babelLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "babel ", uint64(data[1]))
	shown := 0
	babelEach(data, func(kind byte, _, value, n int) {
		if shown++; shown > 8 {
			return
		}
		b = decode.AppendName(append(b, ", "...), babelName(uint64(kind)), "type ", uint64(kind))
		switch {
		case kind == 4 && n >= 6:
			b = appendNumber(b, " seqno ", be16(data[value+2:]))
		case kind == 5 && n >= 6:
			b = appendNumber(b, " rxcost ", be16(data[value+2:]))
		case kind == 6 && n >= 10:
			b = decode.AppendBytes(append(b, ' '), data[value+2:value+10])
		case kind == 8 && n >= 10:
			b = appendNumber(b, " /", uint64(data[value+2]))
			b = appendNumber(b, " metric ", be16(data[value+8:]))
		}
	})
	return b, true
}

func aodvFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fAODVType)
	data := w.Data()
	switch firstByte(data) {
	case 1:
		if len(data) >= 24 {
			w.Add(0, fAODVHops, fAODVRequest)
			w.Bytes(fAODVDest, 8, 4)
			w.Uint(fAODVDestSeq, 12, 4)
			w.Bytes(fAODVOrigin, 16, 4)
			w.Uint(fAODVOrigSeq, 20, 4)
		}
	case 2:
		if len(data) >= 20 {
			w.Add(0, fAODVHops)
			w.Bytes(fAODVDest, 4, 4)
			w.Uint(fAODVDestSeq, 8, 4)
			w.Bytes(fAODVOrigin, 12, 4)
			w.Add(0, fAODVLife)
		}
	case 3:
		w.Add(0, fAODVCount)
		if len(data) >= 4 {
			for off, n := 4, int(data[3]); n > 0; off, n = off+8, n-1 {
				w.Bytes(fAODVLost, off, 4)
			}
		}
	}
}

func aodvLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 2 {
		return b, false
	}
	b = decode.AppendName(append(b, "AODV, "...), aodvName(uint64(data[0])), "type ", uint64(data[0]))
	switch {
	case data[0] == 1 && len(data) >= 24:
		b = appendNumber(b, " id ", be32(data[4:]))
		b = appendAddress(b, ", destination ", data[8:12])
		b = appendAddress(b, ", originator ", data[16:20])
	case data[0] == 2 && len(data) >= 20:
		b = appendAddress(b, ", destination ", data[4:8])
		b = appendAddress(b, ", originator ", data[12:16])
	case data[0] == 3 && len(data) >= 12:
		b = appendAddress(b, ", unreachable ", data[4:8])
	}
	return b, true
}

// olsrEach calls f for the messages with the length of their addresses.
func olsrEach(data []byte, f func(at, n, width int)) {
	for off, count := 4, 0; off+12 <= len(data) && count < maxList; count++ {
		n := int(be16(data[off+2:]))
		if n < 12 || off+n > len(data) {
			return
		}
		f(off, n, 4)
		off += n
	}
}

func olsrFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fOLSRLength, fOLSRSequence)
	olsrEach(w.Data(), func(at, n, width int) {
		w.Group(fOLSRMessage, at, n)
		w.Add(at, fOLSRType, fOLSRSize, fOLSROrigin)
		w.Uint(fOLSRTTL, at+4+width, 1)
		w.Uint(fOLSRHops, at+5+width, 1)
		w.Uint(fOLSRMsgSeq, at+6+width, 2)
		w.End()
	})
}

func olsrLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "OLSR, seq ", be16(data[2:]))
	shown := 0
	olsrEach(data, func(at, _, width int) {
		if shown++; shown > 8 {
			return
		}
		b = decode.AppendName(append(b, ", "...), olsrName(uint64(data[at])), "type ", uint64(data[at]))
		b = appendAddress(b, " from ", data[at+4:at+4+width])
	})
	return b, true
}

var babelName = decode.Names{
	0: "Pad1", 1: "PadN", 2: "Ack Req", 3: "Ack", 4: "Hello", 5: "IHU", 6: "Router ID", 7: "Next Hop", 8: "Update",
	9: "Route Request", 10: "Seqno Request", 11: "TS/PC", 12: "HMAC", 13: "Source-specific Update",
	14: "Source-specific Request", 15: "Source-specific Seqno Request", 16: "MAC", 17: "PC", 18: "Challenge Request",
	19: "Challenge Reply",
}.Of

var aodvName = decode.Names{1: "RREQ", 2: "RREP", 3: "RERR", 4: "RREP-ACK"}.Of

var olsrName = decode.Names{1: "HELLO", 2: "TC", 3: "MID", 4: "HNA", 129: "SmartGW-HNA", 130: "NAMESERVICE",
	201: "HELLO-LQ", 202: "TC-LQ"}.Of
