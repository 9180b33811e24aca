package decode

import "sockwire/raw/wire"

// OSPF is the view of an OSPF packet header, 24 bytes in version 2 (RFC 2328) and 16 in version 3 (RFC 5340).
type OSPF []byte

func (h OSPF) Version() uint8   { return h[0] }
func (h OSPF) Type() uint8      { return h[1] }
func (h OSPF) Length() uint16   { return be16(h[2:]) }
func (h OSPF) RouterID() []byte { return h[4:8:8] }
func (h OSPF) AreaID() []byte   { return h[8:12:12] }

// OSPF returns the view of layer i, nil when it is another layer.
func (p *Packet) OSPF(i int) OSPF { return p.view(i, TypeOSPF) }

func (c *cursor) ospf(t Type, b []byte) Type {
	h := OSPF(b)
	n := 16
	switch h.Version() {
	case 2:
		n = 24
	case 3:
	default:
		return c.malformed(TypeOSPF, "the version is neither 2 nor 3")
	}
	if h = c.need(TypeOSPF, n); h == nil {
		return TypeNone
	}
	if int(h.Length()) < n {
		return c.malformed(TypeOSPF, "the length is less than that of the header")
	}
	end := c.off + int(h.Length())
	l := c.add(TypeOSPF, min(len(c.data), c.end, end)-c.off)
	if h.Version() == 3 {
		if end <= c.end {
			c.verify(l, be16(h[12:]), end, wire.ProtoOSPF, true)
		}
	} else {
		l.Checksum = c.ospfChecksum(h, l.Offset, end)
	}
	return TypePayload // a digest or link-local signaling behind it
}

// ospfChecksum verifies the checksum of version 2, which leaves out the authentication field and is not used
// with cryptographic authentication.
func (c *cursor) ospfChecksum(h OSPF, off, end int) Checksum {
	switch {
	case be16(h[14:]) == 2:
		return ChecksumZero
	case end > len(c.data) || end > c.end || c.part || c.quoted || c.d.SkipChecksums:
		return ChecksumUnverified
	case wire.Sum(0).Add(h[:16]).Add(c.data[off+24 : end]).Good():
		return ChecksumGood
	}
	return ChecksumBad
}

var (
	fOSPFVersion  = Define("ospf.version", "Version", KindUint).At(0, 1)
	fOSPFType     = Define("ospf.msg", "Type", KindUint).As("type").At(1, 1).Means(ospfName)
	fOSPFLength   = Define("ospf.packet_length", "Packet length", KindUint).As("packet_length").At(2, 2)
	fOSPFRouter   = Define("ospf.srcrouter", "Router ID", KindIP).As("router_id").At(4, 4)
	fOSPFArea     = Define("ospf.area_id", "Area ID", KindIP).At(8, 4)
	fOSPFChecksum = Define("ospf.checksum", "Checksum", KindHex).At(12, 2)
	fOSPFStatus   = Define("ospf.checksum.status", "Checksum status", KindState).At(12, 2)
	fOSPFAuth     = Define("ospf.auth.type", "Auth Type", KindUint).At(14, 2).Means(ospfAuth)
	fOSPFKey      = Define("ospf.auth.crypt.key_id", "Key ID", KindUint).As("auth_key_id").At(18, 1)
	fOSPFKeyLen   = Define("ospf.auth.crypt.data_length", "Auth Data Length", KindUint).As("auth_length").At(19, 1)
	fOSPFKeySeq   = Define("ospf.auth.crypt.seq_nbr", "Sequence Number", KindUint).As("auth_sequence").At(20, 4)
	fOSPFInstance = Define("ospf.instance_id", "Instance ID", KindUint).At(14, 1)

	fOSPFMask      = Define("ospf.hello.network_mask", "Network Mask", KindIP).As("network_mask").At(0, 4)
	fOSPFInterface = Define("ospf.hello.interface_id", "Interface ID", KindUint).As("interface_id").At(0, 4)
	fOSPFHello     = Define("ospf.hello.hello_interval", "HelloInterval, in s", KindUint).As("hello_interval")
	fOSPFPriority  = Define("ospf.hello.router_priority", "Rtr Pri", KindUint).As("router_priority")
	fOSPFDead      = Define("ospf.hello.router_dead_interval", "RouterDeadInterval, in s", KindUint).As("dead_interval")
	fOSPFDR        = Define("ospf.hello.designated_router", "Designated Router", KindIP).As("designated_router").At(12, 4)
	fOSPFBDR       = Define("ospf.hello.backup_designated_router", "Backup Designated Router", KindIP).
			As("backup_designated_router").At(16, 4)
	fOSPFNeighbor = Define("ospf.hello.active_neighbor", "Neighbor", KindIP).As("neighbors").Several()
	fOSPFOptions  = Define("ospf.v2.options", "Options", KindHex).As("options")
	fOSPFOptions3 = Define("ospf.v3.options", "Options", KindHex).As("options")
	fOSPFMTU      = Define("ospf.db.interface_mtu", "Interface MTU", KindUint).As("interface_mtu")
	fOSPFInit     = Define("ospf.dbd.i", "Init", KindBool).As("init").Bits(5, 1)
	fOSPFMore     = Define("ospf.dbd.m", "More", KindBool).As("more").Bits(6, 1)
	fOSPFMaster   = Define("ospf.dbd.ms", "Master", KindBool).As("master").Bits(7, 1)
	fOSPFSequence = Define("ospf.db.dd_sequence", "DD sequence number", KindUint).As("dd_sequence")
	fOSPFRequest  = Define("ospf.request", "LS Request", KindGroup).As("requests").Several()
	fOSPFReqID    = Define("ospf.link_state_id", "Link State ID", KindIP).As("link_state_id").At(4, 4)
	fOSPFCount    = Define("ospf.ls.number_of_lsas", "# LSAs", KindUint).As("lsa_count")

	fOSPFLSA     = Define("ospf.lsas", "LSA", KindGroup).As("lsas").Several()
	fOSPFAge     = Define("ospf.lsa.age", "LS age, in s", KindUint).As("age").Bits(1, 15)
	fOSPFLSAType = Define("ospf.lsa", "LS type", KindUint).As("type").At(3, 1).Means(ospfLSA)
	fOSPFLSA3    = Define("ospf.v3.lsa", "LS type", KindHex).As("type").At(2, 2).Means(ospfLSA3)
	fOSPFLSAID   = Define("ospf.lsa.id", "Link State ID", KindIP).As("link_state_id").At(4, 4)
	fOSPFAdv     = Define("ospf.advrouter", "Advertising Router", KindIP).As("advertising_router").At(8, 4)
	fOSPFLSASeq  = Define("ospf.lsa.seqnum", "LS sequence number", KindHex).As("sequence").At(12, 4)
	fOSPFLSASum  = Define("ospf.lsa.chksum", "LS checksum", KindHex).As("checksum").At(16, 2)
	fOSPFLSALen  = Define("ospf.lsa.length", "Length", KindUint).As("length").At(18, 2)

	fOSPFFlagV     = Define("ospf.v2.router.lsa.flags.v", "Virtual link endpoint", KindBool).As("virtual_link").Bits(165, 1)
	fOSPFFlagE     = Define("ospf.v2.router.lsa.flags.e", "AS boundary router", KindBool).As("as_boundary").Bits(166, 1)
	fOSPFFlagB     = Define("ospf.v2.router.lsa.flags.b", "Area border router", KindBool).As("area_border").Bits(167, 1)
	fOSPFLinks     = Define("ospf.lsa.number_of_links", "# links", KindUint).As("link_count").At(22, 2)
	fOSPFLink      = Define("ospf.lsa.link", "Link", KindGroup).As("links").Several()
	fOSPFLinkID    = Define("ospf.lsa.router.linkid", "Link ID", KindIP).As("id").At(0, 4)
	fOSPFLinkData  = Define("ospf.lsa.router.linkdata", "Link Data", KindIP).As("data").At(4, 4)
	fOSPFLinkType  = Define("ospf.lsa.router.linktype", "Type", KindUint).As("type").At(8, 1).Means(ospfLinkType)
	fOSPFMetrics   = Define("ospf.lsa.router.nummetrics", "# TOS", KindUint).As("tos_count").At(9, 1)
	fOSPFMetric0   = Define("ospf.lsa.router.metric0", "Metric", KindUint).As("metric").At(10, 2)
	fOSPFNetMask   = Define("ospf.lsa.network.netmask", "Network Mask", KindIP).As("network_mask").At(20, 4)
	fOSPFAttached  = Define("ospf.lsa.network.attchrtr", "Attached Router", KindIP).As("attached_routers").Several()
	fOSPFExtMask   = Define("ospf.lsa.asext.netmask", "Network Mask", KindIP).As("network_mask").At(20, 4)
	fOSPFExtType   = Define("ospf.lsa.asext.type", "E bit", KindBool).As("type2").Bits(192, 1)
	fOSPFMetric    = Define("ospf.metric", "Metric", KindUint)
	fOSPFForward   = Define("ospf.lsa.asext.fwdaddr", "Forwarding address", KindIP).As("forwarding_address").At(28, 4)
	fOSPFTag       = Define("ospf.lsa.asext.extrttag", "External Route Tag", KindUint).As("external_route_tag").At(32, 4)
	fOSPFPrefix    = Define("ospf.v3.prefix", "Prefix", KindGroup).As("prefixes").Several()
	fOSPFPrefLen   = Define("ospf.prefix_length", "PrefixLength", KindUint).As("length").At(0, 1)
	fOSPFPrefOpts  = Define("ospf.v3.prefix.options", "PrefixOptions", KindHex).As("options").At(1, 1)
	fOSPFAddress   = Define("ospf.v3.address_prefix.ipv6", "Address Prefix", KindIP).As("address")
	fOSPFAttached3 = Define("ospf.v3.lsa.attached_router", "Attached Router", KindIP).As("attached_routers").Several()
	fOSPFPrefBytes = Define("ospf.v3.prefix_bytes", "Address Prefix, the bytes there are", KindBytes).As("address_bytes")
	fOSPFLinkPri   = Define("ospf.v3.lsa.router_priority", "Rtr Pri", KindUint).As("router_priority").At(20, 1)
	fOSPFLocal     = Define("ospf.v3.lsa.link_local_interface_address.ipv6", "Link-local Interface Address", KindIP).
			As("link_local_address").At(24, 16)
	fOSPFPrefixes = Define("ospf.v3.lsa.num_prefixes", "# prefixes", KindUint).As("prefix_count")
	fOSPFLink3    = Define("ospf.v3.lsa.type", "Type", KindUint).As("type").At(0, 1).Means(ospfLinkType)
	fOSPFLinkInt  = Define("ospf.v3.lsa.interface_id", "Interface ID", KindUint).As("interface_id").At(4, 4)
	fOSPFLinkNbr  = Define("ospf.v3.lsa.neighbor_interface_id", "Neighbor Interface ID", KindUint).
			As("neighbor_interface_id").At(8, 4)
	fOSPFLinkRtr = Define("ospf.v3.lsa.neighbor_router_id", "Neighbor Router ID", KindIP).
			As("neighbor_router_id").At(12, 4)
)

// ospfFields describes a packet of version 2 (RFC 2328 appendix A) or 3 (RFC 5340 appendix A).
func ospfFields(w *FieldWriter) {
	if len(w.data) < 16 {
		return
	}
	h := OSPF(w.data)
	v3, body := h.Version() == 3, h.header()
	if v3 {
		w.Add(0, fOSPFInstance)
	} else {
		w.Add(0, fOSPFAuth)
		if be16(h[14:]) == 2 {
			w.Add(0, fOSPFKey, fOSPFKeyLen, fOSPFKeySeq)
		}
	}
	end := len(h)
	switch h.Type() {
	case 1:
		ospfHello(w, body, v3)
	case 2:
		at := body
		if v3 {
			w.Uint(fOSPFOptions3, body+1, 3)
			at += 4
		}
		w.Uint(fOSPFMTU, at, 2)
		if !v3 {
			w.Uint(fOSPFOptions, at+2, 1)
		}
		w.Add(at+3, fOSPFInit, fOSPFMore, fOSPFMaster)
		w.Uint(fOSPFSequence, at+4, 4)
		ospfLSAs(w, at+8, end, v3, false)
	case 3:
		for off := body; off+12 <= end; off += 12 {
			w.Group(fOSPFRequest, off, 12)
			if v3 {
				w.Add(off, fOSPFLSA3)
			} else {
				w.Add(off, fOSPFLSAType)
			}
			w.Add(off, fOSPFReqID, fOSPFAdv)
			w.End()
		}
	case 4:
		w.Uint(fOSPFCount, body, 4)
		ospfLSAs(w, body+4, end, v3, true)
	case 5:
		ospfLSAs(w, body, end, v3, false)
	}
}

// header is the length of the header.
func (h OSPF) header() int {
	if h.Version() == 3 {
		return 16
	}
	return 24
}

func ospfHello(w *FieldWriter, off int, v3 bool) {
	if v3 {
		w.Add(off, fOSPFInterface)
		w.Uint(fOSPFPriority, off+4, 1)
		w.Uint(fOSPFOptions3, off+5, 3)
		w.Uint(fOSPFHello, off+8, 2)
		w.Uint(fOSPFDead, off+10, 2)
	} else {
		w.Add(off, fOSPFMask)
		w.Uint(fOSPFHello, off+4, 2)
		w.Uint(fOSPFOptions, off+6, 1)
		w.Uint(fOSPFPriority, off+7, 1)
		w.Uint(fOSPFDead, off+8, 4)
	}
	w.Add(off, fOSPFDR, fOSPFBDR)
	w.Each(fOSPFNeighbor, off+20, len(w.data), 4)
}

const ospfLSAHeader = 20

// ospfLSAs describes LSAs, or their headers only.
func ospfLSAs(w *FieldWriter, off, end int, v3, whole bool) {
	for off+ospfLSAHeader <= end {
		n := ospfLSAHeader
		if whole {
			n = int(be16(w.data[off+18:]))
		}
		w.Group(fOSPFLSA, off, n)
		w.Add(off, fOSPFAge)
		if v3 {
			w.Add(off, fOSPFLSA3, fOSPFReqID)
		} else {
			w.Uint(fOSPFOptions, off+2, 1)
			w.Add(off, fOSPFLSAType, fOSPFLSAID)
		}
		w.Add(off, fOSPFAdv, fOSPFLSASeq, fOSPFLSASum, fOSPFLSALen)
		if whole && n >= ospfLSAHeader && off+n <= end {
			if v3 {
				ospfBody3(w, off, off+n)
			} else {
				ospfBody2(w, off, off+n)
			}
		}
		w.End()
		if n < ospfLSAHeader {
			return
		}
		off += n
	}
}

func ospfBody2(w *FieldWriter, off, end int) {
	switch w.data[off+3] {
	case 1:
		w.Add(off, fOSPFFlagV, fOSPFFlagE, fOSPFFlagB, fOSPFLinks)
		for at := off + 24; at+12 <= end; {
			n := 12 + 4*int(w.data[at+9])
			w.Group(fOSPFLink, at, n)
			w.Add(at, fOSPFLinkID, fOSPFLinkData, fOSPFLinkType, fOSPFMetrics, fOSPFMetric0)
			w.End()
			at += n
		}
	case 2:
		w.Add(off, fOSPFNetMask)
		w.Each(fOSPFAttached, off+24, end, 4)
	case 3, 4:
		w.Add(off, fOSPFNetMask)
		w.Uint(fOSPFMetric, off+25, 3)
	case 5, 7:
		w.Add(off, fOSPFExtMask, fOSPFExtType)
		w.Uint(fOSPFMetric, off+25, 3)
		w.Add(off, fOSPFForward, fOSPFTag)
	}
}

func ospfBody3(w *FieldWriter, off, end int) {
	prefix := func(at int) int {
		bits, n := int(w.data[at]), 4*((int(w.data[at])+31)/32)
		if bits > 128 || at+4+n > end {
			return end
		}
		w.Group(fOSPFPrefix, at, 4+n)
		w.Add(at, fOSPFPrefLen, fOSPFPrefOpts)
		if be16(w.data[off+2:])&0x1fff == 9 {
			w.Uint(fOSPFMetric, at+2, 2)
		}
		if n == 16 {
			w.Bytes(fOSPFAddress, at+4, n)
		} else if n > 0 {
			w.Bytes(fOSPFPrefBytes, at+4, n)
		}
		w.End()
		return at + 4 + n
	}
	prefixes := func(at int) {
		for at+4 <= end {
			at = prefix(at)
		}
	}
	switch be16(w.data[off+2:]) & 0x1fff {
	case 1:
		w.Uint(fOSPFOptions3, off+21, 3)
		for at := off + 24; at+16 <= end; at += 16 {
			w.Group(fOSPFLink, at, 16)
			w.Add(at, fOSPFLink3)
			w.Uint(fOSPFMetric, at+2, 2)
			w.Add(at, fOSPFLinkInt, fOSPFLinkNbr, fOSPFLinkRtr)
			w.End()
		}
	case 2:
		w.Uint(fOSPFOptions3, off+21, 3)
		w.Each(fOSPFAttached3, off+24, end, 4)
	case 3:
		w.Uint(fOSPFMetric, off+21, 3)
		prefixes(off + 24)
	case 8:
		w.Add(off, fOSPFLinkPri)
		w.Uint(fOSPFOptions3, off+21, 3)
		w.Add(off, fOSPFLocal)
		w.Uint(fOSPFPrefixes, off+40, 4)
		prefixes(off + 44)
	case 9:
		w.Uint(fOSPFPrefixes, off+20, 2)
		prefixes(off + 32)
	}
}

var ospfName = Names{
	1: "Hello", 2: "Database Description", 3: "LS-Request", 4: "LS-Update", 5: "LS-Ack",
}.Of

var ospfAuth = Names{0: "none", 1: "simple", 2: "cryptographic"}.Of

var ospfLSA = Names{
	1: "Router", 2: "Network", 3: "Summary", 4: "ASB Summary", 5: "External", 7: "NSSA", 9: "Opaque link-local",
	10: "Opaque area-local", 11: "Opaque AS-wide",
}.Of

// ospfLSA3 names the function code of a type.
func ospfLSA3(n uint64) string { return ospfLSAs3.Of(n & 0x1fff) }

var ospfLSAs3 = Names{
	1: "Router", 2: "Network", 3: "Inter-Area Prefix", 4: "Inter-Area Router", 5: "External", 7: "NSSA", 8: "Link",
	9: "Intra-Area Prefix",
}

var ospfLinkType = Names{1: "point-to-point", 2: "transit", 3: "stub", 4: "virtual"}.Of

func (*Printer) appendOSPF(b []byte, p *Packet, i int) []byte {
	h := p.OSPF(i)
	b = appendUint(append(b, "OSPFv"...), uint64(h.Version()))
	b = append(b, ", "...)
	b = AppendName(b, ospfName(uint64(h.Type())), "type ", uint64(h.Type()))
	b = appendIPv4(append(b, ", router "...), h.RouterID())
	b = appendIPv4(append(b, ", area "...), h.AreaID())
	v3 := h.Version() == 3
	body := h[h.header():]
	switch h.Type() {
	case 1:
		if len(body) >= 20 {
			b = appendIPv4(append(b, ", DR "...), body[12:16])
			b = appendIPv4(append(b, ", BDR "...), body[16:20])
			for off := 20; off+4 <= len(body) && off < 20+4*8; off += 4 {
				b = appendIPv4(append(b, ", neighbor "...), body[off:off+4])
			}
		}
	case 2:
		if v3 && len(body) >= 4 {
			body = body[4:]
		}
		if len(body) >= 8 {
			b = appendUint(append(b, ", MTU "...), uint64(be16(body)))
			b = append(b, ", flags ["...)
			for bit, name := range [...]string{"Master", "More", "Init"} {
				if body[3]>>bit&1 != 0 {
					if b[len(b)-1] != '[' {
						b = append(b, ',')
					}
					b = append(b, name...)
				}
			}
			b = appendUint(append(b, "], seq "...), uint64(be32(body[4:])))
			b = appendOSPFLSAs(b, body[8:], v3, false)
		}
	case 3:
		for off := 0; off+12 <= len(body) && off < 12*4; off += 12 {
			b = appendOSPFLSA(b, body[off:], v3)
		}
	case 4:
		if len(body) >= 4 {
			b = appendOSPFLSAs(b, body[4:], v3, true)
		}
	case 5:
		b = appendOSPFLSAs(b, body, v3, false)
	}
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}

// appendOSPFLSAs adds the first LSAs of list.
func appendOSPFLSAs(b, list []byte, v3, whole bool) []byte {
	for count := 0; len(list) >= ospfLSAHeader; count++ {
		if count == 4 {
			return append(b, " ..."...)
		}
		b = appendOSPFLSA(b, list, v3)
		n := ospfLSAHeader
		if whole {
			n = max(n, int(be16(list[18:])))
		}
		list = list[min(n, len(list)):]
	}
	return b
}

func appendOSPFLSA(b, lsa []byte, v3 bool) []byte {
	b = append(b, ", "...)
	t := uint64(lsa[3])
	name := ospfLSA(t)
	if v3 {
		t = uint64(be16(lsa[2:]))
		name = ospfLSA3(t)
	}
	b = append(AppendName(b, name, "type ", t), " LSA "...)
	return appendIPv4(append(appendIPv4(b, lsa[4:8]), " by "...), lsa[8:12])
}
