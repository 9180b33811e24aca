package filter

import (
	"slices"

	"sockwire/capture"
)

// The conditions that only one kind of link has: ATM's circuits, signalling system 7, and pf's log.

// own lowers a condition on the link types that have it.
func (l *lowerer) own(n *special, w specialWord) *cond {
	if !slices.Contains(w.links, l.lay.link) {
		l.unsupported(n, n.kw)
	}
	switch {
	case w.links[0] == capture.LinkMTP2:
		return l.ss7(n)
	case w.links[0] == capture.LinkSunATM:
		return l.atm(n)
	}
	return l.pf(n)
}

// compared tests a value against the numbers of n: any of several, or by its operator.
func (l *lowerer) compared(n *special, e *expr, what string) *cond {
	c := never
	for _, v := range n.nums {
		switch n.op {
		case ">":
			c = l.gt(e, v)
		case ">=":
			c = l.ge(e, v)
		case "<":
			c = negate(l.ge(e, v))
		case "<=":
			c = negate(l.gt(e, v))
		case "!=":
			c = l.ne(e, v)
		default:
			c = or(c, l.eq(e, v).of(what))
		}
	}
	return c.of(what)
}

// ss7 tests a field of a signal unit (ITU-T Q.703) or of the MTP3 header in it (Q.704); the words with an h before them
// are for links of a high speed, whose header is three bytes longer.
func (l *lowerer) ss7(n *special) *cond {
	start := uint32(0)
	if l.lay.link == capture.LinkMTP2WithHeader {
		start = 4
	}
	kw, high := n.kw, uint32(0)
	if kw[0] == 'h' {
		kw, high = kw[1:], 3
	}
	length := l.alu(exAnd, l.load(nil, uint64(start)+2, 1), l.constant(0x3f))
	if high > 0 {
		length = l.alu(exRsh, l.load(nil, uint64(start)+4, 2), l.constant(7))
	}
	at := func(k uint32) *expr { return l.load(nil, uint64(start+high+k), 1) }
	part := func(k, mask uint32) *expr { return l.alu(exAnd, at(k), l.constant(mask)) }
	up := func(e *expr, by uint32) *expr { return l.alu(exLsh, e, l.constant(by)) }
	down := func(e *expr, by uint32) *expr { return l.alu(exRsh, e, l.constant(by)) }
	switch kw {
	case "fisu":
		return l.eq(length, 0).of("length indicator")
	case "lssu":
		return and(l.gt(length, 0), negate(l.gt(length, 2))).of("length indicator")
	case "msu":
		return l.gt(length, 2).of("length indicator")
	case "sio":
		return l.compared(n, at(3), "service information octet")
	case "dpc": // the point codes have their lowest bits in the first of their bytes
		return l.compared(n, l.alu(exOr, at(4), up(part(5, 0x3f), 8)), "destination point code")
	case "opc":
		low := l.alu(exOr, down(at(5), 6), up(at(6), 2))
		return l.compared(n, l.alu(exOr, low, up(part(7, 0x0f), 10)), "originating point code")
	}
	return l.compared(n, down(at(7), 4), "signalling link selection")
}

// Virtual channels of virtual path 0 that are for signalling (ITU-T I.361), by the word for them.
var atmChannels = map[string][]uint32{
	"metac": {1}, "bcc": {2}, "oamf4sc": {3}, "oamf4ec": {4}, "oam": {3, 4}, "oamf4": {3, 4}, "sc": {5}, "ilmic": {16},
	"connectmsg": {5}, "metaconnect": {1},
}

// atmMessages are the types of signalling messages that set up and end connections (ITU-T Q.2931): setup, call proceeding,
// connect, release, release complete, and connect acknowledge, which meta-signalling has none of.
var atmMessages = []uint32{0x05, 0x02, 0x07, 0x4d, 0x5a, 0x0f}

func (l *lowerer) atm(n *special) *cond {
	vpi, vci := l.load(nil, 1, 1), l.load(nil, 2, 2)
	switch n.kw {
	case "vpi":
		return l.compared(n, vpi, "VPI")
	case "vci":
		return l.compared(n, vci, "VCI")
	case "lane":
		// An Ethernet frame stands behind the two bytes of the client's number, which are ff 00 for control.
		c := l.atmTraffic(atmLANE)
		l.lay.link, l.lay.hdr, l.lay.typ, l.lay.pl = capture.LinkEthernet, at(6), at(18), at(20)
		l.lay.nl, l.lay.nlNoSNAP, l.lay.dst, l.lay.src, l.lay.lane = 0, 3, 0, 6, true
		return c
	}
	channel := never
	for _, v := range atmChannels[n.kw] {
		channel = or(channel, l.eq(vci, v))
	}
	c := and(l.eq(vpi, 0).of("VPI"), channel.of("VCI"))
	messages := atmMessages
	switch n.kw {
	case "metaconnect":
		messages = messages[:len(messages)-1]
	case "connectmsg":
	default:
		return c
	}
	message := never
	for _, m := range messages {
		message = or(message, l.eq(l.load(nil, 9, 1), m))
	}
	return and(c, message.of("message type"))
}

// pfName is how long a name in pf's header can be, with the zero byte behind it.
const pfName = 16

func (l *lowerer) pf(n *special) *cond {
	switch n.kw {
	case "rnr":
		return l.eq(l.linkHeader(36, 4), n.num).of("rule")
	case "srnr":
		return l.eq(l.linkHeader(40, 4), n.num).of("rule of the anchor")
	case "reason":
		return l.eq(l.linkHeader(3, 1), n.num).of("reason")
	case "action":
		return l.eq(l.linkHeader(2, 1), n.num).of("action")
	}
	at, what := uint32(4), "interface"
	if n.kw == "rset" {
		at, what = 20, "ruleset"
	}
	if len(n.text) >= pfName {
		l.fail(n, "a name in pf's log has at most %d characters", pfName-1)
	}
	return l.bytes(l.lay.hdr, at, []byte(n.text)).of(what)
}
