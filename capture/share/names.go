package share

import (
	"encoding/binary"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// dnsLayer writes the messages of layer i with hashed names. Of a stream, those that begin in the segment and are whole.
func (s *Sharer) dnsLayer(i int) {
	p := &s.packet
	l := &p.Layers()[i]
	from := p.Frame.Data[l.Offset:min(len(p.Frame.Data), l.Offset+l.Length)]
	out := s.out[l.Offset : l.Offset+len(from)]
	if i == 0 || p.Layers()[i-1].Type != decode.TypeTCP {
		s.message(out, from)
		return
	}
	for len(from) >= 2 {
		n := 2 + int(binary.BigEndian.Uint16(from))
		if n > len(from) {
			return
		}
		copy(out, from[:2])
		s.message(out[2:n], from[2:n])
		from, out = from[n:], out[n:]
	}
}

// quotedNames hashes the names of a DNS message that an ICMP error quotes, as far as it goes.
func (s *Sharer) quotedNames(i int) {
	p := &s.packet
	l := &p.Layers()[i]
	if l.Flags&decode.Quoted == 0 {
		return
	}
	src, dst, ok := p.Ports(i)
	if !ok || !isDNS(src) && !isDNS(dst) {
		return
	}
	from := p.Payload(i)
	at := l.Offset + l.Header
	if len(from) >= 12 && binary.BigEndian.Uint16(from[4:]) <= 4 {
		s.message(s.out[at:at+len(from)], from)
	}
}

func isDNS(port uint16) bool {
	return port == wire.PortDNS || port == wire.PortMDNS || port == wire.PortLLMNR
}

// message writes a DNS message. What is not understood stays 0, and so does all behind it.
func (s *Sharer) message(out, from []byte) {
	if len(from) < 12 {
		return
	}
	copy(out, from[:12])
	at := 12
	for n := binary.BigEndian.Uint16(from[4:]); n > 0; n-- {
		var ok bool
		if at, ok = s.name(out, from, at); !ok || at+4 > len(from) {
			return
		}
		copy(out[at:at+4], from[at:])
		at += 4
	}
	n := 0
	for i := 6; i < 12; i += 2 {
		n += int(binary.BigEndian.Uint16(from[i:]))
	}
	for ; n > 0; n-- {
		var ok bool
		if at, ok = s.record(out, from, at); !ok {
			return
		}
	}
}

// name writes the name at a place and returns what is behind it.
func (s *Sharer) name(out, from []byte, at int) (int, bool) {
	for at < len(from) {
		switch n := int(from[at]); {
		case n == 0:
			return at + 1, true
		case n >= 0xc0:
			if at+2 > len(from) {
				return at, false
			}
			copy(out[at:at+2], from[at:])
			return at + 2, true
		case n >= 0x40 || at+1+n > len(from):
			return at, false
		default:
			out[at] = from[at]
			copy(out[at+1:at+1+n], s.label(from[at+1:at+1+n]))
			at += 1 + n
		}
	}
	return at, false
}

// record writes a resource record.
func (s *Sharer) record(out, from []byte, at int) (int, bool) {
	at, ok := s.name(out, from, at)
	if !ok || at+10 > len(from) {
		return at, false
	}
	copy(out[at:at+10], from[at:])
	kind, n := binary.BigEndian.Uint16(from[at:]), int(binary.BigEndian.Uint16(from[at+8:]))
	at += 10
	end := at + n
	if end > len(from) {
		return at, false
	}
	switch kind {
	case 1, 28: // A, AAAA
		if n == 4 || n == 16 {
			s.ip(out[at:], from[at:end])
		}
	case 2, 5, 12, 39: // NS, CNAME, PTR, DNAME
		s.name(out[:end], from[:end], at)
	case 15: // MX
		if n > 2 {
			copy(out[at:at+2], from[at:])
			s.name(out[:end], from[:end], at+2)
		}
	case 33: // SRV
		if n > 6 {
			copy(out[at:at+6], from[at:])
			s.name(out[:end], from[:end], at+6)
		}
	case 6: // SOA
		if next, ok := s.name(out[:end], from[:end], at); ok {
			s.name(out[:end], from[:end], next)
		}
	}
	return end, true
}
