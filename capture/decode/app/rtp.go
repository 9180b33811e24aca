package app

import (
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeRTP, rtpLine, rtpFields)

var (
	fRTPVersion   = decode.Define("rtp.version", "Version", decode.KindUint).Bits(0, 2)
	fRTPPadding   = decode.Define("rtp.padding", "Padding", decode.KindBool).Bits(2, 1)
	fRTPExtension = decode.Define("rtp.ext", "Extension", decode.KindBool).As("extension").Bits(3, 1)
	fRTPCount     = decode.Define("rtp.cc", "CSRC count", decode.KindUint).As("csrc_count")
	fRTPMarker    = decode.Define("rtp.marker", "Marker", decode.KindBool).Bits(8, 1)
	fRTPType      = decode.Define("rtp.p_type", "Payload type", decode.KindUint).As("payload_type").Bits(9, 7)
	fRTPSequence  = decode.Define("rtp.seq", "Sequence number", decode.KindUint).At(2, 2)
	fRTPTimestamp = decode.Define("rtp.timestamp", "Timestamp", decode.KindUint).At(4, 4)
	fRTPSSRC      = decode.Define("rtp.ssrc", "SSRC", decode.KindHex).At(8, 4)
	fRTPCSRC      = decode.Define("rtp.csrc.item", "CSRC", decode.KindHex).As("csrc").Several()
)

// rtpFields describes the header of RFC 3550 section 5.1.
func rtpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fRTPVersion, fRTPPadding, fRTPExtension)
	n := int(w.Bits(fRTPCount, 4, 4, nil))
	w.Add(0, fRTPMarker, fRTPType, fRTPSequence, fRTPTimestamp, fRTPSSRC)
	w.Each(fRTPCSRC, 12, 12+4*n, 4)
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
