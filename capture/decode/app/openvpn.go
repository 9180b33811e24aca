package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeOpenVPN, "OpenVPN", openvpnFields)

var (
	fOVPNLength  = decode.Define("openvpn.plen", "Packet length", decode.KindUint).As("length").At(0, 2)
	fOVPNOpcode  = decode.Define("openvpn.opcode", "Opcode", decode.KindHex).Bits(0, 5).Means(openvpnOpcode).InLine(" ")
	fOVPNKey     = decode.Define("openvpn.keyid", "Key ID", decode.KindUint).As("key_id").Bits(5, 3)
	fOVPNSession = decode.Define("openvpn.sessionid", "Session ID", decode.KindHex).As("session").At(1, 8).InLine(" session ")
)

// openvpnFields describes a packet; over TCP its length comes first.
func openvpnFields(w *decode.FieldWriter, stream bool) {
	start := 0
	if stream {
		w.Add(0, fOVPNLength)
		start = 2
	}
	w.Within(start, len(w.Data()), func(w *decode.FieldWriter) {
		w.Add(0, fOVPNOpcode, fOVPNKey)
		if data := w.Data(); len(data) > 9 && data[0]>>3 != 6 && data[0]>>3 != 9 { // data has none
			w.Add(0, fOVPNSession)
		}
	})
}

var openvpnOpcode = decode.Names{
	1: "P_CONTROL_HARD_RESET_CLIENT_V1", 2: "P_CONTROL_HARD_RESET_SERVER_V1", 3: "P_CONTROL_SOFT_RESET_V1", 4: "P_CONTROL_V1", 5: "P_ACK_V1",
	6: "P_DATA_V1", 7: "P_CONTROL_HARD_RESET_CLIENT_V2", 8: "P_CONTROL_HARD_RESET_SERVER_V2", 9: "P_DATA_V2", 10: "P_CONTROL_HARD_RESET_CLIENT_V3",
	11: "P_CONTROL_WKC_V1",
}.Of
