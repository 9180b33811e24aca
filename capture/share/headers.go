package share

import (
	"encoding/binary"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// headers writes what is kept of each layer.
func (s *Sharer) headers() {
	p := &s.packet
	layers := p.Layers()
	for i := range layers {
		l := &layers[i]
		h := p.Header(i)
		out := s.out[l.Offset : l.Offset+len(h)]
		switch l.Type {
		case decode.TypeEthernet:
			s.mac(out, h[:6])
			s.mac(out[6:], h[6:12])
			copy(out[12:], h[12:14])
		case decode.TypeVLAN, decode.TypeMPLS, decode.TypeNull, decode.TypeLoop, decode.TypePPP, decode.TypeHDLC, decode.TypeVXLAN,
			decode.TypeIPv6Fragment:
			copy(out, h)
		case decode.TypeLLC, decode.TypeSNAP:
			copy(out, h[:min(len(h), 5)])
		case decode.TypePPPoE:
			copy(out, h[:min(len(h), 6)])
		case decode.TypeSLL:
			copy(out[:6], h)
			copy(out[14:], h[14:16])
			s.mac(out[6:], h[6:12])
		case decode.TypeSLL2:
			copy(out[:12], h)
			s.mac(out[12:], h[12:18])
		case decode.TypeIEEE80211:
			copy(out, h[:2])
			for at := 4; at+6 <= min(len(h), 22); at += 6 {
				s.mac(out[at:], h[at:at+6])
			}
		case decode.TypeRadiotap:
			copy(out, h[:4]) // the version and the length
		case decode.TypeARP:
			s.arp(out, wire.ARP(h))
		case decode.TypeIPv4:
			s.ipv4(out, h)
		case decode.TypeIPv6:
			copy(out[:8], h)
			s.ip(out[8:], h[8:24])
			s.ip(out[24:], h[24:40])
		case decode.TypeIPv6HopByHop, decode.TypeIPv6Destination, decode.TypeIPv6Mobility, decode.TypeIPv6Routing:
			s.extension(out, h, l.Type)
		case decode.TypeAH:
			copy(out, h[:2])
		case decode.TypeTCP:
			s.tcp(out, h)
		case decode.TypeUDP, decode.TypeUDPLite:
			copy(out, h[:min(len(h), 6)])
			s.quotedNames(i)
		case decode.TypeSCTP:
			copy(out, h[:min(len(h), 8)])
		case decode.TypeDCCP:
			copy(out, h[:min(len(h), 6)])
			if len(h) >= 9 {
				out[8] = h[8]
			}
			if len(h) > 4 {
				out[4] = h[4]
			}
		case decode.TypeICMPv4, decode.TypeICMPv6:
			s.icmp(out, h, l.Type == decode.TypeICMPv6)
		case decode.TypeICMPExtension:
			s.extensionObjects(out, h)
		case decode.TypeIGMP:
			copy(out, h[:min(len(h), 2)])
			if len(h) >= 8 {
				s.ip(out[4:], h[4:8])
			}
		case decode.TypeGRE:
			s.gre(out, h)
		case decode.TypeGeneve:
			s.geneve(out, h)
		case decode.TypeDNS, decode.TypeMDNS:
			s.dnsLayer(i)
		}
	}
}

func (s *Sharer) arp(out []byte, h wire.ARP) {
	copy(out, h[:min(len(h), 8)])
	if !h.EthernetIPv4() || len(h) < 28 {
		return
	}
	s.mac(out[8:], h[8:14])
	s.ip(out[14:], h[14:18])
	s.mac(out[18:], h[18:24])
	s.ip(out[24:], h[24:28])
}

func (s *Sharer) ipv4(out, h []byte) {
	copy(out[:10], h)
	s.ip(out[12:], h[12:16])
	s.ip(out[16:], h[16:20])
	for i := 20; i < len(out); i++ {
		out[i] = 1 // no operation: options may carry addresses
	}
}

// extension keeps the frame of an extension header. Options become padding.
func (s *Sharer) extension(out, h []byte, t decode.Type) {
	copy(out, h[:2])
	switch {
	case t == decode.TypeIPv6Routing:
		copy(out[:4], h[:4])
		if h[2] == 0 || h[2] == 2 || h[2] == 4 {
			copy(out[4:8], h[4:5]) // of a segment routing header, the last entry
			for at := 8; at+16 <= len(h); at += 16 {
				s.ip(out[at:], h[at:at+16])
			}
		}
	case t == decode.TypeIPv6Mobility:
		out[2] = h[2]
	case t == decode.TypeIPv6HopByHop && len(h) >= 8 && h[2] == wire.IPv6OptionJumbo && h[3] == 4:
		copy(out, h[:8]) // the length of the packet
		s.pad6(out[8:])
	default:
		s.pad6(out[2:])
	}
}

// pad6 fills the place of options with PadN.
func (s *Sharer) pad6(b []byte) {
	for len(b) >= 2 {
		n := min(len(b), 257)
		b[0], b[1] = 1, byte(n-2)
		b = b[n:]
	}
}

func (s *Sharer) tcp(out, h []byte) {
	if len(h) < 20 { // quoted by an ICMP error
		copy(out, h[:min(len(h), 16)])
		return
	}
	copy(out[:16], h)
	copy(out[18:20], h[18:20])
	for opts, off := h[20:], 0; off < len(opts); {
		o := wire.OptionAt(opts, off)
		to := out[20+off : 20+min(off+o.Length, len(opts))]
		keep := false
		switch o.Kind {
		case wire.TCPOptionEnd:
			return
		case wire.TCPOptionNop, wire.TCPOptionMSS, wire.TCPOptionWindowScale, wire.TCPOptionSACKPermitted, wire.TCPOptionSACK, wire.TCPOptionTimestamps:
			keep = !o.Cut && o.Length <= 34
		}
		if keep && known(o.Kind, o.Length) {
			copy(to, opts[off:])
		} else {
			for i := range to {
				to[i] = 1
			}
		}
		if o.Cut {
			return
		}
		off += o.Length
	}
}

// known tells whether an option of that kind has that length.
func known(kind uint8, n int) bool {
	switch kind {
	case wire.TCPOptionNop:
		return n == 1
	case wire.TCPOptionMSS:
		return n == 4
	case wire.TCPOptionWindowScale:
		return n == 3
	case wire.TCPOptionSACKPermitted:
		return n == 2
	case wire.TCPOptionSACK:
		return n >= 2 && (n-2)%8 == 0
	}
	return n == 10
}

// icmp keeps type and code, and what is behind them by the type.
func (s *Sharer) icmp(out, h []byte, six bool) {
	copy(out, h[:min(len(h), 2)])
	if len(h) < 8 {
		return
	}
	switch t := h[0]; {
	case !six && (t == 0 || t == 8 || t == 3 || t == 11 || t == 12 || t >= 13 && t <= 18 || t == 42 || t == 43),
		six && (t <= 4 || t == 128 || t == 129 || t == 160 || t == 161):
		copy(out[4:8], h[4:8])
	case !six && t == 5:
		s.ip(out[4:], h[4:8])
	case six && t >= 133 && t <= 137:
		s.neighbour(out, h)
	case six && t >= 130 && t <= 132 && len(h) >= 24:
		copy(out[4:8], h[4:8])
		s.ip(out[8:], h[8:24])
	}
}

// neighbour keeps a message of neighbour discovery (RFC 4861), addresses mapped.
func (s *Sharer) neighbour(out, h []byte) {
	copy(out[4:8], h[4:8])
	at := 8
	switch h[0] {
	case 134:
		at = min(16, len(h))
		copy(out[8:at], h[8:at])
	case 135, 136, 137:
		for n := 1 + int(h[0]/137); n > 0 && at+16 <= len(h); n-- {
			s.ip(out[at:], h[at:at+16])
			at += 16
		}
	}
	for at+8 <= len(h) && h[at+1] > 0 {
		n := 8 * int(h[at+1])
		if at+n > len(h) {
			break
		}
		copy(out[at:], h[at:at+2])
		switch {
		case h[at] == 1 || h[at] == 2:
			s.mac(out[at+2:], h[at+2:at+8])
		case h[at] == 5:
			copy(out[at:], h[at:at+8])
		case h[at] == 3 && n == 32:
			copy(out[at:at+16], h[at:at+16])
			s.ip(out[at+16:], h[at+16:at+32])
		}
		at += n
	}
}

// extensionObjects keeps the objects of an ICMP extension (RFC 4884), and of those the label stack (RFC 4950).
func (s *Sharer) extensionObjects(out, h []byte) {
	copy(out, h[:min(len(h), 2)])
	for at := 4; at+4 <= len(h); {
		n := int(binary.BigEndian.Uint16(h[at:]))
		copy(out[at:at+4], h[at:at+4])
		if n < 4 || at+n > len(h) {
			return
		}
		if h[at+2] == 1 && h[at+3] == 1 {
			copy(out[at:], h[at:at+n])
		}
		at += n
	}
}

func (s *Sharer) gre(out, h []byte) {
	copy(out[:4], h)
	at := 4
	if h[0]&0xc0 != 0 { // checksum or routing
		at = 8
	}
	for _, bit := range [...]bool{h[0]&0x20 != 0, h[0]&0x10 != 0, h[1]&0x80 != 0} { // key, sequence, acknowledgment
		if bit && at+4 <= len(h) {
			copy(out[at:at+4], h[at:])
			at += 4
		}
	}
}

func (s *Sharer) geneve(out, h []byte) {
	copy(out[:8], h)
	for at := 8; at+4 <= len(h); {
		copy(out[at:at+4], h[at:])
		at += 4 + 4*int(h[at+3]&31)
	}
}
