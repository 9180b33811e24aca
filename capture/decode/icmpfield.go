package decode

import "sockwire/raw/wire"

var (
	fICMPType      = Define("icmp.type", "Type", KindUint)
	fICMPCode      = Define("icmp.code", "Code", KindUint)
	fICMPChecksum  = Define("icmp.checksum", "Checksum", KindHex).At(2, 2)
	fICMPStatus    = Define("icmp.checksum.status", "Checksum status", KindState).At(2, 2)
	fICMPID        = Define("icmp.ident", "Identifier", KindUint).As("id").At(4, 2)
	fICMPSequence  = Define("icmp.seq", "Sequence Number", KindUint).At(6, 2)
	fICMPMTU       = Define("icmp.mtu", "Next-Hop MTU", KindUint)
	fICMPGateway   = Define("icmp.redir_gw", "Gateway", KindIP).As("gateway")
	fICMPPointer   = Define("icmp.pointer", "Pointer", KindUint)
	fICMPQuoteLen  = Define("icmp.length", "Length of the quotation, in 32-bit words", KindUint).As("quote_words")
	fICMPOriginate = Define("icmp.originate_timestamp", "Originate Timestamp", KindUint).At(8, 4)
	fICMPReceive   = Define("icmp.receive_timestamp", "Receive Timestamp", KindUint).At(12, 4)
	fICMPTransmit  = Define("icmp.transmit_timestamp", "Transmit Timestamp", KindUint).At(16, 4)
	fICMPMask      = Define("icmp.address_mask", "Address Mask", KindIP).At(8, 4)
	fICMPAddrs     = Define("icmp.num_addrs", "Number of addresses", KindUint).As("address_count")
	fICMPAddrSize  = Define("icmp.addr_entry_size", "Address entry size", KindUint).As("address_entry_size")
	fICMPLifetime  = Define("icmp.lifetime", "Lifetime", KindUint)
	fICMPRouter    = Define("icmp.router_address", "Router Address", KindIP).As("routers").Several()
	fICMPEchoSeq   = Define("icmp.ext.echo.seq", "Sequence Number", KindUint).As("seq").At(6, 1)
	fICMPEchoLocal = Define("icmp.ext.echo.req.local", "Local", KindBool).As("local").Bits(63, 1)
	fICMPEchoState = Define("icmp.ext.echo.rsp.state", "State", KindUint).As("state").Bits(56, 3).Means(extendedEchoState)
	fICMPEchoUp    = Define("icmp.ext.echo.rsp.active", "Active", KindBool).As("active").Bits(61, 1)
	fICMPEcho4     = Define("icmp.ext.echo.rsp.ipv4", "IPv4", KindBool).As("ipv4").Bits(62, 1)
	fICMPEcho6     = Define("icmp.ext.echo.rsp.ipv6", "IPv6", KindBool).As("ipv6").Bits(63, 1)
)

func icmpv4Fields(w *FieldWriter) {
	t := w.Enum(fICMPType, 0, 1, icmpv4Name)
	code := w.Uint(fICMPCode, 1, 1)
	if name := wire.ICMPCodeName(false, uint8(t), uint8(code)); name != "" {
		w.Note(name)
	}
	w.Add(0, fICMPChecksum, fICMPStatus)
	switch t {
	case 0, 8, 15, 16:
		w.Add(0, fICMPID, fICMPSequence)
	case 13, 14:
		w.Add(0, fICMPID, fICMPSequence, fICMPOriginate, fICMPReceive, fICMPTransmit)
	case 17, 18:
		w.Add(0, fICMPID, fICMPSequence, fICMPMask)
	case 3:
		quoteLength(w, fICMPQuoteLen, 5)
		if code == 4 {
			w.Uint(fICMPMTU, 6, 2)
		}
	case 11:
		quoteLength(w, fICMPQuoteLen, 5)
	case 12:
		w.Uint(fICMPPointer, 4, 1)
		quoteLength(w, fICMPQuoteLen, 5)
	case 5:
		w.Bytes(fICMPGateway, 4, 4)
	case 9:
		n := w.Uint(fICMPAddrs, 4, 1)
		size := 4 * int(w.Uint(fICMPAddrSize, 5, 1))
		w.Uint(fICMPLifetime, 6, 2)
		for off := 8; n > 0 && size >= 4; off, n = off+size, n-1 {
			if w.Bytes(fICMPRouter, off, 4) == nil {
				break
			}
		}
	case 42: // RFC 8335
		w.Add(0, fICMPID, fICMPEchoSeq, fICMPEchoLocal)
	case 43:
		w.Add(0, fICMPID, fICMPEchoSeq, fICMPEchoState, fICMPEchoUp, fICMPEcho4, fICMPEcho6)
	}
}

// quoteLength adds the length of the quotation, which messages without extensions leave at 0 (RFC 4884).
func quoteLength(w *FieldWriter, d *Definition, off int) {
	if len(w.data) > off && w.data[off] != 0 {
		w.Uint(d, off, 1)
	}
}

func extendedEchoState(n uint64) string {
	return [...]string{"", "Incomplete", "Reachable", "Stale", "Delay", "Probe", "Failed", ""}[n&7]
}

func icmpv4Name(n uint64) string { return wire.ICMPTypeName(false, uint8(n)) }
func icmpv6Name(n uint64) string { return wire.ICMPTypeName(true, uint8(n)) }

var (
	fExtVersion  = Define("icmp.ext.version", "Version", KindUint).As("version").Bits(0, 4)
	fExtChecksum = Define("icmp.ext.checksum", "Checksum", KindHex).As("checksum").At(2, 2)
	fExtStatus   = Define("icmp.ext.checksum.status", "Checksum status", KindState).As("checksum_status").At(2, 2)
	fExtObject   = Define("icmp.ext", "Object", KindGroup).As("objects").Several()
	fExtLength   = Define("icmp.ext.length", "Length", KindUint).As("length")
	fExtClass    = Define("icmp.ext.class", "Class-Num", KindUint).As("class")
	fExtType     = Define("icmp.ext.ctype", "C-Type", KindUint).As("ctype")
	fExtData     = Define("icmp.ext.data", "Data", KindBytes).As("data")
	fExtMPLS     = Define("icmp.mpls", "Label stack entry", KindGroup).As("mpls").Several()
	fExtLabel    = Define("icmp.mpls.label", "Label", KindUint).As("label").Bits(0, 20)
	fExtExp      = Define("icmp.mpls.exp", "Traffic class", KindUint).As("tc").Bits(20, 3)
	fExtBottom   = Define("icmp.mpls.s", "Bottom of stack", KindBool).As("bottom").Bits(23, 1)
	fExtTTL      = Define("icmp.mpls.ttl", "TTL", KindUint).As("ttl").At(3, 1)
	fIntRole     = Define("icmp.int_info.role", "Interface role", KindUint).As("role")
	fIntIndex    = Define("icmp.int_info.index", "ifIndex", KindUint).As("ifindex")
	fIntAFI      = Define("icmp.int_info.afi", "AFI", KindUint).As("afi")
	fIntIPv4     = Define("icmp.int_info.ipv4", "Address", KindIP).As("address")
	fIntIPv6     = Define("icmp.int_info.ipv6", "Address", KindIP).As("address")
	fIntName     = Define("icmp.int_info.name", "Interface name", KindText).As("name")
	fIntMTU      = Define("icmp.int_info.mtu", "MTU", KindUint).As("mtu")
	fIdentName   = Define("icmp.int_ident.name", "Interface name", KindText).As("ident_name")
	fIdentIndex  = Define("icmp.int_ident.index", "ifIndex", KindUint).As("ident_ifindex")
	fIdentAFI    = Define("icmp.int_ident.afi", "AFI", KindUint).As("ident_afi")
	fIdentIPv4   = Define("icmp.int_ident.ipv4", "Address", KindIP).As("ident_address")
	fIdentIPv6   = Define("icmp.int_ident.ipv6", "Address", KindIP).As("ident_address")
)

// icmpExtensionFields describes the extension structure of RFC 4884 section 7 with its objects.
func icmpExtensionFields(w *FieldWriter) {
	for off := 4; off+4 <= len(w.data); {
		n := int(be16(w.data[off:]))
		w.Group(fExtObject, off, n)
		w.Uint(fExtLength, off, 2)
		class := w.Enum(fExtClass, off+2, 1, extensionClass)
		ctype := w.Uint(fExtType, off+3, 1)
		if n < 4 || off+n > len(w.data) {
			w.Bytes(fExtData, off+4, -1)
			w.End()
			return
		}
		switch {
		case class == 1 && ctype == 1:
			mplsObject(w, off+4, off+n)
		case class == 2:
			interfaceObject(w, uint8(ctype), off+4, off+n)
		case class == 3:
			identificationObject(w, ctype, off+4, off+n)
		case n > 4:
			w.Bytes(fExtData, off+4, n-4)
		}
		w.End()
		off += n
	}
}

var extensionClass = Names{
	1: "MPLS label stack", 2: "Interface information", 3: "Interface identification", 4: "Extended information",
}.Of

// mplsObject is a label stack, RFC 4950.
func mplsObject(w *FieldWriter, off, end int) {
	for ; off+4 <= end; off += 4 {
		w.Group(fExtMPLS, off, 4)
		w.Add(off, fExtLabel, fExtExp, fExtBottom, fExtTTL)
		w.End()
	}
}

// interfaceObject says which interface the quoted packet came in by, RFC 5837.
func interfaceObject(w *FieldWriter, ctype uint8, off, end int) {
	w.Bits(fIntRole, off*8-8, 2, nil)
	if ctype&8 != 0 && off+4 <= end {
		w.Uint(fIntIndex, off, 4)
		off += 4
	}
	if ctype&4 != 0 && off+4 <= end {
		afi := w.Uint(fIntAFI, off, 2)
		off += 4
		switch {
		case afi == 1 && off+4 <= end:
			w.Bytes(fIntIPv4, off, 4)
			off += 4
		case afi == 2 && off+16 <= end:
			w.Bytes(fIntIPv6, off, 16)
			off += 16
		default:
			return
		}
	}
	if ctype&2 != 0 && off < end {
		n := int(w.data[off])
		if n < 1 || off+n > end {
			return
		}
		w.Bytes(fIntName, off+1, n-1)
		off += n
	}
	if ctype&1 != 0 && off+4 <= end {
		w.Uint(fIntMTU, off, 4)
	}
}

// identificationObject says which interface a probe asks about, RFC 8335 section 2.1.
func identificationObject(w *FieldWriter, ctype uint64, off, end int) {
	switch {
	case ctype == 1:
		for end > off && w.data[end-1] == 0 { // padded to 4 bytes
			end--
		}
		w.Bytes(fIdentName, off, end-off)
	case ctype == 2 && end-off >= 4:
		w.Uint(fIdentIndex, off, 4)
	case ctype == 3 && end-off >= 4:
		switch afi := w.Uint(fIdentAFI, off, 2); {
		case afi == 1 && end-off >= 8:
			w.Bytes(fIdentIPv4, off+4, 4)
		case afi == 2 && end-off >= 20:
			w.Bytes(fIdentIPv6, off+4, 16)
		}
	}
}

var (
	f6Type      = Define("icmpv6.type", "Type", KindUint)
	f6Code      = Define("icmpv6.code", "Code", KindUint)
	f6Checksum  = Define("icmpv6.checksum", "Checksum", KindHex).At(2, 2)
	f6Status    = Define("icmpv6.checksum.status", "Checksum status", KindState).At(2, 2)
	f6ID        = Define("icmpv6.echo.identifier", "Identifier", KindUint).As("id").At(4, 2)
	f6Sequence  = Define("icmpv6.echo.sequence_number", "Sequence Number", KindUint).As("seq").At(6, 2)
	f6MTU       = Define("icmpv6.mtu", "MTU", KindUint)
	f6Pointer   = Define("icmpv6.pointer", "Pointer", KindUint)
	f6QuoteLen  = Define("icmpv6.length", "Length of the quotation, in 64-bit words", KindUint).As("quote_words")
	f6Hop       = Define("icmpv6.nd.ra.cur_hop_limit", "Cur Hop Limit", KindUint).As("hop_limit").At(4, 1)
	f6Managed   = Define("icmpv6.nd.ra.flag.m", "Managed address configuration", KindBool).As("managed").Bits(40, 1)
	f6Other     = Define("icmpv6.nd.ra.flag.o", "Other configuration", KindBool).As("other").Bits(41, 1)
	f6HomeAgent = Define("icmpv6.nd.ra.flag.h", "Home agent", KindBool).As("home_agent").Bits(42, 1)
	f6Prf       = Define("icmpv6.nd.ra.flag.prf", "Default router preference", KindUint).As("preference").Bits(43, 2)
	f6Lifetime  = Define("icmpv6.nd.ra.router_lifetime", "Router Lifetime", KindUint).As("router_lifetime").At(6, 2)
	f6Reachable = Define("icmpv6.nd.ra.reachable_time", "Reachable Time", KindUint).As("reachable_time").At(8, 4)
	f6Retrans   = Define("icmpv6.nd.ra.retrans_timer", "Retrans Timer", KindUint).As("retrans_timer").At(12, 4)
	f6NSTarget  = Define("icmpv6.nd.ns.target_address", "Target Address", KindIP).As("target")
	f6NATarget  = Define("icmpv6.nd.na.target_address", "Target Address", KindIP).As("target").At(8, 16)
	f6Router    = Define("icmpv6.nd.na.flag.r", "Router", KindBool).As("router").Bits(32, 1)
	f6Solicited = Define("icmpv6.nd.na.flag.s", "Solicited", KindBool).As("solicited").Bits(33, 1)
	f6Override  = Define("icmpv6.nd.na.flag.o", "Override", KindBool).As("override").Bits(34, 1)
	f6RDTarget  = Define("icmpv6.nd.rd.target_address", "Target Address", KindIP).As("target").At(8, 16)
	f6RDDest    = Define("icmpv6.rd.na.destination_address", "Destination Address", KindIP).As("destination").At(24, 16)

	f6Option      = Define("icmpv6.opt", "Option", KindGroup).As("options").Several()
	f6OptType     = Define("icmpv6.opt.type", "Type", KindUint).As("type")
	f6OptLength   = Define("icmpv6.opt.length", "Length, in 8 bytes", KindUint).As("length")
	f6OptLink     = Define("icmpv6.opt.linkaddr", "Link-layer address", KindMAC).As("address")
	f6OptPrefLen  = Define("icmpv6.opt.prefix.length", "Prefix Length", KindUint).As("prefix_length").At(2, 1)
	f6OptOnLink   = Define("icmpv6.opt.prefix.flag.l", "On-link", KindBool).As("on_link").Bits(24, 1)
	f6OptAuto     = Define("icmpv6.opt.prefix.flag.a", "Autonomous address configuration", KindBool).As("autonomous").Bits(25, 1)
	f6OptValid    = Define("icmpv6.opt.prefix.valid_lifetime", "Valid Lifetime", KindUint).As("valid_lifetime").At(4, 4)
	f6OptPref     = Define("icmpv6.opt.prefix.preferred_lifetime", "Preferred Lifetime", KindUint).As("preferred_lifetime").At(8, 4)
	f6OptPrefix   = Define("icmpv6.opt.prefix", "Prefix", KindIP).As("prefix").At(16, 16)
	f6OptMTU      = Define("icmpv6.opt.mtu", "MTU", KindUint).As("mtu")
	f6OptRDNSSTTL = Define("icmpv6.opt.rdnss.lifetime", "Lifetime", KindUint).As("lifetime")
	f6OptRDNSS    = Define("icmpv6.opt.rdnss", "DNS server", KindIP).As("servers").Several()
	f6OptNonce    = Define("icmpv6.opt.nonce", "Nonce", KindBytes).As("nonce")
	f6OptRouteTTL = Define("icmpv6.opt.route_lifetime", "Route Lifetime", KindUint).As("route_lifetime").At(4, 4)
	f6OptRoute    = Define("icmpv6.opt.route_prefix", "Prefix, its leading bytes", KindBytes).As("route_prefix")
	f6OptData     = Define("icmpv6.opt.data", "Data", KindBytes).As("data")

	f6MLDDelay   = Define("icmpv6.mld.maximum_response_delay", "Maximum Response Delay", KindUint).As("max_response").At(4, 2)
	f6MLDCode    = Define("icmpv6.mld.maximum_response_code", "Maximum Response Code", KindUint).As("max_response").At(4, 2)
	f6MLDGroup   = Define("icmpv6.mld.multicast_address", "Multicast Address", KindIP).As("group").At(8, 16)
	f6MLDS       = Define("icmpv6.mld.flag.s", "Suppress router-side processing", KindBool).As("suppress").Bits(196, 1)
	f6MLDQRV     = Define("icmpv6.mld.flag.qrv", "QRV", KindUint).As("qrv").Bits(197, 3)
	f6MLDQQI     = Define("icmpv6.mld.qqi", "QQIC", KindUint).As("qqic").At(25, 1)
	f6MLDCount   = Define("icmpv6.mld.nb_sources", "Number of Sources", KindUint).As("source_count")
	f6MLDSource  = Define("icmpv6.mld.source_address", "Source Address", KindIP).As("sources").Several()
	f6MLDRecords = Define("icmpv6.mldr.nb_mcast_records", "Number of Records", KindUint).As("record_count")
	f6Record     = Define("icmpv6.mldr.mar", "Multicast Address Record", KindGroup).As("records").Several()
	f6RecType    = Define("icmpv6.mldr.mar.record_type", "Record Type", KindUint).As("type").At(0, 1).Means(recordType)
	f6RecAux     = Define("icmpv6.mldr.mar.aux_data_len", "Aux Data Length", KindUint).As("aux_length").At(1, 1)
	f6RecCount   = Define("icmpv6.mldr.mar.nb_sources", "Number of Sources", KindUint).As("source_count").At(2, 2)
	f6RecGroup   = Define("icmpv6.mldr.mar.multicast_address", "Multicast Address", KindIP).As("group").At(4, 16)
	f6RecSource  = Define("icmpv6.mldr.mar.source_address", "Source Address", KindIP).As("sources").Several()

	f6EchoSeq   = Define("icmpv6.ext.echo.seq", "Sequence Number", KindUint).As("seq").At(6, 1)
	f6EchoLocal = Define("icmpv6.ext.echo.req.local", "Local", KindBool).As("local").Bits(63, 1)
	f6EchoState = Define("icmpv6.ext.echo.rsp.state", "State", KindUint).As("state").Bits(56, 3).Means(extendedEchoState)
	f6EchoUp    = Define("icmpv6.ext.echo.rsp.active", "Active", KindBool).As("active").Bits(61, 1)
	f6Echo4     = Define("icmpv6.ext.echo.rsp.ipv4", "IPv4", KindBool).As("ipv4").Bits(62, 1)
	f6Echo6     = Define("icmpv6.ext.echo.rsp.ipv6", "IPv6", KindBool).As("ipv6").Bits(63, 1)
	f6Data      = Define("icmpv6.body", "Body", KindBytes)
)

func icmpv6Fields(w *FieldWriter) {
	t := w.Enum(f6Type, 0, 1, icmpv6Name)
	code := w.Uint(f6Code, 1, 1)
	if name := wire.ICMPCodeName(true, uint8(t), uint8(code)); name != "" {
		w.Note(name)
	}
	w.Add(0, f6Checksum, f6Status)
	switch t {
	case 1, 3:
		quoteLength(w, f6QuoteLen, 4)
	case 2:
		w.Uint(f6MTU, 4, 4)
	case 4:
		w.Uint(f6Pointer, 4, 4)
	case 128, 129:
		w.Add(0, f6ID, f6Sequence)
	case 130:
		mldQueryFields(w)
	case 131, 132:
		w.Add(0, f6MLDDelay, f6MLDGroup)
	case 133:
		ndOptions(w, 8)
	case 134:
		w.Add(0, f6Hop, f6Managed, f6Other, f6HomeAgent, f6Prf, f6Lifetime, f6Reachable, f6Retrans)
		ndOptions(w, 16)
	case 135:
		w.Bytes(f6NSTarget, 8, 16)
		ndOptions(w, 24)
	case 136:
		w.Add(0, f6Router, f6Solicited, f6Override, f6NATarget)
		ndOptions(w, 24)
	case 137:
		w.Add(0, f6RDTarget, f6RDDest)
		ndOptions(w, 40)
	case 143:
		n := w.Uint(f6MLDRecords, 6, 2)
		groupRecords(w, n, 16, f6Record, f6RecSource, f6RecType, f6RecAux, f6RecCount, f6RecGroup)
	case 160: // RFC 8335
		w.Add(0, f6ID, f6EchoSeq, f6EchoLocal)
	case 161:
		w.Add(0, f6ID, f6EchoSeq, f6EchoState, f6EchoUp, f6Echo4, f6Echo6)
	default:
		if len(w.data) > 4 {
			w.Bytes(f6Data, 4, -1)
		}
	}
}

// mldQueryFields describes an MLD query; one of version 2 is longer than 24 bytes (RFC 3810 section 5.1).
func mldQueryFields(w *FieldWriter) {
	if len(w.data) < 28 {
		w.Add(0, f6MLDDelay, f6MLDGroup)
		return
	}
	w.Add(0, f6MLDCode, f6MLDGroup, f6MLDS, f6MLDQRV, f6MLDQQI)
	n := int(w.Uint(f6MLDCount, 26, 2))
	w.Each(f6MLDSource, 28, 28+16*n, 16)
}

// groupRecords adds n records of a report of IGMPv3 or MLDv2, whose addresses have size bytes.
func groupRecords(w *FieldWriter, n uint64, size int, record, source *Definition, head ...*Definition) {
	for off := 8; n > 0 && off+4+size <= len(w.data); n-- {
		sources := off + 4 + size
		end := sources + size*int(be16(w.data[off+2:]))
		next := end + 4*int(w.data[off+1]) // behind auxiliary data
		w.Group(record, off, next-off)
		w.Add(off, head...)
		w.Each(source, sources, end, size)
		w.End()
		off = next
	}
}

var recordType = Names{
	1: "mode is include", 2: "mode is exclude", 3: "change to include", 4: "change to exclude",
	5: "allow new sources", 6: "block old sources",
}.Of

// ndOptions describes the options of neighbor discovery from off on (RFC 4861 section 4.6).
func ndOptions(w *FieldWriter, off int) {
	for off+2 <= len(w.data) {
		o := wire.NDOptionAt(w.data, off)
		n := 8 * int(w.data[off+1]) // what it says, also where that is not there
		w.Group(f6Option, off, n)
		t := w.Enum(f6OptType, off, 1, ndOptionName)
		w.Uint(f6OptLength, off+1, 1)
		if o.Cut {
			w.End()
			return
		}
		switch {
		case t == 1 || t == 2:
			w.Bytes(f6OptLink, off+2, min(n-2, 6))
		case t == 3 && n == 32:
			w.Add(off, f6OptPrefLen, f6OptOnLink, f6OptAuto, f6OptValid, f6OptPref, f6OptPrefix)
		case t == 5 && n == 8:
			w.Uint(f6OptMTU, off+4, 4)
		case t == 14:
			w.Bytes(f6OptNonce, off+2, n-2)
		case t == 24:
			w.Add(off, f6OptPrefLen, f6OptRouteTTL)
			w.Bytes(f6OptRoute, off+8, n-8)
		case t == 25 && n >= 24:
			w.Uint(f6OptRDNSSTTL, off+4, 4)
			w.Each(f6OptRDNSS, off+8, off+n, 16)
		default:
			w.Bytes(f6OptData, off+2, n-2)
		}
		w.End()
		off += n
	}
}

func ndOptionName(n uint64) string { return wire.NDOptionName(uint8(n)) }
