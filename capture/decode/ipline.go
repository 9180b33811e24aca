package decode

// appendIP adds an IP header with the ports of the transport it carries.
func (r *Printer) appendIP(b []byte, p *Packet, i int) []byte {
	var transport int
	if h := p.IPv4(i); h != nil {
		b, transport = appendEnds(append(b, "IP "...), p, i, h[12:16], h[16:20])
		b = appendIPv4Fragment(append(b, ": "...), h, p.PayloadLength(i))
	} else {
		h := p.IPv6(i)
		b, transport = appendEnds(append(b, "IP6 "...), p, i, h[8:24], h[24:40])
		b = append(b, ": "...)
	}
	if transport < 0 && p.n == i+1 {
		b = append(b, "length "...)
		b = appendInt(b, p.PayloadLength(i))
	} else if t := p.layers[i+1].Type; t == TypePayload {
		b = append(b, "ip-proto-"...)
		b = append(appendUint(b, uint64(p.protocol(i))), ' ')
	}
	return b
}

// appendEnds adds the addresses of the IP layer i with the ports of its transport, whose index it returns.
func appendEnds(b []byte, p *Packet, i int, src, dst []byte) ([]byte, int) {
	transport := p.transport(i)
	if transport < 0 {
		b = append(appendAddr(b, src), " > "...)
		return appendAddr(b, dst), -1
	}
	h := p.Frame.Data[p.layers[transport].Offset:]
	b = append(appendEnd(b, src, be16(h)), " > "...)
	return appendEnd(b, dst, be16(h[2:])), transport
}

// appendEnd adds 192.0.2.1:80 or [2001:db8::1]:53.
func appendEnd(b, addr []byte, port uint16) []byte {
	if len(addr) == 4 {
		b = append(appendIPv4(b, addr), ':')
	} else {
		b = append(appendIPv6(append(b, '['), addr), ']', ':')
	}
	return appendUint(b, uint64(port))
}

// appendIPv4Fragment adds "frag id 0xbe9d 1480+1480 more, " when h is that of a fragment.
func appendIPv4Fragment(b []byte, h IPv4, length int) []byte {
	if !h.MoreFragments() && h.FragmentOffset() == 0 {
		return b
	}
	if h.FragmentOffset() != 0 {
		b = appendProtocol(b, h.Protocol())
		b = append(b, ' ')
	}
	return append(appendFragment(b, uint64(h.ID()), h.FragmentOffset(), length, h.MoreFragments()), ", "...)
}

func appendFragment(b []byte, id uint64, offset, length int, more bool) []byte {
	b = append(b, "frag id "...)
	b = append(appendHex(b, id), ' ')
	b = append(appendInt(b, offset), '+')
	b = appendInt(b, length)
	if more {
		return append(b, " more"...)
	}
	return append(b, " last"...)
}

// appendProtocol adds the name of an IP protocol.
func appendProtocol(b []byte, n uint8) []byte {
	if t := ipProtocol(n); t != TypePayload {
		return append(b, t.Title()...)
	}
	return appendUint(append(b, "ip-proto-"...), uint64(n))
}

func (*Printer) appendIPv6Extension(b []byte, p *Packet, i int) []byte {
	switch p.layers[i].Type {
	case TypeIPv6HopByHop:
		return append(b, "HBH "...)
	case TypeIPv6Destination:
		return append(b, "DSTOPT "...)
	case TypeIPv6Mobility:
		return append(b, "mobility "...)
	case TypeIPv6Routing:
		h := p.IPv6Extension(i)
		b = append(b, "RT type "...)
		b = append(appendUint(b, uint64(h.RoutingType())), " left "...)
		return append(appendUint(b, uint64(h.SegmentsLeft())), ' ')
	}
	h := p.IPv6Fragment(i)
	if h.FragmentOffset() != 0 {
		b = append(appendProtocol(b, h.NextHeader()), ' ')
	}
	return append(appendFragment(b, uint64(h.ID()), h.FragmentOffset(), p.PayloadLength(i), h.MoreFragments()), ", "...)
}
