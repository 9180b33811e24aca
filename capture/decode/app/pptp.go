package app

import "sockwire/capture/decode"

var _ = describe(decode.TypePPTP, "PPTP", pptpFields)

var (
	fPPTPLength = decode.Define("pptp.length", "Length", decode.KindUint).At(0, 2)
	fPPTPType   = decode.Define("pptp.type", "Message type", decode.KindUint).At(2, 2)
	fPPTPCookie = decode.Define("pptp.magic_cookie", "Magic cookie", decode.KindHex).At(4, 4)
	fPPTPKind   = decode.Define("pptp.control_message_type", "Control message", decode.KindUint).As("control").At(8, 2).Means(pptpControl).InLine(" ")
	fPPTPHost   = decode.Define("pptp.host_name", "Host name", decode.KindText).As("host").InLine(" host ")
	fPPTPCall   = decode.Define("pptp.call_id", "Call ID", decode.KindUint).At(12, 2).InLine(" call ")
)

// pptpFields describes a control message (RFC 2637 section 2).
func pptpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fPPTPLength, fPPTPType, fPPTPCookie, fPPTPKind)
	if len(data) < 14 {
		return
	}
	switch data[9] {
	case 1, 2:
		if len(data) >= 92 {
			if name, _ := zeroTerminated(data[:92], 28); len(name) > 0 {
				w.Bytes(fPPTPHost, 28, len(name))
			}
		}
	case 7, 8, 9, 10, 11, 12, 13:
		w.Add(0, fPPTPCall)
	}
}

var pptpControl = decode.Names{
	1: "Start-Control-Connection-Request", 2: "Start-Control-Connection-Reply", 3: "Stop-Control-Connection-Request",
	4: "Stop-Control-Connection-Reply", 5: "Echo-Request", 6: "Echo-Reply", 7: "Outgoing-Call-Request", 8: "Outgoing-Call-Reply",
	9: "Incoming-Call-Request", 10: "Incoming-Call-Reply", 11: "Incoming-Call-Connected", 12: "Call-Clear-Request",
	13: "Call-Disconnect-Notify", 14: "WAN-Error-Notify", 15: "Set-Link-Info",
}.Of
