package decode

import "sockwire/raw/wire"

var (
	fIPVersion   = Define("ip.version", "Version", KindUint).Bits(0, 4)
	fIPHdrLen    = Define("ip.hdr_len", "Header Length", KindUint).As("header_length").Bits(4, 4).Times(4)
	fIPDSCP      = Define("ip.dsfield.dscp", "DSCP", KindUint).As("dscp").Bits(8, 6)
	fIPECN       = Define("ip.dsfield.ecn", "ECN", KindUint).As("ecn").Bits(14, 2).Means(ecnName)
	fIPLen       = Define("ip.len", "Total Length", KindUint).As("total_length").At(2, 2)
	fIPID        = Define("ip.id", "Identification", KindHex).At(4, 2)
	fIPReserved  = Define("ip.flags.rb", "Reserved", KindBool).Bits(48, 1)
	fIPDF        = Define("ip.flags.df", "Don't Fragment", KindBool).As("df").Bits(49, 1)
	fIPMF        = Define("ip.flags.mf", "More Fragments", KindBool).As("mf").Bits(50, 1)
	fIPFragment  = Define("ip.frag_offset", "Fragment Offset", KindUint).As("fragment_offset").Bits(51, 13).Times(8)
	fIPTTL       = Define("ip.ttl", "Time to Live", KindUint).At(8, 1)
	fIPProtocol  = Define("ip.proto", "Protocol", KindUint).As("protocol").At(9, 1).Means(protocolName)
	fIPChecksum  = Define("ip.checksum", "Header Checksum", KindHex).At(10, 2)
	fIPStatus    = Define("ip.checksum.status", "Checksum status", KindState).At(10, 2)
	fIPSource    = Define("ip.src", "Source", KindIP).At(12, 4)
	fIPDest      = Define("ip.dst", "Destination", KindIP).At(16, 4)
	fIPOption    = Define("ip.options", "Option", KindGroup).Several()
	fIPOptType   = Define("ip.opt.type", "Type", KindUint).As("type")
	fIPOptLength = Define("ip.opt.len", "Length", KindUint).As("length")
	fIPOptPtr    = Define("ip.opt.ptr", "Pointer", KindUint).As("pointer").At(0, 1)
	fIPOptRoute  = Define("ip.opt.route", "Address", KindIP).As("addresses").Several()
	fIPOptAlert  = Define("ip.opt.ra", "Router Alert", KindUint).As("router_alert")
	fIPOptStream = Define("ip.opt.sid", "Stream Identifier", KindUint).As("stream")
	fIPOptOver   = Define("ip.opt.overflow", "Overflow", KindUint).As("overflow").Bits(8, 4)
	fIPOptFlag   = Define("ip.opt.flag", "Flag", KindUint).As("flag")
	fIPOptEntry  = Define("ip.opt.entry", "Entry", KindGroup).As("entries").Several()
	fIPOptAddr   = Define("ip.opt.time_stamp_addr", "Address", KindIP).As("address")
	fIPOptStamp  = Define("ip.opt.time_stamp", "Timestamp", KindUint).As("time_stamp")
	fIPOptData   = Define("ip.opt.data", "Data", KindBytes).As("data")
)

func ipv4Fields(w *FieldWriter) {
	for off := 20; off < len(w.data); {
		o := wire.OptionAt(w.data, off)
		w.Group(fIPOption, off, o.Length)
		ipv4OptionFields(w, o)
		w.End()
		if o.Cut || o.Kind == 0 {
			break
		}
		off += o.Length
	}
}

func ipv4OptionFields(w *FieldWriter, o Option) {
	if o.Cut {
		w.Bytes(fIPOptData, o.Offset, o.Length)
		return
	}
	w.Enum(fIPOptType, o.Offset, 1, ipv4OptionName)
	if o.Kind <= 1 {
		return
	}
	w.Uint(fIPOptLength, o.Offset+1, 1)
	off, end := o.Offset+2, o.Offset+o.Length
	switch {
	case (o.Kind == 7 || o.Kind == 131 || o.Kind == 137) && o.Length >= 3:
		w.Uint(fIPOptPtr, off, 1)
		w.Each(fIPOptRoute, off+1, end, 4)
	case o.Kind == 68 && o.Length >= 4:
		w.Add(off, fIPOptPtr, fIPOptOver)
		flag := w.Bits(fIPOptFlag, off*8+12, 4, nil)
		n := 4
		if flag != 0 {
			n = 8
		}
		for off += 2; off+n <= end; off += n {
			w.Group(fIPOptEntry, off, n)
			if flag != 0 {
				w.Bytes(fIPOptAddr, off, 4)
			}
			w.Uint(fIPOptStamp, off+n-4, 4)
			w.End()
		}
	case o.Kind == 148 && o.Length == 4:
		w.Uint(fIPOptAlert, off, 2)
	case o.Kind == 136 && o.Length == 4:
		w.Uint(fIPOptStream, off, 2)
	case end > off:
		w.Bytes(fIPOptData, off, end-off)
	}
}

func ipv4OptionName(n uint64) string { return wire.IPv4OptionName(uint8(n)) }

func ecnName(n uint64) string {
	return [...]string{"Not-ECT", "ECT(1)", "ECT(0)", "CE"}[n&3]
}

func protocolName(n uint64) string { return wire.ProtocolName(uint8(n)) }

var (
	fIP6Version = Define("ipv6.version", "Version", KindUint).Bits(0, 4)
	fIP6DSCP    = Define("ipv6.tclass.dscp", "DSCP", KindUint).As("dscp").Bits(4, 6)
	fIP6ECN     = Define("ipv6.tclass.ecn", "ECN", KindUint).As("ecn").Bits(10, 2).Means(ecnName)
	fIP6Flow    = Define("ipv6.flow", "Flow Label", KindHex).As("flow_label").Bits(12, 20)
	fIP6Plen    = Define("ipv6.plen", "Payload Length", KindUint).As("payload_length").At(4, 2)
	fIP6Next    = Define("ipv6.nxt", "Next Header", KindUint).As("next_header").At(6, 1).Means(protocolName)
	fIP6Hop     = Define("ipv6.hlim", "Hop Limit", KindUint).As("hop_limit").At(7, 1)
	fIP6Source  = Define("ipv6.src", "Source", KindIP).At(8, 16)
	fIP6Dest    = Define("ipv6.dst", "Destination", KindIP).At(24, 16)
)

var (
	fHopNext    = Define("ipv6.hopopts.nxt", "Next Header", KindUint).As("next_header")
	fHopLength  = Define("ipv6.hopopts.len", "Length", KindUint).As("length")
	fDstNext    = Define("ipv6.dstopts.nxt", "Next Header", KindUint).As("next_header")
	fDstLength  = Define("ipv6.dstopts.len", "Length", KindUint).As("length")
	fIP6Option  = Define("ipv6.opt", "Option", KindGroup).As("options").Several()
	fIP6OptType = Define("ipv6.opt.type", "Type", KindHex).As("type")
	fIP6OptLen  = Define("ipv6.opt.length", "Length", KindUint).As("length")
	fIP6Alert   = Define("ipv6.opt.router_alert", "Router Alert", KindUint).As("router_alert")
	fIP6Jumbo   = Define("ipv6.opt.jumbo", "Jumbo Payload Length", KindUint).As("jumbo")
	fIP6Limit   = Define("ipv6.opt.tel", "Tunnel Encapsulation Limit", KindUint).As("encapsulation_limit")
	fIP6Home    = Define("ipv6.opt.mipv6.home_address", "Home Address", KindIP).As("home_address")
	fIP6OptData = Define("ipv6.opt.data", "Data", KindBytes).As("data")
)

func ipv6OptionFields(w *FieldWriter, next, length *Definition) {
	w.Enum(next, 0, 1, protocolName)
	w.Uint(length, 1, 1)
	for off := 2; off < len(w.data); {
		o := wire.IPv6OptionAt(w.data, off)
		if o.Cut && o.Length == 1 {
			return
		}
		w.Group(fIP6Option, off, o.Length)
		ipv6OptionField(w, o)
		w.End()
		if o.Cut {
			return
		}
		off += o.Length
	}
}

func ipv6OptionField(w *FieldWriter, o Option) {
	if o.Cut {
		w.Bytes(fIP6OptData, o.Offset, -1)
		return
	}
	w.Enum(fIP6OptType, o.Offset, 1, ipv6OptionName)
	if o.Kind == wire.IPv6OptionPad1 { // it has no length
		return
	}
	w.Uint(fIP6OptLen, o.Offset+1, 1)
	switch off, n := o.Offset+2, len(o.Data); {
	case o.Kind == wire.IPv6OptionRouterAlert && n == 2:
		w.Uint(fIP6Alert, off, 2)
	case o.Kind == wire.IPv6OptionJumbo && n == 4:
		w.Uint(fIP6Jumbo, off, 4)
	case o.Kind == wire.IPv6OptionTunnelLimit && n == 1:
		w.Uint(fIP6Limit, off, 1)
	case o.Kind == wire.IPv6OptionHomeAddress && n == 16:
		w.Bytes(fIP6Home, off, 16)
	case o.Kind != wire.IPv6OptionPadN && n > 0:
		w.Bytes(fIP6OptData, off, n)
	}
}

func ipv6OptionName(n uint64) string { return wire.IPv6OptionName(uint8(n)) }

var (
	fRoutingNext   = Define("ipv6.routing.nxt", "Next Header", KindUint).As("next_header").At(0, 1).Means(protocolName)
	fRoutingLength = Define("ipv6.routing.len", "Length", KindUint).As("length").At(1, 1)
	fRoutingType   = Define("ipv6.routing.type", "Type", KindUint).As("type")
	fRoutingLeft   = Define("ipv6.routing.segleft", "Segments Left", KindUint).As("segments_left")
	fRoutingAddr   = Define("ipv6.routing.src.addr", "Address", KindIP).As("addresses").Several()
	fRoutingHome   = Define("ipv6.routing.mipv6.home_address", "Home Address", KindIP).As("home_address")
	fSRHLast       = Define("ipv6.routing.srh.last_entry", "Last Entry", KindUint).As("last_entry")
	fSRHFlags      = Define("ipv6.routing.srh.flags", "Flags", KindHex).As("flags").At(5, 1)
	fSRHTag        = Define("ipv6.routing.srh.tag", "Tag", KindBytes).As("tag").At(6, 2)
	fSRHSegment    = Define("ipv6.routing.srh.addr", "Segment", KindIP).As("segments").Several()
	fRoutingData   = Define("ipv6.routing.unknown_data", "Data", KindBytes).As("data")
)

func ipv6RoutingFields(w *FieldWriter) {
	t := w.Enum(fRoutingType, 2, 1, routingName)
	w.Uint(fRoutingLeft, 3, 1)
	switch t {
	case 0:
		w.Each(fRoutingAddr, 8, len(w.data), 16)
	case 2:
		w.Bytes(fRoutingHome, 8, 16)
	case 4:
		last := int(w.Uint(fSRHLast, 4, 1))
		w.Add(0, fSRHFlags, fSRHTag)
		w.Each(fSRHSegment, 8, 8+16*(last+1), 16)
	default:
		w.Bytes(fRoutingData, 4, -1)
	}
}

var routingName = Names{
	0: "Source route", 2: "Mobile IPv6", 3: "RPL source route", 4: "Segment routing",
}.Of

var (
	fFragNext   = Define("ipv6.fraghdr.nxt", "Next Header", KindUint).As("next_header").At(0, 1).Means(protocolName)
	fFragOffset = Define("ipv6.fraghdr.offset", "Fragment Offset", KindUint).As("fragment_offset").Bits(16, 13).Times(8)
	fFragMore   = Define("ipv6.fraghdr.more", "More Fragments", KindBool).As("mf").Bits(31, 1)
	fFragID     = Define("ipv6.fraghdr.ident", "Identification", KindHex).As("id").At(4, 4)
)

var (
	fAHNext     = Define("ah.next_header", "Next Header", KindUint).At(0, 1).Means(protocolName)
	fAHLength   = Define("ah.length", "Length", KindUint).At(1, 1)
	fAHSPI      = Define("ah.spi", "SPI", KindHex).At(4, 4)
	fAHSequence = Define("ah.sequence", "Sequence Number", KindUint).At(8, 4)
	fAHICV      = Define("ah.icv", "ICV", KindBytes).Rest(12)
)

var (
	fMobilityNext     = Define("mip6.proto", "Payload Proto", KindUint).As("next_header").At(0, 1).Means(protocolName)
	fMobilityLength   = Define("mip6.hlen", "Header Len", KindUint).As("length").At(1, 1)
	fMobilityType     = Define("mip6.mhtype", "MH Type", KindUint).As("type").At(2, 1)
	fMobilityChecksum = Define("mip6.csum", "Checksum", KindHex).As("checksum").At(4, 2)
)
