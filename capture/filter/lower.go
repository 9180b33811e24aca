package filter

import (
	"strings"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// lower compiles the expression to one condition.
func lower(f *Filter, link capture.LinkType, opts *Options) (c *cond, l *lowerer, err error) {
	l = &lowerer{pool: pool{}, src: f.src, opts: opts, outermost: link, nvars: firstFreeVar}
	c, err = l.lower(f)
	return c, l, err
}

// lowerParts is lower for people: every part of the expression is a condition of its own, and values have names.
func lowerParts(f *Filter, link capture.LinkType, opts *Options) (c *cond, l *lowerer, err error) {
	l = &lowerer{pool: pool{}, src: f.src, opts: opts, outermost: link, nvars: firstFreeVar, parts: true,
		called: map[*expr]string{}}
	c, err = l.lower(f)
	return c, l, err
}

func (l *lowerer) lower(f *Filter) (c *cond, err error) {
	if l.lay, err = newLayout(l.outermost); err != nil {
		return nil, err
	}
	defer caught(&c, &err)
	if f.root == nil {
		return always, nil
	}
	if f.anywhere {
		c = l.anywhere(func() *cond { return l.node(f.root) })
	} else {
		c = l.node(f.root)
	}
	if l.outermost == capture.LinkPPI {
		c = and(l.ppiCarries80211(), c)
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

func (l *lowerer) special(n *special) *cond {
	if l.tunnels != nil && (n.proto == "" || n.proto == "link") {
		l.tunnels.refuse(l, n, strings.TrimSpace(n.proto+" "+n.kw), specialWords[n.kw].notInside)
	}
	if w := specialWords[n.kw]; w.links != nil {
		return l.own(n, w)
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
