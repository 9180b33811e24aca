package decode

// unreachableCodes name the codes of an ICMPv4 destination unreachable message.
var unreachableCodes = [...]string{
	"net", "host", "protocol", "port", "need to frag", "source route failed", "net unknown", "host unknown",
	"host isolated", "net prohibited", "host prohibited", "net for this TOS", "host for this TOS",
	"admin prohibited", "host precedence violation", "precedence cutoff",
}

// icmpv4Types name the types of ICMPv4 that a line says no more about.
var icmpv4Types = map[uint8]string{
	0: "echo reply", 3: "unreachable", 4: "source quench", 5: "redirect", 8: "echo request", 9: "router advertisement",
	10: "router solicitation", 11: "time exceeded", 12: "parameter problem", 13: "time stamp query", 14: "time stamp reply",
	15: "information request", 16: "information reply", 17: "address mask request", 18: "address mask reply",
	40: "security failure", 42: "extended echo request", 43: "extended echo reply",
}

func appendICMPv4(b []byte, p *Packet, i int) []byte {
	h := p.ICMPv4(i)
	b = append(b, "ICMP "...)
	switch h.Type() {
	case 0, 8:
		b = append(b, icmpv4Types[h.Type()]...)
		b = appendUint(append(b, ", id "...), uint64(h.ID()))
		b = appendUint(append(b, ", seq "...), uint64(h.Sequence()))
	case 42, 43:
		b = appendExtendedEcho(b, p, i, h, icmpv4Types[h.Type()])
	case 3:
		b = appendUnreachable(b, p, i, h)
	case 5:
		b = append(b, "redirect "...)
		b = appendQuotedTo(b, p, i)
		b = append(b, "to "...)
		if len(h) >= 8 {
			b = appendIPv4(b, h[4:8])
		}
	case 11:
		if h.Code() == 1 {
			b = append(b, "ip reassembly time exceeded"...)
		} else {
			b = append(b, "time exceeded in-transit"...)
		}
		b = appendQuotation(b, p, i)
	case 12:
		b = append(b, "parameter problem - octet "...)
		if len(h) >= 8 {
			b = appendUint(b, uint64(h[4]))
		}
		b = appendQuotation(b, p, i)
	default:
		if s := icmpv4Types[h.Type()]; s != "" {
			b = append(b, s...)
		} else {
			b = appendUint(append(b, "type "...), uint64(h.Type()))
		}
		if h.Code() != 0 {
			b = appendUint(append(b, ", code "...), uint64(h.Code()))
		}
	}
	return appendICMPEnd(b, p, i)
}

// appendICMPEnd adds the length and the extension structure.
func appendICMPEnd(b []byte, p *Packet, i int) []byte {
	b = append(b, ", length "...)
	return appendInt(b, p.layers[i].Length)
}

// appendUnreachable adds, as tcpdump does, what cannot be reached.
func appendUnreachable(b []byte, p *Packet, i int, h ICMP) []byte {
	code := int(h.Code())
	q := p.quotedIP(i)
	if q >= 0 {
		_, dst := p.addresses(q)
		b = append(dst.AppendTo(b), ' ')
	}
	switch {
	case code == 2 && q >= 0:
		b = append(appendProtocol(b, p.protocol(q)), ' ')
	case code == 3 && q >= 0:
		if t := p.transport(q); t >= 0 {
			_, port, _ := p.Ports(t)
			b = append(b, p.layers[t].Type.String()...)
			b = appendUint(append(b, " port "...), uint64(port))
			return append(b, " unreachable"...)
		}
	case code == 4:
		b = append(b, "unreachable - need to frag"...)
		if h.MTU()&0xffff != 0 {
			b = appendUint(append(b, " (mtu "...), uint64(h.MTU()&0xffff))
			b = append(b, ')')
		}
		return b
	}
	if code < len(unreachableCodes) {
		b = append(append(b, unreachableCodes[code]...), ' ')
	} else {
		b = append(appendUint(append(b, "code "...), uint64(code)), ' ')
	}
	return append(b, "unreachable"...)
}

// quotedIP returns the IP layer that the ICMP error of layer i quotes, or -1.
func (p *Packet) quotedIP(i int) int {
	if i+1 < p.n && p.layers[i+1].Flags&Quoted != 0 && p.layers[i+1].Type.Network() {
		return i + 1
	}
	return -1
}

// appendQuotedTo adds the destination of the quoted packet.
func appendQuotedTo(b []byte, p *Packet, i int) []byte {
	if q := p.quotedIP(i); q >= 0 {
		_, dst := p.addresses(q)
		return append(dst.AppendTo(b), ' ')
	}
	return b
}

// appendQuotation adds the ends of the quoted packet.
func appendQuotation(b []byte, p *Packet, i int) []byte {
	q := p.quotedIP(i)
	if q < 0 {
		return b
	}
	b = append(b, " for "...)
	if h := p.IPv4(q); h != nil {
		b, _ = appendEnds(b, p, q, h[12:16], h[16:20])
	} else {
		h := p.IPv6(q)
		b, _ = appendEnds(b, p, q, h[8:24], h[24:40])
	}
	return appendProtocol(append(b, ' '), p.protocol(q))
}

// appendExtendedEcho adds a probe of RFC 8335: the id, the one-byte sequence number and its state.
func appendExtendedEcho(b []byte, p *Packet, i int, h ICMP, name string) []byte {
	b = append(b, name...)
	if len(h) < 8 {
		return b
	}
	b = appendUint(append(b, ", id "...), uint64(h.ID()))
	b = appendUint(append(b, ", seq "...), uint64(h[6]))
	return b
}

// icmpv6Types name the types of ICMPv6 as tcpdump does.
var icmpv6Types = map[uint8]string{
	1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem",
	128: "echo request", 129: "echo reply", 130: "multicast listener query", 131: "multicast listener report",
	132: "multicast listener done", 133: "router solicitation", 134: "router advertisement", 135: "neighbor solicitation",
	136: "neighbor advertisement", 137: "redirect", 138: "router renumbering", 139: "node information query",
	140: "node information reply", 141: "inverse neighbor solicitation", 142: "inverse neighbor advertisement",
	143: "multicast listener report v2", 144: "home agent discovery request", 145: "home agent discovery reply",
	146: "mobile prefix solicitation", 147: "mobile prefix advertisement", 148: "certification path solicitation",
	149: "certification path advertisement", 151: "multicast router advertisement", 152: "multicast router solicitation",
	153: "multicast router termination", 155: "RPL control", 157: "duplicate address request",
	158: "duplicate address confirmation", 160: "extended echo request", 161: "extended echo reply",
}

var unreachable6Codes = [...]string{
	"no route", "admin prohibited", "beyond scope", "address", "port", "source address failed policy", "reject route",
	"source routing error",
}

func appendICMPv6(b []byte, p *Packet, i int) []byte {
	h := p.ICMPv6(i)
	b = append(b, "ICMP6, "...)
	body := h[min(8, len(h)):]
	switch t := h.Type(); t {
	case 1:
		b = append(b, "destination unreachable, "...)
		if c := int(h.Code()); c < len(unreachable6Codes) {
			b = append(b, unreachable6Codes[c]...)
		} else {
			b = appendUint(append(b, "code "...), uint64(c))
		}
		b = appendQuotation(b, p, i)
	case 2:
		b = appendUint(append(b, "packet too big, mtu "...), uint64(h.MTU()))
		b = appendQuotation(b, p, i)
	case 3, 4:
		b = append(b, icmpv6Types[t]...)
		b = appendQuotation(b, p, i)
	case 128, 129:
		b = append(b, icmpv6Types[t]...)
		b = appendUint(append(b, ", id "...), uint64(h.ID()))
		b = appendUint(append(b, ", seq "...), uint64(h.Sequence()))
	case 130, 131, 132, 135, 136:
		b = append(b, icmpv6Types[t]...)
		if len(body) >= 16 {
			switch t {
			case 135:
				b = append(b, ", who has "...)
			case 136:
				b = append(b, ", tgt is "...)
			default:
				b = append(b, ", group "...)
			}
			b = appendIPv6(b, body[:16])
		}
	case 160, 161:
		b = appendExtendedEcho(b, p, i, h, icmpv6Types[t])
	default:
		if s := icmpv6Types[t]; s != "" {
			b = append(b, s...)
		} else {
			b = appendUint(append(b, "type "...), uint64(t))
		}
		if h.Code() != 0 {
			b = appendUint(append(b, ", code "...), uint64(h.Code()))
		}
	}
	return appendICMPEnd(b, p, i)
}
