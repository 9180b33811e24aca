package decode

import "bytes"

// isQUIC tells a long header of a version that is known or, on its port, could be.
func isQUIC(b []byte, port bool) bool {
	if !longHeader(b) {
		return false
	}
	version := be32(b[1:])
	return knownQUIC(version) || port && offeredQUIC(version)
}

// longHeader tells a long header (RFC 8999): the first bit, and connection ids that are inside the datagram.
func longHeader(b []byte) bool {
	if len(b) < 7 || b[0]&0xc0 != 0xc0 && (b[0]&0x80 == 0 || be32(b[1:]) != 0) {
		return false
	}
	d := int(b[5])
	if d > 20 || 6+d >= len(b) {
		return false
	}
	s := int(b[6+d])
	return s <= 20 && 7+d+s <= len(b)
}

func knownQUIC(version uint32) bool {
	return version == 1 || version == 0x6b3343cf || version>>8 == 0xff0000
}

// offeredQUIC tells a version that is none but belongs to QUIC: that of a version negotiation, those that are reserved
// to force one (RFC 9000 section 15), and Google's, such as Q050.
func offeredQUIC(version uint32) bool {
	return version == 0 || version&0x0f0f0f0f == 0x0a0a0a0a || (version>>16 == 'Q'<<8|'0' || version>>16 == 'T'<<8|'0')
}

// isTLS tells a TLS record (RFC 8446 section 5.1). Away from the ports of TLS only hellos are taken for it.
func isTLS(b []byte, port bool) bool {
	if len(b) < 6 || b[0] < 20 || b[0] > 24 || b[1] != 3 || b[2] > 4 || be16(b[3:]) > 1<<14+2048 {
		return false
	}
	return port || b[0] == 22 && (b[5] == 1 || b[5] == 2)
}

var httpMethods = [...]string{"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "TRACE ",
	"PROPFIND ", "PROPPATCH ", "MKCOL ", "COPY ", "MOVE ", "LOCK ", "UNLOCK ", "REPORT ", "SEARCH ", "SUBSCRIBE ", "NOTIFY ", "QUERY "}

// httpStarts are the first letters of methods, and of HTTP/1.
const httpStarts = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// isHTTP tells the first line of an HTTP/1 request or response. On its ports any method will do, which is how
// protocols that are made of HTTP look.
func isHTTP(b []byte, port bool) bool {
	if b[0] == 'H' && bytes.HasPrefix(b, []byte("HTTP/1.")) {
		return true
	}
	line := b[:min(len(b), 4096)]
	method := httpMethod(line)
	if method == 0 {
		return false
	}
	i := bytes.IndexByte(line, '\n')
	if i >= 0 {
		line = line[:i]
	}
	switch {
	case i >= 0 && bytes.Contains(line[method:], []byte(" HTTP/1.")):
		return true
	case i >= 0:
		return false
	}
	known := port
	for _, m := range httpMethods {
		known = known || string(line[:method]) == m
	}
	// The line goes on behind what is here: it has to have the start of a target.
	return known && len(line) > method && (line[method] == '/' || line[method] == '*' || line[method] == 'h')
}

// httpMethod returns the length of a method with the blank behind it, 0 where none is.
func httpMethod(b []byte) int {
	for i, c := range b[:min(len(b), 24)] {
		if c == ' ' && i >= 3 {
			return i + 1
		}
		if (c < 'A' || c > 'Z') && (i == 0 || c != '-' && c != '_') {
			return 0
		}
	}
	return 0
}
