package app

import "sockwire/capture/decode"

var _ = show(decode.TypeEIGRP, eigrpLine, eigrpFields)

var (
	fEIGRPVersion  = decode.Define("eigrp.version", "Version", decode.KindUint).At(0, 1)
	fEIGRPOp       = decode.Define("eigrp.opcode", "Opcode", decode.KindUint).At(1, 1).Means(eigrpName)
	fEIGRPChecksum = decode.Define("eigrp.checksum", "Checksum", decode.KindHex).At(2, 2)
	fEIGRPInit     = decode.Define("eigrp.flags.init", "Init", decode.KindBool).As("init").Bits(63, 1)
	fEIGRPCond     = decode.Define("eigrp.flags.condrecv", "Conditional Receive", decode.KindBool).
			As("conditional_receive").Bits(62, 1)
	fEIGRPRestart  = decode.Define("eigrp.flags.restart", "Restart", decode.KindBool).As("restart").Bits(61, 1)
	fEIGRPEnd      = decode.Define("eigrp.flags.eot", "End of Table", decode.KindBool).As("end_of_table").Bits(60, 1)
	fEIGRPSequence = decode.Define("eigrp.seq", "Sequence", decode.KindUint).At(8, 4)
	fEIGRPAck      = decode.Define("eigrp.ack", "Acknowledge", decode.KindUint).At(12, 4)
	fEIGRPRouter   = decode.Define("eigrp.vrid", "Virtual Router ID", decode.KindUint).At(16, 2)
	fEIGRPAS       = decode.Define("eigrp.as", "Autonomous System", decode.KindUint).At(18, 2)
	fEIGRPTLV      = decode.Define("eigrp.tlv", "TLV", decode.KindGroup).As("tlvs").Several()
	fEIGRPType     = decode.Define("eigrp.tlv_type", "Type", decode.KindHex).As("type").At(0, 2).Means(eigrpTLV)
	fEIGRPLength   = decode.Define("eigrp.tlv.len", "Length", decode.KindUint).As("length").At(2, 2)
	fEIGRPK1       = decode.Define("eigrp.par.k1", "K1", decode.KindUint).As("k1").At(0, 1)
	fEIGRPK2       = decode.Define("eigrp.par.k2", "K2", decode.KindUint).As("k2").At(1, 1)
	fEIGRPK3       = decode.Define("eigrp.par.k3", "K3", decode.KindUint).As("k3").At(2, 1)
	fEIGRPK4       = decode.Define("eigrp.par.k4", "K4", decode.KindUint).As("k4").At(3, 1)
	fEIGRPK5       = decode.Define("eigrp.par.k5", "K5", decode.KindUint).As("k5").At(4, 1)
	fEIGRPK6       = decode.Define("eigrp.par.k6", "K6", decode.KindUint).As("k6").At(5, 1)
	fEIGRPHold     = decode.Define("eigrp.par.holdtime", "Hold Time, in s", decode.KindUint).As("hold_time").At(6, 2)
	fEIGRPNextHop  = decode.Define("eigrp.ipv4.nexthop", "Next Hop", decode.KindIP).As("next_hop").At(0, 4)
	fEIGRPNextHop6 = decode.Define("eigrp.ipv6.nexthop", "Next Hop", decode.KindIP).As("next_hop").At(0, 16)
	fEIGRPDelay    = decode.Define("eigrp.old_metric.delay", "Scaled Delay", decode.KindUint).As("delay").At(0, 4)
	fEIGRPBand     = decode.Define("eigrp.old_metric.bw", "Scaled Bandwidth", decode.KindUint).As("bandwidth").At(4, 4)
	fEIGRPMTU      = decode.Define("eigrp.old_metric.mtu", "MTU", decode.KindUint).As("mtu").At(8, 3)
	fEIGRPHops     = decode.Define("eigrp.old_metric.hopcount", "Hop Count", decode.KindUint).As("hop_count").At(11, 1)
	fEIGRPRel      = decode.Define("eigrp.old_metric.rel", "Reliability", decode.KindUint).As("reliability").At(12, 1)
	fEIGRPLoad     = decode.Define("eigrp.old_metric.load", "Load", decode.KindUint).As("load").At(13, 1)
	fEIGRPPrefix   = decode.Define("eigrp.prefix", "Destination", decode.KindGroup).As("destinations").Several()
	fEIGRPPrefLen  = decode.Define("eigrp.ipv4.prefixlen", "Prefix Length", decode.KindUint).As("prefix_length")
	fEIGRPDest     = decode.Define("eigrp.ipv4.destination", "Destination", decode.KindIP).As("destination")
	fEIGRPPrefLen6 = decode.Define("eigrp.ipv6.prefixlen", "Prefix Length", decode.KindUint).As("prefix_length6")
	fEIGRPDest6    = decode.Define("eigrp.ipv6.destination", "Destination", decode.KindIP).As("destination6")
	fEIGRPRelease  = decode.Define("eigrp.release_version", "Release", decode.KindHex).As("release").At(0, 2)
	fEIGRPTLVs     = decode.Define("eigrp.tlv_version", "TLV version", decode.KindHex).At(2, 2)
	fEIGRPValue    = decode.Define("eigrp.tlv_value", "Value", decode.KindBytes).As("value")
)

const eigrpHeader = 20 // RFC 7868 section 6.3

var eigrpRecords = tlvShape{records{kind: 2, length: 2, whole: true}, fEIGRPTLV, fEIGRPType, fEIGRPLength, fEIGRPValue}

func eigrpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fEIGRPVersion, fEIGRPOp, fEIGRPChecksum, fEIGRPInit, fEIGRPCond, fEIGRPRestart, fEIGRPEnd, fEIGRPSequence,
		fEIGRPAck, fEIGRPRouter, fEIGRPAS)
	data := w.Data()
	eigrpRecords.add(w, eigrpHeader, len(data), func(kind uint64, off, n int) bool {
		routes, ok := eigrpRoutesAt(kind, off, n)
		switch {
		case kind == 1 && n >= 8:
			w.Add(off, fEIGRPK1, fEIGRPK2, fEIGRPK3, fEIGRPK4, fEIGRPK5, fEIGRPK6, fEIGRPHold)
		case kind == 4 && n >= 4:
			w.Add(off, fEIGRPRelease, fEIGRPTLVs)
		case ok:
			length, dest := fEIGRPPrefLen, fEIGRPDest
			if routes.width == 16 {
				w.Add(off, fEIGRPNextHop6)
				length, dest = fEIGRPPrefLen6, fEIGRPDest6
			} else {
				w.Add(off, fEIGRPNextHop)
			}
			w.Add(routes.metric, fEIGRPDelay, fEIGRPBand, fEIGRPMTU, fEIGRPHops, fEIGRPRel, fEIGRPLoad)
			routes.each(data, func(at, size int) {
				w.Group(fEIGRPPrefix, at, 1+size)
				w.Uint(length, at, 1)
				w.Text(dest, at+1, size, prefixBytes(data[at+1:at+1+size], routes.width))
				w.End()
			})
		default:
			return false
		}
		return true
	})
}

// eigrpRoutes are where the classic metric of a route TLV and its destinations are.
type eigrpRoutes struct{ width, metric, first, end int }

func eigrpRoutesAt(kind uint64, off, n int) (r eigrpRoutes, ok bool) {
	switch kind >> 8 {
	case 1:
		r.width = 4
	case 4:
		r.width = 16
	default:
		return r, false
	}
	r.metric = off + r.width
	switch kind & 0xff {
	case 2: // internal
	case 3: // external: who brought it in, and how
		r.metric += 20
	default:
		return r, false
	}
	r.first, r.end = r.metric+16, off+n
	return r, r.first <= r.end
}

func (r eigrpRoutes) each(data []byte, f func(at, size int)) {
	for at := r.first; at < r.end; {
		size := (int(data[at]) + 7) / 8
		if size > r.width || at+1+size > r.end {
			return
		}
		f(at, size)
		at += 1 + size
	}
}

func eigrpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < eigrpHeader {
		return b, false
	}
	b = append(b, "EIGRP, "...)
	if data[1] == 5 && be32(data[12:]) > 0 {
		b = append(b, "Ack"...)
	} else {
		b = decode.AppendName(b, eigrpName(uint64(data[1])), "opcode ", uint64(data[1]))
	}
	b = appendNumber(b, ", AS ", be16(data[18:]))
	if seq := be32(data[8:]); seq > 0 {
		b = appendNumber(b, ", seq ", seq)
	}
	if ack := be32(data[12:]); ack > 0 {
		b = appendNumber(b, ", ack ", ack)
	}
	shown := 0
	eigrpRecords.each(data, eigrpHeader, len(data), func(kind uint64, _, off, n int) bool {
		routes, ok := eigrpRoutesAt(kind, off, n)
		switch {
		case kind == 1 && n >= 8:
			b = appendNumber(b, ", hold time ", be16(data[off+6:]))
		case ok:
			routes.each(data, func(at, size int) {
				if shown++; shown > 8 {
					return
				}
				var a [16]byte
				copy(a[:routes.width], data[at+1:at+1+size])
				b = appendPrefix(b, ", ", a[:routes.width], uint64(data[at]))
				if be32(data[routes.metric:]) == 0xffffffff {
					b = append(b, " unreachable"...)
				}
			})
		}
		return true
	})
	return b, true
}

var eigrpName = decode.Names{
	1: "Update", 2: "Request", 3: "Query", 4: "Reply", 5: "Hello", 8: "Acknowledge", 10: "SIA-Query", 11: "SIA-Reply",
}.Of

var eigrpTLV = decode.Names{
	1: "Parameters", 2: "Authentication", 3: "Sequence", 4: "Software Version", 5: "Next Multicast Sequence",
	6: "Peer Stub", 7: "Peer Termination", 0x102: "IPv4 internal route", 0x103: "IPv4 external route",
	0x402: "IPv6 internal route", 0x403: "IPv6 external route",
}.Of
