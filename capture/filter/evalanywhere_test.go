package filter

import (
	"sockwire/capture"
	"sockwire/raw/wire"
)

// The evaluator's walk for "anywhere:".

// layer is one network header in the evaluator's walk.
type layer struct {
	typ, header, transport, protocol uint32
}

// walkAnywhere is the evaluator's walk over the layers.
func (e *evaluation) walkAnywhere(n node) tri {
	if e.dry {
		e.ev.reads, e.ev.readsPayload = e.wlan(), e.wlan()
		return unknown
	}
	y, ok := e.outermost()
	if !ok {
		return no
	}
	e.layer = &y
	for more := maxLayers; more > 0; more-- {
		y.passShims(e, shims(more))
		y.findTransport(e)
		e.pl, e.nl = place{varies: true, v: y.header}, 0
		if e.walk(n) == yes {
			return yes
		}
		if !y.enter(e) {
			return no
		}
	}
	return no
}

func (e *evaluation) word(what string, at, size uint32) uint32 {
	return e.load(what, place{varies: true, v: at}, int(size))
}

// outermost finds the first network header.
func (e *evaluation) outermost() (layer, bool) {
	switch e.link {
	case capture.LinkIPv4:
		return layer{typ: wire.EtherTypeIPv4}, true
	case capture.LinkIPv6:
		return layer{typ: wire.EtherTypeIPv6}, true
	case capture.LinkRaw, capture.LinkNull, capture.LinkLoop:
		return layer{typ: typeByVersion(e.word("IP version", e.pl.k, 1)), header: e.pl.k}, true
	case capture.LinkPPP, capture.LinkPPPHDLC, capture.LinkPPPEthernet:
		return layer{typ: typeByPPP(e.word("PPP protocol", e.typ.k, 2)), header: e.pl.k}, true
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio:
		e.findPayload()
		if e.word("802.11 frame control", e.hdr.v, 1)&0x0c != 0x08 {
			return layer{}, false
		}
		return layer{typ: e.word("EtherType", e.pl.v+6, 2), header: e.pl.v + 8}, true
	}
	return layer{typ: e.word("EtherType", e.typ.k, 2), header: e.pl.k}, true
}

func typeByVersion(b uint32) uint32 {
	switch b >> 4 {
	case 4:
		return wire.EtherTypeIPv4
	case 6:
		return wire.EtherTypeIPv6
	}
	return 0
}

func typeByPPP(p uint32) uint32 {
	switch p {
	case wire.PPPIPv4:
		return wire.EtherTypeIPv4
	case wire.PPPIPv6:
		return wire.EtherTypeIPv6
	case wire.PPPMPLS:
		return wire.EtherTypeMPLS
	}
	return 0
}

func (y *layer) passShims(e *evaluation, rounds int) {
	for range rounds {
		switch y.typ {
		case wire.EtherTypeVLAN, wire.EtherTypeQinQ, wire.EtherTypeQinQOld:
			y.typ = e.word("type after the VLAN tag", y.header+2, 2)
			y.header += 4
		}
		if y.typ == wire.EtherTypePPPoE {
			y.typ = typeByPPP(e.word("PPP protocol", y.header+6, 2))
			y.header += 8
		}
		if y.typ == wire.EtherTypeMPLS || y.typ == wire.EtherTypeMPLSMC {
			if e.word("MPLS label", y.header+2, 1)&1 != 0 {
				y.typ = typeByVersion(e.word("IP version", y.header+4, 1))
			}
			y.header += 4
		}
	}
}

func (y *layer) findTransport(e *evaluation) {
	y.protocol = noProtocol
	switch y.typ {
	case wire.EtherTypeIPv4:
		y.protocol = e.word("IP protocol", y.header+9, 1)
		y.transport = y.header + e.word("IPv4 header length", y.header, 1)&0xf*4
	case wire.EtherTypeIPv6:
		y.protocol = e.word("next header", y.header+6, 1)
		y.transport = y.header + 40
	}
	extension := func(plus, unit uint32) {
		n := (e.word("extension header length", y.transport+1, 1) + plus) * unit
		y.protocol = e.word("next header", y.transport, 1)
		y.transport += n
	}
	for range maxExtensions {
		if y.typ == wire.EtherTypeIPv6 && (y.protocol == 0 || y.protocol == 43 || y.protocol == 60) {
			extension(1, 8)
		}
		if y.typ == wire.EtherTypeIPv6 && y.protocol == wire.ProtoFragment && e.word("fragment offset", y.transport+2, 2)&0xfff8 == 0 {
			y.protocol = e.word("next header", y.transport, 1)
			y.transport += 8
		}
		if y.protocol == wire.ProtoAH && y.isFirst(e) {
			extension(2, 4)
		}
	}
}

// isFirst is false for IPv4 fragments but the first.
func (y *layer) isFirst(e *evaluation) bool {
	return y.typ != wire.EtherTypeIPv4 || e.word("fragment offset", y.header+6, 2)&0x1fff == 0
}

// enter moves to the network header inside, if there is one that can be found.
func (y *layer) enter(e *evaluation) bool {
	if !y.isFirst(e) {
		return false
	}
	at := y.transport
	switch y.protocol {
	case 4:
		y.typ, y.header = wire.EtherTypeIPv4, at
		return true
	case 41:
		y.typ, y.header = wire.EtherTypeIPv6, at
		return true
	case 47:
		flags := e.word("GRE flags", at, 2)
		if flags&7 != 0 {
			return false
		}
		y.typ, y.header = e.word("GRE protocol", at+2, 2), at+4
		for _, bits := range []uint32{0xc000, 0x2000, 0x1000} {
			if flags&bits != 0 {
				y.header += 4
			}
		}
	case 17:
		port := e.word("UDP destination port", at+2, 2)
		switch {
		case (port == 4789 || port == 8472 || port == 4790) && e.word("VXLAN flags", at+8, 1)&0x08 != 0:
			y.typ, y.header = e.word("EtherType", at+28, 2), at+30
			return true
		case port == wire.PortGeneve && e.word("Geneve version", at+8, 1)&0xc0 == 0:
			y.typ = e.word("Geneve protocol", at+10, 2)
			y.header = at + 16 + e.word("Geneve options length", at+8, 1)&0x3f*4
		default:
			return false
		}
	default:
		return false
	}
	if y.typ == wire.EtherTypeTEB {
		y.typ = e.word("EtherType", y.header+12, 2)
		y.header += 14
	}
	return true
}
