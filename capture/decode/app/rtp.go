package app

import (
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeRTP, rtpLine, rtpFields)

var (
	fRTPVersion   = decode.Define("rtp.version", "Version", decode.KindUint)
	fRTPPadding   = decode.Define("rtp.padding", "Padding", decode.KindBool)
	fRTPExtension = decode.Define("rtp.ext", "Extension", decode.KindBool).As("extension")
	fRTPCount     = decode.Define("rtp.cc", "CSRC count", decode.KindUint).As("csrc_count")
	fRTPMarker    = decode.Define("rtp.marker", "Marker", decode.KindBool)
	fRTPType      = decode.Define("rtp.p_type", "Payload type", decode.KindUint).As("payload_type")
	fRTPSequence  = decode.Define("rtp.seq", "Sequence number", decode.KindUint)
	fRTPTimestamp = decode.Define("rtp.timestamp", "Timestamp", decode.KindUint)
	fRTPSSRC      = decode.Define("rtp.ssrc", "SSRC", decode.KindHex)
	fRTPCSRC      = decode.Define("rtp.csrc.item", "CSRC", decode.KindHex).As("csrc").Several()
)

// rtpFields describes the header of RFC 3550 section 5.1.
func rtpFields(w *decode.FieldWriter, _ bool) {
	w.Bits(fRTPVersion, 0, 2, nil)
	w.Bit(fRTPPadding, 2)
	w.Bit(fRTPExtension, 3)
	n := w.Bits(fRTPCount, 4, 4, nil)
	w.Bit(fRTPMarker, 8)
	w.Bits(fRTPType, 9, 7, nil)
	w.Uint(fRTPSequence, 2, 2)
	w.Uint(fRTPTimestamp, 4, 4)
	w.Uint(fRTPSSRC, 8, 4)
	for off := 12; n > 0; n-- {
		w.Uint(fRTPCSRC, off, 4)
		off += 4
	}
}

func rtpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 12 || data[0]>>6 != 2 {
		return b, false
	}
	b = strconv.AppendUint(append(b, "RTP, PT "...), uint64(data[1]&0x7f), 10)
	if data[1]&0x80 != 0 {
		b = append(b, ", marker"...)
	}
	b = strconv.AppendUint(append(b, ", seq "...), uint64(binary.BigEndian.Uint16(data[2:])), 10)
	b = strconv.AppendUint(append(b, ", time "...), uint64(binary.BigEndian.Uint32(data[4:])), 10)
	return strconv.AppendUint(append(b, ", ssrc 0x"...), uint64(binary.BigEndian.Uint32(data[8:])), 16), true
}
