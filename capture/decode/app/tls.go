package app

import (
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
	fTLSLevel   = decode.Define("tls.alert_message.level", "Alert level", decode.KindUint).As("alert_level").At(5, 1).Means(tlsLevelName)
	fTLSAlert   = decode.Define("tls.alert_message.desc", "Alert", decode.KindUint).As("alert").At(6, 1).Means(tlsAlertName)
)

func tlsFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	off, split := 0, 0
	for range tlsRecords {
		size, ok := recordAt(data, off)
		if !ok {
			return
		}
		w.Group(fTLSRecord, off, 5+size)
		t := w.Enum(fTLSType, off, 1, tlsTypeName)
		w.Add(off, fTLSVersion, fTLSLength)
		switch {
		case off < split: // its message is shown where it starts
		case t == tlsHandshake && off+9 <= len(data) && plainHandshake(data, off, size):
			handshakeFields(w, off+5)
			if message, end := joined(data, off, size); message != nil {
				splitHelloFields(w, off, message, end)
				split = end
			}
			for at, n := nextHandshake(data, off, size, off+5), 0; at > 0 && n < tlsRecords; n++ {
				w.Group(fTLSMessage, at, 4+handshakeLength(data, at))
				handshakeFields(w, at)
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

func handshakeFields(w *decode.FieldWriter, off int) {
	data := w.Data()
	t := w.Enum(fTLSHandTyp, off, 1, tlsHandshakeName)
	w.Uint(fTLSHandLen, off+1, 3)
	switch t {
	case tlsClientHello, tlsServerHello:
		if h, ok := readHello(data, off, 4); ok {
			helloFields(w, h)
		}
	case tlsEncryptedExtensions:
		helloFields(w, readExtensions(data, off))
	case tlsCertificate:
		certificateFields(w, off)
	case tlsServerKeyExchange:
		if off+7 <= len(data) && data[off+4] == 3 { // named_curve, RFC 8422 section 5.4
			w.Enum(fTLSCurve, off+5, 2, tlsGroupName)
		}
	case tlsNewSessionTicket:
		w.Uint(fTLSLifetime, off+4, 4)
	}
}

func tlsLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 5 {
		return b, false
	}
	b = append(b, "TLS"...)
	off := 0
	for n := range 4 {
		size, ok := recordAt(data, off)
		if !ok {
			break
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, ' ')
		switch t := data[off]; {
		case t == tlsHandshake && off+9 <= len(data) && plainHandshake(data, off, size):
			if message, end := joined(data, off, size); message != nil {
				b, off = appendHandshake(b, message, 0), end
				continue
			}
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
	switch t {
	case tlsCertificate:
		return appendCertificate(append(b, "Certificate"...), data, off)
	case tlsEncryptedExtensions:
		return appendProtocols(append(b, "EncryptedExtensions"...), data, readExtensions(data, off))
	case tlsClientHello, tlsServerHello:
		h, ok := readHello(data, off, 4)
		if !ok {
			break
		}
		if h.retry(data) {
			return appendHello(append(b, "HelloRetryRequest"...), data, h)
		}
		return appendHello(append(b, tlsHandshakeName(t)...), data, h)
	}
	return decode.AppendName(b, tlsHandshakeName(t), "Handshake ", t)
}
