package message

import (
	"encoding/binary"

	"sockwire/capture/flow"
)

// record reads a record of TLS. Handshake messages are kept until they are complete, however many records they come in.
func (p *Parser) record(k *conn, s *side, d flow.Direction, data []byte) int {
	switch s.state {
	case inRecord:
		n := int(min(int64(len(data)), s.left))
		s.take(n)
		s.left -= int64(n)
		if s.left == 0 {
			p.recordDone(k, s, d)
		}
		return n
	case inHandshake:
		return p.handshake(k, s, d, data)
	}
	if len(data) < recordHeader {
		return 0
	}
	if !isRecord(data) {
		k.lostRecords(p, d)
		s.pass(data)
		return len(data)
	}
	size := int(binary.BigEndian.Uint16(data[3:]))
	if data[0] != changeCipherSpec && p.sealed(k, d, data[0]) && !(data[0] == handshake && len(data) > recordHeader+4 && again(data, size)) {
		return p.sealedRecord(k, s, d, data, size)
	}
	small := data[0] == changeCipherSpec || data[0] == alert && size == 2
	if small && len(data) < recordHeader+size || data[0] == handshake && size >= 4 && len(data) < recordHeader+4 {
		return 0
	}
	if data[0] != handshake {
		s.hello = nil // messages are not mixed with others (RFC 8446 section 5.1)
	}
	if len(s.hello) == 0 {
		s.open(k, d)
	}
	switch {
	case data[0] == handshake && s.plain(data, size):
		s.unsure = false
		s.state, s.left = inHandshake, int64(size)
		if len(s.hello) == 0 {
			s.version = [2]byte(data[1:3])
		}
		s.take(recordHeader)
		return recordHeader
	case small:
		s.take(recordHeader + size)
		p.tell(s, Whole, data[:recordHeader+size])
		if data[0] == changeCipherSpec {
			s.encrypt = true
			if k.tls != nil {
				k.tls.session.ChangeCipherSpec(d == k.tls.client)
			}
		}
		s.state = between
		return recordHeader + size
	}
	s.header = [recordHeader]byte(data)
	s.state, s.left = inRecord, int64(size)
	s.take(recordHeader)
	s.opens = false
	if size == 0 {
		p.recordDone(k, s, d)
	}
	return recordHeader
}

// plain tells a record of handshake messages that are not encrypted.
func (s *side) plain(data []byte, size int) bool {
	switch {
	case s.encrypt:
		return again(data, size)
	case s.unsure && size >= 4:
		switch data[recordHeader] { // RFC 5246 section 7.4
		case 0, clientHello, serverHello, 4, 11, 12, 13, 14, 15, 16, 22:
			return data[6] <= 1
		}
		return false
	}
	return true
}

// again tells a hello behind a ChangeCipherSpec, as TLS 1.3 has it behind a HelloRetryRequest.
func again(data []byte, size int) bool {
	return size >= 4 && (data[5] == clientHello || data[5] == serverHello) && int(data[6])<<16|int(data[7])<<8|int(data[8]) == size-4
}

// recordDone hands out a record whose inside is not for us.
func (p *Parser) recordDone(k *conn, s *side, d flow.Direction) {
	m := p.tell(s, Whole, s.header[:])
	m.Cut = m.Missing > 0
	s.state = between
	if s.opens {
		s.opens = false
		k.tls.session.Passed(d == k.tls.client)
	}
	if p.Secrets != nil && s.header[0] == applicationData {
		m.Sealed, m.Why = true, p.why(k, d)
	}
}

// handshake takes the inside of a record with handshake messages.
func (p *Parser) handshake(k *conn, s *side, d flow.Direction, data []byte) int {
	n := int(min(int64(len(data)), s.left))
	s.take(n)
	s.left -= int64(n)
	if len(s.hello) < p.longest() {
		s.hello = append(s.hello, data[:n]...)
	} else {
		s.next.Cut = true
	}
	if s.left > 0 {
		return n
	}
	s.state = between
	p.wholeMessages(k, s, d)
	return n
}

// wholeMessages hands out the handshake messages that are kept, as soon as all are whole: what is not complete waits
// for the next record.
func (p *Parser) wholeMessages(k *conn, s *side, d flow.Direction) {
	whole := 0
	for len(s.hello)-whole >= 4 {
		h := s.hello[whole:]
		size := 4 + (int(h[1])<<16 | int(h[2])<<8 | int(h[3]))
		if size > len(h) {
			break
		}
		whole += size
	}
	if whole < len(s.hello) && !s.next.Cut && len(s.hello) < p.longest() && s.helloFits(p) {
		return
	}
	if whole < len(s.hello) {
		s.next.Cut = true
		p.lost.Long++
	}
	b := append([]byte{handshake, s.version[0], s.version[1], 0, 0}, s.hello[:min(len(s.hello), 0xffff)]...)
	binary.BigEndian.PutUint16(b[3:], uint16(min(len(s.hello), 0xffff)))
	p.tell(s, Whole, b)
	p.learn(k, d, s.hello[:whole])
	s.hello = nil
}

// helloFits tells whether the first message that is not complete may still become so within the bound.
func (s *side) helloFits(p *Parser) bool {
	at := 0
	for len(s.hello)-at >= 4 {
		h := s.hello[at:]
		size := 4 + (int(h[1])<<16 | int(h[2])<<8 | int(h[3]))
		if size > len(h) {
			return at+size <= p.longest()
		}
		at += size
	}
	return true
}
