package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeRX, "rx", func(w *decode.FieldWriter, _ bool) {
	w.Add(0, rxHeader...)
})

// rxHeader is the header of RX, what AFS calls with.
var rxHeader = []*decode.Definition{
	decode.Define("rx.cid", "Connection ID", decode.KindHex).At(4, 4),
	decode.Define("rx.type", "Packet type", decode.KindUint).At(20, 1).Means(decode.Names{
		1: "data", 2: "busy", 3: "abort", 4: "ack", 5: "challenge", 6: "response", 7: "ackall", 8: "params", 13: "version",
	}.Of).InLine(" "),
	decode.Define("rx.callnumber", "Call number", decode.KindUint).At(8, 4).InLine(" call "),
	decode.Define("rx.seq", "Sequence number", decode.KindUint).At(12, 4).InLine(" seq "),
	decode.Define("rx.serial", "Serial", decode.KindUint).At(16, 4),
	decode.Define("rx.flags.client_init", "Client initiated", decode.KindBool).Bits(175, 1),
	decode.Define("rx.flags.last_packet", "Last packet", decode.KindBool).Bits(173, 1),
	decode.Define("rx.securityindex", "Security index", decode.KindUint).At(23, 1),
	decode.Define("rx.serviceid", "Service ID", decode.KindUint).At(26, 2).InLine(" service "),
}
