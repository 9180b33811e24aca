package filter

import (
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
	// chained is set where protochain is written out.
	chained bool
	// tunnels is set for "anywhere:".
	tunnels *tunnels
	// parts keeps apart what each part of the expression came to, for people; called are names of values for them.
	parts  bool
	called map[*expr]string
}

func (l *lowerer) fail(n interface{ where() span }, format string, args ...any) {
	panic(bailout{syntaxError(l.src, n.where(), "", format, args...)})
}

func (l *lowerer) unsupported(n interface{ where() span }, what string) {
	l.fail(n, "'%s' cannot be tested on link type %s", what, l.lay.link)
}

// call names a value for people.
func (l *lowerer) call(e *expr, name string) *expr {
	if l.parts && e != nil && e.op != exConst && l.called[e] == "" {
		l.called[e] = name
	}
	return e
}

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

func (l *lowerer) linkType(k uint32, size int) *expr { return l.at(l.lay.typ, k, size) }

func (l *lowerer) llc(k uint32, size int) *expr { return l.at(l.lay.pl, k, size) }

func (l *lowerer) network(k uint32, size int) *expr { return l.at(l.lay.pl, l.lay.nl+k, size) }

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

func (l *lowerer) eq(e *expr, v uint32) *cond { return l.test(jumpEq, e, l.constant(v)) }

func (l *lowerer) ne(e *expr, v uint32) *cond { return negate(l.eq(e, v)) }

func (l *lowerer) gt(e *expr, v uint32) *cond { return l.test(jumpGt, e, l.constant(v)) }

func (l *lowerer) ge(e *expr, v uint32) *cond { return l.test(jumpGe, e, l.constant(v)) }

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

func (l *lowerer) firstFragment() *cond {
	return negate(l.set(l.network(6, 2), 0x1fff)).of("fragment offset")
}

func side(src bool, what string) string {
	if src {
		return "source " + what
	}
	return "destination " + what
}

// tunnels are the variables of the walk, beside varHeader, where the network header is, and varProtocol,
// what follows its extension headers (noProtocol where it is no IP).
type tunnels struct {
	typ       int // EtherType of the network header
	transport int // where the extension headers end
}

const noProtocol = 255

// refuse refuses a word that names one place of the frame.
func (t *tunnels) refuse(l *lowerer, n interface{ where() span }, word, about string) {
	if about != "" {
		l.fail(n, "'%s' is about %s, and 'anywhere:' is about network and transport headers", word, about)
	}
}

func (t *tunnels) etherType(l *lowerer, n interface{ where() span }, v uint32) *cond {
	if v <= wire.EtherMaxLength {
		l.fail(n, "'anywhere:' knows EtherTypes, not LLC service access points")
	}
	l.atMost(n, "EtherType", v, 0xffff)
	return l.eq(l.variable(t.typ), v).of("EtherType")
}

// hasTransport tests that the header is there whose bytes are read, in IPv4 or IPv6.
func (t *tunnels) hasTransport(l *lowerer, n *load) *cond {
	return and(l.eq(l.variable(varProtocol), ipProtocols[n.proto]).of("protocol"), t.notLaterFragment(l))
}

func (t *tunnels) notLaterFragment(l *lowerer) *cond {
	return or(l.ne(l.variable(t.typ), wire.EtherTypeIPv4), l.firstFragment())
}

func (l *lowerer) do(steps ...step) *cond {
	return &cond{kind: condDo, steps: steps, what: "the way to the next header"}
}

func (l *lowerer) atMost(n interface{ where() span }, what string, v, most uint32) {
	if v > most {
		l.fail(n, "%s %d is more than %d", what, v, most)
	}
}
