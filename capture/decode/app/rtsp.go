package app

import "sockwire/capture/decode"

var _ = show(decode.TypeRTSP, rtspLine, rtspFields)

var (
	rtspStart = startLine{
		version: "RTSP/",
		method:  decode.Define("rtsp.method", "Method", decode.KindText),
		uri:     decode.Define("rtsp.url", "URL", decode.KindText),
		status:  decode.Define("rtsp.status", "Status code", decode.KindUint),
	}
	rtspHeaders = []header{
		{"content-type", "", decode.Define("rtsp.content-type", "Content-Type", decode.KindText).As("content_type")},
		{"content-length", "", decode.Define("rtsp.content-length", "Content-Length", decode.KindUint).As("content_length")},
		{"session", "", decode.Define("rtsp.session", "Session", decode.KindText)},
		{"transport", "", decode.Define("rtsp.transport", "Transport", decode.KindText)},
	}
	fRTSPChannel = decode.Define("rtsp.channel", "Channel", decode.KindUint).At(1, 1)
	fRTSPLength  = decode.Define("rtsp.length", "Length of what is interleaved", decode.KindUint).At(2, 2)
)

func rtspFields(w *decode.FieldWriter, _ bool) {
	if data := w.Data(); len(data) > 0 && data[0] == '$' { // RFC 2326 section 10.12
		w.Add(0, fRTSPChannel, fRTSPLength)
		return
	}
	off := rtspStart.fields(w)
	if off == 0 {
		return
	}
	if body := headerFields(w, off, rtspHeaders); body < len(w.Data()) {
		w.Within(body, len(w.Data()), sdpFields)
	}
}

func rtspLine(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "RTSP: "...)
	if len(data) > 0 && data[0] == '$' {
		return append(b, "interleaved data"...), true
	}
	return appendFirst(b, data), true
}
