package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeWebSocket, "WebSocket", websocketFields)

var (
	fWSFin    = decode.Define("websocket.fin", "FIN", decode.KindBool).Bits(0, 1)
	fWSOpcode = decode.Define("websocket.opcode", "Opcode", decode.KindUint).Bits(4, 4).Means(websocketOpcode).InLine(" ")
	fWSMask   = decode.Define("websocket.mask", "Masked", decode.KindBool).As("masked").Bits(8, 1)
	fWSLength = decode.Define("websocket.length", "Payload length", decode.KindUint).InLine(" length ")
)

// websocketFields describes the header of a frame (RFC 6455 section 5.2). No port tells these: --decode has to.
func websocketFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 2 {
		return
	}
	w.Add(0, fWSFin, fWSOpcode, fWSMask)
	switch n := data[1] & 0x7f; n {
	case 126:
		w.Uint(fWSLength, 2, 2)
	case 127:
		w.Uint(fWSLength, 2, 8)
	default:
		w.Value(fWSLength, 1, 1, uint64(n))
	}
}

var websocketOpcode = decode.Names{0: "Continuation", 1: "Text", 2: "Binary", 8: "Connection Close", 9: "Ping", 10: "Pong"}.Of
