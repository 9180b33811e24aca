package app

import (
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeTLS, tlsLine, tlsFields)

var (
	fTLSRecord  = decode.Define("tls.record", "Record", decode.KindGroup).As("records").Several()
	fTLSType    = decode.Define("tls.record.content_type", "Content type", decode.KindUint).As("content_type")
	fTLSVersion = decode.Define("tls.record.version", "Legacy record version", decode.KindHex).As("version").At(1, 2).Means(tlsVersionName)
	fTLSLength  = decode.Define("tls.record.length", "Length", decode.KindUint).As("length").At(3, 2)
	fTLSMessage = decode.Define("tls.handshake", "Further message", decode.KindGroup).As("messages").Several()
	fTLSHandTyp = decode.Define("tls.handshake.type", "Handshake type", decode.KindUint).As("handshake_type")
	fTLSHandLen = decode.Define("tls.handshake.length", "Handshake length", decode.KindUint).As("handshake_length")
	fTLSHandVer = decode.Define("tls.handshake.version", "Legacy version", decode.KindHex).As("handshake_version")
	fTLSCipher  = decode.Define("tls.handshake.ciphersuite", "Cipher suite", decode.KindHex).As("cipher_suites").Several()
	fTLSSNI     = decode.Define("tls.handshake.extensions_server_name", "Server name", decode.KindText).As("server_name")
	fTLSALPN    = decode.Define("tls.handshake.extensions_alpn_str", "Application protocol", decode.KindText).As("alpn").Several()
	fTLSSupport = decode.Define("tls.handshake.extensions.supported_version", "Supported version", decode.KindHex).As("supported_versions").Several().Means(tlsVersionName)
	fTLSLevel   = decode.Define("tls.alert_message.level", "Alert level", decode.KindUint).As("alert_level").At(5, 1).Means(tlsLevelName)
	fTLSAlert   = decode.Define("tls.alert_message.desc", "Alert", decode.KindUint).As("alert").At(6, 1).Means(tlsAlertName)
)

// hello is what a ClientHello or ServerHello says, as places in the data.
type hello struct {
	client             bool
	version            int
	ciphers, ciphersN  int // the list of suites, or the one chosen
	sni, sniN          int
	alpn, alpnEnd      int // the list of protocol names
	versions, versionN int // the list of versions, or the one chosen
}

// reader goes over bytes and stops at their end.
type reader struct {
	b   []byte
	off int
	bad bool
}

// take returns the offset of the next n bytes and moves on.
func (r *reader) take(n int) int {
	off := r.off
	if r.bad || n < 0 || n > len(r.b)-off {
		r.bad = true
		return 0
	}
	r.off += n
	return off
}

// number reads a number of n bytes.
func (r *reader) number(n int) int {
	off := r.take(n)
	if r.bad {
		return 0
	}
	v := 0
	for _, x := range r.b[off : off+n] {
		v = v<<8 | int(x)
	}
	return v
}

// readHello reads the hello whose handshake header starts at off (RFC 8446 section 4.1).
func readHello(data []byte, off int) (h hello, ok bool) {
	r := reader{b: data, off: off}
	h.client = r.number(1) == 1
	r.number(3)
	h.version = r.take(2)
	if r.bad {
		return h, false
	}
	r.take(32)
	r.take(r.number(1)) // session id
	if h.client {
		h.ciphersN = r.number(2)
		h.ciphers = r.take(h.ciphersN)
		r.take(r.number(1)) // compression methods
	} else {
		h.ciphersN = 2
		h.ciphers = r.take(2)
		r.take(1)
	}
	if r.bad {
		h.ciphersN = 0
		return h, true
	}
	end := r.number(2)
	end = min(end+r.off, len(data))
	for !r.bad && r.off+4 <= end {
		kind, n := r.number(2), r.number(2)
		at := r.take(n)
		if r.bad {
			break
		}
		h.extension(data, kind, at, n)
	}
	return h, true
}

func (h *hello) extension(data []byte, kind, at, n int) {
	x := reader{b: data[:at+n], off: at}
	switch kind {
	case 0: // server_name
		x.number(2)
		if x.number(1) == 0 {
			size := x.number(2)
			if off := x.take(size); !x.bad {
				h.sni, h.sniN = off, size
			}
		}
	case 16: // application_layer_protocol_negotiation
		size := x.number(2)
		if off := x.take(size); !x.bad {
			h.alpn, h.alpnEnd = off, off+size
		}
	case 43: // supported_versions
		size := 2
		if h.client {
			size = x.number(1)
		}
		if off := x.take(size); !x.bad {
			h.versions, h.versionN = off, size
		}
	}
}

const (
	tlsAlert     = 21
	tlsHandshake = 22
	tlsRecords   = 32 // records looked at in one segment

	tlsCertificate = 11 // a handshake type; in TLS 1.3 it is encrypted
)

func tlsFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	for off, n := 0, 0; off+5 <= len(data) && n < tlsRecords; n++ {
		if data[off] < 20 || data[off] > 24 || data[off+1] != 3 {
			return
		}
		size := int(binary.BigEndian.Uint16(data[off+3:]))
		w.Group(fTLSRecord, off, 5+size)
		t := w.Enum(fTLSType, off, 1, tlsTypeName)
		w.Add(off, fTLSVersion, fTLSLength)
		switch {
		case t == tlsHandshake && off+9 <= len(data) && plainHandshake(data, off, size):
			tlsHandshakeFields(w, off+5)
			for at, n := nextHandshake(data, off, size, off+5), 0; at > 0 && n < tlsRecords; n++ {
				w.Group(fTLSMessage, at, 4+handshakeLength(data, at))
				tlsHandshakeFields(w, at)
				w.End()
				at = nextHandshake(data, off, size, at)
			}
		case t == tlsAlert && size == 2:
			w.Add(off, fTLSLevel, fTLSAlert)
		}
		w.End()
		off += 5 + size
	}
}

// plainHandshake tells a handshake message from an encrypted one by its type and length.
func plainHandshake(data []byte, off, size int) bool {
	t := data[off+5]
	n := handshakeLength(data, off+5)
	return (t <= 4 || t >= 11 && t <= 16 || t >= 20 && t <= 24) && n <= max(size, 1<<17) && size >= 4
}

func handshakeLength(data []byte, at int) int {
	return int(data[at+1])<<16 | int(data[at+2])<<8 | int(data[at+3])
}

// nextHandshake returns where the message behind the one at a place starts, in the record at off; 0 where there is
// none, or what follows is encrypted.
func nextHandshake(data []byte, off, size, at int) int {
	next, end := at+4+handshakeLength(data, at), min(off+5+size, len(data))
	if next+4 > end || tlsHandshakeName(uint64(data[next])) == "" || next+4+handshakeLength(data, next) > off+5+size {
		return 0
	}
	return next
}

func tlsHandshakeFields(w *decode.FieldWriter, off int) {
	data := w.Data()
	t := w.Enum(fTLSHandTyp, off, 1, tlsHandshakeName)
	w.Uint(fTLSHandLen, off+1, 3)
	if t == tlsCertificate {
		certificateFields(w, off)
	}
	if t != 1 && t != 2 {
		return
	}
	h, ok := readHello(data, off)
	if !ok {
		return
	}
	w.Enum(fTLSHandVer, h.version, 2, tlsVersionName)
	w.Each(fTLSCipher, h.ciphers, h.ciphers+h.ciphersN, 2)
	if h.sniN > 0 {
		w.Bytes(fTLSSNI, h.sni, h.sniN)
	}
	for at := h.alpn; at < h.alpnEnd && at+1+int(data[at]) <= h.alpnEnd; at += 1 + int(data[at]) {
		w.Bytes(fTLSALPN, at+1, int(data[at]))
	}
	w.Each(fTLSSupport, h.versions, h.versions+h.versionN, 2)
}

var tlsTypeName = decode.Names{
	20: "ChangeCipherSpec", tlsAlert: "Alert", tlsHandshake: "Handshake", 23: "Application Data", 24: "Heartbeat",
}.Of

var tlsHandshakeName = decode.Names{
	0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 4: "NewSessionTicket", 11: "Certificate",
	12: "ServerKeyExchange", 13: "CertificateRequest", 14: "ServerHelloDone", 16: "ClientKeyExchange",
	20: "Finished", 22: "CertificateStatus",
}.Of

func tlsVersionName(n uint64) string {
	switch n {
	case 0x300:
		return "SSL 3.0"
	case 0x301:
		return "TLS 1.0"
	case 0x302:
		return "TLS 1.1"
	case 0x303:
		return "TLS 1.2"
	case 0x304:
		return "TLS 1.3"
	}
	if n&0x0f0f == 0x0a0a && n>>8 == n&0xff {
		return "GREASE"
	}
	return ""
}

func tlsLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 5 {
		return b, false
	}
	b = append(b, "TLS"...)
	for off, n := 0, 0; off+5 <= len(data) && n < 4; n++ {
		if data[off] < 20 || data[off] > 24 || data[off+1] != 3 {
			break
		}
		if n > 0 {
			b = append(b, ',')
		}
		size := int(binary.BigEndian.Uint16(data[off+3:]))
		b = append(b, ' ')
		switch t := data[off]; {
		case t == tlsHandshake && off+9 <= len(data) && plainHandshake(data, off, size):
			b = appendHandshake(b, data, off+5)
			for at, n := nextHandshake(data, off, size, off+5), 0; at > 0 && n < 8; n++ {
				b = appendHandshake(append(b, ", "...), data, at)
				at = nextHandshake(data, off, size, at)
			}
		case t == tlsAlert && size == 2 && off+7 <= len(data):
			b = strconv.AppendUint(append(b, "Alert "...), uint64(data[off+6]), 10)
			if name := tlsAlertName(uint64(data[off+6])); name != "" {
				b = append(append(b, ' '), name...)
			}
		default:
			b = append(b, tlsTypeName(uint64(t))...)
			b = strconv.AppendInt(append(b, ' '), int64(size), 10)
		}
		off += 5 + size
	}
	return b, true
}

func appendHandshake(b, data []byte, off int) []byte {
	t := uint64(data[off])
	b = decode.AppendName(b, tlsHandshakeName(t), "Handshake ", t)
	if t == tlsCertificate {
		return appendCertificate(b, data, off)
	}
	if t != 1 && t != 2 {
		return b
	}
	h, ok := readHello(data, off)
	if !ok {
		return b
	}
	b = appendVersion(append(b, ' '), data, h)
	if h.sniN > 0 {
		b = decode.AppendQuoted(append(b, " SNI "...), data[h.sni:h.sni+h.sniN], maxText)
	}
	for at, n := h.alpn, 0; at < h.alpnEnd && at+1+int(data[at]) <= h.alpnEnd && n < 4; n++ {
		b = decode.AppendQuoted(append(b, " ALPN "...), data[at+1:at+1+int(data[at])], maxText)
		at += 1 + int(data[at])
	}
	if !h.client && h.ciphersN == 2 {
		b = decode.AppendBytes(append(b, " cipher 0x"...), data[h.ciphers:h.ciphers+2])
	}
	return b
}

// appendVersion adds the version that is meant: the highest supported one, or the legacy field.
func appendVersion(b, data []byte, h hello) []byte {
	v := uint64(binary.BigEndian.Uint16(data[h.version:]))
	for i := 0; i+2 <= h.versionN; i += 2 {
		if x := uint64(binary.BigEndian.Uint16(data[h.versions+i:])); x > v && x>>8 == 3 {
			v = x
		}
	}
	if s := tlsVersionName(v); s != "" {
		return append(b, s...)
	}
	return strconv.AppendUint(append(b, "version 0x"...), v, 16)
}
