package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeVNC, "VNC", vncFields)

var (
	fVNCVersion = decode.Define("vnc.proto_ver", "Protocol version", decode.KindText).As("version").InLine(" protocol ")
	fVNCKind    = decode.Define("vnc.message", "Message", decode.KindUint).Means(vncMessage).InLine(" ")
)

// vncFields describes the version that both sides start with, or a message of the client, as far as its first byte and
// length tell one (RFC 6143 section 7). A screen is only named.
func vncFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) == 12 && string(data[:4]) == "RFB " {
		w.Bytes(fVNCVersion, 4, 7)
		return
	}
	if len(data) < 4 {
		return
	}
	kind := uint64(data[0])
	switch {
	case kind == 0 && len(data) == 20, kind == 3 && len(data) == 10, kind == 4 && len(data) == 8, kind == 5 && len(data) == 6,
		kind == 2 && len(data) == 4+4*(int(data[2])<<8|int(data[3])):
		w.Enum(fVNCKind, 0, 1, vncMessage)
	case kind == 0 && data[1] == 0 && len(data) >= 16:
		w.Value(fVNCKind, 0, 1, 0)
		w.Note("framebuffer update")
	}
}

var vncMessage = decode.Names{
	0: "set pixel format", 2: "set encodings", 3: "framebuffer update request", 4: "key event", 5: "pointer event", 6: "cut text",
}.Of
