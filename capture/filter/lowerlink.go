package filter

import (
	"fmt"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// The conditions on the link header: what it carries, and its addresses.

// linkProtocol tests for an EtherType or, up to 1500, a service access point.
func (l *lowerer) linkProtocol(n interface{ where() span }, v uint32) *cond {
	switch {
	case l.tunnels != nil:
		return l.tunnels.etherType(l, n, v)
	case l.lay.labels > 0:
		return l.afterLabels(n, v)
	}
	switch {
	case l.lay.isEthernet():
		return and(l.laneData(), l.etherType(n, v))
	case l.lay.isWlan():
		data := l.masked(l.linkHeader(0, 1), wlanData, wlanTypeMask).of("802.11 frame type")
		return and(data, l.llcType(n, v))
	case l.lay.link == capture.LinkSunATM:
		return and(l.atmTraffic(atmLLC), l.llcType(n, v))
	case l.lay.isLLC():
		return l.llcType(n, v)
	}
	switch l.lay.link {
	case capture.LinkLinuxSLL:
		return l.cookedType(n, v)
	case capture.LinkMSTP, capture.LinkMTP2, capture.LinkMTP2WithHeader:
		l.unsupported(n, "link proto")
	case capture.LinkLocalTalk:
		if v == wire.EtherTypeAppleTalk {
			return always
		}
		return never
	case capture.LinkCHDLC:
		if v == wire.SAPISO {
			v = v<<8 | v
		}
		l.atMost(n, "HDLC protocol", v, 0xffff)
		return l.eq(l.linkType(0, 2), v).of("HDLC protocol")
	case capture.LinkARCNET, capture.LinkARCNETLinux:
		return l.byType(arcnetTypes, v, 1, "ARCNET protocol")
	case capture.LinkIPNet:
		return l.byType(ipnetFamilies, v, 1, "address family")
	case capture.LinkFrameRelay:
		if v == wire.SAPISO {
			c := never
			for _, id := range []uint32{nlpidCLNP, nlpidESIS, nlpidISIS} {
				c = or(c, l.eq(l.linkType(0, 2), relayed|id).of("NLPID"))
			}
			return c
		}
		return l.byType(relayTypes, v, 2, "NLPID")
	case capture.LinkPFLog:
		return l.family(v, func(f uint32) *cond { return l.eq(l.linkType(0, 1), f) })
	case capture.LinkPPPBSDOS:
		if v == wire.EtherTypeIPv4 { // compressed too, as Van Jacobson's header has the address of the packet
			c := never
			for _, p := range []uint32{wire.PPPIPv4, pppVJ, pppVJPlain} {
				c = or(c, l.eq(l.linkType(0, 2), p).of("PPP protocol"))
			}
			return c
		}
	case capture.LinkRaw, capture.LinkSLIP, capture.LinkSLIPBSDOS:
		switch v {
		case wire.EtherTypeIPv4:
			return l.version(4)
		case wire.EtherTypeIPv6:
			return l.version(6)
		}
		return never
	case capture.LinkIPv4, capture.LinkIPv6:
		if v == wire.EtherTypeIPv4 && l.lay.link == capture.LinkIPv4 ||
			v == wire.EtherTypeIPv6 && l.lay.link == capture.LinkIPv6 {
			return always
		}
		return never
	case capture.LinkNull, capture.LinkLoop, capture.LinkENC:
		return l.loopbackFamily(v)
	}
	what := "EtherType"
	if l.lay.isPPP() {
		v, what = pppType(v), "PPP protocol"
	}
	l.atMost(n, what, v, 0xffff)
	return l.eq(l.linkType(0, 2), v).of(what)
}

// atmLLC and atmLANE are kinds of traffic on SunATM.
const (
	atmLANE = 1
	atmLLC  = 2
)

func (l *lowerer) atmTraffic(v uint32) *cond {
	return l.masked(l.linkHeader(0, 1), v, 0x0f).of("ATM traffic")
}

// PPP protocols of Van Jacobson's compression, and what Frame Relay has before an NLPID.
const (
	pppVJ      = 0x2d
	pppVJPlain = 0x2f
	relayed    = 0x0300
)

// The types of other links for EtherTypes.
var (
	arcnetTypes = map[uint32]uint32{
		wire.EtherTypeIPv4: 0xd4, wire.EtherTypeIPv6: 0xc4, wire.EtherTypeARP: 0xd5, wire.EtherTypeRARP: 0xd6,
		wire.EtherTypeAppleTalk: 0xdd,
	}
	ipnetFamilies = map[uint32]uint32{wire.EtherTypeIPv4: 2, wire.EtherTypeIPv6: 26}
	relayTypes    = map[uint32]uint32{wire.EtherTypeIPv4: relayed | 0xcc, wire.EtherTypeIPv6: relayed | 0x8e}
)

// byType tests a type field that has a number of its own for an EtherType, and matches nothing for one that has none.
func (l *lowerer) byType(types map[uint32]uint32, v uint32, size int, what string) *cond {
	t, ok := types[v]
	if !ok {
		return never
	}
	return l.eq(l.linkType(0, size), t).of(what)
}

func (l *lowerer) version(v uint32) *cond {
	return l.masked(l.network(0, 1), v<<4, 0xf0).of("IP version")
}

func (l *lowerer) snap(oui, typ uint32) *cond {
	return l.bytes(l.lay.pl, 0, []byte{wire.SAPSNAP, wire.SAPSNAP, 3, byte(oui >> 16), byte(oui >> 8), byte(oui),
		byte(typ >> 8), byte(typ)}).of("SNAP")
}

// appleSNAP is the SNAP form of the two AppleTalk types.
func (l *lowerer) appleSNAP(v uint32) *cond {
	if v == wire.EtherTypeAppleTalk {
		return l.snap(0x080007, v)
	}
	return l.snap(0, v)
}

func (l *lowerer) etherType(n interface{ where() span }, v uint32) *cond {
	isLength := func() *cond { return negate(l.gt(l.linkType(0, 2), wire.EtherMaxLength)).of("EtherType or length") }
	switch v {
	case wire.SAPISO, wire.SAPIP, wire.SAPNetBEUI:
		return and(isLength(), l.eq(l.llc(0, 2), v<<8|v).of("LLC SAPs"))
	case wire.SAPIPX:
		c := or(l.eq(l.llc(0, 1), wire.SAPIPX).of("LLC DSAP"), l.eq(l.llc(0, 2), 0xffff).of("Novell raw 802.3"))
		c = or(l.snap(0, wire.EtherTypeIPX), c)
		return or(l.eq(l.linkType(0, 2), wire.EtherTypeIPX).of("EtherType"), and(isLength(), c))
	}
	return l.plainType(n, v, isLength, func() *expr { return l.linkType(2, 1) })
}

// plainType is what Ethernet and the cooked header have alike, but for what says that an LLC header follows, and for
// its DSAP.
func (l *lowerer) plainType(n interface{ where() span }, v uint32, isLLC func() *cond, dsap func() *expr) *cond {
	switch {
	case v == wire.EtherTypeAppleTalk || v == wire.EtherTypeAARP:
		return or(l.eq(l.linkType(0, 2), v).of("EtherType"), and(isLLC(), l.appleSNAP(v)))
	case v <= wire.EtherMaxLength:
		l.atMost(n, "LLC DSAP", v, 0xff)
		return and(isLLC(), l.eq(dsap(), v).of("LLC DSAP"))
	}
	l.atMost(n, "EtherType", v, 0xffff)
	return l.eq(l.linkType(0, 2), v).of("EtherType")
}

// cookedType is for the Linux cooked header, where 1 and 4 stand for Novell's and for 802.2 frames.
func (l *lowerer) cookedType(n interface{ where() span }, v uint32) *cond {
	const novell, llc = 1, 4
	isLLC := func() *cond { return l.eq(l.linkType(0, 2), llc).of("cooked protocol") }
	switch v {
	case wire.SAPISO, wire.SAPIP, wire.SAPNetBEUI:
		return and(isLLC(), l.eq(l.llc(0, 2), v<<8|v).of("LLC SAPs"))
	case wire.SAPIPX:
		c := and(isLLC(), or(l.eq(l.llc(0, 1), wire.SAPIPX).of("LLC DSAP"), l.snap(0, wire.EtherTypeIPX)))
		c = or(l.eq(l.linkType(0, 2), novell).of("cooked protocol"), c)
		return or(l.eq(l.linkType(0, 2), wire.EtherTypeIPX).of("EtherType"), c)
	}
	return l.plainType(n, v, isLLC, func() *expr { return l.llc(0, 1) })
}

// llcType is for links that always have an LLC header.
func (l *lowerer) llcType(n interface{ where() span }, v uint32) *cond {
	switch v {
	case wire.SAPISO, wire.SAPIP, wire.SAPNetBEUI:
		return l.eq(l.llc(0, 2), v<<8|v).of("LLC SAPs")
	case wire.SAPIPX:
		return l.eq(l.llc(0, 1), v).of("LLC DSAP")
	case wire.EtherTypeAppleTalk:
		return l.snap(0x080007, v)
	}
	if v <= wire.EtherMaxLength {
		l.atMost(n, "LLC DSAP", v, 0xff)
		return l.eq(l.llc(0, 1), v).of("LLC DSAP")
	}
	l.atMost(n, "EtherType", v, 0xffff)
	return l.eq(l.llc(6, 2), v).of("EtherType")
}

// loopbackFamily tests the address family of BSD loopback headers. A live capture has this system's
// numbers in this system's byte order. A file may come from any system: LINKTYPE_NULL in either byte
// order, and IPv6 by any of the three numbers that BSD systems use.
func (l *lowerer) loopbackFamily(v uint32) *cond {
	family := l.linkHeader(0, 4)
	bigEndian := l.lay.link == capture.LinkLoop
	c := l.family(v, func(f uint32) *cond {
		if !bigEndian && l.opts.Live {
			f = hostOrder(f)
		}
		return l.eq(family, f)
	})
	if !bigEndian && !l.opts.Live {
		c = or(c, l.family(v, func(f uint32) *cond { return l.eq(family, f<<24) }))
	}
	return c.of("address family")
}

// family tests for the address family of an EtherType, by any of its numbers that the capture may have.
func (l *lowerer) family(v uint32, is func(f uint32) *cond) *cond {
	families := []uint32{2}
	switch {
	case v == wire.EtherTypeIPv6 && l.opts.Live:
		families = []uint32{10}
	case v == wire.EtherTypeIPv6:
		families = []uint32{30, 28, 24}
	case v != wire.EtherTypeIPv4:
		return never
	}
	c := never
	for _, f := range families {
		c = or(c, is(f))
	}
	return c.of("address family")
}

// afterLabels tests what follows an MPLS stack, which says nothing about it: only the version nibble
// of IP can tell.
func (l *lowerer) afterLabels(n interface{ where() span }, v uint32) *cond {
	switch v {
	case wire.EtherTypeIPv4:
		return and(l.bottomOfStack(), l.version(4))
	case wire.EtherTypeIPv6:
		return and(l.bottomOfStack(), l.version(6))
	}
	l.fail(n, "after 'mpls' only IPv4 and IPv6 can be told")
	return nil
}

// bottomOfStack tests the last label read.
func (l *lowerer) bottomOfStack() *cond {
	return l.set(l.at(l.lay.pl, l.lay.nl-4+2, 1), 1).of("bottom of the MPLS stack")
}

// laneData is false for a control frame of LAN emulation, once 'lane' was asked for.
func (l *lowerer) laneData() *cond {
	if !l.lay.lane {
		return always
	}
	return l.ne(l.load(nil, 4, 2), 0xff00).of("LANE client")
}

// haveMAC is false for a Geneve or VXLAN payload without Ethernet header.
func (l *lowerer) haveMAC() *cond {
	if l.lay.lane {
		return l.laneData()
	}
	if !l.lay.encap || l.lay.link != capture.LinkEthernet {
		return always
	}
	return negate(l.test(jumpEq, l.varAt(l.lay.hdr.v), l.varAt(l.lay.pl.v))).of("length of the inner Ethernet header")
}

func (l *lowerer) macHost(n interface{ where() span }, mac []byte, dir, what string) *cond {
	if l.lay.isWlan() {
		return l.wlanHost(mac, dir)
	}
	if !l.lay.hasMAC() {
		l.unsupported(n, what)
	}
	switch dir {
	case "", "src", "dst", "src or dst", "src and dst":
	default:
		l.fail(n, "'%s' is for 802.11 addresses only", dir)
	}
	return and(l.haveMAC(), l.either(dir, func(src bool) *cond {
		if src {
			return l.bytes(l.lay.hdr, l.lay.src, mac).of("source Ethernet address")
		}
		return l.bytes(l.lay.hdr, l.lay.dst, mac).of("destination Ethernet address")
	}))
}

// nodeHost tests an address of one byte.
func (l *lowerer) nodeHost(n interface{ where() span }, node uint32, dir, what string) *cond {
	dst, src, _, ok := l.lay.node()
	if !ok {
		l.unsupported(n, what)
	}
	switch dir {
	case "", "src", "dst", "src or dst", "src and dst":
	default:
		l.fail(n, "'%s' is for 802.11 addresses only", dir)
	}
	return l.either(dir, func(isSrc bool) *cond {
		if isSrc {
			return l.eq(l.linkHeader(src, 1), node).of("source node")
		}
		return l.eq(l.linkHeader(dst, 1), node).of("destination node")
	})
}

// wlanHost compares an address of an 802.11 header, whose places depend on the frame's type and way.
func (l *lowerer) wlanHost(mac []byte, dir string) *cond {
	addr := func(k uint32) *cond { return l.bytes(l.lay.hdr, k, mac).of("802.11 address") }
	control := func() *expr { return l.linkHeader(0, 1) }
	isControl := func() *cond { return l.masked(control(), wlanControl, wlanTypeMask).of("802.11 frame type") }
	// hasAddr2 is false for CTS and ACK.
	hasAddr2 := func() *cond {
		cts := l.masked(control(), wlanCTS, wlanSubtypeMask).of("802.11 subtype")
		ack := l.masked(control(), wlanACK, wlanSubtypeMask).of("802.11 subtype")
		return or(negate(isControl()), and(negate(cts), negate(ack)))
	}
	switch dir {
	case "addr1":
		return addr(4)
	case "addr2":
		return and(hasAddr2(), addr(10))
	case "addr3":
		return and(negate(isControl()), addr(16))
	case "addr4":
		return and(l.masked(l.linkHeader(1, 1), wlanToDS|wlanFromDS, wlanDirMask).of("802.11 direction"), addr(24))
	case "ra":
		return and(l.set(control(), wlanData).of("802.11 data type"), addr(4))
	case "ta":
		return and(and(l.set(control(), wlanData).of("802.11 data type"), hasAddr2()), addr(10))
	}
	return l.either(dir, func(src bool) *cond {
		if !src {
			return l.wlanByType(l.choose(1, wlanToDS, addr(16), addr(4)), addr(4))
		}
		toDS := l.choose(1, wlanToDS, addr(24), addr(16))
		return l.wlanByType(l.choose(1, wlanFromDS, toDS, addr(10)), addr(10))
	})
}

// choose tests one bit of an 802.11 header byte; the condition for its absence comes first.
func (l *lowerer) choose(k, bit uint32, set, clear *cond) *cond {
	is := func() *cond { return l.set(l.linkHeader(k, 1), bit).of("802.11 frame control") }
	return or(and(negate(is()), clear), and(is(), set))
}

// wlanByType is false for control frames.
func (l *lowerer) wlanByType(data, management *cond) *cond {
	return and(negate(l.set(l.linkHeader(0, 1), wlanControl)).of("802.11 control type"),
		l.choose(0, wlanData, data, management))
}

func (l *lowerer) byteTest(n *special) *cond {
	return l.compareByte(n, l.linkHeader(n.num, 1)).of(fmt.Sprintf("byte %d", n.num))
}

func (l *lowerer) compareByte(n *special, b *expr) *cond {
	switch n.op {
	case "=":
		return l.eq(b, n.num2)
	case "<":
		return negate(l.ge(b, n.num2))
	case ">":
		return l.gt(b, n.num2)
	case "&":
		return l.ne(l.alu(exAnd, b, l.constant(n.num2)), 0)
	}
	return l.ne(l.alu(exOr, b, l.constant(n.num2)), 0)
}

func (l *lowerer) broadcast(n *special) *cond {
	if n.proto != "ip" {
		if _, _, node, ok := l.lay.node(); ok {
			return l.nodeHost(n, node, "dst", "broadcast")
		}
		return l.macHost(n, []byte{255, 255, 255, 255, 255, 255}, "dst", "broadcast")
	}
	if !l.opts.Netmask.Is4() {
		l.fail(n, "'ip broadcast' needs the network mask, which is not known")
	}
	m := l.opts.Netmask.As4()
	host := ^(uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3]))
	is := l.linkProtocol(n, wire.EtherTypeIPv4)
	return and(is,
		or(l.masked(l.network(16, 4), 0, host), l.masked(l.network(16, 4), host, host)).of("host part of the destination"))
}

func (l *lowerer) multicast(n *special) *cond {
	switch n.proto {
	case "ip":
		return and(l.linkProtocol(n, wire.EtherTypeIPv4),
			l.masked(l.network(16, 1), 0xe0, 0xf0).of("first byte of the destination address"))
	case "ip6":
		return and(l.linkProtocol(n, wire.EtherTypeIPv6),
			l.eq(l.network(24, 1), 0xff).of("first byte of the destination address"))
	}
	group := func(k uint32) *cond { return l.set(l.linkHeader(k, 1), 1).of("group bit of the destination") }
	if l.lay.isWlan() {
		return l.wlanByType(l.choose(1, wlanToDS, group(16), group(4)), group(4))
	}
	if _, _, node, ok := l.lay.node(); ok && l.lay.link != capture.LinkMSTP {
		return l.nodeHost(n, node, "dst", "multicast")
	}
	if !l.lay.hasMAC() {
		l.unsupported(n, "multicast")
	}
	return and(l.haveMAC(), group(l.lay.dst))
}

func (l *lowerer) needLive(n *special) {
	if !l.opts.Live {
		l.fail(n, "'%s' is known on a live capture only, and in files of link type LINUX_SLL2", n.kw)
	}
}

func (l *lowerer) direction(n *special) *cond {
	var out *cond
	if c := l.linkDirection(n.kw == "outbound"); c != nil {
		return c.of("direction")
	}
	switch l.lay.link {
	case capture.LinkLinuxSLL:
		out = l.eq(l.linkHeader(0, 2), packetOutgoing)
	case capture.LinkLinuxSLL2:
		out = l.eq(l.linkHeader(10, 1), packetOutgoing)
	default:
		l.needLive(n)
		out = l.eq(l.extension(extPktType, 2), packetOutgoing)
	}
	out.of("packet type")
	if n.kw == "inbound" {
		return negate(out)
	}
	return out
}

// linkDirection is the direction that the link header itself tells, nil where it tells none.
func (l *lowerer) linkDirection(out bool) *cond {
	either := func(e *expr, out0, in uint32) *cond {
		if out {
			in = out0
		}
		return l.eq(e, in)
	}
	switch l.lay.link {
	case capture.LinkSLIP:
		return either(l.linkHeader(0, 1), 1, 0)
	case capture.LinkIPNet:
		return either(l.linkHeader(2, 2), 1, 2)
	case capture.LinkPFLog:
		return either(l.linkHeader(60, 1), 2, 1)
	case capture.LinkPPPPPPD:
		return either(l.linkHeader(0, 1), 1, 0)
	case capture.LinkDSABroadcom: // what the processor sends has the opcode of ingress
		return either(l.alu(exAnd, l.linkHeader(12, 1), l.constant(0xe0)), 0x20, 0)
	case capture.LinkDSA:
		if out {
			return l.masked(l.linkHeader(12, 1), 0x40, 0xc0)
		}
		return l.masked(l.linkHeader(12, 1), 0, 0x40)
	}
	return nil
}

func (l *lowerer) llcTest(n *special) *cond {
	var c *cond
	switch {
	case l.lay.link == capture.LinkSunATM:
		c = l.atmTraffic(atmLLC)
	case l.lay.link == capture.LinkTokenRing, l.lay.link == capture.LinkFDDI, l.lay.link == capture.LinkATM:
		c = always
	case l.lay.link == capture.LinkEthernet, l.lay.link == capture.LinkDSA, l.lay.link == capture.LinkDSABroadcom:
		// 0xffff instead of LLC is Novell's raw 802.3.
		c = and(negate(l.gt(l.linkType(0, 2), wire.EtherMaxLength)).of("EtherType or length"),
			l.ne(l.llc(0, 2), 0xffff).of("Novell raw 802.3"))
	case l.lay.isWlan():
		c = l.masked(l.linkHeader(0, 1), wlanData, wlanTypeMask).of("802.11 frame type")
	default:
		l.unsupported(n, "llc")
	}
	if n.op != "" {
		t := llcTypes[n.op]
		c = and(c, l.masked(l.llc(2, 1), t.value, t.mask).of("LLC control"))
	}
	return c
}
