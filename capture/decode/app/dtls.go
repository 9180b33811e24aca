package app

import (
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeDTLS, dtlsLine, dtlsFields)

var (
	fDTLSRecord  = decode.Define("dtls.record", "Record", decode.KindGroup).As("records").Several()
	fDTLSType    = decode.Define("dtls.record.content_type", "Content type", decode.KindUint).As("content_type")
	fDTLSVersion = decode.Define("dtls.record.version", "Version", decode.KindHex).As("version").At(1, 2).Means(tlsVersionName)
	fDTLSEpoch   = decode.Define("dtls.record.epoch", "Epoch", decode.KindUint).As("epoch").At(3, 2)
	fDTLSNumber  = decode.Define("dtls.record.sequence_number", "Sequence number", decode.KindUint).As("sequence_number").At(5, 6)
	fDTLSLength  = decode.Define("dtls.record.length", "Length", decode.KindUint).As("length").At(11, 2)
	fDTLSHandTyp = decode.Define("dtls.handshake.type", "Handshake type", decode.KindUint).As("handshake_type")
	fDTLSMessage = decode.Define("dtls.handshake.message_seq", "Message sequence", decode.KindUint).As("message_seq")
	fDTLSSNI     = decode.Define("dtls.handshake.extensions_server_name", "Server name", decode.KindText).As("server_name")
	fDTLSCipher  = decode.Define("dtls.handshake.ciphersuite", "Cipher suite", decode.KindHex).As("cipher_suites").Several().Means(cipherSuiteName)
	fDTLSLevel   = decode.Define("dtls.alert_message.level", "Alert level", decode.KindUint).As("alert_level").At(13, 1).Means(tlsLevelName)
	fDTLSAlert   = decode.Define("dtls.alert_message.desc", "Alert", decode.KindUint).As("alert").At(14, 1).Means(tlsAlertName)
)

const (
	dtlsRecord  = 13 // bytes of a record's header (RFC 6347 section 4.1)
	dtlsMessage = 12 // of a handshake message (section 4.2.2)
)

// dtlsAt tells whether a record starts at off, and how long its inside is.
func dtlsAt(data []byte, off int) (size int, ok bool) {
	if off+dtlsRecord > len(data) || data[off] < 20 || data[off] > 25 || data[off+1] != 0xfe {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(data[off+11:])), true
}

// dtlsHello returns the hello in the record at off, if it is one that starts there in the clear.
func dtlsHello(data []byte, off, size int) (h hello, ok bool) {
	at := off + dtlsRecord
	if !dtlsPlain(data, off, size) || data[at] != tlsClientHello && data[at] != tlsServerHello || data[at+6]|data[at+7]|data[at+8] != 0 {
		return h, false
	}
	return readHello(data[:min(len(data), at+size)], at, dtlsMessage)
}

// dtlsPlain tells a handshake message in the clear: that of epoch 0.
func dtlsPlain(data []byte, off, size int) bool {
	return data[off] == tlsHandshake && data[off+3]|data[off+4] == 0 && size >= dtlsMessage && off+dtlsRecord+dtlsMessage <= len(data)
}

func dtlsFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	off := 0
	for range tlsRecords {
		size, ok := dtlsAt(data, off)
		if !ok {
			return
		}
		w.Group(fDTLSRecord, off, dtlsRecord+size)
		w.Enum(fDTLSType, off, 1, tlsTypeName)
		w.Add(off, fDTLSVersion, fDTLSEpoch, fDTLSNumber, fDTLSLength)
		if dtlsPlain(data, off, size) {
			w.Enum(fDTLSHandTyp, off+dtlsRecord, 1, tlsHandshakeName)
			w.Uint(fDTLSMessage, off+dtlsRecord+4, 2)
		}
		if h, ok := dtlsHello(data, off, size); ok {
			w.Each(fDTLSCipher, h.ciphers.off, h.ciphers.off+h.ciphers.n, 2)
			if h.sni.n > 0 {
				w.Bytes(fDTLSSNI, h.sni.off, h.sni.n)
			}
		}
		if data[off] == tlsAlert && size == 2 {
			w.Add(off, fDTLSLevel, fDTLSAlert)
		}
		w.End()
		off += dtlsRecord + size
	}
}

func dtlsLine(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "DTLS"...)
	off := 0
	for n := range 8 {
		size, ok := dtlsAt(data, off)
		if !ok {
			break
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, ' ')
		switch h, ok := dtlsHello(data, off, size); {
		case ok:
			b = appendHello(append(b, tlsHandshakeName(uint64(data[off+dtlsRecord]))...), data, h)
		case dtlsPlain(data, off, size):
			t := uint64(data[off+dtlsRecord])
			b = decode.AppendName(b, tlsHandshakeName(t), "Handshake ", t)
		case data[off] == tlsAlert && size == 2 && off+15 <= len(data):
			t := uint64(data[off+14])
			b = decode.AppendName(append(b, "Alert "...), tlsAlertName(t), "", t)
		default:
			b = decode.AppendName(b, tlsTypeName(uint64(data[off])), "type ", uint64(data[off]))
			b = strconv.AppendInt(append(b, ' '), int64(size), 10)
		}
		off += dtlsRecord + size
	}
	return b, off > 0
}
