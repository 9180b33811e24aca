package app

import "sockwire/capture/decode"

var _ = show(decode.TypeSlow, slowLine, slowFields)

var (
	fSlowSubtype = decode.Define("slow.subtype", "Slow Protocols subtype", decode.KindHex).At(0, 1).Means(slowName)
	fLACPVersion = decode.Define("lacp.version", "Version", decode.KindUint).As("version").At(1, 1)
	fLACPTLV     = decode.Define("lacp.tlv", "TLV", decode.KindGroup).As("tlvs").Several()
	fLACPType    = decode.Define("lacp.tlv_type", "TLV Type", decode.KindUint).As("type").At(0, 1).Means(lacpTLV)
	fLACPLength  = decode.Define("lacp.tlv_length", "TLV Length", decode.KindUint).As("length").At(1, 1)
	fLACPActor   = lacpPort("lacp.actor.", "Actor")
	fLACPPartner = lacpPort("lacp.partner.", "Partner")
	fLACPDelay   = decode.Define("lacp.collector.max_delay", "Collector Max Delay, in 10 us", decode.KindUint).
			As("collector_max_delay").At(2, 2)

	fMarkerTLV  = decode.Define("marker.tlv_type", "TLV Type", decode.KindUint).As("marker_type").At(2, 1).Means(markerTLV)
	fMarkerPort = decode.Define("marker.requesterPort", "Requester Port", decode.KindUint).As("requester_port").At(4, 2)
	fMarkerSys  = decode.Define("marker.requesterSystem", "Requester System", decode.KindMAC).As("requester_system").At(6, 6)
	fMarkerID   = decode.Define("marker.requesterTransId", "Requester Transaction ID", decode.KindUint).
			As("requester_transaction_id").At(12, 4)

	fOAMFlags    = decode.Define("oampdu.flags", "Flags", decode.KindHex).As("oam_flags").At(1, 2)
	fOAMCode     = decode.Define("oampdu.code", "OAMPDU code", decode.KindUint).As("oam_code").At(3, 1).Means(oamCode)
	fOSSPOUI     = decode.Define("ossp.oui", "OUI", decode.KindHex).As("oui").At(1, 3)
	fOSSPSubtype = decode.Define("ossp.itu.subtype", "ITU-T OSSP Subtype", decode.KindHex).As("itu_subtype").At(4, 2)
	fESMCVersion = decode.Define("ossp.esmc.version", "ESMC Version", decode.KindUint).As("esmc_version").Bits(48, 4)
	fESMCEvent   = decode.Define("ossp.esmc.event_flag", "ESMC Event", decode.KindBool).As("esmc_event").Bits(52, 1)
)

// lacpPort are the fields of what an actor or partner says of a port.
func lacpPort(key, who string) []*decode.Definition {
	return []*decode.Definition{
		decode.Define(key+"sys_priority", who+" System Priority", decode.KindUint).As("system_priority").At(2, 2),
		decode.Define(key+"sysid", who+" System", decode.KindMAC).As("system").At(4, 6),
		decode.Define(key+"key", who+" Key", decode.KindUint).As("key").At(10, 2),
		decode.Define(key+"port_priority", who+" Port Priority", decode.KindUint).As("port_priority").At(12, 2),
		decode.Define(key+"port", who+" Port", decode.KindUint).As("port").At(14, 2),
		decode.Define(key+"state", who+" State", decode.KindHex).As("state").At(16, 1),
		decode.Define(key+"state.expired", "Expired", decode.KindBool).As("expired").Bits(128, 1),
		decode.Define(key+"state.defaulted", "Defaulted", decode.KindBool).As("defaulted").Bits(129, 1),
		decode.Define(key+"state.distributing", "Distributing", decode.KindBool).As("distributing").Bits(130, 1),
		decode.Define(key+"state.collecting", "Collecting", decode.KindBool).As("collecting").Bits(131, 1),
		decode.Define(key+"state.synchronization", "Synchronization", decode.KindBool).As("synchronization").Bits(132, 1),
		decode.Define(key+"state.aggregation", "Aggregation", decode.KindBool).As("aggregation").Bits(133, 1),
		decode.Define(key+"state.timeout", "Short Timeout", decode.KindBool).As("short_timeout").Bits(134, 1),
		decode.Define(key+"state.activity", "Activity", decode.KindBool).As("activity").Bits(135, 1),
	}
}

// Subtypes of the Slow Protocols (IEEE 802.3 annex 57A).
const (
	slowLACP   = 1
	slowMarker = 2
	slowOAM    = 3
	slowOSSP   = 10
)

var lacpRecords = tlvShape{records{kind: 1, length: 1, whole: true}, fLACPTLV, fLACPType, fLACPLength, nil}

func slowFields(w *decode.FieldWriter, _ bool) {
	switch w.Add(0, fSlowSubtype); firstByte(w.Data()) {
	case slowLACP:
		w.Add(0, fLACPVersion)
		lacpRecords.add(w, 2, len(w.Data()), func(kind uint64, value, n int) bool {
			switch {
			case kind == 1 && n >= 15:
				w.Add(value-2, fLACPActor...)
			case kind == 2 && n >= 15:
				w.Add(value-2, fLACPPartner...)
			case kind == 3 && n >= 2:
				w.Add(value-2, fLACPDelay)
			}
			return true
		})
	case slowMarker:
		w.Add(0, fMarkerTLV, fMarkerPort, fMarkerSys, fMarkerID)
	case slowOAM:
		w.Add(0, fOAMFlags, fOAMCode)
	case slowOSSP:
		w.Add(0, fOSSPOUI)
		if data := w.Data(); len(data) >= 8 && be24(data[1:]) == 0x0019a7 {
			w.Add(0, fOSSPSubtype, fESMCVersion, fESMCEvent)
		}
	}
}

// firstByte returns the first byte, 0 where there is none.
func firstByte(data []byte) byte {
	if len(data) == 0 {
		return 0
	}
	return data[0]
}

func slowLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	switch data[0] {
	case slowLACP:
		b = appendNumber(b, "LACPv", uint64(data[1]))
		lacpRecords.each(data, 2, len(data), func(kind uint64, _, value, n int) bool {
			if kind < 1 || kind > 2 || n < 15 {
				return kind != 0
			}
			b = append(b, [...]string{", actor ", ", partner "}[kind-1]...)
			b = decode.AppendMAC(b, data[value+2:value+8])
			b = appendNumber(b, " key ", be16(data[value+8:]))
			b = appendNumber(b, " port ", be16(data[value+12:]))
			b = append(appendLetters(append(b, " ["...), data[value+14], "ASGYCDFE"), ']')
			return true
		})
		return b, true
	case slowOAM:
		return decode.AppendName(append(b, "OAM, "...), oamCode(uint64(data[3])), "code ", uint64(data[3])), true
	case slowOSSP:
		if len(data) >= 10 && be24(data[1:]) == 0x0019a7 && be16(data[4:]) == 1 {
			return append(b, "ESMC"...), true
		}
		return appendHex(b, "OSSP, OUI ", be24(data[1:])), true
	}
	return decode.AppendName(append(b, "Slow Protocols, "...), slowName(uint64(data[0])), "subtype ", uint64(data[0])), true
}

var slowName = decode.Names{slowLACP: "LACP", slowMarker: "Marker Protocol", slowOAM: "OAM", slowOSSP: "OSSP"}.Of

var lacpTLV = decode.Names{0: "Terminator", 1: "Actor Information", 2: "Partner Information", 3: "Collector Information"}.Of

var markerTLV = decode.Names{0: "Terminator", 1: "Marker Information", 2: "Marker Response Information"}.Of

var oamCode = decode.Names{
	0: "Information", 1: "Event Notification", 2: "Variable Request", 3: "Variable Response", 4: "Loopback Control",
	0xfe: "Organization Specific",
}.Of
