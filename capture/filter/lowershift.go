package filter

import (
	"fmt"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// Headers that shift what is written after them, and those that vary in length.

func (l *lowerer) vlan(n *special) *cond {
	if l.lay.labels > 0 {
		l.fail(n, "'vlan' cannot be used after 'mpls'")
	}
	if !l.lay.isEthernet() && !l.lay.isWlan() {
		l.unsupported(n, "vlan")
	}
	inBand := or(or(l.linkProtocol(n, wire.EtherTypeVLAN), l.linkProtocol(n, wire.EtherTypeQinQ)),
		l.linkProtocol(n, wire.EtherTypeQinQOld))
	id := always
	if n.hasNum {
		id = l.masked(l.network(0, 2), n.num, 0xfff).of("VLAN identifier")
	}
	outer := l.lay.vlans == 0 && l.lay.hdr == at(0)
	l.lay.vlans++
	if !l.opts.Live || !outer || l.lay.link != capture.LinkEthernet {
		l.lay.pl.k += 4
		l.lay.typ.k += 4
		return and(inBand, id)
	}
	// The kernel may have taken the outermost tag out of the frame: then it stands in the metadata and
	// the rest of the frame is where it would be without it. A shift in varVLAN covers both.
	l.lay.pl.v, l.lay.typ.v = varVLAN, varVLAN
	present := func() *cond { return l.eq(l.extension(extVLANPresent, 1), 1).of("VLAN tag taken by the kernel") }
	shift := &cond{kind: condDo, steps: []step{{v: varVLAN, e: l.constant(4)}}}
	tagged := or(present(), and(shift, inBand))
	if !n.hasNum {
		return tagged
	}
	metaID := l.masked(l.extension(extVLANTag, 2), n.num, 0xfff).of("VLAN identifier taken by the kernel")
	return and(tagged, or(and(present(), metaID), and(negate(present()), id)))
}

func (l *lowerer) mpls(n *special) *cond {
	var c *cond
	switch {
	case l.lay.labels > 0:
		c = negate(l.bottomOfStack())
	case l.lay.isEthernet(), l.lay.link == capture.LinkCHDLC:
		c = l.linkProtocol(n, wire.EtherTypeMPLS)
	case l.lay.link == capture.LinkPPP:
		c = l.linkProtocol(n, wire.PPPMPLS)
	default:
		l.unsupported(n, "mpls")
	}
	if n.hasNum {
		c = and(c, l.masked(l.network(0, 4), n.num<<12, 0xfffff000).of("MPLS label"))
	}
	l.lay.nl += 4
	l.lay.nlNoSNAP += 4
	l.lay.labels++
	return c
}

func (l *lowerer) pppoes(n *special) *cond {
	c := l.linkProtocol(n, wire.EtherTypePPPoE)
	if n.hasNum {
		c = and(c, l.eq(l.network(2, 2), n.num).of("PPPoE session"))
	}
	// The PPP header starts behind the 6 bytes of PPPoE with the protocol number.
	hdr := offset{l.lay.pl.v, l.lay.pl.k + l.lay.nl + 6}
	l.lay.link, l.lay.hdr, l.lay.typ, l.lay.encap = capture.LinkPPP, hdr, hdr, false
	l.lay.pl.k = hdr.k + 2
	l.lay.nl, l.lay.nlNoSNAP = 0, 0
	return c
}

// tunnel tests for a UDP port and a flags byte after the UDP header, and leaves in varScratch where the
// UDP header starts, without the constant part of where the payload starts.
func (l *lowerer) tunnel(n *special, port uint32, flags func(*expr) *cond) *cond {
	check := func(ports func(interface{ where() span }, portRange, string) *cond,
		transport func(uint32, int) *expr, start *expr) *cond {
		c := ports(n, portRange{port, port, ipProtocols["udp"]}, "dst")
		c = and(c, flags(transport(8, 1)))
		if n.hasNum {
			c = and(c, l.masked(transport(12, 4), n.num<<8, 0xffffff00).of("VNI"))
		}
		return and(c, &cond{kind: condDo, steps: []step{{v: varScratch, e: start}}})
	}
	start6 := l.constant(40)
	if v := l.varAt(l.lay.pl.v); v != nil {
		start6 = l.alu(exAdd, start6, v)
	}
	c4 := check(l.ports4, l.transport4, l.headerLength())
	c6 := check(l.ports6, l.transport6, start6)
	return or(c4, c6)
}

// newHeader takes the variables for where the header inside a tunnel, its type and its payload start.
func (l *lowerer) newHeader(n *special) (hdr, typ, pl int) {
	hdr = l.newVars(n, 3)
	typ, pl = hdr+1, hdr+2
	l.call(l.variable(hdr), "the start of the frame in "+n.kw)
	l.call(l.variable(typ), "the start of the type field in "+n.kw)
	l.call(l.variable(pl), "the start of the payload in "+n.kw)
	return hdr, typ, pl
}

// newVars takes n variables.
func (l *lowerer) newVars(node *special, n int) int {
	first := l.nvars
	if l.nvars += n; l.nvars > 16 {
		panic(bailout{fmt.Errorf("filter: %w: more than three of 'geneve' and 'vxlan' (column %d)", ErrTooLarge, node.pos+1)})
	}
	return first
}

func (l *lowerer) geneve(n *special) *cond {
	c := l.tunnel(n, wire.PortGeneve, func(e *expr) *cond { return l.masked(e, 0, 0xc0).of("Geneve version") })
	hdr, typ, pl := l.newHeader(n)
	start := l.alu(exAdd, l.variable(varScratch), l.constant(l.lay.pl.k+l.lay.nl+8))
	options := l.alu(exMul, l.alu(exAnd, l.load(start, 0, 1), l.constant(0x3f)), l.constant(4))
	isEther := l.eq(l.load(start, 2, 2), wire.EtherTypeTEB)
	plus := func(v int, k uint32) *expr { return l.alu(exAdd, l.variable(v), l.constant(k)) }
	l.intoTunnel(hdr, typ, pl)
	return and(c, &cond{kind: condDo, what: "the header inside " + n.kw, steps: []step{
		{v: typ, e: l.alu(exAdd, start, l.constant(2))},
		{v: hdr, e: l.alu(exAdd, l.alu(exAdd, options, l.constant(8)), start)},
		{v: pl, e: l.variable(hdr)},
		{when: isEther, then: []step{{v: typ, e: plus(hdr, 12)}, {v: pl, e: plus(hdr, 14)}}},
	}})
}

func (l *lowerer) vxlan(n *special) *cond {
	c := l.tunnel(n, wire.PortVXLAN, func(e *expr) *cond { return l.eq(e, 0x08).of("VXLAN flags") })
	hdr, typ, pl := l.newHeader(n)
	start := l.alu(exAdd, l.variable(varScratch), l.constant(l.lay.pl.k+l.lay.nl+16))
	l.intoTunnel(hdr, typ, pl)
	return and(c, &cond{kind: condDo, what: "the header inside " + n.kw, steps: []step{
		{v: hdr, e: start},
		{v: typ, e: l.alu(exAdd, l.variable(hdr), l.constant(12))},
		{v: pl, e: l.alu(exAdd, l.variable(hdr), l.constant(14))},
	}})
}

// intoTunnel lets what follows look at the Ethernet frame inside.
func (l *lowerer) intoTunnel(hdr, typ, pl int) {
	l.lay.link = capture.LinkEthernet
	l.lay.hdr, l.lay.typ, l.lay.pl = offset{hdr, 0}, offset{typ, 0}, offset{pl, 0}
	l.lay.nl, l.lay.dst, l.lay.src = 0, 0, 6
	l.lay.encap = true
}

// linkEnd computes how long the header before that of 802.11 is, or that of pflog.
func (l *lowerer) linkEnd() []step {
	set := func(e *expr) step { return step{v: varLinkEnd, e: e} }
	// No header is longer than 65,535 bytes; a number that is has no place to mean.
	avs := set(l.alu(exAnd, l.load(nil, 4, 4), l.constant(0xffff)))
	switch l.outermost {
	case capture.LinkIEEE80211Radio, capture.LinkPPI:
		return []step{set(l.alu(exOr, l.alu(exLsh, l.load(nil, 3, 1), l.constant(8)), l.load(nil, 2, 1)))}
	case capture.LinkAVS:
		return []step{avs}
	case capture.LinkPrism: // or AVS, which some drivers write instead
		return []step{set(l.constant(144)), {when: l.masked(l.load(nil, 0, 4), 0x80211000, 0xfffff000), then: []step{avs}}}
	case capture.LinkPFLog:
		return []step{set(l.alu(exAnd, l.alu(exAdd, l.load(nil, 0, 1), l.constant(3)), l.constant(^uint32(3))))}
	}
	return nil
}

// ppiCarries80211 is the test that PPI is before a frame of 802.11, the only one that is looked into.
func (l *lowerer) ppiCarries80211() *cond {
	return l.eq(l.load(nil, 4, 4), uint32(capture.LinkIEEE80211)<<24).of("PPI's link type")
}

// prologue computes where the headers of 802.11 end, if a test needs it.
func (l *lowerer) prologue() []step {
	var steps []step
	wlan := l.used&(1<<varWlanPayload) != 0
	radio := l.outermost == capture.LinkIEEE80211Radio
	if wlan || l.used&(1<<varLinkEnd) != 0 {
		steps = l.linkEnd()
	}
	if !wlan {
		return steps
	}
	start := l.constant(0)
	if l.outermost != capture.LinkIEEE80211 {
		start = l.variable(varLinkEnd)
	}
	control := l.load(start, 0, 1)
	end := l.variable(varWlanPayload)
	isData := and(l.set(control, wlanData), negate(l.set(control, wlanControl)))
	qos := step{when: l.set(control, wlanQoS), then: []step{{v: varWlanPayload, e: l.alu(exAdd, end, l.constant(2))}}}
	then := []step{qos}
	if radio {
		then = append(then, l.radioPadding())
	}
	// The test is made even where nothing follows from it, because a frame without the byte is rejected.
	return append(steps,
		step{v: varWlanPayload, e: l.alu(exAdd, start, l.constant(24))},
		step{when: isData, then: then})
}

// radioPadding rounds the 802.11 header up to 4 bytes where radiotap's flags field says so. Its fields
// are little-endian; only the first two of them, TSFT and flags, can be before it.
func (l *lowerer) radioPadding() step {
	const flagsPresent, extended, tsft, padded = 0x02000000, 0x00000080, 0x01000000, 0x20
	word := l.load(nil, 4, 4)
	end := l.variable(varWlanPayload)
	round := []step{{v: varWlanPayload, e: l.alu(exAnd, l.alu(exAdd, end, l.constant(3)), l.constant(^uint32(3)))}}
	pad := or(and(l.set(word, tsft), l.set(l.load(nil, 16, 1), padded)),
		and(negate(l.set(word, tsft)), l.set(l.load(nil, 8, 1), padded)))
	return step{when: and(l.set(word, flagsPresent), and(negate(l.set(word, extended)), pad)), then: round}
}
