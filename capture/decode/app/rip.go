package app

import "sockwire/capture/decode"

var (
	_ = show(decode.TypeRIP, ripLine, ripFields)
	_ = show(decode.TypeRIPng, ripngLine, ripngFields)
)

var (
	fRIPCommand  = decode.Define("rip.command", "Command", decode.KindUint).At(0, 1).Means(ripCommand)
	fRIPVersion  = decode.Define("rip.version", "Version", decode.KindUint).At(1, 1)
	fRIPEntry    = decode.Define("rip.entry", "Entry", decode.KindGroup).As("entries").Several()
	fRIPFamily   = decode.Define("rip.family", "Address Family Identifier", decode.KindUint).At(0, 2).Means(ripFamily)
	fRIPTag      = decode.Define("rip.route_tag", "Route Tag", decode.KindUint).At(2, 2)
	fRIPAddress  = decode.Define("rip.ip", "IP Address", decode.KindIP).As("address").At(4, 4)
	fRIPMask     = decode.Define("rip.netmask", "Subnet Mask", decode.KindIP).As("mask").At(8, 4)
	fRIPHop      = decode.Define("rip.next_hop", "Next Hop", decode.KindIP).At(12, 4)
	fRIPMetric   = decode.Define("rip.metric", "Metric", decode.KindUint).At(16, 4)
	fRIPAuth     = decode.Define("rip.auth.type", "Authentication type", decode.KindUint).At(2, 2).Means(ripAuth)
	fRIPPassword = decode.Define("rip.auth.passwd", "Password", decode.KindText).As("password").At(4, 16)

	fRIPngCommand = decode.Define("ripng.cmd", "Command", decode.KindUint).As("command").At(0, 1).Means(ripCommand)
	fRIPngVersion = decode.Define("ripng.version", "Version", decode.KindUint).At(1, 1)
	fRIPngEntry   = decode.Define("ripng.rte", "Route Table Entry", decode.KindGroup).As("entries").Several()
	fRIPngPrefix  = decode.Define("ripng.rte.ipv6_prefix", "IPv6 Prefix", decode.KindIP).As("prefix").At(0, 16)
	fRIPngTag     = decode.Define("ripng.rte.route_tag", "Route Tag", decode.KindHex).As("route_tag").At(16, 2)
	fRIPngLength  = decode.Define("ripng.rte.prefix_length", "Prefix Length", decode.KindUint).
			As("prefix_length").At(18, 1)
	fRIPngMetric = decode.Define("ripng.rte.metric", "Metric", decode.KindUint).As("metric").At(19, 1)
)

const ripEntry = 20 // bytes of an entry behind the header of 4 (RFC 2453 section 4, RFC 2080 section 2.1)

func ripFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fRIPCommand, fRIPVersion)
	data := w.Data()
	if len(data) < 4 {
		return
	}
	for off := 4; off+ripEntry <= len(data); off += ripEntry {
		family, tag := be16(data[off:]), be16(data[off+2:])
		if family == 0xffff && tag == 1 { // the digest at the end (RFC 4822)
			return
		}
		w.Group(fRIPEntry, off, ripEntry)
		switch {
		case family == 0xffff:
			w.Add(off, fRIPAuth)
			if tag == 2 {
				w.Bytes(fRIPPassword, off+4, len(trimZeroes(data[off+4:off+20])))
			}
		case data[1] == 1 && family == 0:
			w.Add(off, fRIPFamily, fRIPMetric)
		case data[1] == 1:
			w.Add(off, fRIPFamily, fRIPAddress, fRIPMetric)
		case family == 0:
			w.Add(off, fRIPFamily, fRIPTag, fRIPMask, fRIPHop, fRIPMetric)
		default:
			w.Add(off, fRIPFamily, fRIPTag, fRIPAddress, fRIPMask, fRIPHop, fRIPMetric)
		}
		w.End()
	}
}

func ripLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "RIPv", uint64(data[1]))
	b = decode.AppendName(append(b, ", "...), ripCommand(uint64(data[0])), "command ", uint64(data[0]))
	count := 0
	for off := 4; off+ripEntry <= len(data); off += ripEntry {
		e := data[off : off+ripEntry]
		family := be16(e)
		if family == 0xffff && be16(e[2:]) == 1 {
			break
		}
		if family == 0xffff {
			b = decode.AppendName(append(b, ", authentication "...), ripAuth(be16(e[2:])), "", be16(e[2:]))
			continue
		}
		if count++; count > 8 {
			return append(b, " ..."...), true
		}
		if family == 0 && be32(e[16:]) == 16 {
			b = append(b, ", whole table"...)
			continue
		}
		b = appendAddress(b, ", ", e[4:8])
		if data[1] > 1 {
			b = maskLength(b, e[8:12])
		}
		b = appendNumber(b, " metric ", be32(e[16:]))
	}
	return b, true
}

// maskLength adds the length of a mask, or the mask where its bits are no prefix.
func maskLength(b, mask []byte) []byte {
	m := uint32(be32(mask))
	for n := range uint64(33) {
		if m == uint32(uint64(0xffffffff)<<(32-n)) {
			return appendNumber(b, "/", n)
		}
	}
	return appendAddress(b, "/", mask)
}

func ripngFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fRIPngCommand, fRIPngVersion)
	for off := 4; off+ripEntry <= len(w.Data()); off += ripEntry {
		w.Group(fRIPngEntry, off, ripEntry)
		w.Add(off, fRIPngPrefix, fRIPngTag, fRIPngLength, fRIPngMetric)
		w.End()
	}
}

func ripngLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = appendNumber(b, "RIPngv", uint64(data[1]))
	b = decode.AppendName(append(b, ", "...), ripCommand(uint64(data[0])), "command ", uint64(data[0]))
	for off, count := 4, 0; off+ripEntry <= len(data); off += ripEntry {
		e := data[off : off+ripEntry]
		if count++; count > 8 {
			return append(b, " ..."...), true
		}
		if e[19] == 0xff {
			b = appendAddress(b, ", next hop ", e[:16])
			continue
		}
		b = appendPrefix(b, ", ", e[:16], uint64(e[18]))
		b = appendNumber(b, " metric ", uint64(e[19]))
	}
	return b, true
}

var ripCommand = decode.Names{
	1: "Request", 2: "Response", 3: "Trace on", 4: "Trace off", 5: "Vendor specific", 6: "Triggered Request",
	7: "Triggered Response", 8: "Triggered Acknowledgement", 9: "Update Request", 10: "Update Response",
	11: "Update Acknowledge",
}.Of

var ripFamily = decode.Names{0: "Unspecified", 2: "IP", 0xffff: "Authentication"}.Of

var ripAuth = decode.Names{1: "IP route", 2: "simple password", 3: "keyed message digest"}.Of
