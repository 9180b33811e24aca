package app

import "sockwire/capture/decode"

var (
	_ = show(decode.TypeEAPOL, eapolLine, eapolFields)
	_ = show(decode.TypeEAP, eapLine, eapFields)
)

var (
	fEAPOLVersion = decode.Define("eapol.version", "Version", decode.KindUint).At(0, 1)
	fEAPOLType    = decode.Define("eapol.type", "Type", decode.KindUint).At(1, 1).Means(eapolName)
	fEAPOLLength  = decode.Define("eapol.len", "Length", decode.KindUint).As("length").At(2, 2)
	fEAPOLKey     = decode.Define("eapol.keydes.type", "Descriptor Type", decode.KindUint).As("descriptor_type").At(4, 1).
			Means(eapolDescriptor)
	fEAPOLInfo   = decode.Define("wlan_rsna_eapol.keydes.key_info", "Key Information", decode.KindHex).As("key_info").At(5, 2)
	fEAPOLKeyVer = decode.Define("wlan_rsna_eapol.keydes.key_info.keydes_version", "Key Descriptor Version",
		decode.KindUint).As("key_descriptor_version").Bits(53, 3)
	fEAPOLPair = decode.Define("wlan_rsna_eapol.keydes.key_info.key_type", "Pairwise Key", decode.KindBool).
			As("pairwise").Bits(52, 1)
	fEAPOLInstall = decode.Define("wlan_rsna_eapol.keydes.key_info.install", "Install", decode.KindBool).
			As("install").Bits(49, 1)
	fEAPOLAck = decode.Define("wlan_rsna_eapol.keydes.key_info.key_ack", "Key Ack", decode.KindBool).
			As("key_ack").Bits(48, 1)
	fEAPOLMIC = decode.Define("wlan_rsna_eapol.keydes.key_info.key_mic", "Key MIC", decode.KindBool).
			As("key_mic_set").Bits(47, 1)
	fEAPOLSecure = decode.Define("wlan_rsna_eapol.keydes.key_info.secure", "Secure", decode.KindBool).
			As("secure").Bits(46, 1)
	fEAPOLError = decode.Define("wlan_rsna_eapol.keydes.key_info.error", "Error", decode.KindBool).
			As("error").Bits(45, 1)
	fEAPOLKeyLen  = decode.Define("eapol.keydes.key_len", "Key Length", decode.KindUint).As("key_length").At(7, 2)
	fEAPOLReplay  = decode.Define("eapol.keydes.replay_counter", "Replay Counter", decode.KindUint).As("replay_counter").At(9, 8)
	fEAPOLNonce   = decode.Define("wlan_rsna_eapol.keydes.nonce", "Key Nonce", decode.KindBytes).As("nonce").At(17, 32)
	fEAPOLKeyIV   = decode.Define("eapol.keydes.key_iv", "Key IV", decode.KindBytes).As("key_iv").At(49, 16)
	fEAPOLRSC     = decode.Define("wlan_rsna_eapol.keydes.rsc", "Key RSC", decode.KindBytes).As("rsc").At(65, 8)
	fEAPOLMICData = decode.Define("wlan_rsna_eapol.keydes.mic", "Key MIC", decode.KindBytes).As("mic").At(81, 16)
	fEAPOLDataLen = decode.Define("wlan_rsna_eapol.keydes.data_len", "Key Data Length", decode.KindUint).
			As("key_data_length").At(97, 2)
	fEAPOLData = decode.Define("wlan_rsna_eapol.keydes.data", "Key Data", decode.KindBytes).As("key_data")

	fEAPCode     = decode.Define("eap.code", "Code", decode.KindUint).At(0, 1).Means(eapCode)
	fEAPID       = decode.Define("eap.id", "Identifier", decode.KindUint).At(1, 1)
	fEAPLength   = decode.Define("eap.len", "Length", decode.KindUint).As("length").At(2, 2)
	fEAPType     = decode.Define("eap.type", "Type", decode.KindUint).At(4, 1).Means(eapType)
	fEAPIdentity = decode.Define("eap.identity", "Identity", decode.KindText)
	fEAPData     = decode.Define("eap.type_data", "Type-Data", decode.KindBytes)
)

// eapolFields describes a frame of IEEE 802.1X; the key descriptor is that of IEEE 802.11 section 12.7.2.
func eapolFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fEAPOLVersion, fEAPOLType, fEAPOLLength)
	data := w.Data()
	if len(data) < 5 || data[1] != 3 {
		return
	}
	w.Add(0, fEAPOLKey)
	if data[4] == 1 {
		w.Uint(fEAPOLKeyLen, 5, 2)
		w.Uint(fEAPOLReplay, 7, 8)
		w.Bytes(fEAPOLKeyIV, 15, 16)
		return
	}
	if data[4] != 2 && data[4] != 254 {
		return
	}
	w.Add(0, fEAPOLInfo, fEAPOLKeyVer, fEAPOLPair, fEAPOLInstall, fEAPOLAck, fEAPOLMIC, fEAPOLSecure, fEAPOLError,
		fEAPOLKeyLen, fEAPOLReplay, fEAPOLNonce, fEAPOLKeyIV, fEAPOLRSC, fEAPOLMICData, fEAPOLDataLen)
	if len(data) >= 99 {
		if n := int(be16(data[97:])); n > 0 {
			w.Bytes(fEAPOLData, 99, n)
		}
	}
}

func eapolLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = decode.AppendName(append(b, "EAPOL, "...), eapolName(uint64(data[1])), "type ", uint64(data[1]))
	b = appendNumber(b, ", version ", uint64(data[0]))
	if data[1] == 3 && len(data) >= 17 && (data[4] == 2 || data[4] == 254) {
		info := be16(data[5:])
		if message := eapolMessage(info, data); message > 0 {
			b = append(appendNumber(b, ", message ", message), " of 4"...)
		} else if info&8 == 0 {
			b = append(b, ", group key"...)
		}
		b = appendNumber(b, ", replay counter ", be64(data[9:]))
	}
	return b, true
}

// eapolMessage tells which message of the four-way handshake it is, 0 for none.
func eapolMessage(info uint64, data []byte) uint64 {
	const pairwise, install, ack, mic, secure = 1 << 3, 1 << 6, 1 << 7, 1 << 8, 1 << 9
	switch {
	case info&pairwise == 0:
		return 0
	case info&(ack|mic) == ack:
		return 1
	case info&(ack|mic|install) == ack|mic|install:
		return 3
	case info&(ack|mic) == mic && info&secure == 0 && len(data) >= 99 && be16(data[97:]) > 0:
		return 2
	case info&(ack|mic) == mic:
		return 4
	}
	return 0
}

// eapFields describes an EAP packet (RFC 3748 section 4).
func eapFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fEAPCode, fEAPID, fEAPLength)
	data := w.Data()
	if len(data) < 5 || data[0] > 2 || int(be16(data[2:])) < 5 {
		return
	}
	w.Add(0, fEAPType)
	switch n := min(int(be16(data[2:])), len(data)) - 5; {
	case n <= 0:
	case data[4] == 1:
		w.Bytes(fEAPIdentity, 5, n)
	default:
		w.Bytes(fEAPData, 5, n)
	}
}

func eapLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = decode.AppendName(append(b, "EAP, "...), eapCode(uint64(data[0])), "code ", uint64(data[0]))
	b = appendNumber(b, ", id ", uint64(data[1]))
	if end := min(int(be16(data[2:])), len(data)); end >= 5 && data[0] <= 2 {
		b = decode.AppendName(append(b, ", "...), eapType(uint64(data[4])), "type ", uint64(data[4]))
		if data[4] == 1 && end > 5 {
			b = decode.AppendQuoted(append(b, ' '), data[5:end], maxText)
		}
	}
	return b, true
}

var eapolName = decode.Names{
	0: "EAP packet", 1: "Start", 2: "Logoff", 3: "Key", 4: "Encapsulated ASF Alert", 5: "MKA", 6: "Announcement",
	7: "Announcement", 8: "Announcement Req",
}.Of

var eapolDescriptor = decode.Names{1: "RC4", 2: "IEEE 802.11", 254: "WPA"}.Of

var eapCode = decode.Names{1: "Request", 2: "Response", 3: "Success", 4: "Failure", 5: "Initiate", 6: "Finish"}.Of

var eapType = decode.Names{
	1: "Identity", 2: "Notification", 3: "Legacy Nak", 4: "MD5-Challenge", 5: "One-Time Password",
	6: "Generic Token Card", 13: "EAP-TLS", 17: "LEAP", 18: "EAP-SIM", 21: "EAP-TTLS", 23: "EAP-AKA", 25: "PEAP",
	26: "MS-CHAP-V2", 43: "EAP-FAST", 47: "EAP-PSK", 49: "EAP-IKEv2", 50: "EAP-AKA'", 52: "EAP-pwd", 55: "TEAP",
	254: "Expanded",
}.Of
