package decode

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// What tells the applications, and how long their messages are on a stream.

func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// maxMessage is the longest message that is believed.
const maxMessage = 1 << 28

// prefixed returns a length function: size bytes at off, big-endian, plus more.
func prefixed(off, size, more int) func(b []byte) int {
	return func(b []byte) int {
		if len(b) < off+size {
			return 0
		}
		return bounded(number(b[off:off+size]), more)
	}
}

// prefixedLittle is prefixed for a number whose least significant byte is first.
func prefixedLittle(off, size, more int) func(b []byte) int {
	return func(b []byte) int {
		if len(b) < off+size {
			return 0
		}
		var v uint64
		for i := size - 1; i >= 0; i-- {
			v = v<<8 | uint64(b[off+i])
		}
		return bounded(v, more)
	}
}

func bounded(v uint64, more int) int {
	if v > maxMessage || int(v)+more <= 0 {
		return -1
	}
	return int(v) + more
}

// isText tells a line of text on a port of its protocol: nothing in its first bytes is what text does not have.
func isText(b []byte, _ bool) bool {
	for _, c := range b[:min(len(b), 16)] {
		if c < ' ' && c != '\r' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// startsWord tells whether b starts with one of the words and a space.
func startsWord(b []byte, words []string) bool {
	for _, w := range words {
		if len(b) > len(w) && b[len(w)] == ' ' && string(b[:len(w)]) == w {
			return true
		}
	}
	return false
}

var sipMethods = []string{"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO",
	"REFER", "MESSAGE", "UPDATE"}

// isSIP tells the first line of a SIP message (RFC 3261 section 7).
func isSIP(b []byte, port bool) bool {
	switch {
	case bytes.HasPrefix(b, []byte("SIP/2.0 ")):
		return true
	case !startsWord(b, sipMethods):
		return port && isText(b, true)
	}
	return port || bytes.Contains(firstLine(b), []byte(" SIP/2.0"))
}

func firstLine(b []byte) []byte {
	b = b[:min(len(b), 4096)]
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i]
	}
	return b
}

var rtspMethods = []string{"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "ANNOUNCE", "RECORD", "GET_PARAMETER", "SET_PARAMETER",
	"REDIRECT"}

func isRTSP(b []byte, port bool) bool {
	return bytes.HasPrefix(b, []byte("RTSP/1.")) ||
		startsWord(b, rtspMethods) && bytes.Contains(firstLine(b), []byte(" RTSP/1.")) || port && (b[0] == '$' || isText(b, true))
}

// isSSDP tells HTTP in a datagram, as UPnP has it.
func isSSDP(b []byte, port bool) bool {
	return bytes.HasPrefix(b, []byte("M-SEARCH * HTTP/1.")) || bytes.HasPrefix(b, []byte("NOTIFY * HTTP/1.")) ||
		port && isText(b, true)
}

// isRESP tells the types of Redis' protocol, or a command in words.
func isRESP(b []byte, _ bool) bool {
	return bytes.IndexByte([]byte("+-:$*_#,(!=%~>"), b[0]) >= 0 || isText(b, true)
}

// isMemcached tells a command or answer in words, one of the binary protocol, or a datagram, which has 8 bytes first.
func isMemcached(b []byte, _ bool) bool {
	return b[0] == 0x80 || b[0] == 0x81 || isText(b, true) || len(b) > 8 && be16(b[4:]) > 0 && be16(b[6:]) == 0
}

// headersLength is the length of a message of text: its header fields, an empty line, and as many bytes as
// Content-Length, or l where SIP is short, says.
func headersLength(b []byte) int {
	if b[0] == '$' { // what RTSP interleaves
		return prefixed(2, 2, 4)(b)
	}
	head := b[:min(len(b), 1<<16)]
	end := bytes.Index(head, []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	n := 0
	for off := 0; off < end; {
		line := head[off : end+2]
		line = line[:bytes.IndexByte(line, '\n')]
		off += len(line) + 1
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !bytes.EqualFold(name, []byte("content-length")) && !bytes.EqualFold(name, []byte("l")) {
			continue
		}
		v, err := strconv.ParseUint(string(bytes.TrimSpace(value[:min(len(value), 24)])), 10, 27)
		if err != nil {
			return -1
		}
		n = int(v)
	}
	return end + 4 + n
}

// isNBSS tells a message of the session service (RFC 1002 section 4.3.1): with SMB in it, or, on its ports, another.
func isNBSS(b []byte, port bool) bool {
	switch {
	case len(b) < 4:
		return false
	case len(b) >= 8 && b[0] == 0 && (isSMB(b[4:], true) || isSMB2(b[4:], true)):
		return true
	case !port || b[1] > 1:
		return false
	}
	return b[0] >= 0x81 && b[0] <= 0x85 && be16(b[2:]) <= 512 || b[0] == 0 && len(b) < 8 && be16(b[2:]) > 0
}

func nbssLength(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	return 4 + int(be32(b)&0xffffff)
}

func nbssCarries(b []byte) (header int, next Type) {
	if len(b) < 8 || b[0] != 0 {
		return 0, TypeNone
	}
	return 4, TypePayload
}

// nbdgmCarries passes over the names of a datagram (RFC 1002 section 4.4.2).
func nbdgmCarries(b []byte) (header int, next Type) {
	if len(b) < 14 || b[0] < 0x10 || b[0] > 0x12 {
		return 0, TypeNone
	}
	off := 14
	for range 2 {
		for off < len(b) && b[off] != 0 {
			if b[off]&0xc0 == 0xc0 {
				off++
				break
			}
			off += 1 + int(b[off])
		}
		off++
	}
	if off+4 > len(b) {
		return 0, TypeNone
	}
	return off, TypePayload
}

// isSMB tells a message of version 1.
func isSMB(b []byte, _ bool) bool { return len(b) >= 4 && string(b[:4]) == "\xffSMB" }

// isSMB2 tells one of version 2 or 3, also an encrypted or compressed one.
func isSMB2(b []byte, _ bool) bool {
	return len(b) >= 4 && b[0] >= 0xfc && b[0] <= 0xfe && string(b[1:4]) == "SMB"
}

// isDCERPC tells the header of a message of version 5.0 or 5.1 on a stream, or of version 4 in a datagram.
func isDCERPC(b []byte, _ bool) bool {
	switch {
	case len(b) >= 16 && b[0] == 5:
		n := dcerpcLength(b)
		return b[1] <= 1 && b[2] <= 19 && b[4]&0xee == 0 && b[5] <= 3 && b[6] == 0 && b[7] == 0 && n >= 16 && n < 1<<15
	case len(b) >= 80 && b[0] == 4:
		return b[1] <= 10 && b[2]&0x81 == 0 && b[3]&0xfd == 0 && b[4]&0xee == 0 && b[5] <= 3 && b[6] == 0 && int(be16(b[74:])) < len(b)
	}
	return false
}

func dcerpcLength(b []byte) int {
	switch {
	case b[0] != 5:
		return -1
	case len(b) < 10:
		return 0
	case b[4]&0x10 != 0:
		return bounded(uint64(le16(b[8:])), 0)
	}
	return bounded(uint64(be16(b[8:])), 0)
}

// lengthBER is the length of a BER element with its tag.
func lengthBER(b []byte) int {
	switch {
	case len(b) < 2:
		return 0
	case b[1] < 0x80:
		return 2 + int(b[1])
	case b[1] == 0x80 || b[1] > 0x84:
		return -1
	}
	return prefixed(2, int(b[1]&0x7f), 2+int(b[1]&0x7f))(b)
}

// contentBER returns where the content of the element at the start of b is, 0 where there is none.
func contentBER(b []byte) int {
	switch {
	case len(b) < 2 || b[1] == 0x80 || b[1] > 0x84:
		return 0
	case b[1] < 0x80:
		return 2
	}
	return 2 + int(b[1]&0x7f)
}

// isLDAP tells a message (RFC 4511 section 4.1.1), or one that is signed or sealed, behind its length.
func isLDAP(b []byte, port bool) bool {
	if port && b[0] == 0 {
		return len(b) > 8 && be32(b) < maxMessage && (b[4] == 0x60 || b[4] == 5)
	}
	at := contentBER(b)
	if b[0] != 0x30 || at == 0 || at+3 > len(b) || b[at] != 2 || b[at+1] == 0 || b[at+1] > 4 || at+2+int(b[at+1]) >= len(b) {
		return false
	}
	op := b[at+2+int(b[at+1])]
	return op>>5 == 3 && op&0x1f <= 25 || op == 0x42 || op == 0x4a || op == 0x50
}

func ldapLength(b []byte) int {
	if b[0] == 0 {
		return prefixed(0, 4, 4)(b)
	}
	return lengthBER(b)
}

// isKerberos tells a message in a datagram, or one of a stream, whose length comes first (RFC 4120 section 7.2.2).
func isKerberos(b []byte, _ bool) bool {
	if b[0] == 0 && len(b) > 4 {
		b = b[4:]
	}
	at := contentBER(b)
	if b[0]>>5 != 3 || at == 0 || at >= len(b) || b[at] != 0x30 {
		return false
	}
	switch t := b[0] & 0x1f; {
	case t >= 10 && t <= 15, t >= 20 && t <= 22, t == 30:
		return true
	}
	return false
}

// isPgSQL tells a startup message, or one that starts with a letter and a length that can be.
func isPgSQL(b []byte, _ bool) bool {
	if len(b) == 1 {
		return b[0] == 'S' || b[0] == 'N' // the answer to a request for TLS
	}
	if b[0] == 0 {
		return len(b) >= 8 && be32(b) >= 8 && be32(b) < 1<<16 && (be16(b[4:]) == 3 || be16(b[4:]) == 1234)
	}
	return len(b) >= 5 && (b[0] >= '1' && b[0] <= '3' || b[0] >= 'A' && b[0] <= 'z') && be32(b[1:]) >= 4 && be32(b[1:]) < maxMessage
}

func pgsqlLength(b []byte) int {
	if b[0] == 0 {
		return prefixed(0, 4, 0)(b)
	}
	return prefixed(1, 4, 1)(b)
}

// isMySQL tells a packet by a length and number that can be.
func isMySQL(b []byte, _ bool) bool {
	n := mysqlLength(b)
	return n > 4 && len(b) > 4 && (b[3] < 16 || n >= len(b))
}

var mysqlLength = prefixedLittle(0, 3, 4)

// isKafka tells a length that can be, and then room for the identification of a request.
func isKafka(b []byte, _ bool) bool { return len(b) >= 8 && be32(b) >= 4 && be32(b) < 1<<27 }

// isMongo tells a length and one of the few operations.
func isMongo(b []byte, _ bool) bool {
	if len(b) < 16 || le32(b) < 16 || le32(b) > 48<<20 {
		return false
	}
	op := le32(b[12:])
	return op == 1 || op == 1000 || op >= 2001 && op <= 2013
}

// isCQL tells a frame of version 1 to 5.
func isCQL(b []byte, _ bool) bool {
	v := b[0] & 0x7f
	return len(b) >= 9 && v >= 1 && v <= 5 && b[1] < 32 && (v < 3 || b[4] <= 16) && cqlLength(b) > 0
}

func cqlLength(b []byte) int {
	if b[0]&0x7f < 3 {
		return prefixed(4, 4, 8)(b)
	}
	return prefixed(5, 4, 9)(b)
}

// isMQTT tells the type and flags that a control packet starts with.
func isMQTT(b []byte, port bool) bool {
	t, flags := b[0]>>4, byte(0)
	if t == 6 || t == 8 || t == 10 {
		flags = 2
	}
	if t == 0 || len(b) < 2 || t != 3 && b[0]&15 != flags || mqttLength(b) <= 0 {
		return false
	}
	return port || t == 1 && len(b) > 8 && (string(b[4:8]) == "MQTT" || string(b[4:8]) == "MQIs")
}

func mqttLength(b []byte) int {
	v := 0
	for i := 1; i < 5; i++ {
		if i >= len(b) {
			return 0
		}
		v |= int(b[i]&0x7f) << (7 * (i - 1))
		if b[i]&0x80 == 0 {
			return i + 1 + v
		}
	}
	return -1
}

// isAMQP tells the header that a client starts with, or a frame.
func isAMQP(b []byte, port bool) bool {
	switch {
	case len(b) < 8:
		return false
	case string(b[:4]) == "AMQP":
		return true
	case b[0] == 0: // 1.0
		return port && b[4] >= 2 && b[5] <= 1 && be32(b) >= 8 && be32(b) < maxMessage
	}
	return port && (b[0] <= 4 || b[0] == 8) && be32(b[3:]) < maxMessage
}

func amqpLength(b []byte) int {
	switch {
	case len(b) >= 4 && string(b[:4]) == "AMQP":
		return 8
	case b[0] == 0:
		return prefixed(0, 4, 0)(b)
	}
	return prefixed(3, 4, 8)(b)
}

// rpcKind tells a call or reply (RFC 5531 section 9) that starts b: 1 for a call, with its program, 2 for a reply.
func rpcKind(b []byte) (kind int, program uint32) {
	if len(b) >= 24 && be32(b[4:]) == 0 && be32(b[8:]) == 2 {
		if v := be32(b[16:]); v <= 10 && be32(b[20:]) < 200 {
			return 1, be32(b[12:])
		}
	}
	if len(b) >= 20 && be32(b[4:]) == 1 && be32(b[8:]) <= 1 {
		return 2, 0
	}
	return 0, 0
}

// isRPCOf returns what tells RPC, or a program of it, with or without the mark of a record in front, which is the length
// with the first bit set in the last part. A reply does not say what it is of: the port has to.
func isRPCOf(program uint32) func(b []byte, port bool) bool {
	return func(b []byte, port bool) bool {
		kind, of := rpcKind(b)
		if kind == 0 && len(b) > 4 && b[0]&0x7f == 0 {
			kind, of = rpcKind(b[4:])
		}
		switch {
		case kind == 1 && program == 0:
			return of >= 100000 && of < 400000 || port
		case kind == 1:
			return of == program
		}
		return kind == 2 && port
	}
}

func rpcLength(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	return bounded(uint64(be32(b)&0x7fffffff), 4)
}

// isRX tells the header of RX on a port of AFS.
func isRX(b []byte, _ bool) bool { return len(b) >= 28 && b[20] >= 1 && b[20] <= 13 }

// isRTCP tells a compound packet (RFC 3550 section 6.1): the first a report, and all lengths add up.
func isRTCP(b []byte, _ bool) bool {
	if len(b) < 8 || b[0]&0xe0 != 0x80 || b[1] != 200 && b[1] != 201 {
		return false
	}
	for range 16 {
		n := rtcpLength(b)
		if n == 0 || n > len(b) || b[0]&0xc0 != 0x80 {
			return false
		}
		if b = b[n:]; len(b) == 0 {
			return true
		}
		if len(b) < 4 || b[1] < 192 || b[1] > 213 {
			return false
		}
	}
	return false
}

func rtcpLength(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	return 4 * (int(be16(b[2:])) + 1)
}

// isTPKT tells the header of RFC 1006 with a COTP header behind it.
func isTPKT(b []byte, port bool) bool {
	return len(b) >= 7 && b[0] == 3 && b[1] == 0 && int(be16(b[2:])) >= 7 && int(b[4])+5 <= int(be16(b[2:])) &&
		(port || int(be16(b[2:])) == len(b)) && isCOTP(b[4:], port)
}

func tpktLength(b []byte) int {
	switch {
	case b[0] != 3:
		return -1
	case len(b) < 4:
		return 0
	}
	return bounded(uint64(be16(b[2:])), 0)
}

func tpktCarries(b []byte) (header int, next Type) {
	if len(b) < 6 {
		return 0, TypeNone
	}
	return 4, TypePayload
}

// isCOTP tells the header of RFC 905 section 13 by its length and code.
func isCOTP(b []byte, _ bool) bool {
	if len(b) < 3 || b[0] < 2 {
		return false
	}
	switch t := b[1] >> 4; {
	case t == 0xf:
		return b[0] == 2 || b[0] == 4
	case t == 0xe, t == 0xd, t == 8:
		return b[0] >= 6
	}
	return false
}

// cotpCarries ends the header before what RDP adds to those of a connection.
func cotpCarries(b []byte) (header int, next Type) {
	if len(b) < 2 {
		return 0, TypeNone
	}
	n := 1 + int(b[0])
	if t := b[1] >> 4; (t == 0xe || t == 0xd) && n > 7 && len(b) > 7 && isRDP(b[7:], true) {
		return 7, TypePayload
	}
	if n >= len(b) {
		return 0, TypeNone
	}
	return n, TypePayload
}

func isS7(b []byte, _ bool) bool { return len(b) >= 10 && b[0] == 0x32 && b[1] >= 1 && b[1] <= 7 }

// isRDP tells the cookie and the negotiation that RDP starts with ([MS-RDPBCGR] section 2.2.1).
func isRDP(b []byte, _ bool) bool {
	return bytes.HasPrefix(b, []byte("Cookie: ")) || len(b) >= 8 && b[0] >= 1 && b[0] <= 3 && b[2] == 8 && b[3] == 0
}

// isModbus tells the header of Modbus/TCP.
func isModbus(b []byte, _ bool) bool {
	return len(b) >= 8 && be16(b[2:]) == 0 && be16(b[4:]) >= 2 && be16(b[4:]) <= 256
}

func isDNP3(b []byte, _ bool) bool { return len(b) >= 10 && b[0] == 5 && b[1] == 0x64 && b[2] >= 5 }

// dnp3Length counts the checksum of the header and one for each 16 bytes.
func dnp3Length(b []byte) int {
	if len(b) < 3 {
		return 0
	}
	n := int(b[2]) - 5
	if n < 0 {
		return -1
	}
	return 10 + n + 2*((n+15)/16)
}

// isSOMEIP tells the header by its version, type and return code.
func isSOMEIP(b []byte, _ bool) bool {
	return len(b) >= 16 && be32(b[4:]) >= 8 && be32(b[4:]) < maxMessage && b[12] == 1 && b[14]&0x1c == 0 && b[15] <= 0x5e
}

func isENIP(b []byte, _ bool) bool {
	if len(b) < 24 || le16(b[2:]) > 0x8000 {
		return false
	}
	switch le16(b) {
	case 0, 4, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70, 0x72, 0x73:
		return true
	}
	return false
}

func isIEC104(b []byte, _ bool) bool { return len(b) >= 6 && b[0] == 0x68 && b[1] >= 4 && b[1] <= 253 }

func isBACnet(b []byte, _ bool) bool {
	return len(b) >= 4 && (b[0] == 0x81 || b[0] == 0x82) && b[1] <= 12 && be16(b[2:]) >= 4
}

// isX11 tells what can start on a port of X: a request, an event, an error or a setup.
func isX11(b []byte, _ bool) bool { return len(b) >= 4 }

// isVNC tells the version that both sides of RFB start with, or on its ports any message.
func isVNC(b []byte, port bool) bool {
	return port || len(b) == 12 && string(b[:4]) == "RFB " && b[11] == '\n'
}

// isSOCKS tells a message of version 4 or 5.
func isSOCKS(b []byte, _ bool) bool {
	switch {
	case len(b) < 2:
		return false
	case b[0] == 5:
		return len(b) == 2 || len(b) == 2+int(b[1]) || len(b) >= 7 && b[2] == 0 && (b[3] == 1 || b[3] == 3 || b[3] == 4)
	case b[0] == 4:
		return len(b) >= 8 && (b[1] == 1 || b[1] == 2)
	}
	return b[0] == 0 && len(b) == 8 && b[1] >= 90 && b[1] <= 93
}

func isRsync(b []byte, port bool) bool { return port || bytes.HasPrefix(b, []byte("@RSYNCD:")) }

// isBitTorrent tells the handshake of peers, and on their ports a message.
func isBitTorrent(b []byte, port bool) bool {
	if len(b) >= 20 && string(b[:20]) == "\x13BitTorrent protocol" {
		return true
	}
	return port && len(b) >= 4 && be32(b) < 1<<18 && (be32(b) == 0 || len(b) == 4 || b[4] <= 20)
}

func bittorrentLength(b []byte) int {
	if b[0] == 19 {
		return 68
	}
	return prefixed(0, 4, 4)(b)
}

// isBTDHT tells a dictionary that is bencoded and starts with one of the parts of a message.
func isBTDHT(b []byte, _ bool) bool {
	if len(b) < 12 || b[0] != 'd' || b[2] != ':' || b[len(b)-1] != 'e' {
		return false
	}
	return b[1] == '1' && (b[3] == 'a' || b[3] == 'r' || b[3] == 'e') && (b[4] == 'd' || b[4] == 'l') ||
		b[1] == '2' && b[3] == 'i' && b[4] == 'p'
}

// isDiameter tells version 1, flags without the reserved bits, and a length that is a multiple of 4.
func isDiameter(b []byte, _ bool) bool {
	return len(b) >= 20 && b[0] == 1 && b[4]&0xf == 0 && b[3]&3 == 0 && be32(b)&0xffffff >= 20
}

// isTACACS tells the versions and types of RFC 8907 section 4.1.
func isTACACS(b []byte, _ bool) bool {
	return len(b) >= 12 && b[0]>>4 == 12 && b[0]&15 <= 1 && b[1] >= 1 && b[1] <= 3 && b[3]&^5 == 0 && be32(b[8:]) < 1<<17
}

// isCoAP tells version 1 and a token of at most 8 bytes.
func isCoAP(b []byte, _ bool) bool {
	return len(b) >= 4 && b[0]>>6 == 1 && b[0]&15 <= 8 && b[1]>>5 != 1
}

// isISCSI tells an opcode of RFC 7143 section 11.2.1.2.
func isISCSI(b []byte, _ bool) bool {
	if len(b) < 48 || b[0]&0x80 != 0 {
		return false
	}
	switch op := b[0] & 0x3f; {
	case op <= 6, op == 0x10, op >= 0x20 && op <= 0x26, op == 0x31, op == 0x32, op == 0x3f:
		return true
	}
	return false
}

func iscsiLength(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	return 48 + 4*int(b[4]) + (int(be32(b[4:])&0xffffff)+3)&^3
}

// isGELF tells a chunk, JSON, or what gzip and zlib start with.
func isGELF(b []byte, _ bool) bool {
	return len(b) > 2 && (b[0] == 0x1e && b[1] == 0x0f || b[0] == '{' || b[0] == 0x1f && b[1] == 0x8b || b[0] == 0x78)
}

// isStatsD tells a name, a colon, a value, a bar and a kind.
func isStatsD(b []byte, _ bool) bool {
	colon := bytes.IndexByte(b, ':')
	return colon > 0 && bytes.IndexByte(b[colon:], '|') > 1 && isText(b, true)
}

func isXMPP(b []byte, port bool) bool {
	return b[0] == '<' && (port || bytes.HasPrefix(b, []byte("<stream:stream")) || bytes.HasPrefix(b, []byte("<?xml version='1.0'?><stream:stream")))
}

// gitLength reads the four hexadecimal digits of a packet line; below 4 it is one without data.
func gitLength(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	if err != nil {
		return -1
	}
	return max(4, int(n))
}

func isGit(b []byte, _ bool) bool { return gitLength(b) > 0 }

func isZabbix(b []byte, _ bool) bool { return len(b) >= 5 && string(b[:4]) == "ZBXD" }

func zabbixLength(b []byte) int {
	switch {
	case len(b) < 13:
		return 0
	case string(b[:4]) != "ZBXD" || b[4]&4 != 0:
		return -1
	}
	return prefixedLittle(5, 4, 13)(b)
}

// isRTMP tells a handshake or a chunk that begins a message.
func isRTMP(b []byte, _ bool) bool {
	return len(b) >= 1024 && b[0] == 3 || len(b) >= 8 && b[0]>>6 <= 1 && b[7] >= 1 && b[7] <= 22
}

func isOpenVPN(b []byte, _ bool) bool {
	if len(b) > 2 && int(be16(b)) == len(b)-2 { // of a stream
		b = b[2:]
	}
	op := b[0] >> 3
	return len(b) >= 2 && op >= 1 && op <= 11
}

// websocketLength is the length of a frame with its header (RFC 6455 section 5.2).
func websocketLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	more := 2
	if b[1]&0x80 != 0 {
		more = 6
	}
	switch b[1] & 0x7f {
	case 126:
		return prefixed(2, 2, more+2)(b)
	case 127:
		return prefixed(2, 8, more+8)(b)
	}
	return more + int(b[1]&0x7f)
}

// isPPTP tells a control message (RFC 2637 section 1.4) by its magic cookie.
func isPPTP(b []byte, _ bool) bool {
	return len(b) >= 10 && be16(b[2:]) <= 2 && be32(b[4:]) == 0x1a2b3c4d
}

// isRPKI tells a PDU of RFC 8210 section 5.
func isRPKI(b []byte, _ bool) bool {
	return len(b) >= 8 && b[0] <= 2 && b[1] <= 11 && be32(b[4:]) >= 8 && be32(b[4:]) < 1<<17
}

func isDropbox(b []byte, _ bool) bool { return b[0] == '{' }
