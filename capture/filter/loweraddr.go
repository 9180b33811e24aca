package filter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// The conditions on addresses, networks, ports and protocols.

func (l *lowerer) prim(n *prim) *cond {
	if l.tunnels != nil && (n.q.proto == "link" && n.q.typ != "proto" || n.q.typ == "gateway") {
		l.tunnels.refuse(l, n, "link", aboutLink)
	}
	if n.q.proto == "decnet" {
		return l.decnetHost(n)
	}
	switch n.kind {
	case idMAC:
		return l.macHost(n, n.mac[:], n.q.dir, "ether host")
	case idARCnet:
		node, _ := strconv.ParseUint(n.text[1:], 16, 8)
		return l.nodeHost(n, uint32(node), n.q.dir, "link host $XX")
	case idIPv6:
		return l.hosts6(n, []netip.Prefix{netip.PrefixFrom(n.addr, n.bits)}, n.q.dir, false)
	case idIPv4:
		return l.hosts4(n, []ipv4Net{{n.num, n.mask}}, n.q.proto, n.q.dir, false)
	}
	switch n.q.typ {
	case "", "host":
		switch {
		case n.kind == idNumber:
			return l.hosts4(n, []ipv4Net{{n.num, 0xffffffff}}, n.q.proto, n.q.dir, false)
		case n.q.proto == "link":
			return l.macHost(n, l.ether(n, "ether host"), n.q.dir, "ether host")
		}
		return l.namedHost(n, n.q.proto, n.q.proto, n.q.dir, false)
	case "net":
		return l.network4(n)
	case "port", "portrange":
		return l.port(n)
	case "gateway":
		return l.gateway(n)
	case "proto":
		return l.proto(n)
	case "protochain":
		return l.protochain(n)
	}
	panic("filter: unknown qualifier " + n.q.typ)
}

type ipv4Net struct{ addr, mask uint32 }

func (l *lowerer) hosts4(n *prim, nets []ipv4Net, proto, dir string, inverted bool) *cond {
	var typ, src, dst uint32
	switch proto {
	case "":
		c := l.hosts4(n, nets, "ip", dir, inverted)
		if l.lay.labels == 0 {
			c = or(c, l.hosts4(n, nets, "arp", dir, inverted))
			c = or(c, l.hosts4(n, nets, "rarp", dir, inverted))
		}
		return c
	case "ip":
		typ, src, dst = wire.EtherTypeIPv4, 12, 16
	case "arp":
		typ, src, dst = wire.EtherTypeARP, 14, 24
	case "rarp":
		typ, src, dst = wire.EtherTypeRARP, 14, 24
	}
	is := l.linkProtocol(n, typ)
	if is.kind == condFalse {
		return is
	}
	any := never
	for _, a := range nets {
		any = or(any, l.either(dir, func(isSrc bool) *cond {
			k := dst
			if isSrc {
				k = src
			}
			return l.masked(l.network(k, 4), a.addr, a.mask).of(side(isSrc, "address"))
		}))
	}
	if inverted {
		any = negate(any)
	}
	return and(is, any)
}

func (l *lowerer) hosts6(n *prim, nets []netip.Prefix, dir string, inverted bool) *cond {
	is := l.linkProtocol(n, wire.EtherTypeIPv6)
	any := never
	for _, p := range nets {
		any = or(any, l.either(dir, func(isSrc bool) *cond {
			k := uint32(24)
			if isSrc {
				k = 8
			}
			return l.prefix6(k, p).of(side(isSrc, "IPv6 address"))
		}))
	}
	if inverted {
		any = negate(any)
	}
	return and(is, any)
}

func (l *lowerer) prefix6(k uint32, p netip.Prefix) *cond {
	a := p.Addr().As16()
	c := always
	for i := range 4 {
		bits := min(max(p.Bits()-32*i, 0), 32)
		mask := uint32(uint64(0xffffffff) << (32 - bits))
		word := uint32(a[4*i])<<24 | uint32(a[4*i+1])<<16 | uint32(a[4*i+2])<<8 | uint32(a[4*i+3])
		c = and(c, l.masked(l.network(k+4*uint32(i), 4), word, mask))
	}
	return c
}

// namedHost tests for the addresses of a name, IPv4 under proto4 and IPv6 under proto6.
func (l *lowerer) namedHost(n *prim, proto4, proto6, dir string, inverted bool) *cond {
	addrs := l.opts.names().Hosts(n.text)
	if len(addrs) == 0 && l.opts.Lookup != nil {
		var err error
		if addrs, err = l.opts.Lookup(n.text); err != nil {
			l.fail(n, "host %s: %v", quote(n.text), err)
		}
	}
	var v4 []ipv4Net
	var v6 []netip.Prefix
	for _, a := range addrs {
		a = a.Unmap()
		if a.Is4() {
			b := a.As4()
			v4 = append(v4, ipv4Net{uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), 0xffffffff})
		} else {
			v6 = append(v6, netip.PrefixFrom(a.WithZone(""), 128))
		}
	}
	slices.SortFunc(v4, func(a, b ipv4Net) int { return int(int64(a.addr) - int64(b.addr)) })
	slices.SortFunc(v6, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	var c *cond
	if proto4 != "ip6" && len(v4) > 0 {
		c = l.hosts4(n, v4, proto4, dir, inverted)
	}
	if proto6 != "ip" && proto6 != "arp" && proto6 != "rarp" && len(v6) > 0 {
		c6 := l.hosts6(n, v6, dir, inverted)
		if c == nil {
			return c6
		}
		c = or(c, c6)
	}
	if c == nil {
		more := ""
		if len(addrs) > 0 {
			more = " of this address family"
		} else if l.opts.Lookup == nil {
			more = " in the hosts file, and network look-ups are off"
		}
		l.fail(n, "unknown host %s%s", quote(n.text), more)
	}
	return c
}

func (l *lowerer) ether(n *prim, what string) []byte {
	if !l.lay.hasMAC() {
		l.unsupported(n, what)
	}
	mac, ok := l.opts.names().Ether(n.text)
	if !ok {
		l.fail(n, "unknown Ethernet host %s, it is not in the ethers file", quote(n.text))
	}
	return mac[:]
}

// network4 is a network by name or number: the host part is the trailing zero bytes of the name's number,
// or as many bytes as the number is short of four.
func (l *lowerer) network4(n *prim) *cond {
	addr, mask := n.num, uint32(0xffffffff)
	if n.kind == idNumber {
		for addr != 0 && addr&0xff000000 == 0 {
			addr <<= 8
			mask <<= 8
		}
	} else {
		a, ok := l.opts.names().Network(n.text)
		if !ok || !a.Is4() {
			l.fail(n, "unknown network %s, it is not in the networks file", quote(n.text))
		}
		b := a.As4()
		addr = uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		if addr == 0 {
			l.fail(n, "network %s is 0.0.0.0, which names no network", quote(n.text))
		}
		for addr&^(mask<<8) == 0 {
			mask <<= 8
		}
	}
	return l.hosts4(n, []ipv4Net{{addr, mask}}, n.q.proto, n.q.dir, false)
}

func (l *lowerer) gateway(n *prim) *cond {
	if l.lay.labels > 0 {
		l.fail(n, "'gateway' cannot be used after 'mpls'")
	}
	if l.lay.encap {
		l.fail(n, "'gateway' cannot be used after 'geneve' or 'vxlan'")
	}
	mac := l.ether(n, "gateway")
	c := l.macHost(n, mac, "src or dst", "gateway")
	return and(c, l.namedHost(n, n.q.proto, "ip", "src or dst", true))
}

func (l *lowerer) decnetHost(n *prim) *cond {
	a, _ := decnetAddress(n.text)
	addr := uint32(a&0xff)<<8 | uint32(a>>8)
	// The flags byte says whether the header is long or short; a padding byte 0x81 may be before it.
	return and(l.linkProtocol(n, wire.EtherTypeDECnet), l.either(n.q.dir, func(src bool) *cond {
		short, long := uint32(1), uint32(7)
		if src {
			short, long = 3, 15
		}
		after := func(size int, flags, mask, k uint32) *cond {
			return and(l.masked(l.network(2, size), flags, mask).of("DECnet flags"),
				l.eq(l.network(k, 2), addr).of("DECnet address"))
		}
		c := or(after(1, 0x06, 0x07, 2+long), after(2, 0x8106, 0xff07, 3+long))
		c = or(after(2, 0x8102, 0xff07, 3+short), c)
		return or(after(1, 0x02, 0x07, 2+short), c)
	}))
}

// portRange is what a port or range of ports means, for one transport protocol or, where proto is 0, any.
type portRange struct {
	low, high uint32
	proto     uint32
}

func (l *lowerer) port(n *prim) *cond {
	r := l.portNumbers(n)
	return or(l.ports6(n, r, n.q.dir), l.ports4(n, r, n.q.dir))
}

func (l *lowerer) ports4(n interface{ where() span }, r portRange, dir string) *cond {
	is := l.linkProtocol(n, wire.EtherTypeIPv4)
	c := l.portProtocols(r, l.protocol4)
	c = and(c, l.firstFragment())
	return and(is, and(c, l.portTest(r, dir, l.transport4)))
}

func (l *lowerer) ports6(n interface{ where() span }, r portRange, dir string) *cond {
	is := l.linkProtocol(n, wire.EtherTypeIPv6)
	c := l.portProtocols(r, l.protocol6)
	return and(is, and(c, l.portTest(r, dir, l.transport6)))
}

func (l *lowerer) portProtocols(r portRange, is func(uint32) *cond) *cond {
	if r.proto != 0 {
		return is(r.proto)
	}
	return or(is(ipProtocols["tcp"]), or(is(ipProtocols["udp"]), is(ipProtocols["sctp"])))
}

func (l *lowerer) portTest(r portRange, dir string, port func(uint32, int) *expr) *cond {
	return l.either(dir, func(src bool) *cond {
		k := uint32(2)
		if src {
			k = 0
		}
		if r.low == r.high {
			return l.eq(port(k, 2), r.low).of(side(src, "port"))
		}
		return and(l.ge(port(k, 2), r.low), negate(l.gt(port(k, 2), r.high))).of(side(src, "port"))
	})
}

// portNumbers resolves the port or range. A service that exists for one transport only means that one.
func (l *lowerer) portNumbers(n *prim) portRange {
	want := ipProtocols[n.q.proto]
	if n.kind == idNumber {
		return portRange{n.num, n.num, want}
	}
	first, last := n.text, n.text
	if n.q.typ == "portrange" {
		var ok bool
		if first, last, ok = strings.Cut(n.text, "-"); !ok || strings.Contains(last, "-") || first == "" || last == "" {
			l.fail(n, "%s is no range of ports, such as 8000-8080", quote(n.text))
		}
	}
	a, proto := l.portNumber(n, first)
	b, proto2 := l.portNumber(n, last)
	if proto != proto2 {
		proto = 0
	}
	if want != 0 && proto != 0 && proto != want {
		l.fail(n, "port %s is not a port of %s", quote(n.text), n.q.proto)
	}
	if want != 0 {
		proto = want
	}
	return portRange{min(a, b), max(a, b), proto}
}

func (l *lowerer) portNumber(n *prim, s string) (port, proto uint32) {
	if isDigit(s[0]) && lenNumber(s) == len(s) {
		v, err := parseNumber(s)
		if err != nil || v > 65535 {
			l.fail(n, "port %s is more than 65535", quote(s))
		}
		return v, 0
	}
	names := l.opts.names()
	tcp, isTCP := names.Port(s, "tcp")
	udp, isUDP := names.Port(s, "udp")
	switch {
	case isTCP && isUDP && tcp == udp:
		return uint32(tcp), 0
	case isTCP:
		return uint32(tcp), ipProtocols["tcp"]
	case isUDP:
		return uint32(udp), ipProtocols["udp"]
	}
	if p, ok := names.Port(s, "sctp"); ok {
		return uint32(p), ipProtocols["sctp"]
	}
	l.fail(n, "unknown port %s, it is not in the services file", quote(s))
	return 0, 0
}

func (l *lowerer) ipProtocol(n interface{ where() span }, v uint32, version string) *cond {
	switch version {
	case "ip":
		return and(l.linkProtocol(n, wire.EtherTypeIPv4), l.protocol4(v))
	case "ip6":
		is := l.linkProtocol(n, wire.EtherTypeIPv6)
		if l.tunnels != nil {
			return and(is, l.protocol6(v))
		}
		fragment := and(l.protocol6(wire.ProtoFragment), l.eq(l.network(40, 1), v).of("next header of the fragment"))
		return and(is, or(l.protocol6(v), fragment))
	}
	return or(l.ipProtocol(n, v, "ip"), l.ipProtocol(n, v, "ip6"))
}

func (l *lowerer) isoProtocol(n interface{ where() span }, v uint32) *cond {
	switch l.lay.link {
	case capture.LinkFrameRelay: // whose type it is
		return l.eq(l.linkType(0, 2), relayed|v).of("NLPID")
	case capture.LinkCHDLC: // behind a byte of padding
		return and(l.linkProtocol(n, wire.SAPISO), l.eq(l.networkNoSNAP(1, 1), v).of("NLPID"))
	}
	return and(l.linkProtocol(n, wire.SAPISO), l.eq(l.networkNoSNAP(0, 1), v).of("NLPID"))
}

func (l *lowerer) isisType(n interface{ where() span }, v uint32) *cond {
	k := uint32(4)
	switch l.lay.link {
	case capture.LinkCHDLC:
		k = 5
	case capture.LinkFrameRelay: // the NLPID is the last byte of the type
		k = 3
	}
	return and(l.isoProtocol(n, nlpidISIS), l.masked(l.networkNoSNAP(k, 1), v, isisTypeMask).of("IS-IS PDU type"))
}

// protocolNumber resolves the name after "proto" or "protochain".
func (l *lowerer) protocolNumber(n *prim) uint32 {
	if n.kind == idNumber {
		return n.num
	}
	v, ok := uint32(0), false
	switch n.q.proto {
	case "link":
		v, ok = linkProtocols[n.text]
	case "iso":
		v, ok = nlpids[n.text]
	default:
		var p uint8
		p, ok = l.opts.names().Protocol(n.text)
		v = uint32(p)
	}
	if !ok {
		instead := ""
		if n.q.proto == "link" {
			instead = nearest(n.text, sortedKeys(linkProtocols))
		}
		panic(bailout{syntaxError(l.src, n.span, instead, "unknown protocol %s", quote(n.text))})
	}
	return v
}

func (l *lowerer) proto(n *prim) *cond {
	v := l.protocolNumber(n)
	switch n.q.proto {
	case "link":
		return l.linkProtocol(n, v)
	case "iso":
		return l.isoProtocol(n, v)
	case "isis":
		return l.isisType(n, v)
	}
	return l.ipProtocol(n, v, n.q.proto)
}

func (l *lowerer) abbreviation(n *abbrev) *cond {
	switch w := protocolWords[n.proto]; {
	case w.proto != 0:
		return l.ipProtocol(n, w.proto, w.version)
	case w.nlpid != 0:
		return l.isoProtocol(n, w.nlpid)
	case w.pdus != nil:
		c := never
		for _, v := range w.pdus {
			c = or(c, l.isisType(n, v))
		}
		return c
	default:
		return l.linkProtocol(n, w.etherType+w.sap) // it has one of the two
	}
}

// How many headers protochain follows. A classic BPF program has no loops, so each is written out: of IPv6 as many as
// leave room for little else, or fewChain where there is more. Of IPv4 only authentication headers are followed.
const (
	maxChain = 110
	fewChain = 16
)

// protochain follows the chain of IPv6 extension headers and of authentication headers.
func (l *lowerer) protochain(n *prim) *cond {
	v := l.protocolNumber(n)
	if l.tunnels != nil {
		return l.ipProtocol(n, v, n.q.proto)
	}
	if l.lay.pl.v >= 0 {
		l.fail(n, "'protochain' cannot be used where the headers before IP vary in length")
	}
	chain := func(typ uint32, protocol, length *expr, ip6 bool) *cond {
		c := and(l.linkProtocol(n, typ), &cond{kind: condDo, what: "the end of the IP header",
			steps: []step{{v: varProtocol, e: protocol}, {v: varHeader, e: length}}})
		headers := fewChain
		if ip6 && !l.opts.fewHeaders {
			headers = maxChain
		}
		l.chained = true
		return and(c, l.chain(v, headers, ip6))
	}
	v4 := func() *cond { return chain(wire.EtherTypeIPv4, l.network(9, 1), l.headerLength(), false) }
	v6 := func() *cond { return chain(wire.EtherTypeIPv6, l.network(6, 1), l.constant(40), true) }
	switch n.q.proto {
	case "ip":
		return v4()
	case "ip6":
		return v6()
	}
	return or(v4(), v6())
}

func (l *lowerer) chain(v uint32, more int, ip6 bool) *cond {
	found := l.eq(l.variable(varProtocol), v).of("protocol in the chain")
	if more == 0 {
		return found
	}
	header := func(k uint64) *expr {
		return l.load(l.variable(varHeader), uint64(l.lay.pl.k)+uint64(l.lay.nl)+k, 1)
	}
	next := func(unit, plus uint32) *cond {
		size := l.alu(exMul, l.alu(exAdd, header(1), l.constant(plus)), l.constant(unit))
		return &cond{kind: condDo, what: "the next header", steps: []step{
			{v: varScratch, e: l.alu(exAdd, l.variable(varHeader), size)},
			{v: varProtocol, e: header(0)},
			{v: varHeader, e: l.variable(varScratch)},
		}}
	}
	is := func(v uint32) *cond { return l.eq(l.variable(varProtocol), v).of("protocol in the chain") }
	step := and(is(wire.ProtoAH), next(4, 2))
	if ip6 {
		ext := or(or(is(0), is(60)), or(is(43), is(wire.ProtoFragment)))
		step = or(and(ext, next(8, 1)), step)
	}
	return or(found, and(step, l.chain(v, more-1, ip6)))
}
