package decode

import "sockwire/raw/wire"

func (*Printer) appendICMPv4(b []byte, p *Packet, i int) []byte {
	h := p.ICMPv4(i)
	b = append(b, "ICMP "...)
	switch h.Type() {
	case 0, 8:
		b = append(b, wire.ICMPTypeName(false, h.Type())...)
		b = appendUint(append(b, ", id "...), uint64(h.ID()))
		b = appendUint(append(b, ", seq "...), uint64(h.Sequence()))
	case 42, 43:
		b = appendExtendedEcho(b, p, i, h, wire.ICMPTypeName(false, h.Type()))
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
		b = AppendName(b, wire.ICMPTypeName(false, h.Type()), "type ", uint64(h.Type()))
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
	if name := wire.ICMPCodeName(false, h.Type(), h.Code()); name != "" {
		return append(b, name...)
	}
	return append(appendUint(append(b, "code "...), uint64(code)), " unreachable"...)
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

func (*Printer) appendICMPv6(b []byte, p *Packet, i int) []byte {
	h := p.ICMPv6(i)
	b = append(b, "ICMP6, "...)
	body := h[min(8, len(h)):]
	switch t := h.Type(); t {
	case 1:
		b = append(b, "destination unreachable, "...)
		if name := wire.ICMPCodeName(true, t, h.Code()); name != "" {
			b = append(b, name...)
		} else {
			b = appendUint(append(b, "code "...), uint64(h.Code()))
		}
		b = appendQuotation(b, p, i)
	case 2:
		b = appendUint(append(b, "packet too big, mtu "...), uint64(h.MTU()))
		b = appendQuotation(b, p, i)
	case 3, 4:
		b = append(b, wire.ICMPTypeName(true, t)...)
		b = appendQuotation(b, p, i)
	case 128, 129:
		b = append(b, wire.ICMPTypeName(true, t)...)
		b = appendUint(append(b, ", id "...), uint64(h.ID()))
		b = appendUint(append(b, ", seq "...), uint64(h.Sequence()))
	case 130, 131, 132, 135, 136:
		b = append(b, wire.ICMPTypeName(true, t)...)
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
		b = appendExtendedEcho(b, p, i, h, wire.ICMPTypeName(true, t))
	default:
		b = AppendName(b, wire.ICMPTypeName(true, t), "type ", uint64(t))
		if h.Code() != 0 {
			b = appendUint(append(b, ", code "...), uint64(h.Code()))
		}
	}
	return appendICMPEnd(b, p, i)
}
