package filter

import (
	"sockwire/capture"
	"sockwire/raw/wire"
)

// The evaluator's tests of the link header: what it carries.

func (e *evaluation) linkType(v uint32) tri {
	what := linkTypeName(v)
	if e.layer != nil {
		return e.compare(what, e.layer.typ, "=", v)
	}
	if e.labels > 0 {
		version := ipVersion(v)
		return e.all(func() tri { return e.bit("bottom of the MPLS stack", e.net(0).plus(^uint32(1)), 1, 1) },
			func() tri { return e.check("IP version", e.net(0), 1, 0xf0, "=", version<<4) })
	}
	lsap := func(at place) func() tri {
		return func() tri { return e.is("LLC SAPs", at, 2, v*0x101) }
	}
	snap := func(oui uint32, typ uint32) tri {
		return e.all(func() tri { return e.is("SNAP", e.payload(4), 4, oui<<24|typ) },
			func() tri { return e.is("SNAP", e.payload(0), 4, 0xaaaa0300|oui>>16) })
	}
	apple := func() tri {
		// The organisation code's last two bytes stand before the type.
		if v == wire.EtherTypeAppleTalk {
			return e.all(func() tri { return e.is("SNAP", e.payload(4), 4, 0x0007<<16|v) },
				func() tri { return e.is("SNAP", e.payload(0), 4, 0xaaaa0308) })
		}
		return snap(0, v)
	}
	ethertype := func() tri { return e.is(what, e.at(e.typ, 0), 2, v) }
	switch e.link {
	case capture.LinkEthernet, capture.LinkLinuxSLL:
		cooked := e.link == capture.LinkLinuxSLL
		is8022 := func() tri {
			if cooked {
				return e.is("cooked protocol", e.at(e.typ, 0), 2, 4)
			}
			return e.check("EtherType or length", e.at(e.typ, 0), 2, full, "<=", 1500)
		}
		switch {
		case v == wire.SAPISO || v == wire.SAPIP || v == wire.SAPNetBEUI:
			return e.all(is8022, lsap(e.payload(0)))
		case v == wire.SAPIPX:
			sap := func() tri { return e.is("LLC DSAP", e.payload(0), 1, wire.SAPIPX) }
			inSNAP := func() tri { return snap(0, wire.EtherTypeIPX) }
			if cooked {
				return e.any(func() tri { return e.is(what, e.at(e.typ, 0), 2, wire.EtherTypeIPX) },
					func() tri { return e.is("cooked protocol", e.at(e.typ, 0), 2, 1) },
					func() tri { return e.all(is8022, func() tri { return e.any(sap, inSNAP) }) })
			}
			raw := func() tri { return e.is("Novell raw 802.3", e.payload(0), 2, 0xffff) }
			return e.any(func() tri { return e.is(what, e.at(e.typ, 0), 2, wire.EtherTypeIPX) },
				func() tri { return e.all(is8022, func() tri { return e.any(inSNAP, sap, raw) }) })
		case v == wire.EtherTypeAppleTalk || v == wire.EtherTypeAARP:
			return e.any(ethertype, func() tri { return e.all(is8022, apple) })
		case v <= 1500 && cooked:
			return e.all(is8022, func() tri { return e.is("LLC DSAP", e.payload(0), 1, v) })
		case v <= 1500:
			return e.all(is8022, func() tri { return e.is("LLC DSAP", e.at(e.typ, 2), 1, v) })
		}
		return ethertype()
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio:
		return e.all(func() tri { return e.check("802.11 frame type", e.header(0), 1, 0x0c, "=", 0x08) }, func() tri {
			switch {
			case v == wire.SAPISO || v == wire.SAPIP || v == wire.SAPNetBEUI:
				return lsap(e.payload(0))()
			case v == wire.EtherTypeAppleTalk:
				return apple()
			case v <= 1500:
				return e.is("LLC DSAP", e.payload(0), 1, v)
			}
			return e.is(what, e.payload(6), 2, v)
		})
	case capture.LinkRaw:
		version := ipVersion(v)
		if version == 0 {
			return no
		}
		return e.check("IP version", place{}, 1, 0xf0, "=", version<<4)
	case capture.LinkIPv4:
		return truth(v == wire.EtherTypeIPv4)
	case capture.LinkIPv6:
		return truth(v == wire.EtherTypeIPv6)
	case capture.LinkNull, capture.LinkLoop:
		return e.family(v)
	case capture.LinkPPP, capture.LinkPPPHDLC, capture.LinkPPPEthernet:
		want, ok := pppNumbers[v]
		if !ok {
			want = v
		}
		return e.is("PPP protocol", e.at(e.typ, 0), 2, want)
	}
	return ethertype()
}

// ipVersion is the version nibble for an EtherType.
func ipVersion(v uint32) uint32 {
	switch v {
	case wire.EtherTypeIPv4:
		return 4
	case wire.EtherTypeIPv6:
		return 6
	}
	return 0
}

// pppNumbers are the PPP protocols for EtherTypes and service access points.
var pppNumbers = map[uint32]uint32{wire.EtherTypeIPv4: 0x21, wire.EtherTypeIPv6: 0x57, wire.EtherTypeDECnet: 0x27, wire.EtherTypeAppleTalk: 0x29, wire.EtherTypeNS: 0x25,
	wire.SAPISO: 0x23, wire.SAPSTP: 0x31, wire.SAPIPX: 0x2b}

func (e *evaluation) at(p place, k uint32) place { e.note(p == e.pl); return p.plus(k) }

func linkTypeName(v uint32) string {
	if v <= wire.EtherMaxLength {
		return "LLC SAP"
	}
	return "EtherType"
}

// family is the address family of BSD loopback headers.
func (e *evaluation) family(v uint32) tri {
	var families []uint32
	switch {
	case v == wire.EtherTypeIPv4:
		families = []uint32{2}
	case v == wire.EtherTypeIPv6 && e.ev.opts.Live:
		families = []uint32{10}
	case v == wire.EtherTypeIPv6:
		families = []uint32{24, 28, 30}
	default:
		return no
	}
	if e.dry {
		return unknown
	}
	got := e.load("address family", place{}, 4)
	match := false
	for _, f := range families {
		swapped := f << 24
		switch {
		case e.link == capture.LinkLoop:
			match = match || got == f
		case e.ev.opts.Live:
			match = match || got == hostOrder(f)
		default:
			match = match || got == f || got == swapped
		}
	}
	return truth(match)
}
