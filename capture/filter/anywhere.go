package filter

import (
	"sockwire/capture"
	"sockwire/raw/wire"
)

// "anywhere:" looks for the expression at every network header of a frame: the outermost, and those
// inside tunnels. A program has no loops, so the walk is written out for some layers.

const (
	// maxLayers is how many network headers are looked at.
	maxLayers = 4
	// outerShims is how often a VLAN tag, a PPPoE header and an MPLS label, each if it is there, are passed by
	// before the outermost network header, innerShims how often before those in tunnels.
	outerShims = 4
	innerShims = 2
	// maxExtensions is the same for extension headers of IPv6 and authentication headers.
	maxExtensions = 4
)

// shims is how many rounds of shims there are with so many more layers to go.
func shims(more int) int {
	if more == maxLayers {
		return outerShims
	}
	return innerShims
}

// anywhere lowers the expression once for every layer.
func (l *lowerer) anywhere(lower func() *cond) *cond {
	start := l.firstHeader()
	t := &tunnels{typ: l.nvars, transport: l.nvars + 1}
	l.nvars += 2
	l.lay.pl, l.lay.nl = offset{varHeader, 0}, 0
	l.tunnels = t
	return and(start(t), t.layer(l, lower, maxLayers))
}

// firstHeader finds the outermost network header.
func (l *lowerer) firstHeader() func(t *tunnels) *cond {
	lay := l.lay
	set := func(t *tunnels, typ *expr, header uint32) *cond {
		return l.do(step{v: t.typ, e: typ}, step{v: varHeader, e: l.constant(header)})
	}
	version := func(t *tunnels) *cond {
		start := l.varAt(lay.pl.v)
		if start == nil {
			start = l.constant(lay.pl.k)
		}
		found := l.do(step{v: t.typ, e: l.constant(0)}, step{v: varHeader, e: start})
		return and(found, l.do(t.byVersion(l, l.at(lay.pl, 0, 1))...))
	}
	switch lay.link {
	case capture.LinkIPv4:
		return func(t *tunnels) *cond { return set(t, l.constant(wire.EtherTypeIPv4), 0) }
	case capture.LinkIPv6:
		return func(t *tunnels) *cond { return set(t, l.constant(wire.EtherTypeIPv6), 0) }
	case capture.LinkRaw, capture.LinkNull, capture.LinkLoop, capture.LinkENC, capture.LinkSLIP, capture.LinkSLIPBSDOS,
		capture.LinkIPNet, capture.LinkPFLog, capture.LinkFrameRelay, capture.LinkARCNET, capture.LinkARCNETLinux:
		// The version says more than the loopback families, which differ between systems.
		return version
	case capture.LinkPPP, capture.LinkPPPHDLC, capture.LinkPPPEthernet, capture.LinkPPPPPPD, capture.LinkPPPBSDOS:
		ppp := l.linkType(0, 2)
		return func(t *tunnels) *cond {
			return and(set(t, l.constant(0), lay.pl.k), l.do(t.byPPP(l, ppp)...))
		}
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio, capture.LinkPrism, capture.LinkAVS, capture.LinkPPI:
		data := l.masked(l.linkHeader(0, 1), wlanData, wlanTypeMask)
		typ := l.llc(6, 2)
		header := l.alu(exAdd, l.varAt(varWlanPayload), l.constant(8))
		return func(t *tunnels) *cond {
			return and(data, l.do(step{v: t.typ, e: typ}, step{v: varHeader, e: header}))
		}
	}
	typ := l.linkType(0, 2)
	if lay.isLLC() {
		typ = l.llc(6, 2)
	}
	return func(t *tunnels) *cond { return set(t, typ, lay.pl.k+lay.nl) }
}

// byVersion sets the type from the first byte of an IP header.
func (t *tunnels) byVersion(l *lowerer, first *expr) []step {
	return []step{
		{when: l.masked(first, 0x40, 0xf0), then: []step{{v: t.typ, e: l.constant(wire.EtherTypeIPv4)}}},
		{when: l.masked(first, 0x60, 0xf0), then: []step{{v: t.typ, e: l.constant(wire.EtherTypeIPv6)}}},
	}
}

func (t *tunnels) byPPP(l *lowerer, ppp *expr) []step {
	var steps []step
	for _, p := range [][2]uint32{{wire.PPPIPv4, wire.EtherTypeIPv4}, {wire.PPPIPv6, wire.EtherTypeIPv6},
		{wire.PPPMPLS, wire.EtherTypeMPLS}} {
		steps = append(steps, step{when: l.eq(ppp, p[0]), then: []step{{v: t.typ, e: l.constant(p[1])}}})
	}
	return steps
}

// layer looks at one network header and, if the expression does not hold there, goes inside.
func (t *tunnels) layer(l *lowerer, lower func() *cond, more int) *cond {
	var steps []step
	for range shims(more) {
		steps = append(steps, t.shim(l)...)
	}
	steps = append(steps, t.transportHeader(l)...)
	here := lower()
	if more == 1 {
		return and(l.do(steps...), here)
	}
	return and(l.do(steps...), or(here, and(t.inside(l), t.layer(l, lower, more-1))))
}

func (t *tunnels) is(l *lowerer, v uint32) *cond { return l.eq(l.variable(t.typ), v) }

// shim passes by what may stand between the link and the network header.
func (t *tunnels) shim(l *lowerer) []step {
	advance := func(k uint32) step {
		return step{v: varHeader, e: l.alu(exAdd, l.variable(varHeader), l.constant(k))}
	}
	typ := func(e *expr) step { return step{v: t.typ, e: e} }
	vlan := or(or(t.is(l, wire.EtherTypeVLAN), t.is(l, wire.EtherTypeQinQ)), t.is(l, wire.EtherTypeQinQOld))
	pppoe := append([]step{typ(l.constant(0))}, t.byPPP(l, l.network(6, 2))...)
	bottom := append([]step{typ(l.constant(0))}, t.byVersion(l, l.network(4, 1))...)
	return []step{
		{when: vlan, then: []step{typ(l.network(2, 2)), advance(4)}},
		{when: t.is(l, wire.EtherTypePPPoE), then: append(pppoe, advance(8))},
		{when: or(t.is(l, wire.EtherTypeMPLS), t.is(l, wire.EtherTypeMPLSMC)), then: []step{
			{when: l.set(l.network(2, 1), 1), then: bottom},
			advance(4),
		}},
	}
}

// transportHeader finds the protocol behind an IP header and its extension headers.
func (t *tunnels) transportHeader(l *lowerer) []step {
	header := func(e *expr) step { return step{v: t.transport, e: l.alu(exAdd, l.variable(varHeader), e)} }
	ihl := l.alu(exLsh, l.alu(exAnd, l.network(0, 1), l.constant(0xf)), l.constant(2))
	steps := []step{
		{v: varProtocol, e: l.constant(noProtocol)},
		{when: t.is(l, wire.EtherTypeIPv4), then: []step{{v: varProtocol, e: l.network(9, 1)}, header(ihl)}},
		{when: t.is(l, wire.EtherTypeIPv6), then: []step{{v: varProtocol, e: l.network(6, 1)}, header(l.constant(40))}},
	}
	proto := func(v uint32) *cond { return l.eq(l.variable(varProtocol), v) }
	at := func(k uint32, size int) *expr { return l.load(l.variable(t.transport), uint64(k), size) }
	// skip leaves the place of the old header in varScratch until the protocol was read from it.
	skip := func(length *expr) []step {
		return []step{
			{v: varScratch, e: l.alu(exAdd, l.variable(t.transport), length)},
			{v: varProtocol, e: at(0, 1)},
			{v: t.transport, e: l.variable(varScratch)},
		}
	}
	units := func(plus, unit uint32) *expr {
		return l.alu(exMul, l.alu(exAdd, at(1, 1), l.constant(plus)), l.constant(unit))
	}
	for range maxExtensions {
		steps = append(steps,
			step{when: and(t.is(l, wire.EtherTypeIPv6), or(or(proto(0), proto(43)), proto(60))), then: skip(units(1, 8))},
			step{when: and(and(t.is(l, wire.EtherTypeIPv6), proto(wire.ProtoFragment)), negate(l.set(at(2, 2), 0xfff8))),
				then: skip(l.constant(8))},
			step{when: and(proto(wire.ProtoAH), t.notLaterFragment(l)), then: skip(units(2, 4))})
	}
	return steps
}

// inside moves to the next network header, if there is one that can be found.
func (t *tunnels) inside(l *lowerer) *cond {
	proto := func(v uint32) *cond { return l.eq(l.variable(varProtocol), v) }
	at := func(k uint32, size int) *expr { return l.load(l.variable(t.transport), uint64(k), size) }
	to := func(k uint32) *expr { return l.alu(exAdd, l.variable(t.transport), l.constant(k)) }
	direct := func(typ uint32) *cond {
		return l.do(step{v: t.typ, e: l.constant(typ)}, step{v: varHeader, e: to(0)})
	}
	more := func(k uint32) step {
		return step{v: varHeader, e: l.alu(exAdd, l.variable(varHeader), l.constant(k))}
	}
	ethernet := step{when: t.is(l, wire.EtherTypeTEB), then: []step{{v: t.typ, e: l.network(12, 2)}, more(14)}}
	flags := at(0, 2)
	gre := and(negate(l.set(flags, 0x0007)), l.do(
		step{v: t.typ, e: at(2, 2)},
		step{v: varHeader, e: to(4)},
		step{when: l.set(flags, 0xc000), then: []step{more(4)}}, // checksum or routing
		step{when: l.set(flags, 0x2000), then: []step{more(4)}}, // key
		step{when: l.set(flags, 0x1000), then: []step{more(4)}}, // sequence number
		ethernet,
	))
	port := never
	for _, known := range wire.VXLANPorts() {
		port = or(port, l.eq(at(2, 2), uint32(known)))
	}
	vxlan := and(port, and(l.set(at(8, 1), wire.VXLANFlagVNI),
		l.do(step{v: t.typ, e: at(16+12, 2)}, step{v: varHeader, e: to(16 + 14)})))
	options := l.alu(exMul, l.alu(exAnd, at(8, 1), l.constant(0x3f)), l.constant(4))
	geneve := and(l.eq(at(2, 2), wire.PortGeneve), and(negate(l.set(at(8, 1), 0xc0)), l.do(
		step{v: t.typ, e: at(10, 2)},
		step{v: varHeader, e: l.alu(exAdd, options, to(16))},
		ethernet,
	)))
	c := or(and(proto(4), direct(wire.EtherTypeIPv4)), and(proto(41), direct(wire.EtherTypeIPv6)))
	c = or(c, and(proto(47), gre))
	c = or(c, and(proto(17), or(vxlan, geneve)))
	return and(t.notLaterFragment(l), c)
}
