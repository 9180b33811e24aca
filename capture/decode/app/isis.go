package app

import "sockwire/capture/decode"

var (
	_ = show(decode.TypeISIS, isisLine, isisFields)
	_ = show(decode.TypeESIS, esisLine, esisFields)
	_ = show(decode.TypeCLNP, clnpLine, clnpFields)
)

var (
	fISISLength  = decode.Define("isis.len", "Length Indicator", decode.KindUint).As("header_length").At(1, 1)
	fISISVersion = decode.Define("isis.version", "Version", decode.KindUint).At(2, 1)
	fISISIDLen   = decode.Define("isis.sysid_len", "ID Length", decode.KindUint).As("id_length").At(3, 1)
	fISISType    = decode.Define("isis.type", "PDU Type", decode.KindUint).Bits(35, 5).Means(isisName)
	fISISMaxArea = decode.Define("isis.max_area_adr", "Maximum Area Addresses", decode.KindUint).
			As("max_area_addresses").At(7, 1)
	fISISCircuit = decode.Define("isis.hello.circuit_type", "Circuit Type", decode.KindUint).
			As("circuit_type").Bits(70, 2).Means(isisCircuit)
	fISISLAN      = decode.Define("isis.hello.lan_id", "LAN ID", decode.KindText).As("lan_id")
	fISISStart    = decode.Define("isis.csnp.start_lsp_id", "Start LSP ID", decode.KindText).As("start_lsp_id")
	fISISEnd      = decode.Define("isis.csnp.end_lsp_id", "End LSP ID", decode.KindText).As("end_lsp_id")
	fISISHold     = decode.Define("isis.hello.holding_timer", "Holding Time, in s", decode.KindUint).As("holding_time").At(15, 2)
	fISISPriority = decode.Define("isis.hello.priority", "Priority", decode.KindUint).As("priority").Bits(153, 7)
	fISISLocal    = decode.Define("isis.hello.local_circuit_id", "Local Circuit ID", decode.KindUint).As("local_circuit_id").At(19, 1)
	fISISLife     = decode.Define("isis.lsp.remaining_life", "Remaining Lifetime, in s", decode.KindUint).
			As("remaining_lifetime").At(10, 2)
	fISISSequence = decode.Define("isis.lsp.sequence_number", "Sequence Number", decode.KindHex).As("sequence").At(20, 4)
	fISISChecksum = decode.Define("isis.lsp.checksum", "Checksum", decode.KindHex).As("checksum").At(24, 2)
	fISISOverload = decode.Define("isis.lsp.overload", "Overload", decode.KindBool).As("overload").Bits(213, 1)
	fISISISType   = decode.Define("isis.lsp.is_type", "IS Type", decode.KindUint).As("is_type").Bits(214, 2)

	fISISValue = decode.Define("isis.clv.value", "Value", decode.KindBytes).As("value")
	fISISHost  = decode.Define("isis.lsp.hostname", "Hostname", decode.KindText).As("hostname")
	fISISNeigh = decode.Define("isis.hello.is_neighbor", "IS Neighbor", decode.KindMAC).As("neighbors").Several()
	fISISAdj   = decode.Define("isis.hello.adjacency_state", "Adjacency State", decode.KindUint).
			As("adjacency_state").Means(isisAdjacency)
	fISISEntry     = decode.Define("isis.snp.entry", "LSP Entry", decode.KindGroup).As("lsp_entries").Several()
	fISISEntryLife = decode.Define("isis.csnp.lsp_remain_life", "Remaining Lifetime, in s", decode.KindUint).
			As("remaining_lifetime").At(0, 2)
	fISISEntryID  = decode.Define("isis.csnp.lsp_id", "LSP ID", decode.KindText).As("lsp_id")
	fISISEntrySeq = decode.Define("isis.csnp.lsp_seq_num", "Sequence Number", decode.KindHex).As("sequence").At(10, 4)
	fISISEntrySum = decode.Define("isis.csnp.lsp_checksum", "Checksum", decode.KindHex).As("checksum").At(14, 2)
	fISISReach    = decode.Define("isis.lsp.reachability", "Reachability", decode.KindGroup).As("reachability").Several()
	fISISMetric   = decode.Define("isis.lsp.metric", "Metric", decode.KindUint).As("metric")
	fISISPrefix   = decode.Define("isis.lsp.prefix", "Prefix", decode.KindIP).As("prefix")
	fISISPrefLen  = decode.Define("isis.lsp.prefix_length", "Prefix Length", decode.KindUint).As("prefix_length")
	fISISMask     = decode.Define("isis.lsp.mask", "Mask", decode.KindIP).As("mask").At(8, 4)
	fISISTo       = decode.Define("isis.lsp.neighbor_id", "Neighbor ID", decode.KindBytes).As("neighbor_id")

	fESISLength  = decode.Define("esis.length", "Length Indicator", decode.KindUint).As("header_length").At(1, 1)
	fESISVersion = decode.Define("esis.ver", "Version", decode.KindUint).As("version").At(2, 1)
	fESISType    = decode.Define("esis.type", "PDU Type", decode.KindUint).As("type").Bits(35, 5).Means(esisName)
	fESISHold    = decode.Define("esis.htime", "Holding Time, in s", decode.KindUint).As("holding_time").At(5, 2)
	fESISSum     = decode.Define("esis.chksum", "Checksum", decode.KindHex).As("checksum").At(7, 2)
	fESISAddress = decode.Define("esis.address", "Address", decode.KindBytes).As("addresses").Several()

	fCLNPLength   = decode.Define("clnp.len", "Header Length", decode.KindUint).As("header_length").At(1, 1)
	fCLNPVersion  = decode.Define("clnp.version", "Version", decode.KindUint).As("version").At(2, 1)
	fCLNPLife     = decode.Define("clnp.ttl", "Lifetime, in 1/2 s", decode.KindUint).As("lifetime").At(3, 1)
	fCLNPType     = decode.Define("clnp.type", "PDU Type", decode.KindUint).As("type").Bits(35, 5).Means(clnpName)
	fCLNPSegment  = decode.Define("clnp.pdu.len", "Segment Length", decode.KindUint).As("segment_length").At(5, 2)
	fCLNPChecksum = decode.Define("clnp.checksum", "Checksum", decode.KindHex).As("checksum").At(7, 2)
	fCLNPDest     = decode.Define("clnp.dst", "Destination", decode.KindBytes).As("destination")
	fCLNPSource   = decode.Define("clnp.src", "Source", decode.KindBytes).As("source")
)

// isisClass is a class of PDUs: each has its own names.
type isisClass struct {
	length, source                 *decode.Definition
	tlvs                           tlvShape
	area, nlpid, address, address6 *decode.Definition
}

func newISISClass(class string, from string, off int) *isisClass {
	key := "isis." + class + "."
	size := decode.Define(key+"pdu_length", "PDU Length", decode.KindUint).As("pdu_length").At(off, 2)
	source := decode.Define(key+from, "Source ID", decode.KindText)
	return &isisClass{length: size, source: source,
		tlvs: tlvShape{isisRecords,
			decode.Define(key+"clv", "TLV", decode.KindGroup).As("tlvs").Several(),
			decode.Define(key+"clv.type", "Type", decode.KindUint).As("type").At(0, 1).Means(isisTLV),
			decode.Define(key+"clv.length", "Length", decode.KindUint).As("length").At(1, 1), fISISValue},
		area:     decode.Define(key+"area", "Area Address", decode.KindBytes).As("area_addresses").Several(),
		nlpid:    decode.Define(key+"clv_nlpid.nlpid", "NLPID", decode.KindHex).As("nlpids").Several().At(0, 1).Means(osiNLPID),
		address:  decode.Define(key+"clv_ipv4_int_addr", "IPv4 Interface Address", decode.KindIP).As("addresses").Several(),
		address6: decode.Define(key+"clv_ipv6_int_addr", "IPv6 Interface Address", decode.KindIP).As("addresses6").Several(),
	}
}

var (
	isisHello = newISISClass("hello", "source_id", 17)
	isisLSP   = newISISClass("lsp", "lsp_id", 8)
	isisCSNP  = newISISClass("csnp", "source_id", 8)
	isisPSNP  = newISISClass("psnp", "source_id", 8)

	isisRecords = records{kind: 1, length: 1}
)

// isisClassOf returns the class of a PDU type, nil for one that is not known.
func isisClassOf(t byte) *isisClass {
	switch t {
	case 15, 16, 17:
		return isisHello
	case 18, 20:
		return isisLSP
	case 24, 25:
		return isisCSNP
	case 26, 27:
		return isisPSNP
	}
	return nil
}

func esisFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fESISLength, fESISVersion, fESISType, fESISHold, fESISSum)
	esisAddresses(w.Data(), func(at, n int) { w.Bytes(fESISAddress, at, n) })
}

func clnpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fCLNPLength, fCLNPVersion, fCLNPLife, fCLNPType, fCLNPSegment, fCLNPChecksum)
	if dst, dstN, src, srcN := clnpAddresses(w.Data()); dstN > 0 {
		w.Bytes(fCLNPDest, dst, dstN)
		w.Bytes(fCLNPSource, src, srcN)
	}
}

// clnpAddresses are places; the lengths are 0 where the addresses are not whole.
func clnpAddresses(data []byte) (dst, dstN, src, srcN int) {
	if len(data) < 10 || 10+int(data[9]) >= len(data) {
		return 0, 0, 0, 0
	}
	dst, dstN = 10, int(data[9])
	src = dst + dstN + 1
	if srcN = int(data[src-1]); src+srcN > len(data) {
		return 0, 0, 0, 0
	}
	return dst, dstN, src, srcN
}

// esisAddresses calls f for each address: of an end system, of the intermediate system, or of a redirect.
func esisAddresses(data []byte, f func(at, n int)) {
	if len(data) < 11 {
		return
	}
	off, count := 9, 1
	switch data[4] & 31 {
	case 2: // end system hello
		off, count = 10, int(data[9])
	case 6: // redirect: destination and subnetwork address
		count = 2
	}
	for end := min(len(data), int(data[1])); count > 0 && off < end; count-- {
		n := int(data[off])
		if off+1+n > end {
			return
		}
		f(off+1, n)
		off += 1 + n
	}
}

// isisStart is where the TLVs of a PDU type start, 0 for a type that is not known.
func isisStart(t byte) int {
	switch t {
	case 15, 16: // LAN hellos
		return 27
	case 17: // point-to-point hello
		return 20
	case 18, 20: // LSPs
		return 27
	case 24, 25: // CSNPs
		return 33
	case 26, 27: // PSNPs
		return 17
	}
	return 0
}

// isisFields describes a PDU of ISO 10589; ES-IS is that of ISO 9542, CLNP of ISO 8473.
func isisFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 8 {
		return
	}
	w.Add(0, fISISLength, fISISVersion, fISISIDLen, fISISType, fISISMaxArea)
	t := data[4] & 31
	class, start := isisClassOf(t), isisStart(t)
	if class == nil || len(data) < start {
		return
	}
	system := func(d *decode.Definition, off, n int) { w.Text(d, off, n, appendSystem(nil, data[off:off+n])) }
	switch class {
	case isisHello:
		w.Add(0, fISISCircuit)
		system(class.source, 9, 6)
		w.Add(0, fISISHold, class.length)
		if t == 17 {
			w.Add(0, fISISLocal)
		} else {
			w.Add(0, fISISPriority)
			system(fISISLAN, 20, 7)
		}
	case isisLSP:
		w.Add(0, class.length, fISISLife)
		system(class.source, 12, 8)
		w.Add(0, fISISSequence, fISISChecksum, fISISOverload, fISISISType)
	case isisCSNP:
		w.Add(0, class.length)
		system(class.source, 10, 6)
		system(fISISStart, 17, 8)
		system(fISISEnd, 25, 8)
	case isisPSNP:
		w.Add(0, class.length)
		system(class.source, 10, 6)
	}
	class.tlvs.add(w, start, isisEnd(data), func(kind uint64, off, n int) bool { return isisValue(w, class, kind, off, n) })
}

// isisEnd is where the PDU ends by its length.
func isisEnd(data []byte) int {
	at := 8
	if t := data[4] & 31; t >= 15 && t <= 17 {
		at = 17
	}
	if at+2 > len(data) {
		return len(data)
	}
	return min(len(data), int(be16(data[at:])))
}

func isisValue(w *decode.FieldWriter, class *isisClass, kind uint64, off, n int) bool {
	data, end := w.Data(), off+n
	switch {
	case kind == 1:
		for at := off; at < end && at+1+int(data[at]) <= end; at += 1 + int(data[at]) {
			w.Bytes(class.area, at+1, int(data[at]))
		}
	case kind == 6 && class == isisHello:
		w.Each(fISISNeigh, off, end, 6)
	case kind == 9:
		for at := off; at+16 <= end; at += 16 {
			w.Group(fISISEntry, at, 16)
			w.Add(at, fISISEntryLife)
			w.Text(fISISEntryID, at+2, 8, appendSystem(nil, data[at+2:at+10]))
			w.Add(at, fISISEntrySeq, fISISEntrySum)
			w.End()
		}
	case kind == 129:
		w.Each(class.nlpid, off, end, 1)
	case kind == 132:
		w.Each(class.address, off, end, 4)
	case kind == 232:
		w.Each(class.address6, off, end, 16)
	case kind == 137:
		w.Bytes(fISISHost, off, n)
	case kind == 240 && n >= 1:
		w.Enum(fISISAdj, off, 1, isisAdjacency)
	case kind == 2 && n >= 12 && class == isisLSP:
		for at := off + 1; at+11 <= end; at += 11 {
			w.Group(fISISReach, at, 11)
			w.Bits(fISISMetric, 8*at+2, 6, nil)
			w.Bytes(fISISTo, at+4, 7)
			w.End()
		}
	case kind == 22:
		for at := off; at+11 <= end && at+11+int(data[at+10]) <= end; at += 11 + int(data[at+10]) {
			w.Group(fISISReach, at, 11+int(data[at+10]))
			w.Bytes(fISISTo, at, 7)
			w.Uint(fISISMetric, at+7, 3)
			w.End()
		}
	case kind == 128 || kind == 130:
		for at := off; at+12 <= end; at += 12 {
			w.Group(fISISReach, at, 12)
			w.Bits(fISISMetric, 8*at+2, 6, nil)
			w.Bytes(fISISPrefix, at+4, 4)
			w.Add(at, fISISMask)
			w.End()
		}
	case kind == 135 || kind == 236:
		isisPrefixes(data, kind, off, end, func(x isisPrefix) {
			w.Group(fISISReach, x.at, x.next-x.at)
			w.Uint(fISISMetric, x.at, 4)
			w.Bits(fISISPrefLen, x.lengthBit, x.lengthBits, nil)
			w.Text(fISISPrefix, x.addr, x.n, prefixBytes(data[x.addr:x.addr+x.n], x.width))
			w.End()
		})
	default:
		return false
	}
	return true
}

// An isisPrefix is one of an extended or IPv6 reachability TLV (RFC 5305 section 4, RFC 5308 section 2).
type isisPrefix struct {
	at, next, addr, n, width int
	lengthBit, lengthBits    int
	bits                     uint64
}

func isisPrefixes(data []byte, kind uint64, off, end int, f func(isisPrefix)) {
	for at := off; at+6 <= end; {
		x := isisPrefix{at: at}
		var sub bool
		if kind == 135 {
			x.bits, x.width, sub = uint64(data[at+4]&63), 4, data[at+4]&0x40 != 0
			x.addr, x.lengthBit, x.lengthBits = at+5, 8*(at+4)+2, 6
		} else {
			x.bits, x.width, sub = uint64(data[at+5]), 16, data[at+4]&0x20 != 0
			x.addr, x.lengthBit, x.lengthBits = at+6, 8*(at+5), 8
		}
		x.n = int(x.bits+7) / 8
		x.next = x.addr + x.n
		if sub && x.next < end {
			x.next += 1 + int(data[x.next])
		}
		if x.next > end || x.n > x.width {
			return
		}
		f(x)
		at = x.next
	}
}

func esisLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 9 {
		return b, false
	}
	t := uint64(data[4] & 31)
	b = decode.AppendName(append(b, "ES-IS, "...), esisName(t), "type ", t)
	esisAddresses(data, func(at, n int) { b = appendNET(append(b, ' '), data[at:at+n]) })
	return appendNumber(b, ", holding time ", be16(data[5:])), true
}

func clnpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 9 {
		return b, false
	}
	t := uint64(data[4] & 31)
	b = decode.AppendName(append(b, "CLNP, "...), clnpName(t), "type ", t)
	if dst, dstN, src, srcN := clnpAddresses(data); dstN > 0 {
		b = appendNET(append(b, ", "...), data[src:src+srcN])
		b = appendNET(append(b, " > "...), data[dst:dst+dstN])
	}
	return b, true
}

func isisLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 9 {
		return b, false
	}
	t := data[4] & 31
	b = decode.AppendName(append(b, "IS-IS, "...), isisName(uint64(t)), "type ", uint64(t))
	start := isisStart(t)
	if start == 0 || len(data) < start {
		return b, true
	}
	switch t {
	case 15, 16:
		b = appendSystem(append(b, ", source "...), data[9:15])
		b = appendNumber(b, ", holding time ", be16(data[15:]))
		b = appendNumber(b, ", priority ", uint64(data[19]&0x7f))
		b = appendSystem(append(b, ", LAN "...), data[20:27])
	case 17:
		b = appendSystem(append(b, ", source "...), data[9:15])
		b = appendNumber(b, ", holding time ", be16(data[15:]))
		b = appendNumber(b, ", circuit ", uint64(data[19]))
	case 18, 20:
		b = appendSystem(append(b, ", LSP "...), data[12:20])
		b = appendHex(b, ", seq ", be32(data[20:]))
		b = append(appendNumber(b, ", lifetime ", be16(data[10:])), 's')
	default:
		b = appendSystem(append(b, ", source "...), data[10:17])
	}
	isisRecords.each(data, start, isisEnd(data), func(kind uint64, _, off, n int) bool {
		switch {
		case kind == 137:
			b = decode.AppendQuoted(append(b, ", hostname "...), data[off:off+n], maxText)
		case kind == 240 && n >= 1:
			b = decode.AppendName(append(b, ", adjacency "...), isisAdjacency(uint64(data[off])), "", uint64(data[off]))
		case kind == 9:
			b = appendNumber(b, ", LSP entries ", uint64(n/16))
		}
		return true
	})
	return b, true
}

// appendSystem adds a system ID of 6 bytes, with the pseudonode and the fragment where they are there.
func appendSystem(b, id []byte) []byte {
	for i, x := range id {
		switch {
		case i == 7:
			b = append(b, '-')
		case i > 0 && i%2 == 0:
			b = append(b, '.')
		}
		b = decode.AppendBytes(b, []byte{x})
	}
	return b
}

// appendNET adds a network entity title or NSAP address: an area and groups of two bytes.
func appendNET(b, a []byte) []byte {
	for i, x := range a {
		if i%2 == 1 {
			b = append(b, '.')
		}
		b = decode.AppendBytes(b, []byte{x})
	}
	return b
}

var osiNLPID = decode.Names{
	0: "inactive", 0x81: "CLNP", 0x82: "ES-IS", 0x83: "IS-IS", 0x8e: "IPv6", 0xcc: "IP", 0xcf: "PPP",
	0x80: "SNAP",
}.Of

var isisName = decode.Names{
	15: "L1 LAN Hello", 16: "L2 LAN Hello", 17: "p2p Hello", 18: "L1 LSP", 20: "L2 LSP", 24: "L1 CSNP", 25: "L2 CSNP",
	26: "L1 PSNP", 27: "L2 PSNP",
}.Of

var isisCircuit = decode.Names{1: "Level 1", 2: "Level 2", 3: "Level 1 and 2"}.Of

var isisAdjacency = decode.Names{0: "Up", 1: "Initializing", 2: "Down"}.Of

var isisTLV = decode.Names{
	1: "Area Addresses", 2: "IS Reachability", 3: "ES Neighbors", 6: "IS Neighbors", 8: "Padding", 9: "LSP Entries",
	10: "Authentication", 12: "Checksum", 14: "LSP Buffer Size", 22: "Extended IS Reachability",
	128: "IP Internal Reachability", 129: "Protocols Supported", 130: "IP External Reachability",
	131: "Inter-Domain Routing", 132: "IP Interface Address", 134: "TE Router ID", 135: "Extended IP Reachability",
	137: "Hostname", 138: "Shared Risk Link Group", 139: "IPv6 Shared Risk Link Group", 140: "IPv6 TE Router ID",
	141: "Inter-AS Reachability", 211: "Restart", 222: "MT IS Reachability", 229: "Multi-Topology",
	232: "IPv6 Interface Address", 235: "MT IP Reachability", 236: "IPv6 Reachability", 237: "MT IPv6 Reachability",
	240: "Point-to-Point Three-Way Adjacency", 242: "Router Capability",
}.Of

var esisName = decode.Names{2: "End System Hello", 4: "Intermediate System Hello", 6: "Redirect"}.Of

var clnpName = decode.Names{1: "Error Report", 28: "Data", 30: "Echo Request", 31: "Echo Reply"}.Of
