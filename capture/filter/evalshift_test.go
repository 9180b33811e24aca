package filter

import (
	"sockwire/capture"
	"sockwire/raw/wire"
)

// Headers that shift what is written after them, whether they are there or not.

func (e *evaluation) vlan(n *special) tri {
	tagged := func() tri {
		return e.any(func() tri { return e.linkType(0x8100) }, func() tri { return e.linkType(0x88a8) },
			func() tri { return e.linkType(0x9100) })
	}
	id := func() tri {
		if !n.hasNum {
			return yes
		}
		return e.check("VLAN identifier", e.net(0), 2, 0xfff, "=", n.num)
	}
	live := e.ev.opts.Live && e.vlans == 0 && e.link == capture.LinkEthernet && e.hdr == place{}
	e.vlans++
	if live && e.dry {
		// A tag that was not looked for shifts nothing.
		e.pl.varies, e.typ.varies = true, true
		return unknown
	}
	if live && e.meta.VLANPresent {
		e.pl.varies, e.typ.varies = true, true
		if !n.hasNum {
			return e.compare("VLAN tag taken by the kernel", 1, "=", 1)
		}
		return e.compare("VLAN identifier taken by the kernel", uint32(e.meta.VLANTCI&0xfff), "=", n.num)
	}
	r := e.all(tagged, id)
	if live {
		e.pl.varies, e.typ.varies = true, true
		e.pl.v, e.typ.v = 4, 4
		return r
	}
	e.pl.k += 4
	e.typ.k += 4
	return r
}

func (e *evaluation) mpls(n *special) tri {
	r := e.all(func() tri {
		switch {
		case e.labels > 0:
			return -e.bit("bottom of the MPLS stack", e.net(0).plus(^uint32(1)), 1, 1)
		case e.link == capture.LinkPPP:
			return e.linkType(0x0281)
		}
		return e.linkType(wire.EtherTypeMPLS)
	}, func() tri {
		if !n.hasNum {
			return yes
		}
		return e.check("MPLS label", e.net(0), 4, 0xfffff000, "=", n.num<<12)
	})
	e.nl += 4
	e.nlNoSNAP += 4
	e.labels++
	return r
}

func (e *evaluation) pppoes(n *special) tri {
	r := e.all(func() tri { return e.linkType(wire.EtherTypePPPoE) }, func() tri {
		if !n.hasNum {
			return yes
		}
		return e.is("PPPoE session", e.net(2), 2, n.num)
	})
	e.hdr = e.pl.plus(e.nl + 6)
	e.typ = e.hdr
	e.pl = e.hdr.plus(2)
	e.nl, e.nlNoSNAP = 0, 0
	e.link, e.encap = capture.LinkPPP, false
	return r
}

// tunnel is Geneve or VXLAN. Where it is not there, what follows looks at the start of the frame.
func (e *evaluation) tunnel(n *special) tri {
	port, isGeneve := uint32(wire.PortVXLAN), n.kw == "geneve"
	if isGeneve {
		port = wire.PortGeneve
	}
	var start place
	try := func(ports func(portRange, string) tri, behind func(uint32) place) func() tri {
		return func() tri {
			return e.all(func() tri { return ports(portRange{port, port, 17}, "dst") }, func() tri {
				if isGeneve {
					return e.check("Geneve version", behind(8), 1, 0xc0, "=", 0)
				}
				return e.is("VXLAN flags", behind(8), 1, 0x08)
			}, func() tri {
				if !n.hasNum {
					return yes
				}
				return e.check("VNI", behind(12), 4, 0xffffff00, "=", n.num<<8)
			}, func() tri {
				start = behind(8)
				return yes
			})
		}
	}
	r := e.any(try(e.port4, e.behind4), try(e.port6, e.behind6))
	var hdr, typ, pl uint32
	if r == yes && !e.dry {
		at := start.v + start.k
		if isGeneve {
			hdr = at + 8 + e.load("Geneve options length", start, 1)&0x3f*4
			typ, pl = at+2, hdr
			if e.load("Geneve protocol", start.plus(2), 2) == wire.EtherTypeTEB {
				typ, pl = hdr+12, hdr+14
			}
		} else {
			hdr = at + 8
			typ, pl = hdr+12, hdr+14
		}
	}
	inner := "where " + n.kw + " starts its frame"
	e.hdr, e.typ, e.pl = place{true, hdr, 0, inner}, place{true, typ, 0, inner + "'s type"}, place{true, pl, 0, inner + "'s payload"}
	e.nl = 0
	e.link, e.encap = capture.LinkEthernet, true
	return r
}
