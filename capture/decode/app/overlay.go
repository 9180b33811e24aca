package app

import "sockwire/capture/decode"

var (
	_ = show(decode.TypeERSPAN, erspanLine, erspanFields)
	_ = show(decode.TypeNSH, nshLine, nshFields)
	_ = show(decode.TypeTeredo, teredoLine, teredoFields)
	_ = show(decode.TypeLISPData, lispDataLine, lispDataFields)
)

var (
	fERSPANVersion = decode.Define("erspan.version", "Version", decode.KindUint).Bits(0, 4).Means(erspanType)
	fERSPANVLAN    = decode.Define("erspan.vlan", "VLAN", decode.KindUint).Bits(4, 12)
	fERSPANCoS     = decode.Define("erspan.cos", "COS", decode.KindUint).Bits(16, 3)
	fERSPANEncap   = decode.Define("erspan.encap", "Encapsulation", decode.KindUint).Bits(19, 2)
	fERSPANCut     = decode.Define("erspan.truncated", "Truncated", decode.KindBool).Bits(21, 1)
	fERSPANSession = decode.Define("erspan.spanid", "Session ID", decode.KindUint).As("session_id").Bits(22, 10)
	fERSPANIndex   = decode.Define("erspan.index", "Index", decode.KindUint).Bits(44, 20)
	fERSPANStamp   = decode.Define("erspan.timestamp", "Timestamp", decode.KindUint).At(4, 4)
	fERSPANSGT     = decode.Define("erspan.sgt", "Security Group Tag", decode.KindUint).At(8, 2)
	fERSPANHW      = decode.Define("erspan.hw", "Hardware ID", decode.KindUint).As("hardware_id").Bits(86, 6)
	fERSPANDir     = decode.Define("erspan.direction", "Egress", decode.KindBool).As("egress").Bits(92, 1)

	fNSHVersion = decode.Define("nsh.version", "Version", decode.KindUint).Bits(0, 2)
	fNSHTTL     = decode.Define("nsh.ttl", "TTL", decode.KindUint).Bits(4, 6)
	fNSHLength  = decode.Define("nsh.length", "Length, in words", decode.KindUint).Bits(10, 6)
	fNSHMD      = decode.Define("nsh.mdtype", "MD Type", decode.KindUint).Bits(20, 4)
	fNSHNext    = decode.Define("nsh.nextproto", "Next Protocol", decode.KindHex).As("next_protocol").At(3, 1).Means(nshNext)
	fNSHPath    = decode.Define("nsh.spi", "Service Path Identifier", decode.KindUint).At(4, 3)
	fNSHIndex   = decode.Define("nsh.si", "Service Index", decode.KindUint).At(7, 1)
	fNSHContext = decode.Define("nsh.metadata_bytes", "Metadata", decode.KindBytes).As("metadata")

	fTeredoAuth   = decode.Define("teredo.auth", "Authentication", decode.KindBytes).As("authentication")
	fTeredoPort   = decode.Define("teredo.orig.port", "Origin UDP port", decode.KindUint).As("origin_port")
	fTeredoOrigin = decode.Define("teredo.orig.addr", "Origin IPv4 address", decode.KindIP).As("origin_address")

	fLISPFlags = decode.Define("lisp-data.flags", "Flags", decode.KindHex).At(0, 1)
	fLISPNonce = decode.Define("lisp-data.nonce", "Nonce", decode.KindHex).At(1, 3)
	fLISPIID   = decode.Define("lisp-data.iid", "Instance ID", decode.KindUint).As("instance_id").At(4, 3)
)

func erspanFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fERSPANVersion, fERSPANVLAN, fERSPANCoS, fERSPANCut, fERSPANSession)
	switch firstByte(w.Data()) >> 4 {
	case 1:
		w.Add(0, fERSPANEncap, fERSPANIndex)
	case 2:
		w.Add(0, fERSPANStamp, fERSPANSGT, fERSPANHW, fERSPANDir)
	}
}

func erspanLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 8 {
		return b, false
	}
	b = decode.AppendName(append(b, "ERSPAN "...), erspanType(uint64(data[0]>>4)), "version ", uint64(data[0]>>4))
	b = appendNumber(b, ", session ", be16(data[2:])&0x3ff)
	return appendNumber(b, ", vlan ", be16(data)&0xfff), true
}

var erspanType = decode.Names{1: "type II", 2: "type III"}.Of

// nshFields describes a Network Service Header (RFC 8300 section 2).
func nshFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fNSHVersion, fNSHTTL, fNSHLength, fNSHMD, fNSHNext, fNSHPath, fNSHIndex)
	if len(w.Data()) > 8 {
		w.Bytes(fNSHContext, 8, -1)
	}
}

func nshLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 8 {
		return b, false
	}
	b = appendNumber(b, "NSH, path ", be24(data[4:]))
	b = appendNumber(b, ", index ", uint64(data[7]))
	b = appendNumber(b, ", ttl ", be16(data)>>6&63)
	return decode.AppendName(append(b, ", next "...), nshNext(uint64(data[3])), "", uint64(data[3])), true
}

var nshNext = decode.Names{1: "IPv4", 2: "IPv6", 3: "Ethernet", 4: "NSH", 5: "MPLS"}.Of

// teredoOrigin is where the origin indication of RFC 4380 section 5.1.1 starts, behind an authentication; -1 for none.
func teredoOrigin(data []byte) int {
	off := 0
	if len(data) >= 4 && be16(data) == 1 {
		off = 4 + int(data[2]) + int(data[3]) + 9
	}
	if off+8 <= len(data) && be16(data[off:]) == 0 {
		return off
	}
	return -1
}

func teredoFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	at := teredoOrigin(data)
	if n := len(data); n > 2 && be16(data) == 1 {
		if at > 0 {
			n = at
		}
		w.Bytes(fTeredoAuth, 0, n)
	}
	if at < 0 {
		return
	}
	w.Value(fTeredoPort, at+2, 2, be16(data[at+2:])^0xffff)
	a := prefixBytes(data[at+4:at+8], 4)
	for i := range a {
		a[i] ^= 0xff
	}
	w.Text(fTeredoOrigin, at+4, 4, a)
}

func teredoLine(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "Teredo"...)
	if len(data) > 2 && be16(data) == 1 {
		b = append(b, ", authentication"...)
	}
	if at := teredoOrigin(data); at >= 0 {
		var a [4]byte
		for i := range a {
			a[i] = data[at+4+i] ^ 0xff
		}
		b = appendNumber(appendAddress(b, ", origin ", a[:]), ":", be16(data[at+2:])^0xffff)
	}
	return b, true
}

// lispDataFields describes the header in front of a packet (RFC 9300 section 5.3).
func lispDataFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fLISPFlags)
	data := w.Data()
	if len(data) < 8 {
		return
	}
	if data[0]&0x80 != 0 {
		w.Add(0, fLISPNonce)
	}
	if data[0]&0x08 != 0 {
		w.Add(0, fLISPIID)
	}
}

func lispDataLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 8 {
		return b, false
	}
	b = append(appendLetters(append(b, "LISP data, flags ["...), data[0]>>3, "IVELN"), ']')
	if data[0]&0x08 != 0 {
		b = appendNumber(b, ", iid ", be24(data[4:]))
	}
	return b, true
}
