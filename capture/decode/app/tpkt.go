package app

import (
	"bytes"

	"sockwire/capture/decode"
)

var (
	_ = describe(decode.TypeTPKT, "TPKT", func(w *decode.FieldWriter, _ bool) { w.Add(0, fTPKTVersion, fTPKTLength) })
	_ = describe(decode.TypeCOTP, "COTP", cotpFields)
	_ = describe(decode.TypeS7, "S7", func(w *decode.FieldWriter, _ bool) { s7Fields(w) })
	_ = describe(decode.TypeRDP, "RDP", func(w *decode.FieldWriter, _ bool) { rdpNegotiation(w) })
)

var (
	fTPKTVersion = decode.Define("tpkt.version", "Version", decode.KindUint).As("tpkt_version").At(0, 1)
	fTPKTLength  = decode.Define("tpkt.length", "Length", decode.KindUint).As("tpkt_length").At(2, 2)
	fCOTPLength  = decode.Define("cotp.li", "Length indicator", decode.KindUint).At(0, 1)
	fCOTPType    = decode.Define("cotp.type", "PDU type", decode.KindHex).Bits(8, 4).Means(cotpType).InLine(" ")
	fCOTPDest    = decode.Define("cotp.destref", "Destination reference", decode.KindHex).At(2, 2)
	fCOTPSource  = decode.Define("cotp.srcref", "Source reference", decode.KindHex).At(4, 2)
	fCOTPEOT     = decode.Define("cotp.eot", "Last data unit", decode.KindBool).Bits(16, 1)
	fCOTPNumber  = decode.Define("cotp.tpdu-number", "TPDU number", decode.KindHex).As("tpdu_number").Bits(17, 7)
	fRDPCookie   = decode.Define("rdp.rt_cookie", "Cookie", decode.KindText).As("cookie").InLine(" ")
	fRDPNegType  = decode.Define("rdp.neg_type", "Negotiation", decode.KindHex).As("negotiation").At(0, 1).
			Means(decode.Names{1: "request", 2: "response", 3: "failure"}.Of).InLine(" negotiation ")
	fRDPRequested = decode.Define("rdp.negReq.requestedProtocols", "Requested protocols", decode.KindHex).As("requested").At(4, 4).Little().InLine(" protocols ")
	fRDPSelected  = decode.Define("rdp.negReq.selectedProtocol", "Selected protocol", decode.KindHex).As("selected").At(4, 4).Little().
			Means(decode.Names{0: "standard security", 1: "TLS", 2: "CredSSP", 4: "RDSTLS", 8: "CredSSP with early user authorization"}.Of).InLine(" protocol ")

	fS7Type   = decode.Define("s7comm.header.rosctr", "ROSCTR", decode.KindUint).As("rosctr").At(1, 1).Means(s7Type).InLine(" ")
	fS7Ref    = decode.Define("s7comm.header.pduref", "PDU reference", decode.KindUint).As("pdu_reference").At(4, 2).InLine(" ref ")
	fS7ParLen = decode.Define("s7comm.header.parlg", "Parameter length", decode.KindUint).As("parameter_length").At(6, 2)
	fS7DatLen = decode.Define("s7comm.header.datlg", "Data length", decode.KindUint).As("data_length").At(8, 2)
	fS7Class  = decode.Define("s7comm.header.errcls", "Error class", decode.KindHex).As("error_class").At(10, 1)
	fS7Error  = decode.Define("s7comm.header.errcod", "Error code", decode.KindHex).As("error_code").At(11, 1)
	fS7Func   = decode.Define("s7comm.param.func", "Function", decode.KindHex).As("function").Means(s7Function).InLine(" ")
)

// cotpFields describes a header (RFC 905 section 13).
func cotpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 2 {
		return
	}
	w.Add(0, fCOTPLength, fCOTPType)
	switch data[1] >> 4 {
	case 0xe, 0xd, 8: // connection request, confirm, disconnect
		w.Add(0, fCOTPDest, fCOTPSource)
	case 0xf:
		w.Add(0, fCOTPNumber, fCOTPEOT)
	}
}

// rdpNegotiation describes the cookie and the security that a connection asks for or gets ([MS-RDPBCGR] section 2.2.1).
func rdpNegotiation(w *decode.FieldWriter) {
	data := w.Data()
	off := 0
	if bytes.HasPrefix(data, []byte("Cookie: ")) {
		line, next, _ := nextLine(data, 0)
		w.Bytes(fRDPCookie, 0, len(line))
		off = next
	}
	if off+8 > len(data) || data[off] < 1 || data[off] > 3 || data[off+2] != 8 || data[off+3] != 0 {
		return
	}
	w.Add(off, fRDPNegType)
	switch data[off] {
	case 1:
		w.Add(off, fRDPRequested)
	case 2:
		w.Add(off, fRDPSelected)
	}
}

func s7Fields(w *decode.FieldWriter) {
	data := w.Data()
	w.Add(0, fS7Type, fS7Ref, fS7ParLen, fS7DatLen)
	off := 10
	if len(data) > 1 && (data[1] == 2 || data[1] == 3) {
		w.Add(0, fS7Class, fS7Error)
		off = 12
	}
	if len(data) > 7 && data[6]|data[7] != 0 {
		w.Enum(fS7Func, off, 1, s7Function)
	}
}

var cotpType = decode.Names{1: "ED", 2: "EA", 6: "AK", 7: "ER", 8: "DR", 0xc: "DC", 0xd: "CC", 0xe: "CR", 0xf: "DT"}.Of

var s7Type = decode.Names{1: "Job", 2: "Ack", 3: "Ack_Data", 7: "Userdata"}.Of

var s7Function = decode.Names{
	0: "CPU services", 4: "Read Var", 5: "Write Var", 0x1a: "Request download", 0x1b: "Download block", 0x1c: "Download ended",
	0x1d: "Start upload", 0x1e: "Upload", 0x1f: "End upload", 0x28: "PI service", 0x29: "PLC Stop", 0xf0: "Setup communication",
}.Of
