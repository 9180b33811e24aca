package message

import (
	"bytes"
	"encoding/binary"
)

// What tells where a message starts is here.

// Content types and handshake types of TLS (RFC 8446, RFC 5246).
const (
	changeCipherSpec = 20
	alert            = 21
	handshake        = 22
	applicationData  = 23
	heartbeat        = 24

	clientHello = 1
	serverHello = 2

	recordHeader = 5
	maxRecord    = 1<<14 + 2048
)

// isRecord tells the header of a record.
func isRecord(b []byte) bool {
	return b[0] >= changeCipherSpec && b[0] <= heartbeat && b[1] == 3 && b[2] <= 4 && int(binary.BigEndian.Uint16(b[3:])) <= maxRecord
}

// plausibleRecords tells records where it is not known that one starts: those that are here follow each other.
func plausibleRecords(b []byte) bool {
	for n := 0; len(b) >= recordHeader; n++ {
		size := int(binary.BigEndian.Uint16(b[3:]))
		if !isRecord(b) || size == 0 || b[0] == changeCipherSpec && size != 1 {
			return false
		}
		if b[0] == alert && size != 2 && size < 16 {
			return false
		}
		b = b[min(len(b), recordHeader+size):]
	}
	return true
}

// plausibleDNS tells a message where it is not known that one starts: the length fits, and the header is one.
func plausibleDNS(b []byte) bool {
	if len(b) < 14 {
		return false
	}
	size := int(binary.BigEndian.Uint16(b))
	h := b[2:]
	opcode, zero := h[2]>>3&15, h[3]&0x40
	questions, records := binary.BigEndian.Uint16(h[4:]), 0
	for i := 6; i < 12; i += 2 {
		records += int(binary.BigEndian.Uint16(h[i:]))
	}
	return size >= 12 && size+2 <= len(b) && opcode <= 6 && zero == 0 && questions <= 1 && int(questions)*5+records*11 <= size-12
}

// undecided tells bytes at the start of a stream that may yet become something.
func undecided(b []byte) bool {
	if len(b) < 8 {
		return true
	}
	return len(b) < 4096 && bytes.IndexByte(b, '\n') < 0 && httpLine(b)
}

// httpLine tells bytes that are, or may yet become, a line that starts as one of HTTP does: with a method, or
// "HTTP/1.".
func httpLine(b []byte) bool {
	const response = "HTTP/1."
	if n := min(len(b), len(response)); string(b[:n]) == response[:n] {
		return true
	}
	for i, c := range b[:min(len(b), 24)] {
		switch {
		case c == ' ':
			return i >= 3
		case (c < 'A' || c > 'Z') && c != '-' && c != '_':
			return false
		}
	}
	return len(b) < 24
}

// httpStart tells a whole start line, of which line has no end.
func httpStart(line []byte) bool {
	if !httpLine(line) {
		return false
	}
	line = bytes.TrimRight(line, "\r")
	at := bytes.LastIndexByte(line, ' ')
	return bytes.HasPrefix(line, []byte("HTTP/1.")) || at > 0 && bytes.HasPrefix(line[at+1:], []byte("HTTP/1."))
}
