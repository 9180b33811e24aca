package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sockwire/capture"
)

// lowerer turns the syntax tree into conditions. It walks the expression in the order it is written,
// because primitives such as vlan change where all later ones look.
type lowerer struct {
	pool
	src  string
	opts *Options
	lay  layout
	// outermost is the link header that the capture starts with.
	outermost capture.LinkType
	nvars     int
	// used are the variables that some load needs.
	used uint16
	// guards are conditions of the relation being lowered that reject the packet where an index is out
	// of all bounds.
	guards *cond
	// tunnels is set for "anywhere:".
	tunnels *tunnels
}

// bailout carries an error out of the recursion.
type bailout struct{ err error }

func (l *lowerer) fail(n interface{ where() span }, format string, args ...any) {
	panic(bailout{&SyntaxError{Expr: l.src, Col: n.where().pos + 1, Len: max(n.where().end-n.where().pos, 1),
		Msg: fmt.Sprintf(format, args...)}})
}

func (l *lowerer) unsupported(n interface{ where() span }, what string) {
	l.fail(n, "'%s' cannot be tested on link type %s", what, l.lay.link)
}

// lower compiles the expression to one condition.
func lower(f *Filter, link capture.LinkType, opts *Options) (c *cond, l *lowerer, err error) {
	lay, err := newLayout(link)
	if err != nil {
		return nil, nil, err
	}
	l = &lowerer{pool: pool{}, src: f.src, opts: opts, lay: lay, outermost: link, nvars: firstFreeVar}
	defer func() {
		if r := recover(); r != nil {
			b, ok := r.(bailout)
			if !ok {
				panic(r)
			}
			err = b.err
		}
	}()
	if f.root == nil {
		return always, l, nil
	}
	if f.anywhere {
		c = l.anywhere(f.root)
	} else {
		c = l.node(f.root)
	}
	if pro := l.prologue(); len(pro) > 0 {
		c = &cond{kind: condAnd, x: &cond{kind: condDo, steps: pro}, y: c}
	}
	return c, l, nil
}

func (l *lowerer) node(n node) *cond {
	switch n := n.(type) {
	case *junction:
		x := l.node(n.left)
		y := l.node(n.right)
		if n.or {
			return or(x, y)
		}
		return and(x, y)
	case *not:
		return negate(l.node(n.x))
	case *abbrev:
		return l.abbreviation(n)
	case *relation:
		return l.relation(n)
	case *prim:
		return l.prim(n)
	case *special:
		return l.special(n)
	}
	panic("filter: unknown node")
}

// Loads.

func (l *lowerer) varAt(v int) *expr {
	if v < 0 {
		return nil
	}
	l.used |= 1 << v
	return l.variable(v)
}

func (l *lowerer) at(o offset, k uint32, size int) *expr {
	return l.load(l.varAt(o.v), uint64(o.k)+uint64(k), size)
}

func (l *lowerer) linkHeader(k uint32, size int) *expr { return l.at(l.lay.hdr, k, size) }
func (l *lowerer) linkType(k uint32, size int) *expr   { return l.at(l.lay.typ, k, size) }
func (l *lowerer) llc(k uint32, size int) *expr        { return l.at(l.lay.pl, k, size) }
func (l *lowerer) network(k uint32, size int) *expr    { return l.at(l.lay.pl, l.lay.nl+k, size) }
func (l *lowerer) networkNoSNAP(k uint32, size int) *expr {
	return l.at(l.lay.pl, l.lay.nlNoSNAP+k, size)
}

// headerLength is the IPv4 header's length plus the variable part of where it starts.
func (l *lowerer) headerLength() *expr {
	if l.tunnels != nil {
		return l.variable(l.tunnels.transport)
	}
	n := l.alu(exLsh, l.alu(exAnd, l.network(0, 1), l.constant(0xf)), l.constant(2))
	if v := l.varAt(l.lay.pl.v); v != nil {
		return l.alu(exAdd, n, v)
	}
	return n
}

// transport4 reads behind the IPv4 header, transport6 behind the fixed IPv6 header.
func (l *lowerer) transport4(k uint32, size int) *expr {
	return l.load(l.headerLength(), uint64(l.lay.pl.k)+uint64(l.lay.nl)+uint64(k), size)
}

func (l *lowerer) transport6(k uint32, size int) *expr {
	if l.tunnels != nil {
		return l.transport4(k, size)
	}
	return l.network(40+k, size)
}

// protocol4 and protocol6 are what follows the IPv4 header and the fixed IPv6 header.
func (l *lowerer) protocol4(v uint32) *cond { return or(l.lastProtocol(v), l.eq(l.network(9, 1), v)) }
func (l *lowerer) protocol6(v uint32) *cond { return or(l.lastProtocol(v), l.eq(l.network(6, 1), v)) }

// lastProtocol is what follows the extension headers, which only "anywhere:" passes by.
func (l *lowerer) lastProtocol(v uint32) *cond {
	if l.tunnels == nil {
		return never
	}
	return l.eq(l.variable(varProtocol), v)
}

// Comparisons with constants.

func (l *lowerer) eq(e *expr, v uint32) *cond  { return l.test(jumpEq, e, l.constant(v)) }
func (l *lowerer) ne(e *expr, v uint32) *cond  { return negate(l.eq(e, v)) }
func (l *lowerer) gt(e *expr, v uint32) *cond  { return l.test(jumpGt, e, l.constant(v)) }
func (l *lowerer) ge(e *expr, v uint32) *cond  { return l.test(jumpGe, e, l.constant(v)) }
func (l *lowerer) set(e *expr, v uint32) *cond { return l.test(jumpSet, e, l.constant(v)) }

func (l *lowerer) masked(e *expr, v, mask uint32) *cond {
	if mask == 0 {
		if v == 0 {
			return always
		}
		return never
	}
	return l.eq(l.alu(exAnd, e, l.constant(mask)), v)
}

// bytes compares a run of bytes, the last words first.
func (l *lowerer) bytes(o offset, k uint32, want []byte) *cond {
	c := always
	for n := len(want); n > 0; {
		size := 4
		for size > n {
			size /= 2
		}
		n -= size
		v := uint32(0)
		for _, b := range want[n : n+size] {
			v = v<<8 | uint32(b)
		}
		c = and(c, l.eq(l.at(o, k+uint32(n), size), v))
	}
	return c
}

// either applies test to source and destination as the direction says.
func (l *lowerer) either(dir string, test func(src bool) *cond) *cond {
	switch dir {
	case "src":
		return test(true)
	case "dst":
		return test(false)
	case "src and dst":
		return and(test(true), test(false))
	default:
		return or(test(true), test(false))
	}
}

// The link layer.

// linkProtocol tests for an EtherType or, up to 1500, a service access point.
func (l *lowerer) linkProtocol(n interface{ where() span }, v uint32) *cond {
	switch {
	case l.tunnels != nil:
		return l.tunnels.etherType(l, n, v)
	case l.lay.labels > 0:
		return l.afterLabels(n, v)
	}
	switch l.lay.link {
	case capture.LinkEthernet:
		return l.etherType(n, v)
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio:
		data := l.masked(l.linkHeader(0, 1), wlanData, wlanTypeMask)
		return and(data, l.llcType(n, v))
	case capture.LinkLinuxSLL:
		return l.cookedType(n, v)
	case capture.LinkRaw:
		switch v {
		case etherIPv4:
			return l.version(4)
		case etherIPv6:
			return l.version(6)
		}
		return never
	case capture.LinkIPv4, capture.LinkIPv6:
		if v == etherIPv4 && l.lay.link == capture.LinkIPv4 || v == etherIPv6 && l.lay.link == capture.LinkIPv6 {
			return always
		}
		return never
	case capture.LinkNull, capture.LinkLoop:
		return l.loopbackFamily(v)
	}
	what := "EtherType"
	if l.lay.isPPP() {
		v, what = pppType(v), "PPP protocol"
	}
	l.atMost(n, what, v, 0xffff)
	return l.eq(l.linkType(0, 2), v)
}

func (l *lowerer) atMost(n interface{ where() span }, what string, v, most uint32) {
	if v > most {
		l.fail(n, "%s %d is more than %d", what, v, most)
	}
}

func (l *lowerer) version(v uint32) *cond { return l.masked(l.network(0, 1), v<<4, 0xf0) }

func (l *lowerer) snap(oui, typ uint32) *cond {
	return l.bytes(l.lay.pl, 0, []byte{sapSNAP, sapSNAP, 3, byte(oui >> 16), byte(oui >> 8), byte(oui), byte(typ >> 8), byte(typ)})
}

// appleSNAP is the SNAP form of the two AppleTalk types.
func (l *lowerer) appleSNAP(v uint32) *cond {
	if v == etherAtalk {
		return l.snap(0x080007, v)
	}
	return l.snap(0, v)
}

func (l *lowerer) etherType(n interface{ where() span }, v uint32) *cond {
	isLength := func() *cond { return negate(l.gt(l.linkType(0, 2), etherMaxLength)) }
	switch v {
	case sapISO, sapIP, sapNetBEUI:
		return and(isLength(), l.eq(l.llc(0, 2), v<<8|v))
	case sapIPX:
		c := or(l.eq(l.llc(0, 1), sapIPX), l.eq(l.llc(0, 2), 0xffff))
		c = or(l.snap(0, etherIPX), c)
		return or(l.eq(l.linkType(0, 2), etherIPX), and(isLength(), c))
	case etherAtalk, etherAARP:
		return or(l.eq(l.linkType(0, 2), v), and(isLength(), l.appleSNAP(v)))
	}
	if v <= etherMaxLength {
		l.atMost(n, "LLC DSAP", v, 0xff)
		return and(isLength(), l.eq(l.linkType(2, 1), v))
	}
	l.atMost(n, "EtherType", v, 0xffff)
	return l.eq(l.linkType(0, 2), v)
}

// cookedType is for the Linux cooked header, where 1 and 4 stand for Novell's and for 802.2 frames.
func (l *lowerer) cookedType(n interface{ where() span }, v uint32) *cond {
	const novell, llc = 1, 4
	isLLC := func() *cond { return l.eq(l.linkType(0, 2), llc) }
	switch v {
	case sapISO, sapIP, sapNetBEUI:
		return and(isLLC(), l.eq(l.llc(0, 2), v<<8|v))
	case sapIPX:
		c := and(isLLC(), or(l.eq(l.llc(0, 1), sapIPX), l.snap(0, etherIPX)))
		c = or(l.eq(l.linkType(0, 2), novell), c)
		return or(l.eq(l.linkType(0, 2), etherIPX), c)
	case etherAtalk, etherAARP:
		return or(l.eq(l.linkType(0, 2), v), and(isLLC(), l.appleSNAP(v)))
	}
	if v <= etherMaxLength {
		l.atMost(n, "LLC DSAP", v, 0xff)
		return and(isLLC(), l.eq(l.llc(0, 1), v))
	}
	l.atMost(n, "EtherType", v, 0xffff)
	return l.eq(l.linkType(0, 2), v)
}

// llcType is for links that always have an LLC header.
func (l *lowerer) llcType(n interface{ where() span }, v uint32) *cond {
	switch v {
	case sapISO, sapIP, sapNetBEUI:
		return l.eq(l.llc(0, 2), v<<8|v)
	case sapIPX:
		return l.eq(l.llc(0, 1), v)
	case etherAtalk:
		return l.snap(0x080007, v)
	}
	if v <= etherMaxLength {
		l.atMost(n, "LLC DSAP", v, 0xff)
		return l.eq(l.llc(0, 1), v)
	}
	l.atMost(n, "EtherType", v, 0xffff)
	return l.eq(l.llc(6, 2), v)
}

// loopbackFamily tests the address family of BSD loopback headers. A live capture has this system's
// numbers in this system's byte order. A file may come from any system: LINKTYPE_NULL in either byte
// order, and IPv6 by any of the three numbers that BSD systems use.
func (l *lowerer) loopbackFamily(v uint32) *cond {
	families := []uint32{2}
	switch {
	case v == etherIPv6 && l.opts.Live:
		families = []uint32{10}
	case v == etherIPv6:
		families = []uint32{30, 28, 24}
	case v != etherIPv4:
		return never
	}
	family := l.linkHeader(0, 4)
	c := never
	for _, f := range families {
		if l.lay.link == capture.LinkNull && l.opts.Live {
			f = hostOrder(f)
		}
		c = or(c, l.eq(family, f))
	}
	if l.lay.link == capture.LinkNull && !l.opts.Live {
		for _, f := range families {
			c = or(c, l.eq(family, f<<24))
		}
	}
	return c
}

// afterLabels tests what follows an MPLS stack, which says nothing about it: only the version nibble
// of IP can tell.
func (l *lowerer) afterLabels(n interface{ where() span }, v uint32) *cond {
	switch v {
	case etherIPv4:
		return and(l.bottomOfStack(), l.version(4))
	case etherIPv6:
		return and(l.bottomOfStack(), l.version(6))
	}
	l.fail(n, "after 'mpls' only IPv4 and IPv6 can be told")
	return nil
}

// bottomOfStack tests the last label read.
func (l *lowerer) bottomOfStack() *cond {
	return l.set(l.at(l.lay.pl, l.lay.nl-4+2, 1), 1)
}

// haveMAC is false for a Geneve or VXLAN payload without Ethernet header.
func (l *lowerer) haveMAC() *cond {
	if !l.lay.encap || l.lay.link != capture.LinkEthernet {
		return always
	}
	return negate(l.test(jumpEq, l.varAt(l.lay.hdr.v), l.varAt(l.lay.pl.v)))
}

func (l *lowerer) macHost(n interface{ where() span }, mac []byte, dir, what string) *cond {
	if l.lay.isWlan() {
		return l.wlanHost(mac, dir)
	}
	if l.lay.link != capture.LinkEthernet {
		l.unsupported(n, what)
	}
	switch dir {
	case "", "src", "dst", "src or dst", "src and dst":
	default:
		l.fail(n, "'%s' is for 802.11 addresses only", dir)
	}
	return and(l.haveMAC(), l.either(dir, func(src bool) *cond {
		if src {
			return l.bytes(l.lay.hdr, 6, mac)
		}
		return l.bytes(l.lay.hdr, 0, mac)
	}))
}

// wlanHost compares an address of an 802.11 header, whose places depend on the frame's type and way.
func (l *lowerer) wlanHost(mac []byte, dir string) *cond {
	addr := func(k uint32) *cond { return l.bytes(l.lay.hdr, k, mac) }
	control := func() *expr { return l.linkHeader(0, 1) }
	isControl := func() *cond { return l.masked(control(), wlanControl, wlanTypeMask) }
	// hasAddr2 is false for CTS and ACK.
	hasAddr2 := func() *cond {
		cts := l.masked(control(), wlanCTS, wlanSubtypeMask)
		ack := l.masked(control(), wlanACK, wlanSubtypeMask)
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
		return and(l.masked(l.linkHeader(1, 1), wlanToDS|wlanFromDS, wlanDirMask), addr(24))
	case "ra":
		return and(l.set(control(), wlanData), addr(4))
	case "ta":
		return and(and(l.set(control(), wlanData), hasAddr2()), addr(10))
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
	return or(and(negate(l.set(l.linkHeader(k, 1), bit)), clear), and(l.set(l.linkHeader(k, 1), bit), set))
}

// wlanByType is false for control frames.
func (l *lowerer) wlanByType(data, management *cond) *cond {
	return and(negate(l.set(l.linkHeader(0, 1), wlanControl)), l.choose(0, wlanData, data, management))
}

// Names, numbers and addresses.

func (l *lowerer) prim(n *prim) *cond {
	if l.tunnels != nil && (n.q.proto == "link" && n.q.typ != "proto" || n.q.typ == "gateway") {
		l.tunnels.refuse(l, n, "link")
	}
	if n.q.proto == "decnet" {
		return l.decnetHost(n)
	}
	switch n.kind {
	case idMAC:
		return l.macHost(n, n.mac[:], n.q.dir, "ether host")
	case idARCnet:
		l.unsupported(n, "ARCnet address")
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
		typ, src, dst = etherIPv4, 12, 16
	case "arp":
		typ, src, dst = etherARP, 14, 24
	case "rarp":
		typ, src, dst = etherRARP, 14, 24
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
			return l.masked(l.network(k, 4), a.addr, a.mask)
		}))
	}
	if inverted {
		any = negate(any)
	}
	return and(is, any)
}

func (l *lowerer) hosts6(n *prim, nets []netip.Prefix, dir string, inverted bool) *cond {
	is := l.linkProtocol(n, etherIPv6)
	any := never
	for _, p := range nets {
		any = or(any, l.either(dir, func(isSrc bool) *cond {
			k := uint32(24)
			if isSrc {
				k = 8
			}
			return l.prefix6(k, p)
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
	return and(l.linkProtocol(n, etherDECnet), l.either(n.q.dir, func(src bool) *cond {
		short, long := uint32(1), uint32(7)
		if src {
			short, long = 3, 15
		}
		after := func(size int, flags, mask, k uint32) *cond {
			return and(l.masked(l.network(2, size), flags, mask), l.eq(l.network(k, 2), addr))
		}
		c := or(after(1, 0x06, 0x07, 2+long), after(2, 0x8106, 0xff07, 3+long))
		c = or(after(2, 0x8102, 0xff07, 3+short), c)
		return or(after(1, 0x02, 0x07, 2+short), c)
	}))
}

// Transport.

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
	is := l.linkProtocol(n, etherIPv4)
	c := l.portProtocols(r, l.protocol4)
	c = and(c, l.firstFragment())
	return and(is, and(c, l.portTest(r, dir, l.transport4)))
}

func (l *lowerer) ports6(n interface{ where() span }, r portRange, dir string) *cond {
	is := l.linkProtocol(n, etherIPv6)
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
			return l.eq(port(k, 2), r.low)
		}
		return and(l.ge(port(k, 2), r.low), negate(l.gt(port(k, 2), r.high)))
	})
}

func (l *lowerer) firstFragment() *cond { return negate(l.set(l.network(6, 2), 0x1fff)) }

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
		return and(l.linkProtocol(n, etherIPv4), l.protocol4(v))
	case "ip6":
		is := l.linkProtocol(n, etherIPv6)
		if l.tunnels != nil {
			return and(is, l.protocol6(v))
		}
		fragment := and(l.protocol6(protoFragment), l.eq(l.network(40, 1), v))
		return and(is, or(l.protocol6(v), fragment))
	}
	return or(l.ipProtocol(n, v, "ip"), l.ipProtocol(n, v, "ip6"))
}

func (l *lowerer) isoProtocol(n interface{ where() span }, v uint32) *cond {
	return and(l.linkProtocol(n, sapISO), l.eq(l.networkNoSNAP(0, 1), v))
}

func (l *lowerer) isisType(n interface{ where() span }, v uint32) *cond {
	return and(l.isoProtocol(n, nlpidISIS), l.masked(l.networkNoSNAP(4, 1), v, isisTypeMask))
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
		e := &SyntaxError{Expr: l.src, Col: n.pos + 1, Len: n.end - n.pos, Msg: "unknown protocol " + quote(n.text)}
		if n.q.proto == "link" {
			e.Suggest = nearest(n.text, sortedKeys(linkProtocols))
		}
		panic(bailout{e})
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
	switch n.proto {
	case "sctp", "tcp", "udp", "ah", "esp", "pim":
		return l.ipProtocol(n, ipProtocols[n.proto], "")
	case "icmp", "igmp", "igrp", "vrrp", "carp":
		return l.ipProtocol(n, ipProtocols[n.proto], "ip")
	case "icmp6":
		return l.ipProtocol(n, ipProtocols[n.proto], "ip6")
	case "esis", "isis", "clnp":
		return l.isoProtocol(n, nlpids[n.proto])
	}
	if v, ok := etherTypes[n.proto]; ok {
		return l.linkProtocol(n, v)
	}
	if v, ok := saps[n.proto]; ok {
		return l.linkProtocol(n, v)
	}
	c := never
	for _, v := range isisTypes[n.proto] {
		c = or(c, l.isisType(n, v))
	}
	return c
}

// maxChain is how many headers protochain follows. A classic BPF program has no loops, so each is written
// out.
const maxChain = 16

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
		c := and(l.linkProtocol(n, typ), &cond{kind: condDo, steps: []step{{v: varProtocol, e: protocol}, {v: varHeader, e: length}}})
		return and(c, l.chain(v, maxChain, ip6))
	}
	v4 := func() *cond { return chain(etherIPv4, l.network(9, 1), l.headerLength(), false) }
	v6 := func() *cond { return chain(etherIPv6, l.network(6, 1), l.constant(40), true) }
	switch n.q.proto {
	case "ip":
		return v4()
	case "ip6":
		return v6()
	}
	return or(v4(), v6())
}

func (l *lowerer) chain(v uint32, more int, ip6 bool) *cond {
	found := l.eq(l.variable(varProtocol), v)
	if more == 0 {
		return found
	}
	header := func(k uint64) *expr {
		return l.load(l.variable(varHeader), uint64(l.lay.pl.k)+uint64(l.lay.nl)+k, 1)
	}
	next := func(unit, plus uint32) *cond {
		size := l.alu(exMul, l.alu(exAdd, header(1), l.constant(plus)), l.constant(unit))
		return &cond{kind: condDo, steps: []step{
			{v: varScratch, e: l.alu(exAdd, l.variable(varHeader), size)},
			{v: varProtocol, e: header(0)},
			{v: varHeader, e: l.variable(varScratch)},
		}}
	}
	is := func(v uint32) *cond { return l.eq(l.variable(varProtocol), v) }
	step := and(is(protoAH), next(4, 2))
	if ip6 {
		ext := or(or(is(0), is(60)), or(is(43), is(protoFragment)))
		step = or(and(ext, next(8, 1)), step)
	}
	return or(found, and(step, l.chain(v, more-1, ip6)))
}

// Arithmetic.

// value is a number at filtering time and the condition that the headers it is read from are there.
type value struct {
	e  *expr
	is *cond
}

func (l *lowerer) relation(n *relation) *cond {
	l.guards = always
	a, b := l.arith(n.left), l.arith(n.right)
	guards := l.guards
	var c *cond
	switch n.op {
	case "=":
		c = l.test(jumpEq, a.e, b.e)
	case "!=":
		c = negate(l.test(jumpEq, a.e, b.e))
	case ">":
		c = l.test(jumpGt, a.e, b.e)
	case "<=":
		c = negate(l.test(jumpGt, a.e, b.e))
	case ">=":
		c = l.test(jumpGe, a.e, b.e)
	case "<":
		c = negate(l.test(jumpGe, a.e, b.e))
	}
	return and(a.is, and(b.is, and(guards, c)))
}

func (l *lowerer) arith(a arith) value {
	v := l.arithmetic(a)
	if v.e.cost > maxCost {
		panic(bailout{fmt.Errorf("filter: %w: the arithmetic at column %d", ErrTooLarge, a.where().pos+1)})
	}
	return v
}

func (l *lowerer) arithmetic(a arith) value {
	switch a := a.(type) {
	case *number:
		return value{l.constant(a.v), always}
	case *length:
		return value{l.pool.length(), always}
	case *negation:
		x := l.arith(a.x)
		return value{l.alu(exNeg, x.e, nil), x.is}
	case *operation:
		// As in libpcap, only the left operand's headers are tested for (see Explain's warnings).
		x, y := l.arith(a.left), l.arith(a.right)
		return value{l.alu(signOps[a.op], x.e, y.e), x.is}
	case *load:
		return l.loadBytes(a)
	}
	panic("filter: unknown arithmetic")
}

// loadBytes reads a header's bytes at an index that may itself be read from the packet.
func (l *lowerer) loadBytes(n *load) value {
	if l.tunnels != nil {
		l.tunnels.refuse(l, n, n.proto)
	}
	i := l.arith(n.index)
	var base *expr
	k := uint64(0)
	is := always
	payload := func(more uint32) {
		base, k = l.varAt(l.lay.pl.v), uint64(l.lay.pl.k)+uint64(l.lay.nl)+uint64(more)
	}
	switch n.proto {
	case "radio":
		if l.lay.link != capture.LinkIEEE80211Radio {
			l.unsupported(n, "radio")
		}
	case "link":
		base, k = l.varAt(l.lay.hdr.v), uint64(l.lay.hdr.k)
	case "icmp6":
		if l.tunnels != nil {
			is, base = l.tunnels.hasTransport(l, n), l.headerLength()
			break
		}
		is = and(l.linkProtocol(n, etherIPv6), l.eq(l.network(6, 1), ipProtocols["icmp6"]))
		payload(40)
	default:
		if typ, ok := etherTypes[n.proto]; ok {
			is = l.linkProtocol(n, typ)
			payload(0)
			break
		}
		if l.tunnels != nil {
			is, base = l.tunnels.hasTransport(l, n), l.headerLength()
			break
		}
		// IP is tested for before the headers that the index is read from.
		i.is = and(l.linkProtocol(n, etherIPv4), i.is)
		is = and(l.eq(l.network(9, 1), ipProtocols[n.proto]), l.firstFragment())
		base, k = l.headerLength(), uint64(l.lay.pl.k)+uint64(l.lay.nl)
	}
	return value{l.loadIndexed(base, k, i.e, int(n.size)), and(i.is, is)}
}

func (l *lowerer) loadIndexed(base *expr, k uint64, i *expr, size int) *expr {
	switch {
	case i.op == exNone:
		return i
	case base == nil:
		base = i
	case i.op == exConst && k+uint64(i.k) <= maxOffset:
		k += uint64(i.k)
	default:
		// Adding modulo 2³² lets tcp[-1] read the byte before the header.
		base = l.alu(exAdd, base, i)
	}
	if base.op != exConst && base.op != exNone && uint64(base.max)+k > maxOffset {
		// The kernel takes the sum of index and offset modulo 2³², and large ones for other headers.
		l.guards = and(l.guards, or(negate(l.gt(base, uint32(maxOffset-k))), &cond{kind: condFail}))
	}
	return l.load(base, k, size)
}

// Everything else.

func (l *lowerer) special(n *special) *cond {
	if l.tunnels != nil {
		l.tunnels.refuse(l, n, strings.TrimSpace(n.proto+" "+n.kw))
	}
	switch n.kw {
	case "less":
		return negate(l.gt(l.pool.length(), n.num))
	case "greater":
		return l.ge(l.pool.length(), n.num)
	case "byte":
		return l.byteTest(n)
	case "broadcast":
		return l.broadcast(n)
	case "multicast":
		return l.multicast(n)
	case "inbound", "outbound":
		return l.direction(n)
	case "ifindex":
		if l.lay.link == capture.LinkLinuxSLL2 {
			return l.eq(l.linkHeader(4, 4), n.num)
		}
		l.needLive(n)
		return l.eq(l.extension(extIfindex, 4), n.num)
	case "vlan":
		return l.vlan(n)
	case "mpls":
		return l.mpls(n)
	case "pppoed":
		return l.linkProtocol(n, etherPPPoED)
	case "pppoes":
		return l.pppoes(n)
	case "geneve":
		return l.geneve(n)
	case "vxlan":
		return l.vxlan(n)
	case "llc":
		return l.llcTest(n)
	}
	if !l.lay.isWlan() {
		l.unsupported(n, n.kw)
	}
	switch n.kw {
	case "type":
		return l.masked(l.linkHeader(0, 1), n.num, wlanTypeMask)
	case "subtype":
		return l.masked(l.linkHeader(0, 1), n.num, wlanTypeMask|wlanSubtypeMask)
	case "dir":
		return l.masked(l.linkHeader(1, 1), n.num, wlanDirMask)
	}
	panic("filter: unknown primitive " + n.kw)
}

func (l *lowerer) byteTest(n *special) *cond {
	b := l.linkHeader(n.num, 1)
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
		return l.macHost(n, []byte{255, 255, 255, 255, 255, 255}, "dst", "broadcast")
	}
	if !l.opts.Netmask.Is4() {
		l.fail(n, "'ip broadcast' needs the network mask, which is not known")
	}
	m := l.opts.Netmask.As4()
	host := ^(uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3]))
	is := l.linkProtocol(n, etherIPv4)
	return and(is, or(l.masked(l.network(16, 4), 0, host), l.masked(l.network(16, 4), host, host)))
}

func (l *lowerer) multicast(n *special) *cond {
	switch n.proto {
	case "ip":
		return and(l.linkProtocol(n, etherIPv4), l.masked(l.network(16, 1), 0xe0, 0xf0))
	case "ip6":
		return and(l.linkProtocol(n, etherIPv6), l.eq(l.network(24, 1), 0xff))
	}
	group := func(k uint32) *cond { return l.set(l.linkHeader(k, 1), 1) }
	if l.lay.isWlan() {
		return l.wlanByType(l.choose(1, wlanToDS, group(16), group(4)), group(4))
	}
	if l.lay.link != capture.LinkEthernet {
		l.unsupported(n, "multicast")
	}
	return and(l.haveMAC(), group(0))
}

func (l *lowerer) needLive(n *special) {
	if !l.opts.Live {
		l.fail(n, "'%s' is known on a live capture only, and in files of link type LINUX_SLL2", n.kw)
	}
}

func (l *lowerer) direction(n *special) *cond {
	var out *cond
	switch l.lay.link {
	case capture.LinkLinuxSLL:
		out = l.eq(l.linkHeader(0, 2), packetOutgoing)
	case capture.LinkLinuxSLL2:
		out = l.eq(l.linkHeader(10, 1), packetOutgoing)
	default:
		l.needLive(n)
		out = l.eq(l.extension(extPktType, 2), packetOutgoing)
	}
	if n.kw == "inbound" {
		return negate(out)
	}
	return out
}

func (l *lowerer) llcTest(n *special) *cond {
	var c *cond
	switch {
	case l.lay.link == capture.LinkEthernet:
		// 0xffff instead of LLC is Novell's raw 802.3.
		c = and(negate(l.gt(l.linkType(0, 2), etherMaxLength)), l.ne(l.llc(0, 2), 0xffff))
	case l.lay.isWlan():
		c = l.masked(l.linkHeader(0, 1), wlanData, wlanTypeMask)
	default:
		l.unsupported(n, "llc")
	}
	if n.op != "" {
		t := llcTypes[n.op]
		c = and(c, l.masked(l.llc(2, 1), t.value, t.mask))
	}
	return c
}

// Headers that shift what follows.

func (l *lowerer) vlan(n *special) *cond {
	if l.lay.labels > 0 {
		l.fail(n, "'vlan' cannot be used after 'mpls'")
	}
	if !l.lay.hasMAC() {
		l.unsupported(n, "vlan")
	}
	inBand := or(or(l.linkProtocol(n, etherVLAN), l.linkProtocol(n, etherVLANad)), l.linkProtocol(n, etherQinQ))
	id := always
	if n.hasNum {
		id = l.masked(l.network(0, 2), n.num, 0xfff)
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
	present := func() *cond { return l.eq(l.extension(extVLANPresent, 1), 1) }
	shift := &cond{kind: condDo, steps: []step{{v: varVLAN, e: l.constant(4)}}}
	tagged := or(present(), and(shift, inBand))
	if !n.hasNum {
		return tagged
	}
	metaID := l.masked(l.extension(extVLANTag, 2), n.num, 0xfff)
	return and(tagged, or(and(present(), metaID), and(negate(present()), id)))
}

func (l *lowerer) mpls(n *special) *cond {
	var c *cond
	switch {
	case l.lay.labels > 0:
		c = negate(l.bottomOfStack())
	case l.lay.link == capture.LinkEthernet:
		c = l.linkProtocol(n, etherMPLS)
	case l.lay.link == capture.LinkPPP:
		c = l.linkProtocol(n, pppMPLS)
	default:
		l.unsupported(n, "mpls")
	}
	if n.hasNum {
		c = and(c, l.masked(l.network(0, 4), n.num<<12, 0xfffff000))
	}
	l.lay.nl += 4
	l.lay.nlNoSNAP += 4
	l.lay.labels++
	return c
}

func (l *lowerer) pppoes(n *special) *cond {
	c := l.linkProtocol(n, etherPPPoES)
	if n.hasNum {
		c = and(c, l.eq(l.network(2, 2), n.num))
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
	check := func(ports func(interface{ where() span }, portRange, string) *cond, transport func(uint32, int) *expr, start *expr) *cond {
		c := ports(n, portRange{port, port, ipProtocols["udp"]}, "dst")
		c = and(c, flags(transport(8, 1)))
		if n.hasNum {
			c = and(c, l.masked(transport(12, 4), n.num<<8, 0xffffff00))
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

// newVars takes n variables.
func (l *lowerer) newVars(node *special, n int) int {
	first := l.nvars
	if l.nvars += n; l.nvars > 16 {
		panic(bailout{fmt.Errorf("filter: %w: more than three of 'geneve' and 'vxlan' (column %d)", ErrTooLarge, node.pos+1)})
	}
	return first
}

func (l *lowerer) geneve(n *special) *cond {
	c := l.tunnel(n, portGeneve, func(e *expr) *cond { return l.masked(e, 0, 0xc0) })
	hdr := l.newVars(n, 3)
	typ, pl := hdr+1, hdr+2
	start := l.alu(exAdd, l.variable(varScratch), l.constant(l.lay.pl.k+l.lay.nl+8))
	options := l.alu(exMul, l.alu(exAnd, l.load(start, 0, 1), l.constant(0x3f)), l.constant(4))
	isEther := l.eq(l.load(start, 2, 2), etherTEB)
	plus := func(v int, k uint32) *expr { return l.alu(exAdd, l.variable(v), l.constant(k)) }
	l.intoTunnel(hdr, typ, pl)
	return and(c, &cond{kind: condDo, steps: []step{
		{v: typ, e: l.alu(exAdd, start, l.constant(2))},
		{v: hdr, e: l.alu(exAdd, l.alu(exAdd, options, l.constant(8)), start)},
		{v: pl, e: l.variable(hdr)},
		{when: isEther, then: []step{{v: typ, e: plus(hdr, 12)}, {v: pl, e: plus(hdr, 14)}}},
	}})
}

func (l *lowerer) vxlan(n *special) *cond {
	c := l.tunnel(n, portVXLAN, func(e *expr) *cond { return l.eq(e, 0x08) })
	hdr := l.newVars(n, 3)
	typ, pl := hdr+1, hdr+2
	start := l.alu(exAdd, l.variable(varScratch), l.constant(l.lay.pl.k+l.lay.nl+16))
	l.intoTunnel(hdr, typ, pl)
	return and(c, &cond{kind: condDo, steps: []step{
		{v: hdr, e: start},
		{v: typ, e: l.alu(exAdd, l.variable(hdr), l.constant(12))},
		{v: pl, e: l.alu(exAdd, l.variable(hdr), l.constant(14))},
	}})
}

// intoTunnel lets what follows look at the Ethernet frame inside.
func (l *lowerer) intoTunnel(hdr, typ, pl int) {
	l.lay.link = capture.LinkEthernet
	l.lay.hdr, l.lay.typ, l.lay.pl = offset{hdr, 0}, offset{typ, 0}, offset{pl, 0}
	l.lay.nl = 0
	l.lay.encap = true
}

// prologue computes where the headers of 802.11 end, if a test needs it.
func (l *lowerer) prologue() []step {
	var steps []step
	wlan := l.used&(1<<varWlanPayload) != 0
	radio := l.outermost == capture.LinkIEEE80211Radio
	if radio && (wlan || l.used&(1<<varRadioEnd) != 0) {
		size := l.alu(exOr, l.alu(exLsh, l.load(nil, 3, 1), l.constant(8)), l.load(nil, 2, 1))
		steps = append(steps, step{v: varRadioEnd, e: size})
	}
	if !wlan {
		return steps
	}
	start := l.constant(0)
	if radio {
		start = l.variable(varRadioEnd)
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
