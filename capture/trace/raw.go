package trace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// joinRaw finds the packets that raw and ping sockets sent, compares them with what was passed, and
// finds which receives took which packets.
func joinRaw(net *network, sockets []*Socket, packets []*PacketRecord) {
	fragments := map[fragmentKey]*unit{}
	for _, s := range sockets {
		if !s.PassesHeaders() {
			continue
		}
		for _, u := range s.units() {
			if u.data == nil || len(u.data) < u.size {
				continue // without all of the bytes a packet cannot be told from another
			}
			included := s.HeaderIncluded(u.call)
			for _, p := range packets[firstAfter(packets, u.call.Entered):] {
				matchRaw(net, s, u, p, included, fragments)
			}
		}
	}
	for _, p := range packets { // also what nobody has read
		all, _ := net.receivers(p)
		for _, s := range all {
			if s.PassesHeaders() {
				p.deliver(s)
			}
		}
	}
	for _, s := range sockets {
		if s.PassesHeaders() {
			takeRaw(net, s, packets)
		}
	}
}

// matchRaw attributes p to u if it is what u's bytes became.
func matchRaw(net *network, s *Socket, u *unit, p *PacketRecord, included bool, fragments map[fragmentKey]*unit) {
	if p.Raw != nil || len(p.Network) < p.NetworkHeader || p.NetworkHeader < ipv4Header {
		return
	}
	if from, known := net.sender(p); known && from != s {
		return
	}
	if (p.Network[0]>>4 == 6) != (s.Family == FamilyIPv6) || s.Host == p.Host && p.Direction == In && !p.Src.Addr().IsLoopback() {
		return
	}
	body, passed := u.data[:u.size], []byte(nil)
	dst := plain(u.to.IP).Addr()
	if included {
		n := headerLength(body)
		if n == 0 || body[0]>>4 != p.Network[0]>>4 {
			return
		}
		passed, body = body[:n], body[n:]
		dst = destination(passed)
	} else if s.Protocol != 0 && s.Protocol != p.Protocol {
		return
	}
	if dst != p.Dst.Addr() {
		return
	}
	left := p.Network[p.NetworkHeader:]
	rest := p.TransportHeader + p.PayloadLength
	if rest > len(left) {
		return // not captured whole
	}
	left = left[:rest] // the link layer pads short frames
	at := p.Fragment.Offset
	switch owner := fragments[p.fragmentKey()]; {
	case p.Fragment.Is && owner != nil && owner.call != u.call:
		return
	case p.Fragment.Is && at > 0 && owner == nil && !included:
		return // of another datagram with the same bytes, as an echo reply has: the kernel sends the first fragment first
	case !p.Fragment.Is && (u.used || len(left) != len(body)):
		return
	case at > len(body) || at+len(left) > len(body):
		return
	}
	changed, ok := s.differences(body[at:at+len(left)], left, at)
	if !ok {
		return
	}
	u.used = true
	if p.Fragment.Is && !included {
		fragments[p.fragmentKey()] = u
	}
	p.From = s
	p.Raw = &RawRecord{Call: u.call.Number, HeaderIncluded: included, AsPassed: len(left) - changed.size(), Changes: changed}
	from := len(passed) + at
	header := p.Network[:p.NetworkHeader]
	if included {
		p.Raw.Changes = append(compareHeaders(passed, header), p.Raw.Changes...)
		from = 0
	} else {
		p.Raw.Prepended = len(header)
		p.Raw.Filled = compareHeaders(nil, header)
	}
	p.carry(u.call, u.span(from, len(passed)+at+len(left)))
}

// changes are the fields after the IP header that the kernel wrote.
type changes []Change

// size is how many bytes they are: every such field has two.
func (c changes) size() int { return 2 * len(c) }

// differences compares what was passed after the IP header with what left, both at the same offset of
// the datagram. Only fields that the kernel is known to write may differ: the checksum of ICMPv6,
// RFC 3542 section 3.1, and of a ping socket also the identifier.
func (s *Socket) differences(passed, left []byte, at int) (changes, bool) {
	var c changes
	if at == 0 && len(left) >= 8 {
		field := func(name string, i int, may bool) {
			a, b := binary.BigEndian.Uint16(passed[i:]), binary.BigEndian.Uint16(left[i:])
			if may && a != b {
				c = append(c, Change{name, hexadecimal(a), hexadecimal(b)})
			}
		}
		mayChecksum := s.Protocol == ProtoICMPv6 || s.Ping()
		field("icmp checksum", 2, mayChecksum)
		field("icmp id", 4, s.Ping())
		fixed := append([]byte(nil), passed...)
		if mayChecksum {
			copy(fixed[2:4], left[2:4])
		}
		if s.Ping() {
			copy(fixed[4:6], left[4:6])
		}
		return c, bytes.Equal(fixed, left)
	}
	return nil, bytes.Equal(passed, left)
}

// headerLength is the length of the IP header at the start of b, 0 if there is none.
func headerLength(b []byte) int {
	switch {
	case len(b) >= ipv4Header && b[0]>>4 == 4:
		if n := int(b[0]&0xf) * 4; n >= ipv4Header && n <= len(b) {
			return n
		}
	case len(b) >= 40 && b[0]>>4 == 6:
		return 40
	}
	return 0
}

func destination(header []byte) netip.Addr {
	if header[0]>>4 == 6 {
		return netip.AddrFrom16([16]byte(header[24:40]))
	}
	return netip.AddrFrom4([4]byte(header[16:20]))
}

// headerField is a field of an IP header, rendered for a comparison.
type headerField struct{ name, value string }

func headerFields(h []byte) []headerField {
	if len(h) >= 40 && h[0]>>4 == 6 {
		word := binary.BigEndian.Uint32(h)
		return []headerField{
			{"traffic class", fmt.Sprintf("%#x", word>>20&0xff)},
			{"flow label", fmt.Sprintf("%#x", word&0xfffff)},
			{"payload length", fmt.Sprint(binary.BigEndian.Uint16(h[4:]))},
			{"next header", fmt.Sprint(h[6])},
			{"hop limit", fmt.Sprint(h[7])},
			{"source", netip.AddrFrom16([16]byte(h[8:24])).String()},
			{"destination", netip.AddrFrom16([16]byte(h[24:40])).String()},
		}
	}
	if len(h) < ipv4Header {
		return nil
	}
	fragment := binary.BigEndian.Uint16(h[6:])
	f := []headerField{
		{"header length", fmt.Sprint(int(h[0]&0xf) * 4)},
		{"tos", hexadecimal(uint16(h[1]))},
		{"total length", fmt.Sprint(binary.BigEndian.Uint16(h[2:]))},
		{"id", hexadecimal(binary.BigEndian.Uint16(h[4:]))},
		{"flags", ipv4Flags(fragment)},
		{"fragment offset", fmt.Sprint(fragment & 0x1fff * 8)},
		{"ttl", fmt.Sprint(h[8])},
		{"protocol", fmt.Sprint(h[9])},
		{"checksum", hexadecimal(binary.BigEndian.Uint16(h[10:]))},
		{"source", netip.AddrFrom4([4]byte(h[12:16])).String()},
		{"destination", netip.AddrFrom4([4]byte(h[16:20])).String()},
	}
	if len(h) > ipv4Header {
		f = append(f, headerField{"options", fmt.Sprintf("%x", h[ipv4Header:])})
	}
	return f
}

// hexadecimal writes 0 as 0, anything else as 0x….
func hexadecimal(n uint16) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", n)
}

func ipv4Flags(field uint16) string {
	s := ""
	for i, name := range []string{"MF", "DF", "evil"} {
		if field&(0x2000<<i) != 0 {
			if s != "" {
				s = "," + s
			}
			s = name + s
		}
	}
	if s == "" {
		return "none"
	}
	return s
}

// compareHeaders lists the fields whose values differ; with nothing passed, all that left.
func compareHeaders(passed, left []byte) []Change {
	before := headerFields(passed)
	var out []Change
	for i, f := range headerFields(left) {
		switch {
		case before == nil:
			out = append(out, Change{Field: f.name, Left: f.value})
		case i >= len(before):
			out = append(out, Change{Field: f.name, Passed: "none", Left: f.value})
		case before[i] != f:
			out = append(out, Change{Field: f.name, Passed: before[i].value, Left: f.value})
		}
	}
	return out
}

// takeRaw finds the packets that the receives of a raw socket returned. A raw socket gets a copy of
// every packet of its protocol that reaches its host, also of those that have an owner.
func takeRaw(net *network, s *Socket, packets []*PacketRecord) {
	taken := map[*PacketRecord]bool{}
	for _, call := range s.Calls {
		if !call.Receives() || !call.Succeeded() || call.Result == 0 || len(call.Data) == 0 {
			continue
		}
		for len(packets) > 0 && (taken[packets[0]] || packets[0].Protocol != s.Protocol) {
			packets = packets[1:]
		}
		for _, p := range packets {
			if p.Time > call.Left {
				break
			}
			if taken[p] || p.Fragment.Is || s.Protocol != p.Protocol || !net.owns(s.Host, p.Dst.Addr()) || !net.given(p, s) {
				continue
			}
			data := p.Network
			if (s.Family == FamilyIPv6 || s.Ping()) && len(data) >= p.NetworkHeader {
				data = data[p.NetworkHeader:]
			}
			n := min(int(call.Result), call.Size)
			if len(data) < n || !samePrefix(call.Data[:min(len(call.Data), n)], data) {
				continue
			}
			taken[p] = !call.HasFlag("MSG_PEEK")
			p.deliver(s)
			p.taken = append(p.taken, call)
			call.Message = p.Number
			call.Lost = p.TransportHeader + p.PayloadLength + p.NetworkHeader - n
			if s.Family == FamilyIPv6 || s.Ping() {
				call.Lost -= p.NetworkHeader
			}
			call.Received = append(call.Received, p.Carries...)
			break
		}
	}
}
