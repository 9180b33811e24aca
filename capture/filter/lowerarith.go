package filter

import (
	"fmt"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// Relations between values that are read from headers.

// value is a number at filtering time and the condition that the headers it is read from are there.
type value struct {
	e  *expr
	is *cond
}

func (l *lowerer) relation(n *relation) *cond {
	l.guards = always
	a, b := l.arith(n.left), l.arith(n.right)
	guards := l.guards.of("the index")
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
	if l.parts {
		what := textOf(n.left)
		if a.e.op == exConst && b.e.op != exConst {
			what = textOf(n.right)
		}
		c.of(what)
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
		switch n.proto {
		case "link":
			l.tunnels.refuse(l, n, n.proto, aboutLink)
		case "radio":
			l.tunnels.refuse(l, n, n.proto, "the radiotap header")
		}
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
		if !l.lay.isWlan() || l.lay.link == capture.LinkIEEE80211 || l.lay.link == capture.LinkPPI {
			l.unsupported(n, "radio")
		}
	case "link":
		base, k = l.varAt(l.lay.hdr.v), uint64(l.lay.hdr.k)
	case "icmp6":
		if l.tunnels != nil {
			is, base = l.tunnels.hasTransport(l, n), l.headerLength()
			break
		}
		is = and(l.linkProtocol(n, wire.EtherTypeIPv6), l.eq(l.network(6, 1), ipProtocols["icmp6"]).of("next header"))
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
		i.is = and(l.linkProtocol(n, wire.EtherTypeIPv4), i.is)
		is = and(l.eq(l.network(9, 1), ipProtocols[n.proto]).of("IP protocol"), l.firstFragment())
		base, k = l.headerLength(), uint64(l.lay.pl.k)+uint64(l.lay.nl)
	}
	e := l.loadIndexed(base, k, i.e, int(n.size))
	if l.parts {
		l.call(e, textOf(n))
	}
	return value{e, and(i.is, is)}
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
