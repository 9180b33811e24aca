package filter

import (
	"strings"

	"sockwire/raw/wire"
)

// The evaluator's relations between values that are read from headers.

func (e *evaluation) relation(n *relation) tri {
	return e.all(func() tri { return e.headersOf(n.left) }, func() tri { return e.headersOf(n.right) }, func() tri {
		if e.dry {
			e.touch(n.left)
			e.touch(n.right)
			return unknown
		}
		l, r := e.value(n.left), e.value(n.right)
		if n.op == "!=" {
			return -e.compare(text(n.left), l, "=", r)
		}
		return e.compare(text(n.left), l, n.op, r)
	})
}

func text(a arith) string {
	var b strings.Builder
	a.write(&b)
	return b.String()
}

// headersOf tests that the headers are there whose bytes are read. Of an operation it looks at the left
// operand only, as libpcap does.
func (e *evaluation) headersOf(a arith) tri {
	switch a := a.(type) {
	case *negation:
		return e.headersOf(a.x)
	case *operation:
		return e.headersOf(a.left)
	case *load:
		return e.headers(a)
	}
	return yes
}

func (e *evaluation) headers(a *load) tri {
	index := func() tri { return e.headersOf(a.index) }
	ethertype := func(v uint32) func() tri { return func() tri { return e.linkType(v) } }
	switch {
	case a.proto == "link" || a.proto == "radio":
		return index()
	case etherTypes[a.proto] != 0:
		return e.all(index, ethertype(etherTypes[a.proto]))
	case e.layer != nil:
		return e.all(index, func() tri { return e.compare("protocol", e.layer.protocol, "=", ipProtocols[a.proto]) },
			func() tri { return truth(e.layer.isFirst(e)) })
	case a.proto == "icmp6":
		return e.all(index, ethertype(wire.EtherTypeIPv6), func() tri { return e.is("next header", e.net(6), 1, 58) })
	}
	return e.all(ethertype(wire.EtherTypeIPv4), index,
		func() tri { return e.is("IP protocol", e.net(9), 1, ipProtocols[a.proto]) },
		func() tri { return -e.bit("fragment offset", e.net(6), 2, 0x1fff) })
}

// touch notes the headers that arithmetic reads.
func (e *evaluation) touch(a arith) {
	switch a := a.(type) {
	case *negation:
		e.touch(a.x)
	case *operation:
		e.touch(a.left)
		e.touch(a.right)
	case *load:
		e.touch(a.index)
		e.base(a)
	}
}

// base is where the header starts whose bytes are read.
func (e *evaluation) base(a *load) place {
	switch {
	case a.proto == "radio":
		return place{}
	case a.proto == "link":
		return e.header(0)
	case a.proto == "icmp6":
		return e.behind6(0)
	case etherTypes[a.proto] != 0:
		return e.net(0)
	}
	return e.behind4(0)
}

func (e *evaluation) value(a arith) uint32 {
	switch a := a.(type) {
	case *number:
		return a.v
	case *length:
		return uint32(e.meta.Length)
	case *negation:
		return -e.value(a.x)
	case *operation:
		l, r := e.value(a.left), e.value(a.right)
		v, ok := compute(a.op, l, r)
		if !ok {
			panic(shortFrame{"division by zero in " + text(a)})
		}
		return v
	case *load:
		i := e.value(a.index)
		p := e.base(a)
		if p.varies {
			p.v += i
		} else {
			p.v = i
		}
		return e.load(text(a), p, int(a.size))
	}
	panic("filter: unknown arithmetic")
}
