package message

import (
	"bytes"
	"strconv"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// maxRequests is how many requests wait for their responses; what is beyond is answered as a GET would be.
const maxRequests = 256

// http reads HTTP/1 (RFC 9112).
func (p *Parser) http(k *conn, s *side, d flow.Direction, data []byte) int {
	switch s.state {
	case between:
		n := 0
		for n < len(data) && (data[n] == '\r' || data[n] == '\n') { // section 2.2: empty lines before are passed over
			n++
		}
		if n > 0 {
			s.pos += int64(n)
			return n
		}
		s.open(k, d)
		s.state, s.scanned, s.body = inHead, 0, 0
		return p.head(k, s, d, data)
	case inHead:
		return p.head(k, s, d, data)
	case inBody, untilEnd:
		n := len(data)
		if s.body == 0 && !s.http.Request && s.http.Method == nil && bytes.HasPrefix(data, []byte("HTTP/1.")) {
			p.finish(k, s) // the request was not seen: it was HEAD
			return p.http(k, s, d, data)
		}
		if s.state == inBody {
			n = int(min(int64(n), s.left))
			s.left -= int64(n)
		}
		s.take(n)
		p.piece(s, data[:n], 0)
		if s.state == inBody && s.left == 0 {
			p.finish(k, s)
		}
		return n
	case inChunk:
		return p.chunk(k, s, data)
	case inSize, inTrailer:
		return p.line(k, s, data)
	}
	s.pass(data)
	return len(data)
}

// head reads a head as soon as it is all there.
func (p *Parser) head(k *conn, s *side, d flow.Direction, data []byte) int {
	n := headEnd(data, s.scanned)
	if n < 0 {
		if s.scanned = max(len(data)-3, 0); len(data) < p.longest() && httpLine(data) {
			return 0
		}
		if len(data) >= p.longest() {
			p.lost.Long++
		}
		s.pass(data)
		return len(data)
	}
	s.scanned = 0
	head := data[:n]
	if line, _, _ := bytes.Cut(head, []byte("\n")); !httpStart(line) {
		s.pass(data)
		return len(data)
	}
	s.take(n)
	s.read(head)
	h := s.http
	tunnel := false
	if h.Request {
		if len(k.requests) < maxRequests && k.more == 0 {
			k.requests = append(k.requests, h.method)
		} else {
			k.more++
		}
	} else {
		tunnel = k.answer(h)
	}
	if h.BodyLength == 0 && !h.Chunked {
		h.Complete = true
		p.tell(s, Whole, head).HTTP = s.http
		s.state = between
		if tunnel {
			k.tunnel()
		}
		return n
	}
	p.tell(s, Begins, head).HTTP = s.http
	switch {
	case h.Chunked:
		s.state = inSize
	case h.BodyLength < 0:
		s.state = untilEnd
	default:
		s.state, s.left = inBody, h.BodyLength
	}
	return n
}

// tunnel begins anew in both directions: behind CONNECT and an upgrade something else is spoken.
func (k *conn) tunnel() {
	k.protocol, k.requests, k.more = decode.TypePayload, nil, 0
	for i := range k.side {
		if s := &k.side[i]; s.state == between || s.state == inHead || s.state == lost {
			s.state, s.scanned = starting, 0
		}
	}
}

// headEnd returns where the head ends, behind its empty line, or -1. Up to scanned there is no end.
func headEnd(b []byte, scanned int) int {
	for i := scanned; ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return -1
		}
		i += j + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2
		}
	}
}

// read fills http from a head.
func (s *side) read(head []byte) {
	h := new(HTTP)
	head = unfold(bytes.Clone(head))
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	first, after, _ := bytes.Cut(line, []byte(" "))
	h.Request = !bytes.HasPrefix(first, []byte("HTTP/"))
	if h.Request {
		h.Method = first
		if i := bytes.LastIndexByte(after, ' '); i >= 0 {
			after = after[:i]
		}
		h.Target = after
	} else {
		code, _, _ := bytes.Cut(after, []byte(" "))
		h.Status, _ = strconv.Atoi(string(code[:min(len(code), 3)]))
	}
	length, coded := int64(-1), false
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue
		}
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "host"):
			h.Host = value
		case is(name, "content-type"):
			h.ContentType = value
		case is(name, "content-encoding"):
			h.Encoding = value
		case is(name, "content-disposition"):
			h.Disposition = value
		case is(name, "content-length"):
			length = contentLength(value, length)
		case is(name, "transfer-encoding"):
			coded = true
			last := value[bytes.LastIndexByte(value, ',')+1:]
			h.Chunked = is(bytes.TrimSpace(last), "chunked")
		}
	}
	switch { // RFC 9112 section 6.3
	case h.Chunked:
		h.BodyLength = -1
	case coded || length == badLength:
		h.BodyLength = -1
	case length >= 0:
		h.BodyLength = length
	case !h.Request:
		h.BodyLength = -1
	}
	if h.Request {
		h.method = method{string(h.Method[:min(len(h.Method), 16)]), string(h.Target[:min(len(h.Target), 2048)]), string(h.Host[:min(len(h.Host), 255)])}
	}
	s.http = h
}

// unfold makes one line of those that go on in the next (RFC 9112 section 5.2).
func unfold(head []byte) []byte {
	for i := 1; i < len(head); i++ {
		if c := head[i]; (c == ' ' || c == '\t') && head[i-1] == '\n' {
			head[i-1] = ' '
			if i > 1 && head[i-2] == '\r' {
				head[i-2] = ' '
			}
		}
	}
	return head
}

const badLength = -2

// contentLength reads a Content-Length. Several that are the same count as one; others make it unknown.
func contentLength(b []byte, before int64) int64 {
	for part := range bytes.SplitSeq(b, []byte(",")) {
		part = bytes.TrimSpace(part)
		if digits := bytes.TrimLeft(part, "0"); len(part) > 1 && len(digits) < len(part) {
			part = part[len(part)-max(len(digits), 1):]
		}
		n, err := strconv.ParseUint(string(part[:min(len(part), 20)]), 10, 62)
		if err != nil || len(part) == 0 || len(part) > 20 || part[0] == '+' || before >= 0 && before != int64(n) || before == badLength {
			return badLength
		}
		before = int64(n)
	}
	return before
}

func is(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}

// answer finds the request that a response answers, and what follows from it for the body. It tells whether what comes
// behind it is a tunnel.
func (k *conn) answer(h *HTTP) (tunnel bool) {
	var m method
	known := len(k.requests) > 0
	if known {
		m = k.requests[0]
		h.Method, h.Target, h.Host = []byte(m.name), []byte(m.target), []byte(m.host)
	}
	h.method = m
	interim := h.Status >= 100 && h.Status < 200 && h.Status != 101
	if !interim {
		switch {
		case known:
			k.requests = k.requests[1:]
		case k.more > 0:
			k.more--
		}
	}
	tunnel = h.Status == 101 || m.name == "CONNECT" && h.Status/100 == 2
	if tunnel || h.Status/100 == 1 || h.Status == 204 || h.Status == 304 || m.name == "HEAD" {
		h.BodyLength, h.Chunked = 0, false
	}
	return tunnel
}

// piece hands out bytes of a body, or a gap in it.
func (p *Parser) piece(s *side, data []byte, gap int64) {
	n := int64(len(data)) + gap
	if n == 0 {
		return
	}
	if p.Bodies {
		m := Message{Stream: s.next.Stream, Direction: s.next.Direction, Protocol: s.next.Protocol, Part: Body, Number: s.number, Offset: s.body,
			Length: n, Missing: gap, Cut: gap > 0, Data: p.keep(data), HTTP: s.http, Decrypted: s.next.Decrypted}
		p.out = append(p.out, m)
	}
	s.body += n
}

// chunk reads the data of a chunk, and the line end behind it: left counts both.
func (p *Parser) chunk(k *conn, s *side, data []byte) int {
	if s.left > 2 {
		n := int(min(int64(len(data)), s.left-2))
		s.take(n)
		s.left -= int64(n)
		p.piece(s, data[:n], 0)
		return n
	}
	// The line end: CR LF, or LF alone.
	switch {
	case data[0] == '\n':
		s.take(1)
		s.state = inSize
		return 1
	case data[0] == '\r' && s.left == 2:
		s.take(1)
		s.left = 1
		return 1
	}
	p.interrupt(k, s, s.next.Direction)
	s.pass(data)
	return len(data)
}

// line reads the line with the size of a chunk, or one behind the last.
func (p *Parser) line(k *conn, s *side, data []byte) int {
	i := bytes.IndexByte(data[min(s.scanned, len(data)):], '\n')
	if i < 0 {
		if s.scanned = len(data); len(data) < 8192 {
			return 0
		}
		p.lost.Long++
		p.interrupt(k, s, s.next.Direction)
		s.pass(data)
		return len(data)
	}
	n := min(s.scanned, len(data)) + i + 1
	s.scanned = 0
	line := bytes.TrimRight(data[:n], "\r\n")
	if s.state == inTrailer {
		s.take(n)
		if len(line) == 0 {
			p.finish(k, s)
		}
		return n
	}
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimSpace(digits)
	size, err := strconv.ParseUint(string(digits[:min(len(digits), 17)]), 16, 62)
	if err != nil || len(digits) > 16 {
		p.interrupt(k, s, s.next.Direction)
		s.pass(data)
		return len(data)
	}
	s.take(n)
	if s.state, s.left = inChunk, int64(size)+2; size == 0 {
		s.state = inTrailer
	}
	return n
}

// finish ends a message with a body.
func (p *Parser) finish(k *conn, s *side) {
	s.http.Complete = s.next.Missing == 0
	p.tell(s, Ends, nil).HTTP = s.http
	s.state = between
}

// interrupt ends a message of which the end cannot be found.
func (p *Parser) interrupt(k *conn, s *side, d flow.Direction) {
	switch s.state {
	case inBody, inSize, inChunk, inTrailer, untilEnd:
		s.next.Cut = true
		p.tell(s, Ends, nil).HTTP = s.http
	}
}
