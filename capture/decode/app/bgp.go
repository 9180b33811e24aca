package app

import (
	"bytes"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeBGP, bgpLine, bgpFields)

var (
	fBGPMessage = decode.Define("bgp.message", "Message", decode.KindGroup).As("messages").Several()
	fBGPMarker  = decode.Define("bgp.marker", "Marker", decode.KindBytes).At(0, 16)
	fBGPLength  = decode.Define("bgp.length", "Length", decode.KindUint).At(16, 2)
	fBGPType    = decode.Define("bgp.type", "Type", decode.KindUint).At(18, 1).Means(bgpName)

	fBGPVersion = decode.Define("bgp.open.version", "Version", decode.KindUint).As("version").At(0, 1)
	fBGPAS      = decode.Define("bgp.open.myas", "My Autonomous System", decode.KindUint).As("my_as").At(1, 2)
	fBGPHold    = decode.Define("bgp.open.holdtime", "Hold Time, in s", decode.KindUint).As("hold_time").At(3, 2)
	fBGPID      = decode.Define("bgp.open.identifier", "BGP Identifier", decode.KindIP).As("identifier").At(5, 4)
	fBGPOptLen  = decode.Define("bgp.open.opt.len", "Optional Parameters Length", decode.KindUint).
			As("parameters_length").At(9, 1)
	fBGPParam   = decode.Define("bgp.open.opt.param", "Optional Parameter", decode.KindGroup).As("parameters").Several()
	fBGPParType = decode.Define("bgp.open.opt.param.type", "Parameter Type", decode.KindUint).As("type")
	fBGPParLen  = decode.Define("bgp.open.opt.param.len", "Parameter Length", decode.KindUint).As("length")
	fBGPCap     = decode.Define("bgp.cap", "Capability", decode.KindGroup).As("capabilities").Several()
	fBGPCapType = decode.Define("bgp.cap.type", "Capability Code", decode.KindUint).As("code").At(0, 1).
			Means(bgpCapability)
	fBGPCapLen   = decode.Define("bgp.cap.length", "Capability Length", decode.KindUint).As("length").At(1, 1)
	fBGPCapAFI   = decode.Define("bgp.cap.mp.afi", "AFI", decode.KindUint).As("afi").At(2, 2).Means(bgpAFI)
	fBGPCapSAFI  = decode.Define("bgp.cap.mp.safi", "SAFI", decode.KindUint).As("safi").At(5, 1).Means(bgpSAFI)
	fBGPCapAS    = decode.Define("bgp.cap.4as", "AS Number", decode.KindUint).As("as").At(2, 4)
	fBGPCapValue = decode.Define("bgp.cap.value", "Value", decode.KindBytes).As("value")

	fBGPWithdrawnLen = decode.Define("bgp.update.withdrawn_routes.length", "Withdrawn Routes Length", decode.KindUint).
				As("withdrawn_routes_length")
	fBGPPrefix    = decode.Define("bgp.prefix", "Prefix", decode.KindGroup).As("prefixes").Several()
	fBGPWithdrawn = decode.Define("bgp.withdrawn", "Withdrawn route", decode.KindGroup).
			As("withdrawn_routes").Several()
	fBGPPathID    = decode.Define("bgp.nlri_path_id", "Path Identifier", decode.KindUint).As("path_id")
	fBGPPrefixLen = decode.Define("bgp.prefix_length", "Length, in bits", decode.KindUint).As("length")
	fBGPNLRI      = decode.Define("bgp.nlri_prefix", "Prefix", decode.KindIP).As("prefix")
	fBGPGone      = decode.Define("bgp.withdrawn_prefix", "Prefix", decode.KindIP).As("prefix")
	fBGPReach4    = decode.Define("bgp.mp_reach_nlri_ipv4_prefix", "Prefix", decode.KindIP).As("prefix")
	fBGPReach6    = decode.Define("bgp.mp_reach_nlri_ipv6_prefix", "Prefix", decode.KindIP).As("prefix")
	fBGPUnreach4  = decode.Define("bgp.mp_unreach_nlri_ipv4_prefix", "Prefix", decode.KindIP).As("prefix")
	fBGPUnreach6  = decode.Define("bgp.mp_unreach_nlri_ipv6_prefix", "Prefix", decode.KindIP).As("prefix")
	fBGPLabel     = decode.Define("bgp.nlri_label", "Label", decode.KindUint).As("labels").Several()
	fBGPRD        = decode.Define("bgp.nlri_rd", "Route Distinguisher", decode.KindBytes).As("rd")
	fBGPEVPN      = decode.Define("bgp.evpn.nlri.rt", "Route Type", decode.KindUint).As("route_type").Means(bgpEVPN)
	fBGPNLRIData  = decode.Define("bgp.nlri_data", "NLRI", decode.KindBytes).As("data")

	fBGPAttrLen = decode.Define("bgp.update.path_attributes.length", "Total Path Attribute Length", decode.KindUint).
			As("path_attributes_length")
	fBGPAttr = decode.Define("bgp.update.path_attribute", "Path Attribute", decode.KindGroup).
			As("path_attributes").Several()
	fBGPOptional = decode.Define("bgp.update.path_attribute.flags.optional", "Optional", decode.KindBool).
			As("optional").Bits(0, 1)
	fBGPTransit = decode.Define("bgp.update.path_attribute.flags.transitive", "Transitive", decode.KindBool).
			As("transitive").Bits(1, 1)
	fBGPPartial = decode.Define("bgp.update.path_attribute.flags.partial", "Partial", decode.KindBool).
			As("partial").Bits(2, 1)
	fBGPExtended = decode.Define("bgp.update.path_attribute.flags.extended_length", "Extended Length", decode.KindBool).
			As("extended_length").Bits(3, 1)
	fBGPAttrType = decode.Define("bgp.update.path_attribute.type_code", "Type Code", decode.KindUint).
			As("type").At(1, 1).Means(bgpAttribute)
	fBGPAttrSize = decode.Define("bgp.update.path_attribute.length", "Length", decode.KindUint).As("length")
	fBGPOrigin   = decode.Define("bgp.update.path_attribute.origin", "Origin", decode.KindUint).
			As("origin").At(0, 1).Means(bgpOrigin)
	fBGPSegment = decode.Define("bgp.update.path_attribute.as_path_segment", "AS Path Segment", decode.KindGroup).
			As("segments").Several()
	fBGPSegType = decode.Define("bgp.update.path_attribute.as_path_segment.type", "Segment Type", decode.KindUint).
			As("type").At(0, 1).Means(bgpSegment)
	fBGPSegLen = decode.Define("bgp.update.path_attribute.as_path_segment.length", "Number of AS numbers",
		decode.KindUint).As("count").At(1, 1)
	fBGPAS2 = decode.Define("bgp.update.path_attribute.as_path_segment.as2", "AS", decode.KindUint).
		As("as").Several()
	fBGPAS4 = decode.Define("bgp.update.path_attribute.as_path_segment.as4", "AS", decode.KindUint).
		As("as4").Several()
	fBGPNextHop = decode.Define("bgp.update.path_attribute.next_hop", "Next Hop", decode.KindIP).As("next_hop").At(0, 4)
	fBGPMED     = decode.Define("bgp.update.path_attribute.multi_exit_disc", "Multi Exit Discriminator",
		decode.KindUint).As("multi_exit_disc").At(0, 4)
	fBGPPref = decode.Define("bgp.update.path_attribute.local_pref", "Local Preference", decode.KindUint).
			As("local_pref").At(0, 4)
	fBGPAggAS = decode.Define("bgp.update.path_attribute.aggregator_as", "Aggregator AS", decode.KindUint).
			As("aggregator_as")
	fBGPAggID = decode.Define("bgp.update.path_attribute.aggregator_origin", "Aggregator", decode.KindIP).
			As("aggregator")
	fBGPCommunity = decode.Define("bgp.update.path_attribute.community_hex", "Community", decode.KindHex).
			As("communities").Several().At(0, 4).Means(bgpCommunity)
	fBGPOriginator = decode.Define("bgp.update.path_attribute.originator_id", "Originator ID", decode.KindIP).
			As("originator_id").At(0, 4)
	fBGPCluster = decode.Define("bgp.path_attribute.cluster_id", "Cluster ID", decode.KindIP).As("cluster_ids").Several()
	fBGPMPAFI   = decode.Define("bgp.update.path_attribute.mp_reach_nlri.afi", "AFI", decode.KindUint).
			As("afi").At(0, 2).Means(bgpAFI)
	fBGPMPSAFI = decode.Define("bgp.update.path_attribute.mp_reach_nlri.safi", "SAFI", decode.KindUint).
			As("safi").At(2, 1).Means(bgpSAFI)
	fBGPMPHop = decode.Define("bgp.update.path_attribute.mp_reach_nlri.next_hop.bytes", "Next Hop", decode.KindBytes).
			As("next_hop_bytes")
	fBGPMPHop4 = decode.Define("bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv4", "Next Hop", decode.KindIP).
			As("next_hop")
	fBGPMPHop6 = decode.Define("bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv6", "Next Hop", decode.KindIP).
			As("next_hop")
	fBGPMPLocal = decode.Define("bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv6.link_local",
		"Link-local Next Hop", decode.KindIP).As("next_hop_link_local")
	fBGPUnAFI = decode.Define("bgp.update.path_attribute.mp_unreach_nlri.afi", "AFI", decode.KindUint).
			As("afi").At(0, 2).Means(bgpAFI)
	fBGPUnSAFI = decode.Define("bgp.update.path_attribute.mp_unreach_nlri.safi", "SAFI", decode.KindUint).
			As("safi").At(2, 1).Means(bgpSAFI)
	fBGPExtComm = decode.Define("bgp.ext_com", "Extended Community", decode.KindBytes).
			As("extended_communities").Several()
	fBGPLarge = decode.Define("bgp.large_community", "Large Community", decode.KindBytes).As("large_communities").Several()
	fBGPSetAS = decode.Define("bgp.update.path_attribute.attr_set.origin_as", "Origin AS", decode.KindUint).
			As("origin_as")
	fBGPAttrValue = decode.Define("bgp.update.path_attribute.value", "Value", decode.KindBytes).As("value")

	fBGPMajor = decode.Define("bgp.notify.major_error", "Error Code", decode.KindUint).
			As("error").At(0, 1).Means(bgpError)
	fBGPMinor   = decode.Define("bgp.notify.minor_error_code", "Error Subcode", decode.KindUint).As("subcode")
	fBGPErrData = decode.Define("bgp.notify.minor_data", "Data", decode.KindBytes).As("data")
	fBGPShutLen = decode.Define("bgp.notify.communication_length", "Communication Length", decode.KindUint).
			As("communication_length")
	fBGPShutdown = decode.Define("bgp.notify.communication", "Shutdown Communication", decode.KindText).
			As("communication")

	fBGPRefAFI  = decode.Define("bgp.route_refresh.afi", "AFI", decode.KindUint).As("afi").At(0, 2).Means(bgpAFI)
	fBGPRefSub  = decode.Define("bgp.route_refresh.subtype", "Subtype", decode.KindUint).As("subtype").At(2, 1)
	fBGPRefSAFI = decode.Define("bgp.route_refresh.safi", "SAFI", decode.KindUint).As("safi").At(3, 1).Means(bgpSAFI)
)

const (
	bgpHeader = 19 // marker, length and type (RFC 4271 section 4.1)

	bgpOpen         = 1
	bgpUpdate       = 2
	bgpNotification = 3
	bgpKeepalive    = 4
	bgpRefresh      = 5
)

var bgpMarker = bytes.Repeat([]byte{0xff}, 16)

// bgpMessages calls f for the messages of data with the place of each, the end of what is here of it and its length. A
// segment may start with the rest of a message, which is passed over.
func bgpMessages(data []byte, f func(off, end, length int) bool) {
	off := bytes.Index(data, bgpMarker)
	for n := 0; off >= 0 && off+bgpHeader <= len(data) && n < maxList; n++ {
		length := int(be16(data[off+16:]))
		if length < bgpHeader || !bytes.HasPrefix(data[off:], bgpMarker) || !f(off, min(off+length, len(data)), length) {
			return
		}
		off += length
	}
}

func bgpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	bgpMessages(data, func(off, end, length int) bool {
		w.Group(fBGPMessage, off, length)
		w.Add(off, fBGPMarker, fBGPLength, fBGPType)
		body := off + bgpHeader
		switch data[off+18] {
		case bgpOpen:
			bgpOpenFields(w, body, end)
		case bgpUpdate:
			bgpUpdateFields(w, body, end)
		case bgpNotification:
			bgpNotificationFields(w, body, end)
		case bgpRefresh:
			if body+4 <= end {
				w.Add(body, fBGPRefAFI, fBGPRefSub, fBGPRefSAFI)
			}
		}
		w.End()
		return true
	})
}

// bgpParameters returns where the optional parameters of an OPEN start and how they are written: RFC 9072 has a longer
// form.
func bgpParameters(data []byte, body, end int) (off int, r records) {
	if body+13 <= end && data[body+9] == 255 && data[body+10] == 255 {
		return body + 13, records{kind: 1, length: 2}
	}
	return body + 10, records{kind: 1, length: 1}
}

func bgpOpenFields(w *decode.FieldWriter, body, end int) {
	if body+10 > end {
		return
	}
	w.Add(body, fBGPVersion, fBGPAS, fBGPHold, fBGPID, fBGPOptLen)
	data := w.Data()
	off, r := bgpParameters(data, body, end)
	r.each(data, off, end, func(kind uint64, at, value, n int) bool {
		w.Group(fBGPParam, at, value-at+n)
		w.Uint(fBGPParType, at, 1)
		w.Uint(fBGPParLen, at+1, r.length)
		if kind == 2 {
			bgpCapabilities.each(data, value, value+n, func(code uint64, at, value, n int) bool {
				w.Group(fBGPCap, at, 2+n)
				w.Add(at, fBGPCapType, fBGPCapLen)
				switch {
				case code == 1 && n == 4:
					w.Add(at, fBGPCapAFI, fBGPCapSAFI)
				case code == 65 && n == 4:
					w.Add(at, fBGPCapAS)
				case n > 0:
					w.Bytes(fBGPCapValue, value, n)
				}
				w.End()
				return true
			})
		}
		w.End()
		return true
	})
}

var bgpCapabilities = records{kind: 1, length: 1}

// bgpPlace is where the parts of an UPDATE are (RFC 4271 section 4.3).
type bgpPlace struct{ withdrawn, withdrawnEnd, attributes, attributesEnd, end int }

func bgpUpdateAt(data []byte, body, end int) (u bgpPlace, ok bool) {
	if body+4 > end {
		return u, false
	}
	u.withdrawn, u.end = body+2, end
	u.withdrawnEnd = u.withdrawn + int(be16(data[body:]))
	if u.withdrawnEnd+2 > end {
		return u, false
	}
	u.attributes = u.withdrawnEnd + 2
	u.attributesEnd = u.attributes + int(be16(data[u.withdrawnEnd:]))
	return u, u.attributesEnd <= end
}

func bgpUpdateFields(w *decode.FieldWriter, body, end int) {
	data := w.Data()
	u, ok := bgpUpdateAt(data, body, end)
	if !ok {
		return
	}
	w.Uint(fBGPWithdrawnLen, body, 2)
	bgpPrefixFields(w, fBGPWithdrawn, fBGPGone, bgpRoutes{u.withdrawn, u.withdrawnEnd, 1, 1})
	w.Uint(fBGPAttrLen, u.withdrawnEnd, 2)
	bgpAttributeList(w, u, false)
	bgpPrefixFields(w, fBGPPrefix, fBGPNLRI, bgpRoutes{u.attributesEnd, u.end, 1, 1})
}

// bgpAttributeList describes path attributes; inside is of those in an ATTR_SET (RFC 6368).
func bgpAttributeList(w *decode.FieldWriter, u bgpPlace, inside bool) {
	bgpAttributes(w.Data(), u, func(kind byte, at, value, n int) {
		w.Group(fBGPAttr, at, value-at+n)
		w.Add(at, fBGPOptional, fBGPTransit, fBGPPartial, fBGPExtended, fBGPAttrType)
		w.Uint(fBGPAttrSize, at+2, value-at-2)
		if kind == 128 && n >= 4 && !inside {
			w.Uint(fBGPSetAS, value, 4)
			bgpAttributeList(w, bgpPlace{attributes: value + 4, attributesEnd: value + n}, true)
		} else {
			bgpAttributeFields(w, kind, value, n)
		}
		w.End()
	})
}

// bgpAttributes calls f for each path attribute.
func bgpAttributes(data []byte, u bgpPlace, f func(kind byte, at, value, n int)) {
	for off, count := u.attributes, 0; off+3 <= u.attributesEnd && count < maxList; count++ {
		n, value := int(data[off+2]), off+3
		if data[off]&0x10 != 0 {
			if off+4 > u.attributesEnd {
				return
			}
			n, value = int(be16(data[off+2:])), off+4
		}
		if value+n > u.attributesEnd {
			return
		}
		f(data[off+1], off, value, n)
		off = value + n
	}
}

// bgpASSize tells whether the AS numbers of a path have 2 or 4 bytes, which the peers agreed on in their OPEN messages:
// by what the segments fill.
func bgpASSize(path []byte) int {
	fits := func(size int) bool {
		off := 0
		for off+2 <= len(path) && path[off] >= 1 && path[off] <= 4 && path[off+1] > 0 {
			off += 2 + size*int(path[off+1])
		}
		return off == len(path)
	}
	if !fits(4) && fits(2) {
		return 2
	}
	return 4
}

func bgpAttributeFields(w *decode.FieldWriter, kind byte, off, n int) {
	data := w.Data()
	switch {
	case kind == 1 && n == 1:
		w.Add(off, fBGPOrigin)
	case kind == 2 || kind == 17:
		size, d := 4, fBGPAS4
		if kind == 2 && bgpASSize(data[off:off+n]) == 2 {
			size, d = 2, fBGPAS2
		}
		for at := off; at+2 <= off+n; {
			end := min(at+2+size*int(data[at+1]), off+n)
			w.Group(fBGPSegment, at, end-at)
			w.Add(at, fBGPSegType, fBGPSegLen)
			w.Each(d, at+2, end, size)
			w.End()
			at = end
		}
	case kind == 3 && n == 4:
		w.Add(off, fBGPNextHop)
	case kind == 4 && n == 4:
		w.Add(off, fBGPMED)
	case kind == 5 && n == 4:
		w.Add(off, fBGPPref)
	case (kind == 7 || kind == 18) && (n == 6 || n == 8):
		w.Uint(fBGPAggAS, off, n-4)
		w.Bytes(fBGPAggID, off+n-4, 4)
	case kind == 8:
		w.Each(fBGPCommunity, off, off+n, 4)
	case kind == 9 && n == 4:
		w.Add(off, fBGPOriginator)
	case kind == 10:
		w.Each(fBGPCluster, off, off+n, 4)
	case kind == 14 && n >= 5:
		w.Add(off, fBGPMPAFI, fBGPMPSAFI)
		if routes, ok := bgpReach(data, off, n); ok {
			hop := int(data[off+3])
			switch {
			case hop == 4:
				w.Bytes(fBGPMPHop4, off+4, 4)
			case hop == 12:
				w.Bytes(fBGPMPHop4, off+12, 4)
			case hop == 16 || hop == 32:
				w.Bytes(fBGPMPHop6, off+4, 16)
				if hop == 32 {
					w.Bytes(fBGPMPLocal, off+20, 16)
				}
			case hop == 24 || hop == 48:
				w.Bytes(fBGPMPHop6, off+12, 16)
			default:
				w.Bytes(fBGPMPHop, off+4, hop)
			}
			d := fBGPReach4
			if routes.afi == 2 {
				d = fBGPReach6
			}
			bgpPrefixFields(w, fBGPPrefix, d, routes)
		}
	case kind == 15 && n >= 3:
		w.Add(off, fBGPUnAFI, fBGPUnSAFI)
		d := fBGPUnreach4
		routes := bgpRoutes{off + 3, off + n, be16(data[off:]), data[off+2]}
		if routes.afi == 2 {
			d = fBGPUnreach6
		}
		bgpPrefixFields(w, fBGPWithdrawn, d, routes)
	case kind == 16:
		w.Each(fBGPExtComm, off, off+n, 8)
	case kind == 32:
		w.Each(fBGPLarge, off, off+n, 12)
	case n > 0:
		w.Bytes(fBGPAttrValue, off, n)
	}
}

// bgpRoutes are prefixes of an address family.
type bgpRoutes struct {
	off, end int
	afi      uint64
	safi     byte
}

// bgpReach returns the routes of an MP_REACH_NLRI attribute (RFC 4760 section 3).
func bgpReach(data []byte, off, n int) (bgpRoutes, bool) {
	at := off + 4 + int(data[off+3]) + 1
	return bgpRoutes{at, off + n, be16(data[off:]), data[off+2]}, at <= off+n
}

// A bgpRoute is one of them, as places.
type bgpRoute struct {
	off, next    int
	size         int    // of the length field
	bits         uint64 // of the address
	addr, n      int
	labels, rd   int // 0 where there are none
	width        int // bytes of the family's addresses, 0 where the route is no prefix
	kind         uint64
	pathID, body int
}

// each calls f for each route.
func (r bgpRoutes) each(data []byte, f func(x bgpRoute) bool) {
	add := r.addPath(data)
	for off, count := r.off, 0; off < r.end && count < maxList; count++ {
		x, ok := r.route(data, off, add)
		if !ok || !f(x) {
			return
		}
		off = x.next
	}
}

// addPath tells routes with path identifiers (RFC 7911), which the peers agreed on in their OPEN messages: identifiers
// start with zeros, which would be default routes.
func (r bgpRoutes) addPath(data []byte) bool {
	fits := func(add bool) (fits, byDefault bool) {
		for off := r.off; off < r.end; {
			x, ok := r.route(data, off, add)
			if !ok {
				return false, byDefault
			}
			byDefault = byDefault || data[x.body] == 0
			off = x.next
		}
		return true, byDefault
	}
	if r.safi != 1 && r.safi != 2 && r.safi != 4 {
		return false
	}
	plain, byDefault := fits(false)
	with, _ := fits(true)
	return with && (!plain || byDefault)
}

func (r bgpRoutes) route(data []byte, off int, add bool) (x bgpRoute, ok bool) {
	x.off = off
	if add {
		if off+5 > r.end {
			return x, false
		}
		x.pathID = off
		off += 4
	}
	x.body = off
	if r.afi == 25 && r.safi == 70 { // EVPN (RFC 7432 section 7)
		if off+2 > r.end {
			return x, false
		}
		x.kind, x.size = uint64(data[off]), 1
		x.addr, x.n = off+2, int(data[off+1])
		x.next = x.addr + x.n
		return x, x.next <= r.end
	}
	switch r.afi {
	case 1:
		x.width = 4
	case 2:
		x.width = 16
	}
	bits := uint64(data[off])
	at, end := off+1, off+1+int(bits+7)/8
	x.next = end
	if end > r.end {
		return x, false
	}
	if x.width > 0 && (r.safi == 4 || r.safi == 128) {
		x.labels = at
		for at+3 <= end && bits >= 24 {
			at, bits = at+3, bits-24
			if data[at-1]&1 != 0 || be24(data[at-3:]) == 0x800000 || be24(data[at-3:]) == 0 {
				break
			}
		}
		if r.safi == 128 {
			if at+8 > end || bits < 64 {
				return x, false
			}
			x.rd, at, bits = at, at+8, bits-64
		}
	} else if r.safi != 1 && r.safi != 2 {
		x.width = 0
	}
	x.bits, x.addr, x.n = bits, at, end-at
	return x, x.width == 0 || bits <= uint64(8*x.width)
}

func bgpPrefixFields(w *decode.FieldWriter, group, prefix *decode.Definition, routes bgpRoutes) {
	data := w.Data()
	routes.each(data, func(x bgpRoute) bool {
		w.Group(group, x.off, x.next-x.off)
		if x.pathID > 0 {
			w.Uint(fBGPPathID, x.pathID, 4)
		}
		switch {
		case x.kind > 0:
			w.Uint(fBGPEVPN, x.body, 1)
			w.Note(bgpEVPN(x.kind))
			w.Bytes(fBGPNLRIData, x.addr, x.n)
		case x.width == 0:
			w.Bytes(fBGPNLRIData, x.addr, x.n)
		default:
			w.Uint(fBGPPrefixLen, x.body, 1)
			for at := x.labels; at > 0 && at+3 <= x.addr && (x.rd == 0 || at < x.rd); at += 3 {
				w.Bits(fBGPLabel, 8*at, 20, nil)
			}
			if x.rd > 0 {
				w.Bytes(fBGPRD, x.rd, 8)
			}
			w.Text(prefix, x.addr, x.n, prefixBytes(data[x.addr:x.addr+x.n], x.width))
		}
		w.End()
		return true
	})
}

func bgpNotificationFields(w *decode.FieldWriter, off, end int) {
	if off+2 > end {
		return
	}
	data := w.Data()
	w.Add(off, fBGPMajor)
	w.Uint(fBGPMinor, off+1, 1)
	w.Note(bgpSubcode(data[off], data[off+1]))
	text, n := bgpShutdown(data, off, end)
	switch {
	case text > 0:
		w.Uint(fBGPShutLen, text-1, 1)
		if n > 0 {
			w.Bytes(fBGPShutdown, text, n)
		}
	case off+2 < end:
		w.Bytes(fBGPErrData, off+2, end-off-2)
	}
}

// bgpShutdown returns the text for the operator in a Cease (RFC 9003).
func bgpShutdown(data []byte, off, end int) (text, n int) {
	if data[off] != 6 || data[off+1] != 2 && data[off+1] != 4 || off+3 > end {
		return 0, 0
	}
	n = int(data[off+2])
	if off+3+n != end {
		return 0, 0
	}
	return off + 3, n
}

func bgpLine(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "BGP"...)
	count := 0
	bgpMessages(data, func(off, end, length int) bool {
		if count++; count > 8 {
			b = append(b, "; ..."...)
			return false
		}
		if count > 1 {
			b = append(b, "; "...)
		} else {
			b = append(b, ": "...)
		}
		b = decode.AppendName(b, bgpName(uint64(data[off+18])), "type ", uint64(data[off+18]))
		body := off + bgpHeader
		switch data[off+18] {
		case bgpOpen:
			b = appendBGPOpen(b, data, body, end)
		case bgpUpdate:
			b = appendBGPUpdate(b, data, body, end)
		case bgpNotification:
			if body+2 <= end {
				b = decode.AppendName(append(b, ' '), bgpError(uint64(data[body])), "error ", uint64(data[body]))
				b = decode.AppendName(append(b, ", "...), bgpSubcode(data[body], data[body+1]), "subcode ",
					uint64(data[body+1]))
				if text, n := bgpShutdown(data, body, end); n > 0 {
					b = decode.AppendQuoted(append(b, ' '), data[text:text+n], maxText)
				}
			}
		case bgpRefresh:
			if body+4 <= end {
				b = appendFamily(append(b, ' '), be16(data[body:]), data[body+3])
			}
		}
		return true
	})
	if count == 0 {
		b = append(b, ", inside of a message"...)
	}
	return b, true
}

func appendBGPOpen(b, data []byte, body, end int) []byte {
	if body+10 > end {
		return b
	}
	as := be16(data[body+1:])
	off, r := bgpParameters(data, body, end)
	r.each(data, off, end, func(kind uint64, _, value, n int) bool {
		if kind == 2 {
			bgpCapabilities.each(data, value, value+n, func(code uint64, _, value, n int) bool {
				if code == 65 && n == 4 {
					as = be32(data[value:])
				}
				return true
			})
		}
		return true
	})
	b = appendNumber(b, " version ", uint64(data[body]))
	b = appendNumber(b, ", AS ", as)
	b = appendNumber(b, ", hold time ", be16(data[body+3:]))
	return appendAddress(b, ", id ", data[body+5:body+9])
}

// appendBGPUpdate adds what is withdrawn, by which path and hop what is reachable.
func appendBGPUpdate(b, data []byte, body, end int) []byte {
	u, ok := bgpUpdateAt(data, body, end)
	if !ok {
		return b
	}
	if u.attributesEnd == u.end && u.attributes == u.attributesEnd && u.withdrawn == u.withdrawnEnd {
		return append(b, " end of RIB IPv4 unicast"...)
	}
	b = appendRoutes(b, ", withdrawn", data, bgpRoutes{u.withdrawn, u.withdrawnEnd, 1, 1})
	bgpAttributes(data, u, func(kind byte, _, value, n int) {
		switch {
		case kind == 1 && n == 1:
			b = decode.AppendName(append(b, ", origin "...), bgpOrigin(uint64(data[value])), "", uint64(data[value]))
		case kind == 2:
			size := bgpASSize(data[value : value+n])
			b = append(b, ", path"...)
			shown := 0
			for at := value; at+2 <= value+n; {
				stop := min(at+2+size*int(data[at+1]), value+n)
				for k := at + 2; k+size <= stop && shown < 32; k += size {
					b = appendNumber(b, " ", uintOf(data[k:k+size]))
					shown++
				}
				at = stop
			}
		case kind == 3 && n == 4:
			b = appendAddress(b, ", next hop ", data[value:value+4])
		case kind == 14 && n >= 5:
			routes, ok := bgpReach(data, value, n)
			if !ok {
				return
			}
			b = appendFamily(append(b, ", "...), routes.afi, routes.safi)
			switch hop := int(data[value+3]); hop {
			case 4, 16:
				b = appendAddress(b, " next hop ", data[value+4:value+4+hop])
			case 32:
				b = appendAddress(b, " next hop ", data[value+4:value+20])
			case 12, 24:
				b = appendAddress(b, " next hop ", data[value+12:value+4+hop])
			}
			b = appendRoutes(b, "", data, routes)
		case kind == 15 && n == 3:
			b = appendFamily(append(b, " end of RIB "...), be16(data[value:]), data[value+2])
		case kind == 15 && n > 3:
			b = appendFamily(append(b, ", "...), be16(data[value:]), data[value+2])
			b = appendRoutes(b, " withdrawn", data, bgpRoutes{value + 3, value + n, be16(data[value:]), data[value+2]})
		}
	})
	return appendRoutes(b, ", reachable", data, bgpRoutes{u.attributesEnd, u.end, 1, 1})
}

// appendRoutes adds the first of the routes behind what they are.
func appendRoutes(b []byte, what string, data []byte, routes bgpRoutes) []byte {
	count := 0
	routes.each(data, func(x bgpRoute) bool {
		if count == 0 {
			b = append(b, what...)
		}
		if count++; count > 8 {
			b = append(b, " ..."...)
			return false
		}
		switch {
		case x.kind > 0:
			b = decode.AppendName(append(b, ' '), bgpEVPN(x.kind), "route type ", x.kind)
		case x.width > 0:
			var a [16]byte
			copy(a[:x.width], data[x.addr:x.addr+x.n])
			b = appendPrefix(b, " ", a[:x.width], x.bits)
		}
		return true
	})
	return b
}

func appendFamily(b []byte, afi uint64, safi byte) []byte {
	b = decode.AppendName(b, bgpAFI(afi), "AFI ", afi)
	return decode.AppendName(append(b, ' '), bgpSAFI(uint64(safi)), "SAFI ", uint64(safi))
}

var bgpName = decode.Names{
	bgpOpen: "Open", bgpUpdate: "Update", bgpNotification: "Notification", bgpKeepalive: "Keepalive",
	bgpRefresh: "Route Refresh",
}.Of

var bgpCapability = decode.Names{
	1: "Multiprotocol Extensions", 2: "Route Refresh", 3: "Outbound Route Filtering", 5: "Extended Next Hop Encoding",
	6: "Extended Message", 7: "BGPsec", 8: "Multiple Labels", 9: "BGP Role", 64: "Graceful Restart",
	65: "4-octet AS number", 67: "Dynamic Capability", 68: "Multisession", 69: "ADD-PATH", 70: "Enhanced Route Refresh",
	71: "Long-Lived Graceful Restart", 73: "FQDN", 128: "Route Refresh (Cisco)",
}.Of

var bgpAFI = decode.Names{1: "IPv4", 2: "IPv6", 25: "L2VPN", 16388: "BGP-LS", 16389: "BGP-LS"}.Of

var bgpSAFI = decode.Names{
	1: "unicast", 2: "multicast", 4: "labeled unicast", 5: "MVPN", 65: "VPLS", 66: "MDT", 70: "EVPN", 71: "BGP-LS",
	128: "VPN unicast", 129: "VPN multicast", 132: "route target", 133: "flow specification",
	134: "VPN flow specification",
}.Of

var bgpEVPN = decode.Names{
	1: "Ethernet auto-discovery", 2: "MAC/IP advertisement", 3: "inclusive multicast", 4: "Ethernet segment",
	5: "IP prefix",
}.Of

var bgpAttribute = decode.Names{
	1: "ORIGIN", 2: "AS_PATH", 3: "NEXT_HOP", 4: "MULTI_EXIT_DISC", 5: "LOCAL_PREF", 6: "ATOMIC_AGGREGATE",
	7: "AGGREGATOR", 8: "COMMUNITY", 9: "ORIGINATOR_ID", 10: "CLUSTER_LIST", 14: "MP_REACH_NLRI", 15: "MP_UNREACH_NLRI",
	16: "EXTENDED COMMUNITIES", 17: "AS4_PATH", 18: "AS4_AGGREGATOR", 22: "PMSI_TUNNEL", 23: "Tunnel Encapsulation",
	25: "IPv6 Extended Communities", 26: "AIGP", 29: "BGP-LS", 32: "LARGE_COMMUNITY", 33: "BGPsec_Path", 35: "OTC",
	40: "Prefix-SID", 128: "ATTR_SET",
}.Of

var bgpOrigin = decode.Names{0: "IGP", 1: "EGP", 2: "INCOMPLETE"}.Of

var bgpSegment = decode.Names{1: "AS_SET", 2: "AS_SEQUENCE", 3: "AS_CONFED_SEQUENCE", 4: "AS_CONFED_SET"}.Of

var bgpCommunity = decode.Names{
	0xffff0000: "GRACEFUL_SHUTDOWN", 0xffff029a: "BLACKHOLE", 0xffffff01: "NO_EXPORT", 0xffffff02: "NO_ADVERTISE",
	0xffffff03: "NO_EXPORT_SUBCONFED", 0xffffff04: "NOPEER", 0xffff0006: "LLGR_STALE", 0xffff0007: "NO_LLGR",
}.Of

var bgpError = decode.Names{
	1: "Message Header Error", 2: "OPEN Message Error", 3: "UPDATE Message Error", 4: "Hold Timer Expired",
	5: "Finite State Machine Error", 6: "Cease", 7: "ROUTE-REFRESH Message Error",
}.Of

func bgpSubcode(major, minor byte) string { return bgpSubcodes[uint64(major)<<8|uint64(minor)] }

// bgpSubcodes are by error code and subcode.
var bgpSubcodes = decode.Names{
	0x101: "Connection Not Synchronized", 0x102: "Bad Message Length", 0x103: "Bad Message Type",
	0x201: "Unsupported Version Number", 0x202: "Bad Peer AS", 0x203: "Bad BGP Identifier",
	0x204: "Unsupported Optional Parameter", 0x206: "Unacceptable Hold Time", 0x207: "Unsupported Capability",
	0x20b: "Role Mismatch", 0x301: "Malformed Attribute List", 0x302: "Unrecognized Well-known Attribute",
	0x303: "Missing Well-known Attribute", 0x304: "Attribute Flags Error", 0x305: "Attribute Length Error",
	0x306: "Invalid ORIGIN Attribute", 0x308: "Invalid NEXT_HOP Attribute", 0x309: "Optional Attribute Error",
	0x30a: "Invalid Network Field", 0x30b: "Malformed AS_PATH", 0x501: "Unexpected Message in OpenSent State",
	0x502: "Unexpected Message in OpenConfirm State", 0x503: "Unexpected Message in Established State",
	0x601: "Maximum Number of Prefixes Reached", 0x602: "Administrative Shutdown", 0x603: "Peer De-configured",
	0x604: "Administrative Reset", 0x605: "Connection Rejected", 0x606: "Other Configuration Change",
	0x607: "Connection Collision Resolution", 0x608: "Out of Resources", 0x609: "Hard Reset", 0x60a: "BFD Down",
	0x701: "Invalid Message Length",
}
