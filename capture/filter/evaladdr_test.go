package filter

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// The evaluator's tests of addresses, ports and protocols.

func (e *evaluation) prim(n *prim) tri {
	if n.q.proto == "decnet" {
		return e.decnet(n)
	}
	switch {
	case n.kind == idMAC:
		return e.mac(n.mac, n.q.dir)
	case n.kind == idIPv6:
		return e.hosts(n, nil, []netip.Prefix{netip.PrefixFrom(n.addr, n.bits)}, n.q.proto)
	case n.kind == idIPv4:
		return e.hosts(n, []ipv4Net{{n.num, n.mask}}, nil, n.q.proto)
	}
	switch n.q.typ {
	case "port", "portrange":
		r := e.ev.names.ports[n]
		return e.any(func() tri { return e.port6(r, n.q.dir) }, func() tri { return e.port4(r, n.q.dir) })
	case "proto":
		return e.proto(n.q.proto, e.ev.names.numbers[n])
	case "protochain":
		return e.protochain(n.q.proto, e.ev.names.numbers[n])
	case "gateway":
		return e.all(func() tri { return e.mac(e.ev.names.macs[n], "src or dst") },
			func() tri { return e.notHost(n) })
	case "net":
		if n.kind == idNumber {
			v, mask := n.num, uint32(full)
			for v != 0 && v < 1<<24 {
				v, mask = v<<8, mask<<8
			}
			return e.hosts(n, []ipv4Net{{v, mask}}, nil, n.q.proto)
		}
		return e.hosts(n, []ipv4Net{e.ev.names.networks[n]}, nil, n.q.proto)
	}
	if n.kind == idNumber {
		return e.hosts(n, []ipv4Net{{n.num, full}}, nil, n.q.proto)
	}
	if n.q.proto == "link" {
		return e.mac(e.ev.names.macs[n], n.q.dir)
	}
	v4, v6 := e.addresses(n)
	return e.hosts(n, v4, v6, n.q.proto)
}

func (e *evaluation) addresses(n *prim) (v4 []ipv4Net, v6 []netip.Prefix) {
	for _, a := range e.ev.names.hosts[n.text] {
		if a = a.Unmap().WithZone(""); a.Is4() {
			b := a.As4()
			v4 = append(v4, ipv4Net{binary.BigEndian.Uint32(b[:]), full})
		} else {
			v6 = append(v6, netip.PrefixFrom(a, 128))
		}
	}
	return v4, v6
}

// way takes the test for source and destination as the direction says.
func (e *evaluation) way(dir string, test func(src bool) tri) tri {
	src := func() tri { return test(true) }
	dst := func() tri { return test(false) }
	switch dir {
	case "src":
		return src()
	case "dst":
		return dst()
	case "src and dst":
		return e.all(src, dst)
	}
	return e.any(src, dst)
}

func pick(src bool, s, d uint32) uint32 {
	if src {
		return s
	}
	return d
}

// hosts tests for IPv4 networks, under ip, arp and rarp, and IPv6 prefixes.
func (e *evaluation) hosts(n *prim, v4 []ipv4Net, v6 []netip.Prefix, proto string) tri {
	var tests []func() tri
	add := func(p string, typ, src, dst uint32) {
		if len(v4) > 0 && (proto == p || proto == "" && (p == "ip" || e.labels == 0)) {
			tests = append(tests, func() tri {
				return e.all(func() tri { return e.linkType(typ) }, func() tri { return e.anyIPv4(v4, n.q.dir, src, dst) })
			})
		}
	}
	add("ip", wire.EtherTypeIPv4, 12, 16)
	add("arp", wire.EtherTypeARP, 14, 24)
	add("rarp", wire.EtherTypeRARP, 14, 24)
	if len(v6) > 0 && (proto == "" || proto == "ip6") {
		tests = append(tests, func() tri {
			return e.all(func() tri { return e.linkType(wire.EtherTypeIPv6) }, func() tri { return e.anyIPv6(v6, n.q.dir) })
		})
	}
	return e.any(tests...)
}

func (e *evaluation) anyIPv4(nets []ipv4Net, dir string, srcAt, dstAt uint32) tri {
	var tests []func() tri
	for _, a := range nets {
		tests = append(tests, func() tri {
			return e.way(dir, func(src bool) tri {
				if a.mask == 0 {
					return truth(a.addr == 0)
				}
				return e.check(side(src, "address"), e.net(pick(src, srcAt, dstAt)), 4, a.mask, "=", a.addr)
			})
		})
	}
	return e.any(tests...)
}

func (e *evaluation) anyIPv6(nets []netip.Prefix, dir string) tri {
	var tests []func() tri
	for _, p := range nets {
		tests = append(tests, func() tri {
			return e.way(dir, func(src bool) tri { return e.inPrefix(p, side(src, "address"), pick(src, 8, 24)) })
		})
	}
	return e.any(tests...)
}

func (e *evaluation) inPrefix(p netip.Prefix, what string, at uint32) tri {
	b := p.Addr().As16()
	var words []func() tri
	for i := uint32(0); i < 4; i++ {
		bits := p.Bits() - int(32*i)
		if bits <= 0 {
			break
		}
		mask := uint32(full)
		if bits < 32 {
			mask = ^(uint32(full) >> bits)
		}
		words = append(words, func() tri {
			return e.check(what, e.net(at+4*i), 4, mask, "=", binary.BigEndian.Uint32(b[4*i:]))
		})
	}
	return e.all(words...)
}

// notHost is the second half of gateway: a protocol with addresses, none of them the host's.
func (e *evaluation) notHost(n *prim) tri {
	v4, _ := e.addresses(n)
	var tests []func() tri
	add := func(p string, typ, src, dst uint32) {
		if n.q.proto == p || n.q.proto == "" {
			tests = append(tests, func() tri {
				return e.all(func() tri { return e.linkType(typ) }, func() tri { return -e.anyIPv4(v4, "src or dst", src, dst) })
			})
		}
	}
	add("ip", wire.EtherTypeIPv4, 12, 16)
	add("arp", wire.EtherTypeARP, 14, 24)
	add("rarp", wire.EtherTypeRARP, 14, 24)
	return e.any(tests...)
}

func (e *evaluation) sixBytes(what string, at place, mac [6]byte) tri {
	return e.all(func() tri { return e.is(what, at.plus(2), 4, binary.BigEndian.Uint32(mac[2:])) },
		func() tri { return e.is(what, at, 2, uint32(mac[0])<<8|uint32(mac[1])) })
}

func (e *evaluation) mac(mac [6]byte, dir string) tri {
	if e.wlan() {
		return e.wlanMAC(mac, dir)
	}
	return e.all(e.hasEthernet, func() tri {
		return e.way(dir, func(src bool) tri {
			return e.sixBytes(side(src, "Ethernet address"), e.header(pick(src, 6, 0)), mac)
		})
	})
}

// hasEthernet is no for a Geneve or VXLAN payload without Ethernet header.
func (e *evaluation) hasEthernet() tri {
	switch {
	case !e.encap || e.link != capture.LinkEthernet:
		return yes
	case e.dry:
		return unknown
	}
	return truth(e.hdr.v != e.pl.v)
}

func (e *evaluation) wlanMAC(mac [6]byte, dir string) tri {
	addr := func(k uint32) func() tri {
		return func() tri { return e.sixBytes("802.11 address", e.header(k), mac) }
	}
	notControl := func() tri { return -e.check("802.11 frame type", e.header(0), 1, 0x0c, "=", 0x04) }
	isData := func() tri { return e.bit("802.11 data type", e.header(0), 1, 0x08) }
	hasTransmitter := func() tri {
		return e.any(notControl, func() tri {
			return e.all(func() tri { return -e.check("802.11 subtype", e.header(0), 1, 0xf0, "=", 0xc0) },
				func() tri { return -e.check("802.11 subtype", e.header(0), 1, 0xf0, "=", 0xd0) })
		})
	}
	switch dir {
	case "addr1":
		return addr(4)()
	case "addr2":
		return e.all(hasTransmitter, addr(10))
	case "addr3":
		return e.all(notControl, addr(16))
	case "addr4":
		return e.all(func() tri { return e.check("802.11 direction", e.header(1), 1, 3, "=", 3) }, addr(24))
	case "ra":
		return e.all(isData, addr(4))
	case "ta":
		return e.all(isData, hasTransmitter, addr(10))
	}
	return e.way(dir, func(src bool) tri { return e.wlanEnd(src, addr) })
}

// wlanEnd finds the address of one end of the transmission; addr makes the test of an address by its place.
func (e *evaluation) wlanEnd(src bool, addr func(uint32) func() tri) tri {
	if e.dry {
		for _, k := range []uint32{4, 10, 16, 24} {
			if src || k != 10 && k != 24 {
				addr(k)()
			}
		}
		return unknown
	}
	if e.bit("802.11 control type", e.header(0), 1, 0x04) == yes {
		return no
	}
	toDS := func() bool { return e.load("802.11 direction", e.header(1), 1)&1 != 0 }
	fromDS := func() bool { return e.load("802.11 direction", e.header(1), 1)&2 != 0 }
	data := e.load("802.11 frame control", e.header(0), 1)&0x08 != 0
	switch {
	case !data && src:
		return addr(10)()
	case !data:
		return addr(4)()
	case !src && toDS():
		return addr(16)()
	case !src:
		return addr(4)()
	case !fromDS():
		return addr(10)()
	case !toDS():
		return addr(16)()
	}
	return addr(24)()
}

func (e *evaluation) decnet(n *prim) tri {
	var area, node uint16
	fmt.Sscanf(n.text, "%d.%d", &area, &node)
	a := area<<10 | node
	swapped := uint32(a>>8 | a<<8)
	is := func(k uint32) func() tri {
		return func() tri { return e.is("DECnet address", e.net(k), 2, swapped) }
	}
	// The route header's flags, after a padding byte or not, in the order in which libpcap looks.
	flags := func(size int, mask, want uint32) func() tri {
		return func() tri { return e.check("DECnet flags", e.net(2), size, mask, "=", want) }
	}
	pair := func(a, b func() tri) func() tri { return func() tri { return e.all(a, b) } }
	return e.all(func() tri { return e.linkType(wire.EtherTypeDECnet) }, func() tri {
		return e.way(n.q.dir, func(src bool) tri {
			short, long := pick(src, 5, 3), pick(src, 17, 9)
			return e.any(pair(flags(1, 7, 2), is(short)), pair(flags(2, 0xff07, 0x8102), is(short+1)),
				pair(flags(1, 7, 6), is(long)), pair(flags(2, 0xff07, 0x8106), is(long+1)))
		})
	})
}

func (e *evaluation) port4(r portRange, dir string) tri {
	return e.all(func() tri { return e.linkType(wire.EtherTypeIPv4) },
		func() tri { return e.portProto(r, e.net(9)) },
		func() tri { return -e.bit("fragment offset", e.net(6), 2, 0x1fff) },
		func() tri {
			return e.way(dir, func(src bool) tri { return e.portIn(r, src, e.behind4) })
		})
}

func (e *evaluation) port6(r portRange, dir string) tri {
	return e.all(func() tri { return e.linkType(wire.EtherTypeIPv6) },
		func() tri { return e.portProto(r, e.net(6)) },
		func() tri {
			return e.way(dir, func(src bool) tri { return e.portIn(r, src, e.behind6) })
		})
}

func (e *evaluation) portProto(r portRange, at place) tri {
	if r.proto != 0 {
		return e.protocol("IP protocol", at, r.proto)
	}
	if e.dry {
		return unknown
	}
	got := e.load("IP protocol", at, 1)
	if e.layer != nil {
		got = e.layer.protocol
	}
	ok := got == 6 || got == 17 || got == 132
	return truth(ok)
}

func (e *evaluation) portIn(r portRange, src bool, behind func(uint32) place) tri {
	if e.dry {
		return unknown
	}
	got := e.load(side(src, "port"), behind(pick(src, 0, 2)), 2)
	ok := got >= r.low && got <= r.high
	return truth(ok)
}

func (e *evaluation) proto(of string, v uint32) tri {
	iso := func(v uint32) func() tri {
		return func() tri {
			return e.all(func() tri { return e.linkType(wire.SAPISO) },
				func() tri { return e.is("NLPID", e.payload(e.nlNoSNAP), 1, v) })
		}
	}
	switch of {
	case "link":
		return e.linkType(v)
	case "iso":
		return iso(v)()
	case "isis":
		return e.all(iso(nlpidISIS), func() tri {
			return e.check("IS-IS PDU type", e.payload(e.nlNoSNAP+4), 1, 0x1f, "=", v)
		})
	}
	ip4 := func() tri {
		return e.all(func() tri { return e.linkType(wire.EtherTypeIPv4) }, func() tri { return e.protocol("IP protocol", e.net(9), v) })
	}
	ip6 := func() tri {
		return e.all(func() tri { return e.linkType(wire.EtherTypeIPv6) }, func() tri {
			return e.any(func() tri { return e.protocol("next header", e.net(6), v) }, func() tri {
				if e.layer != nil {
					return no
				}
				return e.all(func() tri { return e.is("next header", e.net(6), 1, 44) },
					func() tri { return e.is("next header of the fragment", e.net(40), 1, v) })
			})
		})
	}
	switch of {
	case "ip":
		return ip4()
	case "ip6":
		return ip6()
	}
	return e.any(ip4, ip6)
}

// protocol compares the protocol in an IP header or, for "anywhere:", the one after extension headers too.
func (e *evaluation) protocol(what string, at place, v uint32) tri {
	if e.layer != nil && e.layer.protocol == v {
		return e.compare(what, v, "=", v)
	}
	return e.is(what, at, 1, v)
}

func (e *evaluation) abbreviation(n *abbrev) tri {
	switch n.proto {
	case "tcp", "udp", "sctp", "ah", "esp", "pim":
		return e.proto("", ipProtocols[n.proto])
	case "icmp", "igmp", "igrp", "vrrp", "carp":
		return e.proto("ip", ipProtocols[n.proto])
	case "icmp6":
		return e.proto("ip6", 58)
	case "clnp", "esis", "isis":
		return e.proto("iso", nlpids[n.proto])
	}
	if v := etherTypes[n.proto] + saps[n.proto]; v != 0 {
		return e.linkType(v)
	}
	var tests []func() tri
	for _, v := range protocolWords[n.proto].pdus {
		tests = append(tests, func() tri { return e.proto("isis", v) })
	}
	return e.any(tests...)
}

func (e *evaluation) protochain(of string, v uint32) tri {
	if e.layer != nil {
		return e.proto(of, v)
	}
	follow := func(typ uint32, six bool) func() tri {
		return func() tri {
			return e.all(func() tri { return e.linkType(typ) }, func() tri {
				if e.dry {
					return unknown
				}
				return e.follow(v, six)
			})
		}
	}
	switch of {
	case "ip":
		return follow(wire.EtherTypeIPv4, false)()
	case "ip6":
		return follow(wire.EtherTypeIPv6, true)()
	}
	return e.any(follow(wire.EtherTypeIPv4, false), follow(wire.EtherTypeIPv6, true))
}

// follow looks for a protocol in the chain of headers.
func (e *evaluation) follow(v uint32, six bool) tri {
	next, at := e.load("next header", e.net(6), 1), e.net(40)
	if !six {
		// The protocol is read before the header length, as both must be there.
		next, at = e.load("IP protocol", e.net(9), 1), e.behind4(0)
	}
	for i := 0; ; i++ {
		if e.compare("protocol in the chain", next, "=", v) == yes {
			return yes
		}
		isExt := six && (next == 0 || next == 60 || next == 43 || next == 44)
		if i == map[bool]int{true: maxChain, false: fewChain}[six] || !isExt && next != wire.ProtoAH {
			return no
		}
		n := e.load("extension header length", at.plus(1), 1)
		next2 := e.load("next header", at, 1)
		if isExt {
			at = at.plus((n + 1) * 8)
		} else {
			at = at.plus((n + 2) * 4)
		}
		next = next2
	}
}
