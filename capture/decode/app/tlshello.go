package app

import (
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var (
	fTLSHandVer   = decode.Define("tls.handshake.version", "Legacy version", decode.KindHex).As("handshake_version")
	fTLSRandom    = decode.Define("tls.handshake.random", "Random", decode.KindBytes).As("random")
	fTLSSession   = decode.Define("tls.handshake.session_id", "Session ID", decode.KindBytes).As("session_id")
	fTLSCipher    = decode.Define("tls.handshake.ciphersuite", "Cipher suite", decode.KindHex).As("cipher_suites").Several().Means(cipherSuiteName)
	fTLSSNI       = decode.Define("tls.handshake.extensions_server_name", "Server name", decode.KindText).As("server_name")
	fTLSALPN      = decode.Define("tls.handshake.extensions_alpn_str", "Application protocol", decode.KindText).As("alpn").Several()
	fTLSSupport   = decode.Define("tls.handshake.extensions.supported_version", "Supported version", decode.KindHex).As("supported_versions").Several().Means(tlsVersionName)
	fTLSExtension = decode.Define("tls.handshake.extension.type", "Extension", decode.KindUint).As("extensions").Several().Means(tlsExtensionName)
	fTLSGroup     = decode.Define("tls.handshake.extensions_supported_group", "Supported group", decode.KindHex).As("supported_groups").Several().Means(tlsGroupName)
	fTLSFormat    = decode.Define("tls.handshake.extensions_ec_point_format", "Point format", decode.KindUint).As("point_formats").Several().Means(tlsPointFormatName)
	fTLSSigAlg    = decode.Define("tls.handshake.sig_hash_alg", "Signature algorithm", decode.KindHex).As("signature_algorithms").Several().Means(tlsSignatureName)
	fTLSShare     = decode.Define("tls.handshake.extensions_key_share_group", "Key share", decode.KindHex).As("key_shares").Several().Means(tlsGroupName)
	fTLSPSKMode   = decode.Define("tls.extension.psk_ke_mode", "PSK key exchange mode", decode.KindUint).As("psk_modes").Several().Means(tlsPSKModeName)
	fTLSCurve     = decode.Define("tls.handshake.server_named_curve", "Named curve", decode.KindHex).As("named_curve")
	fTLSLifetime  = decode.Define("tls.handshake.session_ticket_lifetime_hint", "Ticket lifetime", decode.KindUint).As("ticket_lifetime")
)

// list is a place in the data: n bytes at off.
type list struct{ off, n int }

// hello is what a ClientHello, a ServerHello or EncryptedExtensions say, as places in the data.
type hello struct {
	client     bool
	random     int
	version    int  // 0 for EncryptedExtensions
	session    list // its id
	cookie     list // of DTLS
	ciphers    list // those offered, or the one chosen
	extensions list
	sni        list
	alpn       list // of names behind their lengths
	versions   list // those supported, or the one chosen
	groups     list
	formats    list
	signatures list
	shares     list // of groups, each with a key behind its length; or the group chosen
	pskModes   list
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

// list reads what stands behind a length of n bytes.
func (r *reader) list(n int) (l list) {
	size := r.number(n)
	if l.off = r.take(size); !r.bad {
		l.n = size
	}
	return l
}

// readHello reads the hello whose handshake header, of so many bytes, starts at off (RFC 8446 section 4.1, RFC 5246
// section 7.4.1). A header of 12 bytes is one of DTLS, where a ClientHello has a cookie (RFC 6347 section 4.2.1).
func readHello(data []byte, off, header int) (h hello, ok bool) {
	if off+header > len(data) {
		return h, false
	}
	h.client = data[off] == tlsClientHello
	r := reader{b: data, off: off + header}
	h.version = r.take(2)
	if r.bad {
		return h, false
	}
	h.random = r.take(32)
	h.session = r.list(1)
	if h.client {
		if header > 4 {
			h.cookie = r.list(1)
		}
		h.ciphers = r.list(2)
		r.list(1) // compression methods
	} else {
		h.ciphers = list{r.take(2), 2}
		r.take(1)
	}
	if r.bad {
		h.ciphers.n = 0
		return h, true
	}
	h.extend(data, &r)
	return h, true
}

// readExtensions reads the EncryptedExtensions whose handshake header starts at off (RFC 8446 section 4.3.1).
func readExtensions(data []byte, off int) (h hello) {
	h.extend(data, &reader{b: data, off: off + 4})
	return h
}

// extend reads the extensions, as far as they are here.
func (h *hello) extend(data []byte, r *reader) {
	end := r.number(2)
	if r.bad {
		return
	}
	end = min(end+r.off, len(data))
	h.extensions = list{r.off, end - r.off}
	for kind, at := range h.extensions.each(data) {
		h.extension(data, kind, at.off, at.n)
	}
}

// each yields the type and the place of each extension that is whole.
func (l list) each(data []byte) func(yield func(int, list) bool) {
	return func(yield func(int, list) bool) {
		r := reader{b: data[:l.off+l.n], off: l.off}
		for r.off+4 <= l.off+l.n {
			kind := r.number(2)
			at := r.list(2)
			if r.bad || !yield(kind, at) {
				return
			}
		}
	}
}

func (h *hello) extension(data []byte, kind, at, n int) {
	x := reader{b: data[:at+n], off: at}
	switch kind {
	case 0: // server_name
		x.number(2)
		if x.number(1) == 0 {
			h.sni = x.list(2)
		}
	case 10:
		h.groups = x.list(2)
	case 11:
		h.formats = x.list(1)
	case 13:
		h.signatures = x.list(2)
	case 16: // application_layer_protocol_negotiation
		h.alpn = x.list(2)
	case 43: // supported_versions
		if h.versions = (list{at, n}); h.client {
			h.versions = x.list(1)
		}
	case 45:
		h.pskModes = x.list(1)
	case 51: // key_share
		switch {
		case h.client:
			h.shares = x.list(2)
		default:
			h.shares = list{at, n}
		}
	}
}

// helloRetry is the random of a HelloRetryRequest (RFC 8446 section 4.1.3).
const helloRetry = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// retry tells a HelloRetryRequest.
func (h *hello) retry(data []byte) bool {
	return !h.client && h.random > 0 && string(data[h.random:h.random+32]) == helloRetry
}

func (l list) of(data []byte) []byte { return data[l.off : l.off+l.n] }

// names yields the places of the names in a list of protocols.
func (l list) names(data []byte) func(yield func(list) bool) {
	return func(yield func(list) bool) {
		r := reader{b: data[:l.off+l.n], off: l.off}
		for r.off < l.off+l.n {
			if name := r.list(1); r.bad || !yield(name) {
				return
			}
		}
	}
}

func helloFields(w *decode.FieldWriter, h hello) {
	data := w.Data()
	if h.version > 0 {
		w.Enum(fTLSHandVer, h.version, 2, tlsVersionName)
	}
	each := func(d *decode.Definition, l list, size int) { w.Each(d, l.off, l.off+l.n, size) }
	each(fTLSCipher, h.ciphers, 2)
	if h.sni.n > 0 {
		w.Bytes(fTLSSNI, h.sni.off, h.sni.n)
	}
	for name := range h.alpn.names(data) {
		w.Bytes(fTLSALPN, name.off, name.n)
	}
	each(fTLSSupport, h.versions, 2)
	if h.random > 0 {
		w.Bytes(fTLSRandom, h.random, 32)
	}
	if h.session.n > 0 {
		w.Bytes(fTLSSession, h.session.off, h.session.n)
	}
	for _, at := range h.extensions.each(data) {
		w.Enum(fTLSExtension, at.off-4, 2, tlsExtensionName)
	}
	each(fTLSGroup, h.groups, 2)
	each(fTLSFormat, h.formats, 1)
	each(fTLSSigAlg, h.signatures, 2)
	if h.client {
		r := reader{b: data[:h.shares.off+h.shares.n], off: h.shares.off}
		for r.off+4 <= len(r.b) && !r.bad {
			w.Enum(fTLSShare, r.take(2), 2, tlsGroupName)
			r.list(2)
		}
	} else if h.shares.n >= 2 {
		w.Enum(fTLSShare, h.shares.off, 2, tlsGroupName)
	}
	each(fTLSPSKMode, h.pskModes, 1)
}

// splitHelloFields adds the names of a ClientHello that lies in several records, from off to end, where they are not in
// the first record.
func splitHelloFields(w *decode.FieldWriter, off int, message []byte, end int) {
	data := w.Data()
	size, _ := recordAt(data, off)
	first, ok := readHello(data[:min(len(data), off+5+size)], off+5, 4)
	h, ok2 := readHello(message, 0, 4)
	if !ok || !ok2 {
		return
	}
	if h.sni.n > 0 && first.sni.n == 0 {
		w.Text(fTLSSNI, off, end-off, h.sni.of(message))
	}
	if first.alpn.n > 0 {
		return
	}
	for name := range h.alpn.names(message) {
		w.Text(fTLSALPN, off, end-off, name.of(message))
	}
}

// appendHello adds what a hello says that is most asked for.
func appendHello(b, data []byte, h hello) []byte {
	b = appendNames(appendVersion(append(b, ' '), data, h), data, h)
	if !h.client && h.ciphers.n == 2 {
		n := uint64(binary.BigEndian.Uint16(data[h.ciphers.off:]))
		b = append(b, " cipher "...)
		if name := cipherSuiteName(n); name != "" {
			return append(b, name...)
		}
		return decode.AppendBytes(append(b, "0x"...), h.ciphers.of(data))
	}
	return b
}

// appendNames adds the name of the server and of the protocols.
func appendNames(b, data []byte, h hello) []byte {
	if h.sni.n > 0 {
		b = decode.AppendQuoted(append(b, " SNI "...), h.sni.of(data), maxText)
	}
	return appendProtocols(b, data, h)
}

func appendProtocols(b, data []byte, h hello) []byte {
	n := 0
	for name := range h.alpn.names(data) {
		if n++; n > 4 {
			break
		}
		b = decode.AppendQuoted(append(b, " ALPN "...), name.of(data), maxText)
	}
	return b
}

// appendVersion adds the version that is meant: the highest supported one, or the legacy field.
func appendVersion(b, data []byte, h hello) []byte {
	v := uint64(binary.BigEndian.Uint16(data[h.version:]))
	for i := 0; i+2 <= h.versions.n; i += 2 {
		if x := uint64(binary.BigEndian.Uint16(data[h.versions.off+i:])); newer(x, v) {
			v = x
		}
	}
	if s := tlsVersionName(v); s != "" {
		return append(b, s...)
	}
	return strconv.AppendUint(append(b, "version 0x"...), v, 16)
}

// newer compares versions of TLS, or those of DTLS, which count downwards.
func newer(x, than uint64) bool {
	if than>>8 == 0xfe {
		return x>>8 == 0xfe && x < than
	}
	return x > than && x>>8 == 3
}
