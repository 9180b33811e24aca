package app

import (
	"net/netip"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeNTP, ntpLine, ntpFields)

var (
	fNTPLeap      = decode.Define("ntp.flags.li", "Leap Indicator", decode.KindUint).As("leap")
	fNTPVersion   = decode.Define("ntp.flags.vn", "Version", decode.KindUint).As("version")
	fNTPMode      = decode.Define("ntp.flags.mode", "Mode", decode.KindUint).As("mode")
	fNTPStratum   = decode.Define("ntp.stratum", "Stratum", decode.KindUint).At(1, 1)
	fNTPPoll      = decode.Define("ntp.ppoll", "Poll interval, log2 s", decode.KindUint).As("poll").At(2, 1)
	fNTPPrecision = decode.Define("ntp.precision", "Precision, log2 s, signed", decode.KindUint).At(3, 1)
	fNTPDelay     = decode.Define("ntp.root_delay", "Root Delay, in 1/65536 s", decode.KindUint).At(4, 4)
	fNTPDisp      = decode.Define("ntp.root_dispersion", "Root Dispersion, in 1/65536 s", decode.KindUint).At(8, 4)
	fNTPRef       = decode.Define("ntp.refid", "Reference ID", decode.KindBytes).At(12, 4)
	fNTPReference = decode.Define("ntp.reference_timestamp", "Reference Timestamp, in 2^-32 s since 1900", decode.KindUint).At(16, 8)
	fNTPOrigin    = decode.Define("ntp.origin_timestamp", "Origin Timestamp, in 2^-32 s since 1900", decode.KindUint).At(24, 8)
	fNTPReceive   = decode.Define("ntp.receive_timestamp", "Receive Timestamp, in 2^-32 s since 1900", decode.KindUint).At(32, 8)
	fNTPTransmit  = decode.Define("ntp.transmit_timestamp", "Transmit Timestamp, in 2^-32 s since 1900", decode.KindUint).At(40, 8)

	fNTPCtrlR    = decode.Define("ntp.ctrl.flags2.r", "Response", decode.KindBool).As("response").Bits(8, 1)
	fNTPCtrlErr  = decode.Define("ntp.ctrl.flags2.error", "Error", decode.KindBool).As("error").Bits(9, 1)
	fNTPCtrlMore = decode.Define("ntp.ctrl.flags2.more", "More", decode.KindBool).As("more").Bits(10, 1)
	fNTPCtrlOp   = decode.Define("ntp.ctrl.flags2.opcode", "Operation", decode.KindUint).As("opcode").Bits(11, 5).
			Means(ntpControl)
	fNTPCtrlSeq    = decode.Define("ntp.ctrl.sequence", "Sequence", decode.KindUint).As("sequence").At(2, 2)
	fNTPCtrlStatus = decode.Define("ntp.ctrl.status", "Status", decode.KindHex).As("status").At(4, 2)
	fNTPCtrlAssoc  = decode.Define("ntp.ctrl.associd", "Association ID", decode.KindUint).As("association_id").At(6, 2)
	fNTPCtrlOffset = decode.Define("ntp.ctrl.offset", "Offset", decode.KindUint).As("offset").At(8, 2)
	fNTPCtrlCount  = decode.Define("ntp.ctrl.count", "Count", decode.KindUint).As("count").At(10, 2)
	fNTPCtrlData   = decode.Define("ntp.ctrl.text", "Data", decode.KindText).As("data")
	fNTPPrivR      = decode.Define("ntp.priv.flags.r", "Response", decode.KindBool).As("private_response").Bits(0, 1)
	fNTPPrivMore   = decode.Define("ntp.priv.flags.more", "More", decode.KindBool).As("private_more").Bits(1, 1)
	fNTPPrivAuth   = decode.Define("ntp.priv.auth", "Authenticated", decode.KindBool).As("authenticated").Bits(8, 1)
	fNTPPrivSeq    = decode.Define("ntp.priv.seq", "Sequence", decode.KindUint).As("private_sequence").Bits(9, 7)
	fNTPPrivImpl   = decode.Define("ntp.priv.impl", "Implementation", decode.KindUint).As("implementation").At(2, 1)
	fNTPPrivCode   = decode.Define("ntp.priv.reqcode", "Request Code", decode.KindUint).As("request_code").At(3, 1)
	fNTPExt        = decode.Define("ntp.extensions", "Extension", decode.KindGroup).Several()
	fNTPExtType    = decode.Define("ntp.ext.type", "Field Type", decode.KindHex).As("type").At(0, 2)
	fNTPExtLen     = decode.Define("ntp.ext.length", "Length", decode.KindUint).As("length").At(2, 2)
	fNTPExtValue   = decode.Define("ntp.ext.value", "Value", decode.KindBytes).As("value")
)

var ntpControl = decode.Names{
	1: "read status", 2: "read variables", 3: "write variables", 4: "read clock variables", 5: "write clock variables",
	6: "set trap", 7: "trap response", 8: "runtime configuration", 10: "read MRU", 11: "read ordered list",
	12: "request nonce", 31: "unset trap",
}.Of

// ntpFields describes the header of RFC 5905 section 7.3. Control and private messages have another one.
func ntpFields(w *decode.FieldWriter, _ bool) {
	if data := w.Data(); len(data) > 0 && data[0]&7 != 7 { // private messages have other bits there
		w.Bits(fNTPLeap, 0, 2, nil)
	}
	w.Bits(fNTPVersion, 2, 3, nil)
	data := w.Data()
	switch w.Bits(fNTPMode, 5, 3, ntpMode) {
	case 6:
		w.Add(0, fNTPCtrlR, fNTPCtrlErr, fNTPCtrlMore, fNTPCtrlOp, fNTPCtrlSeq, fNTPCtrlStatus, fNTPCtrlAssoc,
			fNTPCtrlOffset, fNTPCtrlCount)
		if n := len(data) - 12; n > 0 {
			w.Bytes(fNTPCtrlData, 12, min(n, int(be16(data[10:]))))
		}
		return
	case 7:
		w.Add(0, fNTPPrivR, fNTPPrivMore, fNTPPrivAuth, fNTPPrivSeq, fNTPPrivImpl, fNTPPrivCode)
		return
	}
	w.Add(0, fNTPStratum, fNTPPoll, fNTPPrecision, fNTPDelay, fNTPDisp, fNTPRef, fNTPReference, fNTPOrigin,
		fNTPReceive, fNTPTransmit)
	for off := 48; off+28 <= len(data); { // what is shorter than a MAC and a field is no extension (RFC 7822 section 3)
		n := int(be16(data[off+2:]))
		if n < 16 || n%4 != 0 || off+n > len(data) {
			break
		}
		w.Group(fNTPExt, off, n)
		w.Add(off, fNTPExtType, fNTPExtLen)
		w.Bytes(fNTPExtValue, off+4, n-4)
		w.End()
		off += n
	}
}

func ntpMode(n uint64) string {
	return [...]string{"reserved", "symmetric active", "symmetric passive", "Client", "Server", "Broadcast", "Control", "Private"}[n&7]
}

func ntpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 1 {
		return b, false
	}
	b = strconv.AppendUint(append(b, "NTPv"...), uint64(data[0]>>3&7), 10)
	b = append(append(b, ", "...), ntpMode(uint64(data[0]))...)
	if len(data) >= 16 && data[0]&7 < 6 {
		b = strconv.AppendUint(append(b, ", stratum "...), uint64(data[1]), 10)
		if data[1] <= 1 && data[12] != 0 { // a kiss code or a reference clock
			b = decode.AppendQuoted(append(b, ", refid "...), trimZeroes(data[12:16]), 4)
		} else if data[1] > 1 {
			b = netip.AddrFrom4([4]byte(data[12:16])).AppendTo(append(b, ", refid "...))
		}
	}
	if len(data) >= 8 && data[0]&7 == 6 {
		b = decode.AppendName(append(b, ", "...), ntpControl(uint64(data[1]&31)), "operation ", uint64(data[1]&31))
		if data[1]&0x80 != 0 {
			b = append(b, " response"...)
		}
		b = appendNumber(b, ", seq ", be16(data[2:]))
	}
	if len(data) >= 4 && data[0]&7 == 7 {
		b = appendNumber(b, ", request code ", uint64(data[3]))
	}
	return b, true
}

func trimZeroes(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}
