package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeSOMEIP, "SOMEIP", func(w *decode.FieldWriter, stream bool) {
	if stream {
		w.Add(0, someip...)
		return
	}
	each(w, decode.TypeSOMEIP.MessageLength, func(w *decode.FieldWriter) { w.Add(0, someip...) })
})

// someip is the header of a message, of which a datagram may hold several (AUTOSAR PRS SOME/IP section 4.1.2).
var someip = []*decode.Definition{
	decode.Define("someip.serviceid", "Service ID", decode.KindHex).As("service").At(0, 2).Means(decode.Names{0xffff: "SD"}.Of).InLine(", service "),
	decode.Define("someip.methodid", "Method ID", decode.KindHex).As("method").At(2, 2).InLine(", method "),
	decode.Define("someip.length", "Length", decode.KindUint).At(4, 4).InLine(", len "),
	decode.Define("someip.clientid", "Client ID", decode.KindHex).As("client").At(8, 2).InLine(", client "),
	decode.Define("someip.sessionid", "Session ID", decode.KindHex).As("session").At(10, 2).InLine(", session "),
	decode.Define("someip.protoversion", "Protocol version", decode.KindUint).As("protocol_version").At(12, 1).InLine(", pver "),
	decode.Define("someip.interfaceversion", "Interface version", decode.KindUint).As("interface_version").At(13, 1).InLine(", iver "),
	decode.Define("someip.messagetype", "Message type", decode.KindHex).As("type").At(14, 1).Means(decode.Names{
		0: "Request", 1: "Request No Return", 2: "Notification", 0x40: "Request Ack", 0x41: "Request No Return Ack", 0x42: "Notification Ack",
		0x80: "Response", 0x81: "Error", 0xc0: "Response Ack", 0xc1: "Error Ack", 0x20: "TP Request", 0x21: "TP Request No Return",
		0x22: "TP Notification", 0xa0: "TP Response", 0xa1: "TP Error",
	}.Of).InLine(", msgtype "),
	decode.Define("someip.returncode", "Return code", decode.KindHex).As("return_code").At(15, 1).Means(decode.Names{
		0: "OK", 1: "NOT OK", 2: "Unknown Service", 3: "Unknown Method", 4: "Not Ready", 5: "Not Reachable", 6: "Timeout",
		7: "Wrong Protocol Version", 8: "Wrong Interface Version", 9: "Malformed Message", 10: "Wrong Message Type",
	}.Of).InLine(", retcode "),
}
