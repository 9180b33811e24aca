package app

import "sockwire/capture/decode"

// Fields of a session description (RFC 8866) that SIP or RTSP carries.
var sdpLines = map[byte]*decode.Definition{
	'v': decode.Define("sdp.version", "Version", decode.KindText).As("sdp_version"),
	'o': decode.Define("sdp.owner", "Origin", decode.KindText).As("sdp_origin"),
	's': decode.Define("sdp.session_name", "Session name", decode.KindText).As("sdp_session"),
}

var (
	fSDPMedia      = decode.Define("sdp.media", "Media", decode.KindText).As("sdp_media").Several()
	fSDPConnection = decode.Define("sdp.connection_info", "Connection", decode.KindText).As("sdp_connection").Several()
)

// sdpFields describes a body that is a session description. One says c= for all and for each of its media: they are
// shown behind each other.
func sdpFields(w *decode.FieldWriter) {
	if data := w.Data(); len(data) < 2 || data[0] != 'v' || data[1] != '=' {
		return
	}
	seen := map[byte]bool{}
	sdpEach(w, func(off int, line []byte) {
		if d := sdpLines[line[0]]; d != nil && !seen[line[0]] {
			seen[line[0]] = true
			w.Bytes(d, off+2, len(line)-2)
		}
	})
	for _, d := range []struct {
		kind byte
		def  *decode.Definition
	}{{'c', fSDPConnection}, {'m', fSDPMedia}} {
		sdpEach(w, func(off int, line []byte) {
			if line[0] == d.kind {
				w.Bytes(d.def, off+2, len(line)-2)
			}
		})
	}
}

func sdpEach(w *decode.FieldWriter, do func(off int, line []byte)) {
	data := w.Data()
	for off, i := 0, 0; off < len(data) && i < maxLines; i++ {
		line, next, _ := nextLine(data, off)
		if len(line) >= 2 && line[1] == '=' {
			do(off, line)
		}
		off = next
	}
}
