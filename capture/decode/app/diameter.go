package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypeDiameter, "Diameter", diameterFields)

var (
	fDiaVersion = decode.Define("diameter.version", "Version", decode.KindUint).At(0, 1)
	fDiaLength  = decode.Define("diameter.length", "Length", decode.KindUint).At(1, 3)
	fDiaCommand = decode.Define("diameter.cmd.code", "Command", decode.KindUint).As("command").At(5, 3).Means(diameterCommand).InLine(" ")
	fDiaRequest = decode.Define("diameter.flags.request", "Request", decode.KindBool).As("request").Bits(32, 1).
			Means(func(n uint64) string { return [...]string{"answer", "request"}[n&1] }).InLine(" ")
	fDiaProxy = decode.Define("diameter.flags.proxyable", "Proxyable", decode.KindBool).As("proxyable").Bits(33, 1)
	fDiaError = decode.Define("diameter.flags.error", "Error", decode.KindBool).As("error").Bits(34, 1).InLine(" error")
	fDiaApp   = decode.Define("diameter.applicationId", "Application ID", decode.KindUint).As("application").At(8, 4)
	fDiaHop   = decode.Define("diameter.hopbyhopid", "Hop-by-Hop ID", decode.KindHex).As("hop_by_hop").At(12, 4)
	fDiaEnd   = decode.Define("diameter.endtoendid", "End-to-End ID", decode.KindHex).As("end_to_end").At(16, 4)
)

// diameterAVPs are the attributes that are shown (RFC 6733 section 6).
var diameterAVPs = map[uint32]*decode.Definition{
	263: decode.Define("diameter.Session-Id", "Session-Id", decode.KindText).As("session"),
	264: decode.Define("diameter.Origin-Host", "Origin-Host", decode.KindText).As("origin_host").InLine(" from "),
	296: decode.Define("diameter.Origin-Realm", "Origin-Realm", decode.KindText).As("origin_realm"),
	283: decode.Define("diameter.Destination-Realm", "Destination-Realm", decode.KindText).As("destination_realm"),
	268: decode.Define("diameter.Result-Code", "Result-Code", decode.KindUint).As("result").Means(diameterResult).InLine(" "),
	1:   decode.Define("diameter.User-Name", "User-Name", decode.KindText).As("user").InLine(" user "),
}

// diameterFields describes a message (RFC 6733 section 3).
func diameterFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fDiaVersion, fDiaLength, fDiaCommand, fDiaRequest, fDiaProxy, fDiaError, fDiaApp, fDiaHop, fDiaEnd)
	seen := make(map[*decode.Definition]bool)
	for off, n := 20, 0; off+8 <= len(data) && n < 128; n++ {
		size := int(data[off+5])<<16 | int(data[off+6])<<8 | int(data[off+7])
		if size < 8 {
			return
		}
		d := diameterAVPs[binary.BigEndian.Uint32(data[off:])]
		if vendor := data[off+4]&0x80 != 0; d != nil && !vendor && !seen[d] {
			seen[d] = true
			if d.Kind == decode.KindText {
				w.Bytes(d, off+8, size-8)
			} else {
				w.Enum(d, off+8, 4, diameterResult)
			}
		}
		off += (size + 3) &^ 3
	}
}

var diameterCommand = decode.Names{
	257: "Capabilities-Exchange", 258: "Re-Auth", 265: "AA", 268: "Diameter-EAP", 271: "Accounting", 272: "Credit-Control", 274: "Abort-Session",
	275: "Session-Termination", 280: "Device-Watchdog", 282: "Disconnect-Peer", 300: "User-Authorization", 301: "Server-Assignment",
	302: "Location-Info", 303: "Multimedia-Auth", 304: "Registration-Termination", 305: "Push-Profile", 306: "User-Data", 307: "Profile-Update",
	308: "Subscribe-Notifications", 309: "Push-Notification", 316: "Update-Location", 317: "Cancel-Location", 318: "Authentication-Information",
	319: "Insert-Subscriber-Data", 320: "Delete-Subscriber-Data", 321: "Purge-UE", 322: "Reset", 323: "Notify",
}.Of

var diameterResult = decode.Names{
	1001: "DIAMETER_MULTI_ROUND_AUTH", 2001: "DIAMETER_SUCCESS", 2002: "DIAMETER_LIMITED_SUCCESS", 3001: "DIAMETER_COMMAND_UNSUPPORTED",
	3002: "DIAMETER_UNABLE_TO_DELIVER", 3003: "DIAMETER_REALM_NOT_SERVED", 3004: "DIAMETER_TOO_BUSY", 3007: "DIAMETER_APPLICATION_UNSUPPORTED",
	4001: "DIAMETER_AUTHENTICATION_REJECTED", 5001: "DIAMETER_AVP_UNSUPPORTED", 5002: "DIAMETER_UNKNOWN_SESSION_ID",
	5003: "DIAMETER_AUTHORIZATION_REJECTED", 5004: "DIAMETER_INVALID_AVP_VALUE", 5005: "DIAMETER_MISSING_AVP", 5010: "DIAMETER_NO_COMMON_APPLICATION",
	5012: "DIAMETER_UNABLE_TO_COMPLY", 5030: "DIAMETER_USER_UNKNOWN",
}.Of
