package filter

import (
	"fmt"
	"strings"

	"sockwire/capture"
	"sockwire/raw/wire"
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
	// parts keeps apart what each part of the expression came to, for people; called are names of values for them.
	parts  bool
	called map[*expr]string
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
	l = &lowerer{pool: pool{}, src: f.src, opts: opts, outermost: link, nvars: firstFreeVar}
	c, err = l.lower(f)
	return c, l, err
}

// lowerParts is lower for people: every part of the expression is a condition of its own, and values have names.
func lowerParts(f *Filter, link capture.LinkType, opts *Options) (c *cond, l *lowerer, err error) {
	l = &lowerer{pool: pool{}, src: f.src, opts: opts, outermost: link, nvars: firstFreeVar, parts: true, called: map[*expr]string{}}
	c, err = l.lower(f)
	return c, l, err
}

func (l *lowerer) lower(f *Filter) (c *cond, err error) {
	if l.lay, err = newLayout(l.outermost); err != nil {
		return nil, err
	}
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
		return always, nil
	}
	if f.anywhere {
		c = l.anywhere(f.root)
	} else {
		c = l.node(f.root)
	}
	if pro := l.prologue(); len(pro) > 0 {
		c = &cond{kind: condAnd, x: &cond{kind: condDo, steps: pro, what: "the end of the 802.11 header"}, y: c}
	}
	return c, nil
}

func (l *lowerer) node(n node) *cond {
	c := l.condition(n)
	if l.parts {
		return &cond{kind: condPart, x: c, node: n}
	}
	return c
}

// call names a value for people.
func (l *lowerer) call(e *expr, name string) *expr {
	if l.parts && e != nil && e.op != exConst && l.called[e] == "" {
		l.called[e] = name
	}
	return e
}

func (l *lowerer) condition(n node) *cond {
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
func (l *lowerer) protocol4(v uint32) *cond {
	return or(l.lastProtocol(v), l.eq(l.network(9, 1), v).of("IP protocol"))
}

func (l *lowerer) protocol6(v uint32) *cond {
	return or(l.lastProtocol(v), l.eq(l.network(6, 1), v).of("next header"))
}

// lastProtocol is what follows the extension headers, which only "anywhere:" passes by.
func (l *lowerer) lastProtocol(v uint32) *cond {
	if l.tunnels == nil {
		return never
	}
	return l.eq(l.variable(varProtocol), v).of("protocol behind the extension headers")
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

func (l *lowerer) special(n *special) *cond {
	if l.tunnels != nil {
		l.tunnels.refuse(l, n, strings.TrimSpace(n.proto+" "+n.kw))
	}
	switch n.kw {
	case "less":
		return negate(l.gt(l.pool.length(), n.num)).of("length")
	case "greater":
		return l.ge(l.pool.length(), n.num).of("length")
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
			return l.eq(l.linkHeader(4, 4), n.num).of("interface index")
		}
		l.needLive(n)
		return l.eq(l.extension(extIfindex, 4), n.num).of("interface index")
	case "vlan":
		return l.vlan(n)
	case "mpls":
		return l.mpls(n)
	case "pppoed":
		return l.linkProtocol(n, wire.EtherTypePPPoEDisc)
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
		return l.masked(l.linkHeader(0, 1), n.num, wlanTypeMask).of("802.11 frame type")
	case "subtype":
		return l.masked(l.linkHeader(0, 1), n.num, wlanTypeMask|wlanSubtypeMask).of("802.11 frame type")
	case "dir":
		return l.masked(l.linkHeader(1, 1), n.num, wlanDirMask).of("802.11 direction")
	}
	panic("filter: unknown primitive " + n.kw)
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
		return l.macHost(n, []byte{255, 255, 255, 255, 255, 255}, "dst", "broadcast")
	}
	if !l.opts.Netmask.Is4() {
		l.fail(n, "'ip broadcast' needs the network mask, which is not known")
	}
	m := l.opts.Netmask.As4()
	host := ^(uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3]))
	is := l.linkProtocol(n, wire.EtherTypeIPv4)
	return and(is, or(l.masked(l.network(16, 4), 0, host), l.masked(l.network(16, 4), host, host)).of("host part of the destination"))
}

func (l *lowerer) multicast(n *special) *cond {
	switch n.proto {
	case "ip":
		return and(l.linkProtocol(n, wire.EtherTypeIPv4), l.masked(l.network(16, 1), 0xe0, 0xf0).of("first byte of the destination address"))
	case "ip6":
		return and(l.linkProtocol(n, wire.EtherTypeIPv6), l.eq(l.network(24, 1), 0xff).of("first byte of the destination address"))
	}
	group := func(k uint32) *cond { return l.set(l.linkHeader(k, 1), 1).of("group bit of the destination") }
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
	out.of("packet type")
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
		c = and(negate(l.gt(l.linkType(0, 2), wire.EtherMaxLength)).of("EtherType or length"), l.ne(l.llc(0, 2), 0xffff).of("Novell raw 802.3"))
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
