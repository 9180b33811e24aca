package app

import "sockwire/capture/decode"

var _ = show(decode.TypeNetFlow, netflowLine, netflowFields)

var (
	fCFlowVersion  = decode.Define("cflow.version", "Version", decode.KindUint).At(0, 2)
	fCFlowCount    = decode.Define("cflow.count", "Count", decode.KindUint).At(2, 2)
	fCFlowLength   = decode.Define("cflow.len", "Length", decode.KindUint).As("length").At(2, 2)
	fCFlowUptime   = decode.Define("cflow.sysuptime_ms", "SysUptime, in ms", decode.KindUint).As("sysuptime").At(4, 4)
	fCFlowSeconds  = decode.Define("cflow.unix_secs", "UNIX Seconds", decode.KindUint).At(8, 4)
	fCFlowExport   = decode.Define("cflow.exporttime", "Export Time, in s since 1970", decode.KindUint).As("export_time").At(4, 4)
	fCFlowNanos    = decode.Define("cflow.unix_nsecs", "UNIX Nanoseconds", decode.KindUint).At(12, 4)
	fCFlowSequence = decode.Define("cflow.sequence", "Flow Sequence", decode.KindUint)
	fCFlowEngineT  = decode.Define("cflow.engine_type", "Engine Type", decode.KindUint).At(20, 1)
	fCFlowEngineI  = decode.Define("cflow.engine_id", "Engine ID", decode.KindUint).At(21, 1)
	fCFlowSource   = decode.Define("cflow.source_id", "Source ID", decode.KindUint).At(16, 4)
	fCFlowDomain   = decode.Define("cflow.od_id", "Observation Domain ID", decode.KindUint).As("observation_domain").At(12, 4)
	fCFlowFlow     = decode.Define("cflow.flow", "Flow", decode.KindGroup).As("flows").Several()
	fCFlowSrc      = decode.Define("cflow.srcaddr", "Source Address", decode.KindIP).At(0, 4)
	fCFlowDst      = decode.Define("cflow.dstaddr", "Destination Address", decode.KindIP).At(4, 4)
	fCFlowHop      = decode.Define("cflow.nexthop", "Next Hop", decode.KindIP).At(8, 4)
	fCFlowIn       = decode.Define("cflow.inputint", "Input Interface", decode.KindUint).As("input").At(12, 2)
	fCFlowOut      = decode.Define("cflow.outputint", "Output Interface", decode.KindUint).As("output").At(14, 2)
	fCFlowPackets  = decode.Define("cflow.packets", "Packets", decode.KindUint).At(16, 4)
	fCFlowOctets   = decode.Define("cflow.octets", "Octets", decode.KindUint).At(20, 4)
	fCFlowFirst    = decode.Define("cflow.first_ms", "First, SysUptime in ms", decode.KindUint).As("first").At(24, 4)
	fCFlowLast     = decode.Define("cflow.last_ms", "Last, SysUptime in ms", decode.KindUint).As("last").At(28, 4)
	fCFlowSrcPort  = decode.Define("cflow.srcport", "Source Port", decode.KindUint).At(32, 2)
	fCFlowDstPort  = decode.Define("cflow.dstport", "Destination Port", decode.KindUint).At(34, 2)
	fCFlowTCPFlags = decode.Define("cflow.tcpflags", "TCP Flags", decode.KindHex)
	fCFlowProtocol = decode.Define("cflow.protocol", "Protocol", decode.KindUint).At(38, 1)
	fCFlowTOS      = decode.Define("cflow.tos", "IP ToS", decode.KindHex)
	fCFlowSrcAS    = decode.Define("cflow.srcas", "Source AS", decode.KindUint)
	fCFlowDstAS    = decode.Define("cflow.dstas", "Destination AS", decode.KindUint)

	fCFlowSet       = decode.Define("cflow.set", "Set", decode.KindGroup).As("sets").Several()
	fCFlowSetID     = decode.Define("cflow.flowset_id", "FlowSet Id", decode.KindUint).As("id").At(0, 2).Means(netflowSet)
	fCFlowSetLength = decode.Define("cflow.flowset_length", "FlowSet Length", decode.KindUint).As("length").At(2, 2)
	fCFlowTemplate  = decode.Define("cflow.template", "Template", decode.KindGroup).As("templates").Several()
	fCFlowTempID    = decode.Define("cflow.template_id", "Template Id", decode.KindUint).As("id").At(0, 2)
	fCFlowTempCount = decode.Define("cflow.template_field_count", "Field Count", decode.KindUint).As("field_count").At(2, 2)
	fCFlowTempField = decode.Define("cflow.template_field", "Field", decode.KindGroup).As("fields").Several()
	fCFlowFieldType = decode.Define("cflow.template_field_type", "Type", decode.KindUint).As("type").Means(netflowField)
	fCFlowFieldLen  = decode.Define("cflow.template_field_length", "Length", decode.KindUint).As("length").At(2, 2)
	fCFlowFieldPEN  = decode.Define("cflow.template_field_pen", "Enterprise", decode.KindUint).As("enterprise").
			At(4, 4).Means(enterprise)
	fCFlowData = decode.Define("cflow.set_data", "Records", decode.KindBytes).As("data")
)

// netflowHeader is how long the header of a version is, and netflowFlow its flow records.
func netflowHeader(version uint64) (header, flow int) {
	switch version {
	case 1:
		return 16, 52
	case 5:
		return 24, 48
	case 7:
		return 24, 52
	case 9:
		return 20, 0
	case 10:
		return 16, 0
	}
	return 0, 0
}

var netflowSets = records{kind: 2, length: 2, whole: true}

// netflowFields describes versions 1, 5 and 7, 9 (RFC 3954) and IPFIX, which is 10 (RFC 7011). Records of templates are
// left as bytes: the template may have come in another packet.
func netflowFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 16 {
		return
	}
	version := w.Uint(fCFlowVersion, 0, 2)
	header, flow := netflowHeader(version)
	switch version {
	case 1, 5, 7:
		w.Add(0, fCFlowCount, fCFlowUptime, fCFlowSeconds, fCFlowNanos)
		if version > 1 {
			w.Uint(fCFlowSequence, 16, 4)
		}
		if version == 5 {
			w.Add(0, fCFlowEngineT, fCFlowEngineI)
		}
	case 9:
		w.Add(0, fCFlowCount, fCFlowUptime, fCFlowSeconds)
		w.Uint(fCFlowSequence, 12, 4)
		w.Add(0, fCFlowSource)
	case 10:
		w.Add(0, fCFlowLength, fCFlowExport)
		w.Uint(fCFlowSequence, 8, 4)
		w.Add(0, fCFlowDomain)
	}
	if flow > 0 {
		for off, n := header, be16(data[2:]); off+flow <= len(data) && n > 0; off, n = off+flow, n-1 {
			w.Group(fCFlowFlow, off, flow)
			w.Add(off, fCFlowSrc, fCFlowDst, fCFlowHop, fCFlowIn, fCFlowOut, fCFlowPackets, fCFlowOctets, fCFlowFirst,
				fCFlowLast, fCFlowSrcPort, fCFlowDstPort, fCFlowProtocol)
			if version != 1 {
				w.Uint(fCFlowTCPFlags, off+37, 1)
				w.Uint(fCFlowTOS, off+39, 1)
				w.Uint(fCFlowSrcAS, off+40, 2)
				w.Uint(fCFlowDstAS, off+42, 2)
			}
			w.End()
		}
		return
	}
	if header == 0 {
		return
	}
	netflowSets.each(data, header, len(data), func(id uint64, at, value, n int) bool {
		w.Group(fCFlowSet, at, 4+n)
		w.Add(at, fCFlowSetID, fCFlowSetLength)
		switch {
		case version == 9 && id == 0, version == 10 && id == 2:
			netflowTemplates(w, value, value+n, version == 10)
		case n > 0:
			w.Bytes(fCFlowData, value, n)
		}
		w.End()
		return true
	})
}

func netflowTemplates(w *decode.FieldWriter, off, end int, ipfix bool) {
	data := w.Data()
	for off+4 <= end {
		count, at := int(be16(data[off+2:])), off+4
		for range count {
			if at+4 > end {
				break
			}
			if ipfix && data[at]&0x80 != 0 {
				at += 4
			}
			at += 4
		}
		if at > end || count == 0 {
			return
		}
		w.Group(fCFlowTemplate, off, at-off)
		w.Add(off, fCFlowTempID, fCFlowTempCount)
		for k := off + 4; k+4 <= at; {
			n := 4
			own := ipfix && data[k]&0x80 != 0
			if own {
				n = 8
			}
			w.Group(fCFlowTempField, k, n)
			if own {
				w.Bits(fCFlowFieldType, 8*k+1, 15, nil)
				w.Add(k, fCFlowFieldLen, fCFlowFieldPEN)
			} else {
				w.Enum(fCFlowFieldType, k, 2, netflowField)
				w.Add(k, fCFlowFieldLen)
			}
			w.End()
			k += n
		}
		w.End()
		off = at
	}
}

func netflowLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 16 {
		return b, false
	}
	version := be16(data)
	header, flow := netflowHeader(version)
	if version == 10 {
		b = appendNumber(b, "IPFIX, domain ", be32(data[12:]))
		b = appendNumber(b, ", seq ", be32(data[8:]))
	} else {
		b = appendNumber(b, "NetFlow v", version)
		b = appendNumber(b, ", records ", be16(data[2:]))
		if version == 9 && len(data) >= 20 {
			b = appendNumber(b, ", source ", be32(data[16:]))
			b = appendNumber(b, ", seq ", be32(data[12:]))
		}
	}
	if flow > 0 {
		for off, shown := header, 0; off+flow <= len(data); off += flow {
			if shown++; shown > 3 {
				return append(b, " ..."...), true
			}
			e := data[off:]
			b = appendNumber(appendAddress(b, ", ", e[:4]), ":", be16(e[32:]))
			b = appendNumber(appendAddress(b, " > ", e[4:8]), ":", be16(e[34:]))
			b = appendNumber(b, " proto ", uint64(e[38]))
			b = append(appendNumber(b, ", ", be32(e[16:])), " packets"...)
		}
		return b, true
	}
	if header > 0 {
		shown := 0
		netflowSets.each(data, header, len(data), func(id uint64, _, _, _ int) bool {
			if shown++; shown > 8 {
				return false
			}
			b = decode.AppendName(append(b, ", "...), netflowSet(id), "data for template ", id)
			return true
		})
	}
	return b, true
}

var netflowSet = decode.Names{0: "templates", 1: "options templates", 2: "templates", 3: "options templates"}.Of

// netflowField are information elements of IANA.
var netflowField = decode.Names{
	1: "octetDeltaCount", 2: "packetDeltaCount", 4: "protocolIdentifier", 5: "ipClassOfService", 6: "tcpControlBits",
	7: "sourceTransportPort", 8: "sourceIPv4Address", 9: "sourceIPv4PrefixLength", 10: "ingressInterface",
	11: "destinationTransportPort", 12: "destinationIPv4Address", 13: "destinationIPv4PrefixLength",
	14: "egressInterface", 15: "ipNextHopIPv4Address", 16: "bgpSourceAsNumber", 17: "bgpDestinationAsNumber",
	18: "bgpNextHopIPv4Address", 21: "flowEndSysUpTime", 22: "flowStartSysUpTime", 27: "sourceIPv6Address",
	28: "destinationIPv6Address", 29: "sourceIPv6PrefixLength", 30: "destinationIPv6PrefixLength", 31: "flowLabelIPv6",
	32: "icmpTypeCodeIPv4", 34: "samplingInterval", 35: "samplingAlgorithm", 52: "minimumTTL", 53: "maximumTTL",
	56: "sourceMacAddress", 57: "postDestinationMacAddress", 58: "vlanId", 60: "ipVersion", 61: "flowDirection",
	62: "ipNextHopIPv6Address", 80: "destinationMacAddress", 85: "octetTotalCount", 86: "packetTotalCount",
	89: "forwardingStatus", 130: "exporterIPv4Address", 136: "flowEndReason", 148: "flowId", 150: "flowStartSeconds",
	151: "flowEndSeconds", 152: "flowStartMilliseconds", 153: "flowEndMilliseconds", 225: "postNATSourceIPv4Address",
	226: "postNATDestinationIPv4Address", 227: "postNAPTSourceTransportPort", 228: "postNAPTDestinationTransportPort",
}.Of
