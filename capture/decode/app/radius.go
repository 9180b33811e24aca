package app

import "sockwire/capture/decode"

var _ = show(decode.TypeRADIUS, radiusLine, radiusFields)

var (
	fRADIUSCode   = decode.Define("radius.code", "Code", decode.KindUint).At(0, 1).Means(radiusCode)
	fRADIUSID     = decode.Define("radius.id", "Identifier", decode.KindUint).At(1, 1)
	fRADIUSLength = decode.Define("radius.length", "Length", decode.KindUint).At(2, 2)
	fRADIUSAuth   = decode.Define("radius.authenticator", "Authenticator", decode.KindBytes).At(4, 16)
	fRADIUSAttr   = decode.Define("radius.avp", "Attribute", decode.KindGroup).As("attributes").Several()
	fRADIUSType   = decode.Define("radius.avp.type", "Type", decode.KindUint).As("type").At(0, 1).Means(radiusAttribute)
	fRADIUSSize   = decode.Define("radius.avp.length", "Length", decode.KindUint).As("length").At(1, 1)
	fRADIUSVendor = decode.Define("radius.avp.vendor_id", "Vendor-Id", decode.KindUint).As("vendor_id").
			Means(enterprise)
	fRADIUSText  = decode.Define("radius.avp.value.text", "Value", decode.KindText).As("text")
	fRADIUSUint  = decode.Define("radius.avp.value.integer", "Value", decode.KindUint).As("integer")
	fRADIUSIP    = decode.Define("radius.avp.value.address", "Value", decode.KindIP).As("address")
	fRADIUSBytes = decode.Define("radius.avp.value", "Value", decode.KindBytes).As("value")
)

const radiusHeader = 20 // RFC 2865 section 3

var radiusRecords = records{kind: 1, length: 1, whole: true}

// radiusEnd is where the attributes end.
func radiusEnd(data []byte) int { return min(int(be16(data[2:])), len(data)) }

func radiusFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fRADIUSCode, fRADIUSID, fRADIUSLength, fRADIUSAuth)
	data := w.Data()
	if len(data) < radiusHeader {
		return
	}
	radiusRecords.each(data, radiusHeader, radiusEnd(data), func(kind uint64, at, value, n int) bool {
		w.Group(fRADIUSAttr, at, 2+n)
		w.Add(at, fRADIUSType, fRADIUSSize)
		switch radiusKind(kind) {
		case decode.KindText:
			w.Bytes(fRADIUSText, value, n)
		case decode.KindUint:
			if n == 4 || n == 8 {
				w.Uint(fRADIUSUint, value, n)
			}
		case decode.KindIP:
			if n == 4 || n == 16 {
				w.Bytes(fRADIUSIP, value, n)
			}
		default:
			if kind == 26 && n >= 4 {
				w.Enum(fRADIUSVendor, value, 4, enterprise)
				value, n = value+4, n-4
			}
			if n > 0 {
				w.Bytes(fRADIUSBytes, value, n)
			}
		}
		w.End()
		return true
	})
}

// radiusKind tells how the value of an attribute is written; KindBytes for those not known.
func radiusKind(kind uint64) decode.Kind {
	switch kind {
	case 1, 11, 18, 19, 20, 22, 30, 31, 32, 34, 35, 39, 44, 50, 63, 74, 77, 78, 87, 88, 124:
		return decode.KindText
	case 4, 8, 9, 14, 23, 95, 98, 168:
		return decode.KindIP
	case 5, 6, 7, 10, 12, 13, 15, 16, 27, 28, 29, 37, 38, 40, 41, 42, 43, 45, 46, 47, 48, 49, 51, 52, 53, 55, 61, 62, 72,
		73, 75, 76, 85, 101:
		return decode.KindUint
	}
	return decode.KindBytes
}

func radiusLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	b = decode.AppendName(append(b, "RADIUS, "...), radiusCode(uint64(data[0])), "code ", uint64(data[0]))
	b = appendHex(b, ", id ", uint64(data[1]))
	radiusRecords.each(data, radiusHeader, radiusEnd(data), func(kind uint64, _, value, n int) bool {
		switch {
		case kind == 1:
			b = decode.AppendQuoted(append(b, ", user "...), data[value:value+n], maxText)
		case kind == 18:
			b = decode.AppendQuoted(append(b, ", message "...), data[value:value+n], maxText)
		case kind == 4 && n == 4:
			b = appendAddress(b, ", NAS ", data[value:value+n])
		case kind == 8 && n == 4:
			b = appendAddress(b, ", framed address ", data[value:value+n])
		case kind == 40 && n == 4:
			b = decode.AppendName(append(b, ", status "...), radiusStatus(be32(data[value:])), "", be32(data[value:]))
		}
		return true
	})
	return b, true
}

var radiusCode = decode.Names{
	1: "Access-Request", 2: "Access-Accept", 3: "Access-Reject", 4: "Accounting-Request", 5: "Accounting-Response",
	6: "Accounting-Status", 11: "Access-Challenge", 12: "Status-Server", 13: "Status-Client", 40: "Disconnect-Request",
	41: "Disconnect-ACK", 42: "Disconnect-NAK", 43: "CoA-Request", 44: "CoA-ACK", 45: "CoA-NAK", 255: "Reserved",
}.Of

var radiusStatus = decode.Names{
	1: "Start", 2: "Stop", 3: "Interim-Update", 7: "Accounting-On", 8: "Accounting-Off",
}.Of

var radiusAttribute = decode.Names{
	1: "User-Name", 2: "User-Password", 3: "CHAP-Password", 4: "NAS-IP-Address", 5: "NAS-Port", 6: "Service-Type",
	7: "Framed-Protocol", 8: "Framed-IP-Address", 9: "Framed-IP-Netmask", 10: "Framed-Routing", 11: "Filter-Id",
	12: "Framed-MTU", 13: "Framed-Compression", 14: "Login-IP-Host", 15: "Login-Service", 16: "Login-TCP-Port",
	18: "Reply-Message", 19: "Callback-Number", 20: "Callback-Id", 22: "Framed-Route", 23: "Framed-IPX-Network",
	24: "State", 25: "Class", 26: "Vendor-Specific", 27: "Session-Timeout", 28: "Idle-Timeout",
	29: "Termination-Action", 30: "Called-Station-Id", 31: "Calling-Station-Id", 32: "NAS-Identifier",
	33: "Proxy-State", 34: "Login-LAT-Service", 35: "Login-LAT-Node", 36: "Login-LAT-Group", 37: "Framed-AppleTalk-Link",
	38: "Framed-AppleTalk-Network", 39: "Framed-AppleTalk-Zone", 40: "Acct-Status-Type", 41: "Acct-Delay-Time",
	42: "Acct-Input-Octets", 43: "Acct-Output-Octets", 44: "Acct-Session-Id", 45: "Acct-Authentic",
	46: "Acct-Session-Time", 47: "Acct-Input-Packets", 48: "Acct-Output-Packets", 49: "Acct-Terminate-Cause",
	50: "Acct-Multi-Session-Id", 51: "Acct-Link-Count", 52: "Acct-Input-Gigawords", 53: "Acct-Output-Gigawords",
	55: "Event-Timestamp", 56: "Egress-VLANID", 57: "Ingress-Filters", 58: "Egress-VLAN-Name", 59: "User-Priority-Table",
	60: "CHAP-Challenge", 61: "NAS-Port-Type", 62: "Port-Limit", 63: "Login-LAT-Port", 64: "Tunnel-Type",
	65: "Tunnel-Medium-Type", 66: "Tunnel-Client-Endpoint", 67: "Tunnel-Server-Endpoint", 68: "Acct-Tunnel-Connection",
	69: "Tunnel-Password", 70: "ARAP-Password", 71: "ARAP-Features", 72: "ARAP-Zone-Access", 73: "ARAP-Security",
	74: "ARAP-Security-Data", 75: "Password-Retry", 76: "Prompt", 77: "Connect-Info", 78: "Configuration-Token",
	79: "EAP-Message", 80: "Message-Authenticator", 81: "Tunnel-Private-Group-Id", 82: "Tunnel-Assignment-Id",
	83: "Tunnel-Preference", 84: "ARAP-Challenge-Response", 85: "Acct-Interim-Interval", 86: "Acct-Tunnel-Packets-Lost",
	87: "NAS-Port-Id", 88: "Framed-Pool", 89: "Chargeable-User-Identity", 90: "Tunnel-Client-Auth-Id",
	91: "Tunnel-Server-Auth-Id", 94: "Originating-Line-Info", 95: "NAS-IPv6-Address", 96: "Framed-Interface-Id",
	97: "Framed-IPv6-Prefix", 98: "Login-IPv6-Host", 99: "Framed-IPv6-Route", 100: "Framed-IPv6-Pool",
	101: "Error-Cause", 102: "EAP-Key-Name", 123: "Delegated-IPv6-Prefix", 124: "MIP6-Feature-Vector",
	125: "MIP6-Home-Link-Prefix", 126: "Operator-Name", 127: "Location-Information", 128: "Location-Data",
	129: "Basic-Location-Policy-Rules", 130: "Extended-Location-Policy-Rules", 131: "Location-Capable",
	132: "Requested-Location-Info", 168: "Framed-IPv6-Address",
}.Of

// enterprise is the name of an IANA enterprise number.
var enterprise = decode.Names{
	9: "Cisco", 11: "Hewlett-Packard", 43: "3Com", 311: "Microsoft", 529: "Ascend", 2011: "Huawei", 2636: "Juniper",
	3561: "Broadband Forum", 4413: "Broadcom", 4526: "Netgear", 4874: "Juniper (Unisphere)", 5771: "Cisco (BBSM)",
	6527: "Nokia", 8072: "net-snmp", 8744: "Colubris", 10415: "3GPP", 11129: "Google", 14122: "WISPr", 14179: "Airespace",
	14823: "Aruba", 14988: "MikroTik", 25506: "H3C", 30065: "Arista",
}.Of
