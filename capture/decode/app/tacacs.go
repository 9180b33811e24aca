package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeTACACS, "TACACS+", func(w *decode.FieldWriter, _ bool) { w.Add(0, tacacs...) })

// tacacs is the header (RFC 8907 section 4.1). What follows it is obfuscated.
var tacacs = []*decode.Definition{
	decode.Define("tacplus.majvers", "Major version", decode.KindUint).As("major").Bits(0, 4),
	decode.Define("tacplus.minvers", "Minor version", decode.KindUint).As("minor").Bits(4, 4),
	decode.Define("tacplus.type", "Type", decode.KindUint).At(1, 1).
		Means(decode.Names{1: "Authentication", 2: "Authorization", 3: "Accounting"}.Of).InLine(" "),
	decode.Define("tacplus.seqno", "Sequence number", decode.KindUint).As("sequence").At(2, 1).InLine(" seq "),
	decode.Define("tacplus.flags.unencrypted", "Unencrypted", decode.KindBool).As("unencrypted").Bits(31, 1).InLine(" unencrypted"),
	decode.Define("tacplus.flags.singleconn", "Single connection", decode.KindBool).As("single_connection").Bits(29, 1),
	decode.Define("tacplus.session_id", "Session ID", decode.KindHex).As("session").At(4, 4).InLine(" session "),
	decode.Define("tacplus.packet_len", "Length", decode.KindUint).As("length").At(8, 4),
}
