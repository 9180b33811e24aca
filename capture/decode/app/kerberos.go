package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeKerberos, "Kerberos", kerberosFields)

var (
	fKRBVersion = decode.Define("kerberos.pvno", "Version", decode.KindUint).As("version")
	fKRBType    = decode.Define("kerberos.msg_type", "Message type", decode.KindUint).As("type").InLine(" ")
	fKRBError   = decode.Define("kerberos.error_code", "Error", decode.KindUint).As("error").InLine(" ")
	fKRBClient  = decode.Define("kerberos.CNameString", "Client name", decode.KindText).As("client").Several().InLine(" client ")
	fKRBCRealm  = decode.Define("kerberos.crealm", "Client realm", decode.KindText).InLine(" of ")
	fKRBRealm   = decode.Define("kerberos.realm", "Realm", decode.KindText).InLine(" realm ")
	fKRBServer  = decode.Define("kerberos.SNameString", "Server name", decode.KindText).As("server").Several().InLine(" server ")
	fKRBText    = decode.Define("kerberos.e_text", "Error text", decode.KindText).As("error_text").InLine(" ")
	fKRBCipher  = decode.Define("kerberos.ENCTYPE", "Encryption type", decode.KindUint).As("etypes").Several().Means(krbCipher)
)

// kerberosFields describes a message (RFC 4120 section 5); on a stream its length comes first.
func kerberosFields(w *decode.FieldWriter, stream bool) {
	data, start := w.Data(), 0
	if stream {
		start = 4
	}
	top, _ := nextElement(data, start, len(data))
	if top.off == 0 {
		return
	}
	top.end = min(top.end, len(data))
	body, ok := top.of(data, 0x30)
	if !ok {
		return
	}
	number := func(d *decode.Definition, meaning func(uint64) string, in element, tags ...byte) {
		if e, ok := in.path(data, tags...); ok {
			berField(w, d, e, meaning)
		}
	}
	text := func(d *decode.Definition, in element, tags ...byte) {
		if e, ok := in.path(data, tags...); ok {
			w.Bytes(d, e.off, e.end-e.off)
		}
	}
	name := func(d *decode.Definition, in element, tag byte) { // PrincipalName
		list, ok := in.path(data, tag, 0x30, 0xa1, 0x30)
		if !ok {
			return
		}
		for _, e := range berElements(data, list, 8) {
			if e.tag == 0x1b && e.end <= len(data) {
				w.Bytes(d, e.off, e.end-e.off)
			}
		}
	}
	kind := top.tag & 0x1f
	switch kind {
	case 10, 12:
		number(fKRBVersion, nil, body, 0xa1, 2)
		number(fKRBType, krbType, body, 0xa2, 2)
		if request, ok := body.path(data, 0xa4, 0x30); ok {
			name(fKRBClient, request, 0xa1)
			text(fKRBRealm, request, 0xa2, 0x1b)
			name(fKRBServer, request, 0xa3)
			if list, ok := request.path(data, 0xa8, 0x30); ok {
				for _, e := range berElements(data, list, 16) {
					berField(w, fKRBCipher, e, krbCipher)
				}
			}
		}
	default:
		number(fKRBVersion, nil, body, 0xa0, 2)
		number(fKRBType, krbType, body, 0xa1, 2)
		switch kind {
		case 11, 13:
			text(fKRBCRealm, body, 0xa3, 0x1b)
			name(fKRBClient, body, 0xa4)
			krbTicket(w, body, 0xa5, text, name)
		case 14:
			krbTicket(w, body, 0xa3, text, name)
		case 30:
			number(fKRBError, krbError, body, 0xa6, 2)
			text(fKRBCRealm, body, 0xa7, 0x1b)
			name(fKRBClient, body, 0xa8)
			text(fKRBRealm, body, 0xa9, 0x1b)
			name(fKRBServer, body, 0xaa)
			text(fKRBText, body, 0xab, 0x1b)
		}
	}
}

// krbTicket describes whom a ticket is for.
func krbTicket(w *decode.FieldWriter, body element, tag byte, text func(*decode.Definition, element, ...byte),
	name func(*decode.Definition, element, byte)) {
	if ticket, ok := body.path(w.Data(), tag, 0x61, 0x30); ok {
		text(fKRBRealm, ticket, 0xa1, 0x1b)
		name(fKRBServer, ticket, 0xa2)
	}
}

var krbType = decode.Names{
	10: "AS-REQ", 11: "AS-REP", 12: "TGS-REQ", 13: "TGS-REP", 14: "AP-REQ", 15: "AP-REP", 20: "KRB-SAFE", 21: "KRB-PRIV", 22: "KRB-CRED",
	30: "KRB-ERROR",
}.Of

var krbError = decode.Names{
	0: "KDC_ERR_NONE", 3: "KDC_ERR_BAD_PVNO", 6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN", 9: "KDC_ERR_NULL_KEY",
	12: "KDC_ERR_POLICY", 13: "KDC_ERR_BADOPTION", 14: "KDC_ERR_ETYPE_NOSUPP", 18: "KDC_ERR_CLIENT_REVOKED", 19: "KDC_ERR_SERVICE_REVOKED",
	23: "KDC_ERR_KEY_EXPIRED", 24: "KDC_ERR_PREAUTH_FAILED", 25: "KDC_ERR_PREAUTH_REQUIRED", 29: "KDC_ERR_SVC_UNAVAILABLE",
	31: "KRB_AP_ERR_BAD_INTEGRITY", 32: "KRB_AP_ERR_TKT_EXPIRED", 33: "KRB_AP_ERR_TKT_NYV", 34: "KRB_AP_ERR_REPEAT", 36: "KRB_AP_ERR_BADMATCH",
	37: "KRB_AP_ERR_SKEW", 41: "KRB_AP_ERR_MODIFIED", 52: "KRB_ERR_RESPONSE_TOO_BIG", 60: "KRB_ERR_GENERIC", 68: "KDC_ERR_WRONG_REALM",
}.Of

var krbCipher = decode.Names{
	1: "des-cbc-crc", 3: "des-cbc-md5", 16: "des3-cbc-sha1", 17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96",
	19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192", 23: "rc4-hmac", 24: "rc4-hmac-exp", 25: "camellia128-cts-cmac",
	26: "camellia256-cts-cmac",
}.Of
