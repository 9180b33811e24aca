package packet

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"sockwire/raw/wire"
)

// Whatever must know all layers is here: a layer is a row of the table, a case in each of the three functions below it,
// and a file of its own. The functions tell layers apart by type and do not call through the interface: so layers stay
// on the caller's stack.

var protocolNames = map[string]uint64{"hopopts": 0, "icmp": 1, "igmp": 2, "ip": 4, "tcp": 6, "udp": 17, "ip6": 41, "rh": 43,
	"frag": 44, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "none": 59, "dstopts": 60, "sctp": 132, "mobility": 135, "udplite": 136, "mpls": 137,
	"hip": 139, "shim6": 140}

var etherTypeNames = map[string]uint64{"ip": wire.EtherTypeIPv4, "arp": wire.EtherTypeARP, "ip6": wire.EtherTypeIPv6, "vlan": wire.EtherTypeVLAN, "qinq": wire.EtherTypeQinQ,
	"mpls": wire.EtherTypeMPLS, "pppoe": wire.EtherTypePPPoE, "eth": wire.EtherTypeTEB}

var icmp4Names = map[string]uint64{"echo": 8, "echoreply": 0, "unreachable": 3, "redirect": 5, "timeexceeded": 11, "paramproblem": 12,
	"timestamp": 13, "timestampreply": 14, "mask": 17, "maskreply": 18, "routeradvert": 9, "routersolicit": 10}

var icmp6Names = map[string]uint64{"unreachable": 1, "toobig": 2, "timeexceeded": 3, "paramproblem": 4, "echo": 128, "echoreply": 129,
	"mldquery": 130, "mldreport": 131, "mlddone": 132, "rs": 133, "ra": 134, "ns": 135, "na": 136, "redirect": 137, "mld2report": 143}

var (
	ethKind = &layerKind{name: "eth", title: "Ethernet", make: func() Layer { return new(Ethernet) }, protocol: wire.ProtoEthernet,
		also:  []string{"ether", "ethernet"},
		names: map[string]map[string]uint64{"type": etherTypeNames}}
	vlanKind = &layerKind{name: "vlan", title: "VLAN", make: func() Layer { return new(VLAN) }, etherType: wire.EtherTypeVLAN,
		also:     []string{"dot1q"},
		names:    map[string]map[string]uint64{"type": etherTypeNames, "tpid": etherTypeNames},
		synonyms: map[string]string{"prio": "pcp", "priority": "pcp", "cfi": "dei", "vlan": "id", "vid": "id"}}
	qinqKind = &layerKind{name: "qinq", title: "VLAN", make: func() Layer { return &VLAN{TPID: U16(wire.EtherTypeQinQ)} }, etherType: wire.EtherTypeQinQ,
		also:     []string{"dot1ad"},
		names:    map[string]map[string]uint64{"type": etherTypeNames, "tpid": etherTypeNames},
		synonyms: map[string]string{"prio": "pcp", "priority": "pcp", "cfi": "dei", "vlan": "id", "vid": "id"}}
	mplsKind = &layerKind{name: "mpls", title: "MPLS", make: func() Layer { return new(MPLS) }, protocol: wire.ProtoMPLS, etherType: wire.EtherTypeMPLS, ppp: wire.PPPMPLS,
		synonyms: map[string]string{"exp": "tc", "cos": "tc", "bottom": "s", "bos": "s", "bottomofstack": "s", "timetolive": "ttl"}}
	pppoeKind = &layerKind{name: "pppoe", title: "PPPoE", make: func() Layer { return new(PPPoE) }, etherType: wire.EtherTypePPPoE,
		synonyms: map[string]string{"sessionid": "session"}}
	arpKind = &layerKind{name: "arp", title: "ARP", make: func() Layer { return new(ARP) }, etherType: wire.EtherTypeARP,
		family: 32, names: map[string]map[string]uint64{"op": {"request": 1, "reply": 2}, "ptype": etherTypeNames},
		synonyms: map[string]string{"hwtype": "htype", "hrd": "htype", "hardwaretype": "htype", "pro": "ptype", "protocoltype": "ptype",
			"prototype": "ptype", "hwlen": "hlen", "hln": "hlen", "pln": "plen", "opcode": "op", "oper": "op", "operation": "op", "hwsrc": "sha",
			"srchwmac": "sha", "psrc": "spa", "srcprotoipv4": "spa", "hwdst": "tha", "dsthwmac": "tha", "pdst": "tpa", "dstprotoipv4": "tpa"}}
	ipKind = &layerKind{name: "ip", title: "IPv4", make: func() Layer { return new(IPv4) }, protocol: wire.ProtoIPv4, etherType: wire.EtherTypeIPv4, ppp: wire.PPPIPv4,
		also:   []string{"ipv4"},
		family: 32, options: ip4Options, names: map[string]map[string]uint64{"proto": protocolNames},
		aliases: map[string]alias{"dscp": {"tos", 2, 6}, "ecn": {"tos", 0, 2}, "mf": {"flags", 0, 1}, "df": {"flags", 1, 1}, "evil": {"flags", 2, 1}},
		synonyms: map[string]string{"typeofservice": "tos", "dsfield": "tos", "internetheaderlength": "ihl", "hdrlen": "ihl", "totallength": "len",
			"fragmentoffset": "off", "fragoffset": "off", "frag": "off", "offset": "off", "timetolive": "ttl", "addr": "dst"}}
	ip6Kind = &layerKind{name: "ip6", title: "IPv6", make: func() Layer { return new(IPv6) }, protocol: wire.ProtoIPv6, etherType: wire.EtherTypeIPv6, ppp: wire.PPPIPv6,
		also:   []string{"ipv6"},
		family: 128, names: map[string]map[string]uint64{"nh": protocolNames},
		aliases:  map[string]alias{"dscp": {"tc", 2, 6}, "ecn": {"tc", 0, 2}},
		synonyms: map[string]string{"tclass": "tc", "flowlabel": "flow", "fl": "flow", "payloadlength": "plen", "length": "plen"}}
	hopoptsKind = &layerKind{name: "hopopts", title: "HopByHop", make: func() Layer { return new(HopByHop) }, hop: true,
		also:    []string{"hopbyhop", "hbh"},
		options: ip6Options, names: map[string]map[string]uint64{"nh": protocolNames}}
	dstoptsKind = &layerKind{name: "dstopts", title: "DestinationOptions", make: func() Layer { return new(DestinationOptions) }, protocol: wire.ProtoDstOpts,
		also:    []string{"destopts", "destinationoptions"},
		options: ip6Options, names: map[string]map[string]uint64{"nh": protocolNames}}
	rhKind = &layerKind{name: "rh", title: "Routing", make: func() Layer { return new(Routing) }, protocol: wire.ProtoRouting,
		also:   []string{"routing", "srh"},
		family: 128, names: map[string]map[string]uint64{"nh": protocolNames},
		synonyms: map[string]string{"routingtype": "type", "segmentsleft": "left", "segleft": "left", "addresses": "addrs", "segments": "addrs",
			"reserved": "rest"}}
	fragKind = &layerKind{name: "frag", title: "Fragment", make: func() Layer { return new(Fragment) }, protocol: wire.ProtoFragment,
		also:     []string{"fragment"},
		names:    map[string]map[string]uint64{"nh": protocolNames},
		synonyms: map[string]string{"fragmentoffset": "off", "offset": "off", "m": "more", "mflag": "more", "res1": "res"}}
	extKind = &layerKind{name: "ext", title: "IPv6Extension", make: func() Layer { return new(IPv6Extension) },
		names: map[string]map[string]uint64{"nh": protocolNames, "proto": protocolNames}}
	mobilityKind = &layerKind{name: "mobility", title: "IPv6Extension", make: func() Layer { return &IPv6Extension{Protocol: wire.ProtoMobility} }, protocol: wire.ProtoMobility,
		also:  []string{"mobilityheader"},
		names: map[string]map[string]uint64{"nh": protocolNames}}
	hipKind = &layerKind{name: "hip", title: "IPv6Extension", make: func() Layer { return &IPv6Extension{Protocol: wire.ProtoHIP} }, protocol: wire.ProtoHIP,
		names: map[string]map[string]uint64{"nh": protocolNames}}
	shim6Kind = &layerKind{name: "shim6", title: "IPv6Extension", make: func() Layer { return &IPv6Extension{Protocol: wire.ProtoShim6} }, protocol: wire.ProtoShim6,
		names: map[string]map[string]uint64{"nh": protocolNames}}
	ahKind = &layerKind{name: "ah", title: "AH", make: func() Layer { return new(AH) }, protocol: wire.ProtoAH,
		names: map[string]map[string]uint64{"nh": protocolNames}}
	espKind  = &layerKind{name: "esp", title: "ESP", make: func() Layer { return new(ESP) }, protocol: wire.ProtoESP}
	icmpKind = &layerKind{name: "icmp", title: "ICMPv4", make: func() Layer { return new(ICMPv4) }, protocol: wire.ProtoICMP,
		also:   []string{"icmpv4"},
		family: 32, names: map[string]map[string]uint64{"type": icmp4Names},
		synonyms: map[string]string{"nexthopmtu": "mtu", "gateway": "gw", "gatewayaddress": "gw", "gatewayinternetaddress": "gw", "tsori": "orig",
			"originate": "orig", "originatetimestamp": "orig", "tsrx": "recv", "receive": "recv", "receivetimestamp": "recv", "tstx": "xmit",
			"transmit": "xmit", "transmittimestamp": "xmit", "addrmask": "mask", "addressmask": "mask", "unused": "rest", "reserved": "rest",
			"extensions": "ext"}}
	icmp6Kind = &layerKind{name: "icmp6", title: "ICMPv6", make: func() Layer { return new(ICMPv6) }, protocol: wire.ProtoICMPv6,
		also:   []string{"icmpv6"},
		family: 128, options: ndOptions, names: map[string]map[string]uint64{"type": icmp6Names},
		aliases: map[string]alias{"router": {"flags", 7, 1}, "solicited": {"flags", 6, 1}, "override": {"flags", 5, 1}, "managed": {"flags", 7, 1}, "other": {"flags", 6, 1}},
		synonyms: map[string]string{"tgt": "target", "targetaddress": "target", "destination": "dest", "destinationaddress": "dest", "dst": "dest",
			"mladdr": "group", "multicastaddress": "group", "chlim": "hlim", "curhoplimit": "hlim", "routerlifetime": "lifetime",
			"reachabletime": "reachable", "retranstimer": "retrans", "mrd": "id", "maximumresponsedelay": "id", "res": "rest", "unused": "rest",
			"reserved": "rest", "extensions": "ext"}}
	igmpKind = &layerKind{name: "igmp", title: "IGMP", make: func() Layer { return new(IGMP) }, protocol: wire.ProtoIGMP,
		family: 32, names: map[string]map[string]uint64{"type": {"query": 0x11, "report1": 0x12, "report2": 0x16, "leave": 0x17, "report3": 0x22}},
		synonyms: map[string]string{"mrcode": "maxresp", "mrtime": "maxresp", "maxresptime": "maxresp", "maxrespcode": "maxresp", "gaddr": "group",
			"maddr": "group", "groupaddress": "group"}}
	udpKind     = &layerKind{name: "udp", title: "UDP", make: func() Layer { return new(UDP) }, protocol: wire.ProtoUDP}
	udpliteKind = &layerKind{name: "udplite", title: "UDPLite", make: func() Layer { return new(UDPLite) }, protocol: wire.ProtoUDPLite,
		synonyms: map[string]string{"coverage": "cov", "checksumcoverage": "cov"}}
	tcpKind = &layerKind{name: "tcp", title: "TCP", make: func() Layer { return new(TCP) }, protocol: wire.ProtoTCP,
		options: tcpOptions,
		synonyms: map[string]string{"acknowledgmentnumber": "ack", "acknowledgementnumber": "ack", "dataoffset": "doff", "dataofs": "doff",
			"hdrlen": "doff", "window": "win", "windowsize": "win", "windowsizevalue": "win", "urgentpointer": "urp", "urgptr": "urp"}}
	sctpKind = &layerKind{name: "sctp", title: "SCTP", make: func() Layer { return new(SCTP) }, protocol: wire.ProtoSCTP,
		synonyms: map[string]string{"verificationtag": "tag"}}
	chunkKind = &layerKind{name: "chunk", title: "SCTPChunk", make: func() Layer { return new(SCTPChunk) },
		names:    map[string]map[string]uint64{"type": {"data": 0, "init": 1, "initack": 2, "sack": 3, "heartbeat": 4, "heartbeatack": 5, "abort": 6, "shutdown": 7, "shutdownack": 8, "error": 9, "cookieecho": 10, "cookieack": 11, "shutdowncomplete": 14}},
		synonyms: map[string]string{"data": "value", "chunkvalue": "value"}}
	greKind = &layerKind{name: "gre", title: "GRE", make: func() Layer { return new(GRE) }, protocol: wire.ProtoGRE,
		names: map[string]map[string]uint64{"proto": etherTypeNames}}
	vxlanKind = &layerKind{name: "vxlan", title: "VXLAN", make: func() Layer { return new(VXLAN) },
		synonyms: map[string]string{"vxlannetworkidentifier": "vni", "reserved1": "res"}}
	geneveKind = &layerKind{name: "geneve", title: "Geneve", make: func() Layer { return new(Geneve) },
		names:    map[string]map[string]uint64{"proto": etherTypeNames},
		aliases:  map[string]alias{"oam": {"flags", 7, 1}, "critical": {"flags", 6, 1}},
		synonyms: map[string]string{"optionlen": "optlen", "optionslength": "optlen", "virtualnetworkidentifier": "vni", "reserved2": "res"}}
	dnsKind = &layerKind{name: "dns", title: "DNS", make: func() Layer { return new(DNS) },
		names: map[string]map[string]uint64{"qtype": dnsTypeNames, "qclass": dnsClassNames,
			"opcode": {"query": 0, "iquery": 1, "status": 2, "notify": 4, "update": 5}, "rcode": {"noerror": 0, "formerr": 1, "servfail": 2,
				"nxdomain": 3, "notimp": 4, "refused": 5}},
		aliases: map[string]alias{"qr": {"flags", 15, 1}, "opcode": {"flags", 11, 4}, "aa": {"flags", 10, 1}, "tc": {"flags", 9, 1}, "rd": {"flags", 8, 1},
			"ra": {"flags", 7, 1}, "z": {"flags", 6, 1}, "ad": {"flags", 5, 1}, "cd": {"flags", 4, 1}, "rcode": {"flags", 0, 4}},
		synonyms: map[string]string{"name": "qname", "type": "qtype", "class": "qclass", "questions": "qd", "answers": "an", "authority": "ns", "additional": "ar"}}
	dhcpKind = &layerKind{name: "dhcp", title: "DHCP", make: func() Layer { return new(DHCP) },
		also:   []string{"bootp"},
		family: 32, options: dhcpOptions, names: map[string]map[string]uint64{"op": {"request": 1, "reply": 2}},
		aliases:  map[string]alias{"broadcast": {"flags", 15, 1}},
		synonyms: map[string]string{"opcode": "op", "hwtype": "htype", "hwlen": "hlen", "transactionid": "xid", "clientmac": "chaddr", "magic": "cookie"}}
)

// layerKinds are the layers with fields, in the order that help shows them.
var layerKinds = []*layerKind{
	ethKind, vlanKind, qinqKind, mplsKind, pppoeKind, arpKind, ipKind, ip6Kind, hopoptsKind, dstoptsKind, rhKind, fragKind, extKind, mobilityKind, hipKind,
	shim6Kind, ahKind, espKind, icmpKind, icmp6Kind, igmpKind, udpKind, udpliteKind, tcpKind, sctpKind, chunkKind, greKind, vxlanKind, geneveKind, dnsKind, dhcpKind,
}

// kindOf returns the kind that a layer is written as, nil for a payload.
func kindOf(l Layer) *layerKind {
	switch l := l.(type) {
	case *Ethernet:
		return ethKind
	case *VLAN:
		if l.TPID.given && l.TPID.value == wire.EtherTypeQinQ {
			return qinqKind
		}
		return vlanKind
	case *MPLS:
		return mplsKind
	case *PPPoE:
		return pppoeKind
	case *ARP:
		return arpKind
	case *IPv4:
		return ipKind
	case *IPv6:
		return ip6Kind
	case *HopByHop:
		return hopoptsKind
	case *DestinationOptions:
		return dstoptsKind
	case *Routing:
		return rhKind
	case *Fragment:
		return fragKind
	case *IPv6Extension:
		switch l.Protocol {
		case wire.ProtoMobility:
			return mobilityKind
		case wire.ProtoHIP:
			return hipKind
		case wire.ProtoShim6:
			return shim6Kind
		}
		return extKind
	case *AH:
		return ahKind
	case *ESP:
		return espKind
	case *ICMPv4:
		return icmpKind
	case *ICMPv6:
		return icmp6Kind
	case *IGMP:
		return igmpKind
	case *UDP:
		return udpKind
	case *UDPLite:
		return udpliteKind
	case *TCP:
		return tcpKind
	case *SCTP:
		return sctpKind
	case *SCTPChunk:
		return chunkKind
	case *GRE:
		return greKind
	case *VXLAN:
		return vxlanKind
	case *Geneve:
		return geneveKind
	case *DNS:
		return dnsKind
	case *DHCP:
		return dhcpKind
	}
	return nil
}

// appendLayer writes what is known before the layers below.
func appendLayer(b []byte, l Layer, below []Layer) ([]byte, error) {
	var next Layer
	if len(below) > 0 {
		next = below[0]
	}
	switch l := l.(type) {
	case *Ethernet:
		return l.append(b, etherTypeOf(next))
	case *VLAN:
		return l.append(b, etherTypeOf(next))
	case *ARP:
		return l.append(b)
	case *MPLS:
		_, more := next.(*MPLS)
		return l.append(b, more)
	case *PPPoE:
		return l.append(b, pppOf(next))
	case *IPv4:
		if next == nil {
			return l.append(b, following{known: true}, 64) // 59 says "none" in IPv6 only
		}
		var ttl uint8 = 64
		if _, ok := next.(*IGMP); ok {
			ttl = 1
		}
		return l.append(b, protocolOf(next), ttl)
	case *IPv6:
		return l.append(b, protocolOf(next), hopLimit(below))
	case *HopByHop:
		return appendOptionsHeader(b, l.NextHeader, l.Length, l.Options, protocolOf(next))
	case *DestinationOptions:
		return appendOptionsHeader(b, l.NextHeader, l.Length, l.Options, protocolOf(next))
	case *Routing:
		return l.append(b, protocolOf(next))
	case *Fragment:
		return l.append(b, protocolOf(next))
	case *IPv6Extension:
		return l.append(b, protocolOf(next))
	case *AH:
		return l.append(b, protocolOf(next))
	case *ESP:
		return l.append(b), nil
	case *ICMPv4:
		return l.append(b)
	case *ICMPv6:
		return l.append(b)
	case *IGMP:
		return l.append(b)
	case *UDP:
		return l.append(b), nil
	case *UDPLite:
		return l.append(b), nil
	case *TCP:
		return l.append(b)
	case *SCTP:
		return l.append(b), nil
	case *SCTPChunk:
		return l.append(b)
	case *GRE:
		return l.append(b, tunnelTypeOf(next))
	case *VXLAN:
		return l.append(b)
	case *Geneve:
		return l.append(b, tunnelTypeOf(next))
	case *DNS:
		return l.append(b)
	case *DHCP:
		return l.append(b)
	case Payload:
		return append(b, l...), nil
	case *Payload:
		return append(b, *l...), nil
	}
	return b, errors.New("nil is no layer")
}

// finishLayer writes what depends on the layers below, which are whole by now. b ends with layer i.
func finishLayer(b []byte, layers []Layer, i int, starts []int) ([]byte, error) {
	start, outer := starts[i], layers[:i]
	switch l := layers[i].(type) {
	case *Ethernet:
		return append(b, l.Trailer...), nil
	case *PPPoE:
		return b, l.finish(b, start)
	case *IPv4:
		return b, l.finish(b, start, starts[i+1]-start)
	case *IPv6:
		jumbo := false
		if i+1 < len(layers) {
			hop, ok := layers[i+1].(*HopByHop)
			jumbo = ok && hop.jumbo()
		}
		return b, l.finish(b, start, jumbo)
	case *ICMPv4:
		return l.finish(b, start)
	case *ICMPv6:
		return l.finish(b, start, outer)
	case *IGMP:
		l.finish(b, start)
	case *UDP:
		return b, l.finish(b, start, outer)
	case *UDPLite:
		return b, l.finish(b, start, outer)
	case *TCP:
		return b, l.finish(b, start, outer)
	case *SCTP:
		l.finish(b, start)
	case *GRE:
		l.finish(b, start)
	}
	return b, nil
}

// title returns what errors call a layer.
func title(l Layer) string {
	if k := kindOf(l); k != nil {
		return k.title
	}
	if l == nil {
		return "nothing"
	}
	return "Payload"
}

func kindByName(name string) *layerKind {
	for _, k := range layerKinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// protocolOf returns the protocol number of a layer that follows an IP header; no layer at all is 59, none.
func protocolOf(l Layer) following {
	switch l := l.(type) {
	case nil:
		return following{wire.ProtoNone, true}
	case *IPv6Extension:
		return following{uint16(l.Protocol), true}
	}
	k := kindOf(l)
	if k == nil {
		return following{}
	}
	return following{uint16(k.protocol), k.protocol != 0 || k.hop}
}

// etherTypeOf returns the EtherType of a layer that follows an Ethernet header or tag; no layer at all is 0.
func etherTypeOf(l Layer) following {
	switch l := l.(type) {
	case nil:
		return following{0, true}
	case *VLAN:
		return following{l.TPID.Or(wire.EtherTypeVLAN), true}
	case *PPPoE:
		if l.Code != 0 {
			return following{wire.EtherTypePPPoEDisc, true}
		}
	}
	k := kindOf(l)
	if k == nil {
		return following{}
	}
	return following{k.etherType, k.etherType != 0}
}

// tunnelTypeOf is etherTypeOf for what follows a header of GRE or Geneve.
func tunnelTypeOf(l Layer) following {
	if _, ok := l.(*Ethernet); ok {
		return following{wire.EtherTypeTEB, true}
	}
	return etherTypeOf(l)
}

// pppOf returns the PPP protocol number of a layer that follows a PPPoE header; no layer at all is 0.
func pppOf(l Layer) following {
	k := kindOf(l)
	if k == nil {
		return following{0, l == nil}
	}
	return following{k.ppp, k.ppp != 0}
}

// layerOf returns an empty layer of the kind that a header announces, nil for a payload.
func layerOf(c content) Layer {
	switch c.by {
	case byProtocol:
		return announcedLayer(func(k *layerKind) bool {
			return k.protocol != 0 && k.protocol == uint8(c.number) || k.hop && c.number == wire.ProtoHopByHop
		})
	case byEtherType:
		switch {
		case wire.IsVLAN(c.number):
			return &VLAN{TPID: U16(c.number)}
		case c.number == wire.EtherTypeMPLSMC:
			return new(MPLS)
		case c.number == wire.EtherTypePPPoEDisc:
			return new(PPPoE)
		}
		return announcedLayer(func(k *layerKind) bool { return k.etherType != 0 && k.etherType == c.number })
	case byTunnelType:
		if c.number == wire.EtherTypeTEB {
			return new(Ethernet)
		}
		return layerOf(content{byEtherType, c.number})
	case byPPP:
		return announcedLayer(func(k *layerKind) bool { return k.ppp != 0 && k.ppp == c.number })
	case byVersion:
		switch c.number {
		case 4:
			return new(IPv4)
		case 6:
			return new(IPv6)
		}
	case byPort:
		switch {
		case wire.IsVXLANPort(c.number):
			return new(VXLAN)
		case c.number == wire.PortGeneve:
			return new(Geneve)
		case c.number == wire.PortDNS:
			return new(DNS)
		case c.number == wire.PortDHCPServer:
			return new(DHCP)
		}
	case byChunk:
		return new(SCTPChunk)
	}
	return nil
}

func announcedLayer(is func(*layerKind) bool) Layer {
	for _, k := range layerKinds {
		if is(k) {
			return k.make()
		}
	}
	return nil
}

// hopLimit returns the hop limit that the layers below an IPv6 header ask for.
func hopLimit(below []Layer) uint8 {
	for _, l := range below {
		switch l := l.(type) {
		case *ICMPv6:
			return l.hopLimit()
		case *IPv6, *IPv4:
			return 64
		}
	}
	return 64
}

// Layers returns the names of the layers with fields, as an expression has them, from the link up.
func Layers() []string {
	var names []string
	for _, k := range layerKinds {
		names = append(names, k.name)
	}
	return names
}

// Options returns what the option lists of each layer may hold, the parts of an option in braces: "ts{val ecr}".
// Sorted.
func Options() map[string][]string {
	all := map[string][]string{}
	for _, k := range layerKinds {
		if k.options != nil {
			all[k.name] = describeOptions(k.options)
		}
	}
	return all
}

func describeOptions(kinds map[string]optionKind) []string {
	list := []string{"opt{type len data}"}
	for name, k := range kinds {
		if len(k.fields) > 1 {
			var parts []string
			for _, f := range k.fields {
				parts = append(parts, f.name)
			}
			name += "{" + strings.Join(parts, " ") + "}"
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Fields returns the layers of the expression language that have fields, and the names of these. It is for help texts
// and their tests.
func Fields() map[string][]string {
	all := map[string][]string{}
	for _, k := range layerKinds {
		for _, f := range k.fields() {
			all[k.name] = append(all[k.name], f.name)
		}
		all[k.name] = append(all[k.name], slices.Sorted(maps.Keys(k.aliases))...)
	}
	return all
}
