package message

import (
	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// framed reads a message that says how long it is, as Type.MessageLength tells.
func (p *Parser) framed(k *conn, s *side, d flow.Direction, data []byte) int {
	if s.state == skipFramed {
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
		s.state = inFramed
	}
	size := k.protocol.MessageLength(data)
	longest := p.longest()
	switch {
	case size < 0 || size == 0 && len(data) >= longest:
		s.pass(data)
		return len(data)
	case size == 0 || len(data) < min(size, longest):
		return 0
	case size > longest:
		s.take(longest)
		s.next.Cut = true
		p.lost.Long++
		number := s.number
		p.tell(s, Whole, data[:longest])
		s.number = number
		s.state, s.left = skipFramed, int64(size-longest)
		return longest
	}
	s.take(size)
	message := data[:size]
	if k.protocol == decode.TypeHTTP2 {
		message = k.http2(d, message)
	}
	p.tell(s, Whole, message)
	s.state = between
	return size
}

// plausible tells messages where it is not known that one starts: the bytes are those of one, and all of these follow
// each other up to the end of the segment.
func (p *Parser) plausible(k *conn, d flow.Direction, data []byte) bool {
	t := k.protocol
	src, dst := k.stream.Source(d).Port(), k.stream.Source(d.Other()).Port()
	told := p.Decoder.StreamApplication(src, dst, data)
	if !told.Framed() || t.Framed() && told != t {
		return false
	}
	for len(data) > 0 {
		n := told.MessageLength(data)
		if n <= 0 || n > len(data) {
			return false
		}
		data = data[n:]
	}
	return true
}
