package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeCoAP, "CoAP", coapFields)

var (
	fCoAPVersion = decode.Define("coap.version", "Version", decode.KindUint).Bits(0, 2)
	fCoAPType    = decode.Define("coap.type", "Type", decode.KindUint).Bits(2, 2).
			Means(func(n uint64) string { return [...]string{"CON", "NON", "ACK", "RST"}[n&3] }).InLine(" ")
	fCoAPTokenN = decode.Define("coap.token_len", "Token length", decode.KindUint).As("token_length").Bits(4, 4)
	fCoAPCode   = decode.Define("coap.code", "Code", decode.KindUint).At(1, 1).Means(coapCode).InLine(" ")
	fCoAPID     = decode.Define("coap.mid", "Message ID", decode.KindUint).As("message_id").At(2, 2).InLine(" id ")
	fCoAPToken  = decode.Define("coap.token", "Token", decode.KindBytes)
	fCoAPHost   = decode.Define("coap.opt.uri_host", "Uri-Host", decode.KindText).As("uri_host").Several().InLine(" host ")
	fCoAPPath   = decode.Define("coap.opt.uri_path", "Uri-Path", decode.KindText).As("uri_path").Several().InLine(" /")
	fCoAPQuery  = decode.Define("coap.opt.uri_query", "Uri-Query", decode.KindText).As("uri_query").Several().InLine(" ?")
)

// coapFields describes a message (RFC 7252 section 3).
func coapFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 4 {
		return
	}
	w.Add(0, fCoAPVersion, fCoAPType, fCoAPTokenN, fCoAPCode, fCoAPID)
	n := int(data[0] & 15)
	if n > 8 {
		return
	}
	if n > 0 {
		w.Bytes(fCoAPToken, 4, n)
	}
	number := 0
	for off, i := 4+n, 0; off < len(data) && data[off] != 0xff && i < 64; i++ {
		delta, size := int(data[off]>>4), int(data[off]&15)
		off++
		if delta, off = coapExtended(data, off, delta); off == 0 {
			return
		}
		if size, off = coapExtended(data, off, size); off == 0 {
			return
		}
		number += delta
		switch number {
		case 3:
			w.Bytes(fCoAPHost, off, size)
		case 11:
			w.Bytes(fCoAPPath, off, size)
		case 15:
			w.Bytes(fCoAPQuery, off, size)
		}
		off += size
	}
}

// coapExtended reads the bytes behind a 13 or 14; the place is 0 where they are not there.
func coapExtended(data []byte, off, v int) (int, int) {
	switch {
	case v < 13:
		return v, off
	case v == 13 && off < len(data):
		return 13 + int(data[off]), off + 1
	case v == 14 && off+1 < len(data):
		return 269 + int(data[off])<<8 + int(data[off+1]), off + 2
	}
	return 0, 0
}

var coapCode = decode.Names{
	0: "Empty", 1: "GET", 2: "POST", 3: "PUT", 4: "DELETE", 5: "FETCH", 6: "PATCH", 7: "iPATCH", 65: "2.01 Created", 66: "2.02 Deleted",
	67: "2.03 Valid", 68: "2.04 Changed", 69: "2.05 Content", 95: "2.31 Continue", 128: "4.00 Bad Request", 129: "4.01 Unauthorized",
	130: "4.02 Bad Option", 131: "4.03 Forbidden", 132: "4.04 Not Found", 133: "4.05 Method Not Allowed", 134: "4.06 Not Acceptable",
	136: "4.08 Request Entity Incomplete", 140: "4.12 Precondition Failed", 141: "4.13 Request Entity Too Large",
	143: "4.15 Unsupported Content-Format", 160: "5.00 Internal Server Error", 161: "5.01 Not Implemented", 162: "5.02 Bad Gateway",
	163: "5.03 Service Unavailable", 164: "5.04 Gateway Timeout", 165: "5.05 Proxying Not Supported", 225: "7.01 CSM", 226: "7.02 Ping",
	227: "7.03 Pong", 228: "7.04 Release", 229: "7.05 Abort",
}.Of
