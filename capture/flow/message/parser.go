package message

import (
	"bytes"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// Add takes the next chunk and returns the messages that are complete with it, or begin.
func (p *Parser) Add(c *flow.Chunk) []Message {
	p.begin()
	k := p.conn(c.Stream)
	s := &k.side[c.Direction&1]
	was := k.kept(c.Direction)
	switch {
	case c.Gap > 0:
		p.gap(k, s, c)
	case len(c.Data) > 0:
		p.data(k, s, c)
	}
	if c.End {
		p.end(k, s, c.Direction, true)
	}
	p.bytes += k.kept(c.Direction) - was
	if k.protocol == decode.TypePayload && k.side[0].idle() && k.side[1].idle() {
		p.forget(k) // nothing is known of it, and the next chunk needs nothing
	}
	p.bound()
	return p.out
}

// End is the end of a stream that leaves the tracker: it returns messages that end with it.
func (p *Parser) End(stream *flow.Stream) []Message {
	p.begin()
	k := p.conns[stream.Number()]
	if k == nil {
		return nil
	}
	k.stream = stream
	for d := range k.side {
		was := k.kept(flow.Direction(d))
		p.end(k, &k.side[d], flow.Direction(d), false)
		p.bytes += k.kept(flow.Direction(d)) - was
	}
	p.forget(k)
	return p.out
}

func (p *Parser) begin() {
	p.out, p.arena, p.numbers = p.out[:0], p.arena[:0], p.numbers[:0]
}

// conn finds the stream, or begins with it.
func (p *Parser) conn(stream *flow.Stream) *conn {
	n := stream.Number()
	k := p.conns[n]
	if k == nil {
		if p.conns == nil {
			p.conns = make(map[uint64]*conn)
		}
		if k, p.spare = p.spare, nil; k == nil {
			k = new(conn)
		}
		k.number, k.protocol = n, decode.TypePayload
		if !stream.Complete() {
			k.side[0].state, k.side[1].state = lost, lost
		}
		p.conns[n] = k
	} else {
		p.unlink(k)
	}
	k.stream = stream
	k.older = p.newest
	if p.newest != nil {
		p.newest.newer = k
	} else {
		p.oldest = k
	}
	p.newest = k
	return k
}

func (p *Parser) unlink(k *conn) {
	if k.older != nil {
		k.older.newer = k.newer
	} else {
		p.oldest = k.newer
	}
	if k.newer != nil {
		k.newer.older = k.older
	} else {
		p.newest = k.older
	}
	k.older, k.newer = nil, nil
}

// forget drops what is kept of a stream.
func (p *Parser) forget(k *conn) {
	for d := range k.side {
		p.bytes -= k.kept(flow.Direction(d))
	}
	p.unlink(k)
	delete(p.conns, k.number)
	*k = conn{}
	p.spare = k
}

// bound forgets streams, the one not used for longest first, as long as there is too much.
func (p *Parser) bound() {
	streams, size := p.Streams, p.Bytes
	if streams <= 0 {
		streams = DefaultStreams
	}
	if size <= 0 {
		size = DefaultBytes
	}
	for len(p.conns) > streams {
		p.lost.Streams++
		for d := range p.oldest.side {
			p.interrupt(p.oldest, &p.oldest.side[d], flow.Direction(d))
			p.oldest.lostRecords(p, flow.Direction(d))
		}
		p.forget(p.oldest)
	}
	for k := p.oldest; k != nil && p.bytes > size; k = k.newer {
		for d := range k.side {
			p.drop(k, &k.side[d], flow.Direction(d))
		}
	}
}

// drop gives up what is kept of a side.
func (p *Parser) drop(k *conn, s *side, d flow.Direction) {
	if n := k.kept(d); n > 0 {
		p.interrupt(k, s, d)
		p.lost.Bytes += uint64(len(s.buf) + len(s.hello))
		s.lose()
		k.lostRecords(p, d)
		p.bytes += k.kept(d) - n
	}
}

// data takes bytes.
func (p *Parser) data(k *conn, s *side, c *flow.Chunk) {
	if end := s.pos + int64(len(s.buf)); c.Offset != end { // a stream that was forgotten, and is seen again
		if end != 0 || len(s.buf) > 0 {
			s.lose()
			k.lostRecords(p, c.Direction)
		}
		if s.pos = c.Offset; c.Offset != 0 {
			s.state = lost
		}
	}
	data := c.Data
	if len(s.buf) > 0 {
		s.buf = append(s.buf, data...)
		data = s.buf
	}
	s.mark(c.Offset+int64(len(c.Data)), c.Packet)
	for len(data) > 0 {
		if s.state == lost && int64(len(data)) < int64(len(c.Data)) { // only where a segment starts
			s.pass(data)
			data = nil
			break
		}
		n := p.step(k, s, c.Direction, data)
		if n == 0 {
			break
		}
		data = data[n:]
	}
	if len(data) == 0 && cap(s.buf) > 4096 {
		s.buf = nil
	} else {
		s.buf = append(s.buf[:0], data...)
	}
	s.passed()
}

// step consumes some of data, which starts at s.pos, and returns how many bytes; 0 when more are needed.
func (p *Parser) step(k *conn, s *side, d flow.Direction, data []byte) int {
	switch s.state {
	case starting, lost:
		return p.find(k, s, d, data)
	case inRecord, inHandshake:
		return p.record(k, s, d, data)
	case inFramed, skipFramed:
		return p.framed(k, s, d, data)
	case between:
		switch k.protocol {
		case decode.TypeTLS:
			return p.record(k, s, d, data)
		case decode.TypeHTTP:
			return p.http(k, s, d, data)
		}
		return p.framed(k, s, d, data)
	}
	return p.http(k, s, d, data)
}

// find looks whether a message starts here. It consumes nothing, or all that cannot be one.
func (p *Parser) find(k *conn, s *side, d flow.Direction, data []byte) int {
	t := k.protocol
	ok := false
	if t == decode.TypePayload {
		t = p.spoken(k, d, data)
		ok = s.state == starting
	}
	switch t {
	case decode.TypeHTTP:
		if s.state == starting {
			ok = ok || httpLine(data)
		} else {
			line, _, _ := bytes.Cut(data, []byte("\n"))
			ok = httpStart(line)
		}
	case decode.TypeTLS:
		ok = ok || len(data) > recordHeader && plausibleRecords(data)
		s.unsure = s.state == lost
	case decode.TypeDNS:
		ok = ok || s.state == starting || plausibleDNS(data)
	default:
		ok = t.Framed() && (ok || s.state == starting || p.plausible(k, d, data))
	}
	if ok {
		k.protocol, s.state = t, between
		return p.step(k, s, d, data)
	}
	if s.state == starting && undecided(data) {
		return 0 // wait for more
	}
	s.pass(data)
	return len(data)
}

// gap takes bytes that are missing.
func (p *Parser) gap(k *conn, s *side, c *flow.Chunk) {
	n := c.Gap
	switch s.state {
	case inBody, inChunk, untilEnd, inRecord, skipFramed:
		if s.state == untilEnd || n <= s.left && (s.state != inChunk || n < s.left-1) {
			s.missing(n)
			if s.state != untilEnd {
				s.left -= n
			}
			if s.state == inBody || s.state == inChunk || s.state == untilEnd {
				p.piece(s, nil, n)
			}
			p.maybeDone(k, s, c.Direction)
			s.marks = s.marks[:0]
			return
		}
	case between:
		if p.gapInRecord(k, s, c) {
			return
		}
	case inFramed:
		if size := int64(k.protocol.MessageLength(s.buf)); int64(len(s.buf))+n <= size {
			k.lostHeaders(c.Direction)
			s.left = size - int64(len(s.buf)) - n
			s.take(len(s.buf))
			s.buf = s.buf[:0]
			s.missing(n)
			s.state = skipFramed
			p.maybeDone(k, s, c.Direction)
			s.marks = s.marks[:0]
			return
		}
	}
	p.interrupt(k, s, c.Direction)
	s.lose()
	s.pos += n
	k.lostRecords(p, c.Direction)
}

// end takes the end of a direction; fin tells that all of it was seen.
func (p *Parser) end(k *conn, s *side, d flow.Direction, fin bool) {
	if s.state == untilEnd && fin {
		p.finish(k, s)
	} else {
		p.interrupt(k, s, d)
	}
	s.lose()
	if k.tls != nil {
		p.end(&k.tls.inside, &k.tls.inside.side[d], d, fin)
	}
}

// maybeDone ends what has no bytes left to come.
func (p *Parser) maybeDone(k *conn, s *side, d flow.Direction) {
	if s.left > 0 {
		return
	}
	switch s.state {
	case inBody:
		p.finish(k, s)
	case inRecord:
		p.recordDone(k, s, d)
	case skipFramed:
		s.number++
		s.state = between
	}
}
