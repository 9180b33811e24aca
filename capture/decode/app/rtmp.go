package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeRTMP, "RTMP", rtmpFields)

var (
	fRTMPVersion = decode.Define("rtmpt.version", "Handshake version", decode.KindUint).As("version").At(0, 1).InLine(" handshake ")
	fRTMPStream  = decode.Define("rtmpt.header.csid", "Chunk stream ID", decode.KindUint).As("chunk_stream").Bits(2, 6)
	fRTMPFormat  = decode.Define("rtmpt.header.format", "Format", decode.KindUint).As("format").Bits(0, 2)
	fRTMPSize    = decode.Define("rtmpt.header.bodysize", "Body size", decode.KindUint).As("body_size").At(4, 3).InLine(" length ")
	fRTMPType    = decode.Define("rtmpt.header.typeid", "Type", decode.KindUint).As("type").At(7, 1).Means(rtmpType).InLine(" ")
	fRTMPCommand = decode.Define("rtmpt.command", "Command", decode.KindText).As("command").InLine(" ")
)

// rtmpFields describes a handshake, or the first chunk of a segment where that has a header that says what it is.
func rtmpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) >= 1024 && data[0] == 3 {
		w.Add(0, fRTMPVersion)
		return
	}
	if len(data) < 8 || data[0]>>6 > 1 {
		return
	}
	w.Add(0, fRTMPFormat, fRTMPStream, fRTMPType, fRTMPSize)
	head := 12
	if data[0]>>6 == 1 {
		head = 8
	}
	if data[7] == 20 && head+3 <= len(data) && data[head] == 2 { // AMF0, with the name of the command first
		w.Bytes(fRTMPCommand, head+3, int(data[head+1])<<8|int(data[head+2]))
	}
}

var rtmpType = decode.Names{
	1: "Set Chunk Size", 2: "Abort Message", 3: "Acknowledgement", 4: "User Control Message", 5: "Window Acknowledgement Size",
	6: "Set Peer Bandwidth", 8: "Audio Data", 9: "Video Data", 15: "AMF3 Data", 17: "AMF3 Command", 18: "AMF0 Data", 20: "AMF0 Command",
	22: "Aggregate",
}.Of
