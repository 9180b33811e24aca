package message

import (
	"encoding/binary"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
	"sockwire/capture/flow/keylog"
	"sockwire/raw/wire"
)

// sealed is what is kept of a connection of TLS that may be opened.
type sealed struct {
	session keylog.Session
	client  flow.Direction // that the client sends in
	inside  conn           // the stream that it carries
	at      [2]int64       // bytes of that so far
	told    [2]bool        // why it cannot be opened
}

// kept is the memory of what is not complete in a direction, in and around TLS.
func (k *conn) kept(d flow.Direction) int {
	n := k.side[d&1].kept()
	if k.tls != nil {
		n += k.tls.inside.side[d&1].kept()
	}
	return n
}

func newSealed(p *Parser, k *conn, client flow.Direction) *sealed {
	t := &sealed{session: keylog.Session{Log: p.Secrets}, client: client}
	t.inside = conn{number: k.number, protocol: decode.TypePayload, decrypted: true}
	return t
}

// why says, once, why a record of a direction is not opened.
func (p *Parser) why(k *conn, d flow.Direction) string {
	if k.tls == nil {
		k.tls = newSealed(p, k, d)
	}
	if k.tls.told[d] {
		return ""
	}
	k.tls.told[d] = true
	if s := k.tls.session.Why(d == k.tls.client); s != "" {
		return s
	}
	return "the secrets that there are do not open this one"
}

// learn tells the session of whole handshake messages.
func (p *Parser) learn(k *conn, d flow.Direction, messages []byte) {
	if p.Secrets == nil || len(messages) < 4 {
		return
	}
	if k.tls == nil {
		client := d
		switch messages[0] {
		case clientHello:
		case serverHello:
			client = d.Other()
		default:
			return
		}
		k.tls = newSealed(p, k, client)
	}
	if messages[0] == clientHello {
		k.tls.client = d
	}
	for len(messages) >= 4 {
		size := 4 + (int(messages[1])<<16 | int(messages[2])<<8 | int(messages[3]))
		if size > len(messages) {
			return
		}
		k.tls.session.Handshake(d == k.tls.client, messages[:size])
		messages = messages[size:]
	}
}

// sealed tells whether a record is sealed and may be opened.
func (p *Parser) sealed(k *conn, d flow.Direction, kind byte) bool {
	if k.tls == nil {
		return false
	}
	client := d == k.tls.client
	return k.tls.session.Sealed(client, kind) && k.tls.session.Why(client) == ""
}

// sealedRecord reads a sealed record as soon as it is all there.
func (p *Parser) sealedRecord(k *conn, s *side, d flow.Direction, data []byte, size int) int {
	if len(data) < recordHeader+size {
		return 0
	}
	client := d == k.tls.client
	kind, plain, ok := k.tls.session.Open(client, data[:recordHeader+size], p.opened[:0])
	p.opened = plain[:0]
	if !ok {
		s.header = [recordHeader]byte(data)
		s.hello, s.opens = nil, false
		s.open(k, d)
		s.take(recordHeader + size)
		p.recordDone(k, s, d)
		return recordHeader + size
	}
	var pieces []mark // of what is plain, by packets
	if kind == applicationData {
		pieces = s.pieces(k.tls.session.Explicit(), len(plain), k.tls.at[d])
	}
	if kind != handshake || len(s.hello) == 0 {
		s.hello = nil
		s.open(k, d)
	}
	s.take(recordHeader + size)
	s.unsure, s.state = false, between
	s.next.Decrypted = kind != applicationData
	switch kind {
	case handshake:
		if s.version == [2]byte{} {
			s.version = [2]byte{3, 3}
		}
		if room := p.longest() - len(s.hello); len(plain) > room {
			plain, s.next.Cut = plain[:max(room, 0)], true
		}
		s.hello = append(s.hello, plain...)
		p.wholeMessages(k, s, d)
	case applicationData:
		p.tell(s, Whole, data[:recordHeader])
		p.inside(k, d, plain, pieces)
	default: // an alert
		b := append([]byte{kind, 3, 3, 0, 0}, plain...)
		binary.BigEndian.PutUint16(b[3:], uint16(len(plain)))
		p.tell(s, Whole, b)
	}
	return recordHeader + size
}

// pieces are the packets that the n plain bytes of the record that comes next came in. at is where they start in the
// stream inside.
func (s *side) pieces(explicit, n int, at int64) (list []mark) {
	// What is sealed is as long as what is plain; a nonce may be before it, and what makes it sure is behind.
	from := s.pos + recordHeader + int64(explicit)
	end := from + int64(n)
	for _, m := range s.marks {
		if m.end <= from && m.end < end {
			continue
		}
		list = append(list, mark{at + min(m.end, end) - from, m.packet})
		if m.end >= end {
			break
		}
	}
	return list
}

// inside takes bytes of the stream inside of TLS.
func (p *Parser) inside(k *conn, d flow.Direction, plain []byte, pieces []mark) {
	if len(plain) == 0 || len(pieces) == 0 {
		return
	}
	in := &k.tls.inside
	in.stream = k.stream
	s := &in.side[d]
	c := flow.Chunk{Stream: k.stream, Direction: d, Offset: k.tls.at[d], Data: plain}
	for _, m := range pieces {
		s.mark(m.end, m.packet)
		c.Packet = m.packet
	}
	k.tls.at[d] += int64(len(plain))
	if p.Plain {
		m := Message{
			Stream: k.stream, Direction: d, Protocol: decode.TypeTLS, Part: Plain, Offset: c.Offset, Length: int64(len(plain)),
			Data: p.keep(plain), Decrypted: true,
		}
		n := len(p.numbers)
		for _, piece := range pieces {
			p.numbers = append(p.numbers, piece.packet)
		}
		m.Packets, m.PacketCount = p.numbers[n:len(p.numbers):len(p.numbers)], len(pieces)
		m.First, m.Last = m.Packets[0], c.Packet
		p.out = append(p.out, m)
	}
	p.data(in, s, &c)
}

// lostRecords says that records may be missing, and with them bytes of the stream inside.
func (k *conn) lostRecords(p *Parser, d flow.Direction) {
	k.lostHeaders(d)
	if k.tls == nil {
		return
	}
	k.tls.session.Lost(d == k.tls.client)
	s := &k.tls.inside.side[d]
	p.interrupt(&k.tls.inside, s, d)
	s.lose()
	k.tls.inside.lostHeaders(d)
}

// gapInRecord takes bytes that are missing in a record that waits to be opened: it is passed over.
func (p *Parser) gapInRecord(k *conn, s *side, c *flow.Chunk) bool {
	if k.protocol != decode.TypeTLS || len(s.buf) < recordHeader || !isRecord(s.buf) || !p.sealed(k, c.Direction, s.buf[0]) {
		return false
	}
	left := int64(recordHeader+binary.BigEndian.Uint16(s.buf[3:])) - int64(len(s.buf))
	if c.Gap > left {
		return false
	}
	s.header, s.hello = [recordHeader]byte(s.buf), nil
	s.open(k, c.Direction)
	s.take(len(s.buf))
	s.buf = s.buf[:0]
	s.state, s.left, s.opens = inRecord, left-c.Gap, true
	s.missing(c.Gap)
	in := &k.tls.inside.side[c.Direction]
	p.interrupt(&k.tls.inside, in, c.Direction)
	in.lose()
	k.tls.inside.lostHeaders(c.Direction)
	p.maybeDone(k, s, c.Direction)
	s.marks = s.marks[:0]
	return true
}

// spoken tells what is spoken in a stream that starts so.
func (p *Parser) spoken(k *conn, d flow.Direction, data []byte) decode.Type {
	from, to := k.stream.Source(d).Port(), k.stream.Source(d.Other()).Port()
	t := p.Decoder.StreamApplication(from, to, data)
	if t == decode.TypeTLS && k.decrypted || t == decode.TypePayload {
		t = decode.TypePayload
		if k.decrypted && (from == wire.PortDNSOverTLS || to == wire.PortDNSOverTLS) && plausibleDNS(data) {
			t = decode.TypeDNS
		}
	}
	return t
}
