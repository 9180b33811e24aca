package flow

import (
	"encoding/binary"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// ReadFrame is Read for a frame that is not decoded. It knows plain ones only: Ethernet, IPv4 without options or IPv6
// without extension headers, and TCP, all of it captured and with right checksums. Of others it reports false, and they
// are to be decoded. Like Read, it can be called by several goroutines.
func (t *Tracker) ReadFrame(f *capture.Frame, s *Segment) bool {
	ip, tcp, payload := plain(f)
	if tcp == nil {
		return false
	}
	s.segment = segment{payload: payload, length: len(payload), verified: true}
	s.read(f, tcp)
	s.ethernet(f.Data)
	s.key.begin(f, t.cfg.Interfaces)
	if ip[0]>>4 == 4 {
		s.key.ipv4(wire.IPv4(ip), &s.segment)
	} else {
		s.key.ipv6(wire.IPv6(ip), &s.segment)
	}
	s.key.ports = binary.BigEndian.Uint32(tcp)
	s.forward, s.ok, s.fragment = s.key.order(), true, false
	s.hash = t.table.hash(&s.key)
	return true
}

// plain returns the headers of a plain frame and what they carry, or nil.
func plain(f *capture.Frame) (ip []byte, tcp wire.TCP, payload []byte) {
	const ethernet = 14
	b := f.Data
	if f.Link != capture.LinkEthernet || len(b) < ethernet+wire.IPv4Len+wire.TCPLen || f.Offload.ChecksumPending {
		return nil, nil, nil
	}
	var sum wire.Sum // of the pseudo header
	header, length := 0, 0
	kind := binary.BigEndian.Uint16(b[12:])
	b = b[ethernet:]
	switch {
	case kind == wire.EtherTypeIPv4 && b[0] == 0x45 && b[9] == wire.ProtoTCP:
		h := wire.IPv4(b[:wire.IPv4Len])
		header, length = wire.IPv4Len, int(h.TotalLength())
		if h.Fragmented() || !wire.Sum(0).Add(h).Good() {
			return nil, nil, nil
		}
		sum = sum.Add(h[wire.IPv4SourceAt:])
	case kind == wire.EtherTypeIPv6 && len(b) >= wire.IPv6Len+wire.TCPLen && b[0]>>4 == 6 && b[6] == wire.ProtoTCP:
		header, length = wire.IPv6Len, wire.IPv6Len+int(binary.BigEndian.Uint16(b[4:]))
		sum = sum.Add(b[wire.IPv6SourceAt:wire.IPv6Len])
	default:
		return nil, nil, nil
	}
	if length > len(b) || length < header+wire.TCPLen {
		return nil, nil, nil
	}
	segment := b[header:length:length]
	n := int(segment[12]>>4) * 4
	if n < wire.TCPLen || n > len(segment) || !sum.Add32(uint32(len(segment))).Add16(wire.ProtoTCP).Add(segment).Good() {
		return nil, nil, nil
	}
	if n < len(segment) {
		payload = segment[n:]
	}
	return b[:header], wire.TCP(segment[:n]), payload
}
