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
)

// ntpFields describes the header of RFC 5905 section 7.3. Control and private messages have another one.
func ntpFields(w *decode.FieldWriter, _ bool) {
	if data := w.Data(); len(data) > 0 && data[0]&7 != 7 { // private messages have other bits there
		w.Bits(fNTPLeap, 0, 2, nil)
	}
	w.Bits(fNTPVersion, 2, 3, nil)
	if mode := w.Bits(fNTPMode, 5, 3, ntpMode); mode >= 6 {
		return
	}
	w.Add(0, fNTPStratum, fNTPPoll, fNTPPrecision, fNTPDelay, fNTPDisp, fNTPRef, fNTPReference, fNTPOrigin,
		fNTPReceive, fNTPTransmit)
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
	return b, true
}

func trimZeroes(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}
