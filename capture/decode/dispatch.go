package decode

import "sockwire/capture"

// What leads from the type of a layer to what reads and shows it is here. To add a layer: in type.go its type, names and
// number, here a case in each function that it is for, and a file that reads and shows it. Switches are used, not tables
// of functions, so that what they are handed stays on the stack.

// link returns the first layer of a link type.
func (c *cursor) link(l capture.LinkType) Type {
	switch l {
	case capture.LinkEthernet:
		return TypeEthernet
	case capture.LinkRaw:
		return c.ipVersion(TypePayload)
	case capture.LinkIPv4:
		return TypeIPv4
	case capture.LinkIPv6:
		return TypeIPv6
	case capture.LinkLinuxSLL:
		return TypeSLL
	case capture.LinkLinuxSLL2:
		return TypeSLL2
	case capture.LinkNull:
		return TypeNull
	case capture.LinkLoop:
		return TypeLoop
	case capture.LinkPPP:
		return TypePPP
	case capture.LinkPPPHDLC:
		return TypeHDLC
	case capture.LinkPPPEthernet:
		return TypePPPoE
	case capture.LinkIEEE80211:
		return TypeIEEE80211
	case capture.LinkIEEE80211Radio:
		return TypeRadiotap
	}
	c.fail(TypePayload, UnknownLink, 0, "")
	return TypePayload
}

// layer decodes one layer and returns the type of the one it carries.
func (c *cursor) layer(t Type) Type {
	switch t {
	case TypeEthernet:
		return c.ethernet()
	case TypeIPv4:
		return c.ipv4()
	case TypeIPv6:
		return c.ipv6()
	case TypeTCP:
		return c.tcp()
	case TypeUDP:
		return c.udp()
	case TypeICMPv4:
		return c.icmpv4()
	case TypeICMPv6:
		return c.icmpv6()
	case TypeVLAN:
		return c.vlan()
	case TypeARP:
		return c.arp()
	case TypeSLL:
		return c.sll()
	case TypeSLL2:
		return c.sll2()
	case TypeIPv6HopByHop, TypeIPv6Destination, TypeIPv6Routing, TypeIPv6Mobility:
		return c.ipv6Extension(t)
	case TypeIPv6Fragment:
		return c.ipv6Fragment()
	case TypeAH:
		return c.ah()
	case TypeESP:
		return c.esp()
	case TypeGRE:
		return c.gre()
	case TypeVXLAN:
		return c.vxlan()
	case TypeGeneve:
		return c.geneve()
	case TypeMPLS:
		return c.mpls()
	case TypePPPoE:
		return c.pppoe()
	case TypePPP:
		return c.ppp()
	case TypeHDLC:
		return c.hdlc()
	case TypeLLC:
		return c.llc()
	case TypeSNAP:
		return c.snap()
	case TypeSTP:
		return c.stp()
	case TypeLLDP:
		return c.lldp()
	case TypeIGMP:
		return c.igmp()
	case TypeSCTP:
		return c.sctp()
	case TypeDCCP:
		return c.dccp()
	case TypeUDPLite:
		return c.udpLite()
	case TypeVRRP:
		return c.vrrp()
	case TypeOSPF:
		return c.ospf()
	case TypePIM:
		return c.pim()
	case TypeNull, TypeLoop:
		return c.loopback(t)
	case TypeRadiotap:
		return c.radiotap()
	case TypeIEEE80211:
		return c.wlan()
	}
	return c.rest(t)
}

// AppendFields adds the fields of layer i in the order of the header. It does not allocate beyond the
// growth of dst; the fields borrow from the frame.
func (p *Packet) AppendFields(dst []Field, i int) []Field {
	l := &p.layers[:p.n][i]
	w := NewFieldWriter(dst, p, l.Offset, l.Offset+l.Header)
	switch l.Type {
	case TypeEthernet:
		ethernetFields(&w)
	case TypeVLAN:
		vlanFields(&w, p.tag(i))
	case TypeARP:
		arpFields(&w)
	case TypeSLL:
		sllFields(&w)
	case TypeSLL2:
		sll2Fields(&w)
	case TypeIPv4:
		ipv4Fields(&w, l)
	case TypeIPv6:
		ipv6Fields(&w)
	case TypeIPv6HopByHop:
		ipv6OptionFields(&w, fHopNext, fHopLength)
	case TypeIPv6Destination:
		ipv6OptionFields(&w, fDstNext, fDstLength)
	case TypeIPv6Routing:
		ipv6RoutingFields(&w)
	case TypeIPv6Fragment:
		ipv6FragmentFields(&w)
	case TypeAH:
		ahFields(&w)
	case TypeICMPv4:
		icmpv4Fields(&w, l)
	case TypeICMPv6:
		icmpv6Fields(&w, l)
	case TypeICMPExtension:
		icmpExtensionFields(&w, l)
	case TypeTCP:
		tcpFields(&w, l)
	case TypeUDP:
		udpFields(&w, l)
	case TypeIPv6Mobility:
		mobilityFields(&w)
	case TypeESP:
		espFields(&w)
	case TypeGRE:
		greFields(&w, l)
	case TypeVXLAN:
		vxlanFields(&w)
	case TypeGeneve:
		geneveFields(&w)
	case TypeMPLS:
		mplsFields(&w)
	case TypePPPoE:
		pppoeFields(&w)
	case TypePPP:
		pppFields(&w)
	case TypeHDLC:
		hdlcFields(&w)
	case TypeLLC:
		llcFields(&w)
	case TypeSNAP:
		snapFields(&w)
	case TypeSTP:
		stpFields(&w)
	case TypeLLDP:
		lldpFields(&w)
	case TypeIGMP:
		igmpFields(&w, l)
	case TypeSCTP:
		sctpFields(&w, l)
	case TypeDCCP:
		dccpFields(&w, l)
	case TypeUDPLite:
		udpLiteFields(&w, l)
	case TypeVRRP:
		vrrpFields(&w, l, p.inIPv6(i))
	case TypeOSPF:
		ospfFields(&w, l)
	case TypePIM:
		pimFields(&w, l)
	case TypeNull, TypeLoop:
		loopbackFields(&w)
	case TypeRadiotap:
		radiotapLayer(&w)
	case TypeIEEE80211:
		wlanFields(&w)
	}
	return w.Fields
}

// appendLayer adds layer i and returns the layer to go on with.
func (r *Printer) appendLayer(b []byte, p *Packet, i int) ([]byte, int) {
	switch p.layers[i].Type {
	case TypeEthernet:
		return r.appendEthernet(b, p, i), i + 1
	case TypeIPv4, TypeIPv6:
		return r.appendIP(b, p, i)
	case TypeTCP:
		return r.appendTCP(b, p, i)
	case TypeUDP:
		return r.appendUDP(b, p, i)
	case TypeVLAN:
		return appendVLAN(b, p, i), i + 1
	case TypeARP:
		return appendARP(b, p, i), i + 1
	case TypeICMPv4:
		return appendICMPv4(b, p, i), p.n
	case TypeICMPv6:
		return appendICMPv6(b, p, i), p.n
	case TypeSLL, TypeSLL2:
		return r.appendCooked(b, p, i), i + 1
	case TypeIPv6HopByHop, TypeIPv6Destination, TypeIPv6Routing, TypeIPv6Mobility, TypeIPv6Fragment:
		return appendIPv6Extension(b, p, i), i + 1
	case TypeAH:
		h := p.AH(i)
		b = append(b, "AH(spi="...)
		b = appendHexN(b, uint64(h.SPI()), 8)
		b = append(b, ",seq="...)
		b = appendHex(b, uint64(h.Sequence()))
		return append(b, "): "...), i + 1
	case TypeESP:
		return appendESP(b, p, i), i + 1
	case TypeGRE:
		return appendGRE(b, p, i), i + 1
	case TypeVXLAN, TypeGeneve:
		return appendVNI(b, p, i), i + 1
	case TypeMPLS:
		return appendMPLS(b, p, i), i + 1
	case TypePPPoE:
		return appendPPPoE(b, p, i), i + 1
	case TypePPP:
		return appendPPP(b, p, i), i + 1
	case TypeHDLC:
		return appendHDLC(b, p, i), i + 1
	case TypeLLC:
		return appendLLC(b, p, i), i + 1
	case TypeSNAP:
		return appendSNAP(b, p, i), i + 1
	case TypeSTP:
		return appendSTP(b, p, i), i + 1
	case TypeLLDP:
		return appendLLDP(b, p, i), i + 1
	case TypeIGMP:
		return appendIGMP(b, p, i), i + 1
	case TypeSCTP:
		return appendSCTP(b, p, i), i + 1
	case TypeDCCP:
		return appendDCCP(b, p, i), p.n
	case TypeUDPLite:
		b = appendInt(append(b, "UDP-Lite, length "...), p.PayloadLength(i))
		return r.appendCarried(b, p, i)
	case TypeVRRP:
		return appendVRRP(b, p, i), i + 1
	case TypeOSPF:
		return appendOSPF(b, p, i), p.n
	case TypePIM:
		if next := p.next(i); next.Network() { // a register message
			return append(appendPIM(b, p, i), ": "...), i + 1
		}
		return appendPIM(b, p, i), p.n
	case TypeNull, TypeLoop:
		return appendLoopback(b, p, i), i + 1
	case TypeRadiotap:
		return r.appendRadiotap(b, p, i), i + 1
	case TypeIEEE80211:
		return r.appendWLAN(b, p, i), i + 1
	}
	return r.appendRest(b, p, i)
}
