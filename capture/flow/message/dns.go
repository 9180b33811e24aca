package message

import (
	"encoding/binary"

	"sockwire/capture/flow"
)

// dns reads a message of DNS over TCP: two bytes of length, and the message (RFC 1035 section 4.2.2, RFC 7766).
func (p *Parser) dns(k *conn, s *side, d flow.Direction, data []byte) int {
	if s.state == skipDNS {
		n := int(min(int64(len(data)), s.left))
		s.take(n)
		s.left -= int64(n)
		if s.left == 0 {
			s.number++
			s.state = between
		}
		return n
	}
	if s.state == between {
		s.open(k, d)
		s.state = inDNS
	}
	if len(data) < 2 {
		return 0
	}
	size := 2 + int(binary.BigEndian.Uint16(data))
	if size < 2+12 {
		s.pass(data)
		return len(data)
	}
	if len(data) < size {
		return 0
	}
	s.take(size)
	p.tell(s, Whole, data[:size])
	s.state = between
	return size
}
