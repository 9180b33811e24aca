package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeRPKI, "RPKI-RTR", rpkiFields)

var (
	fRPKIVersion = decode.Define("rpki-rtr.version", "Version", decode.KindUint).At(0, 1).InLine("v")
	fRPKIType    = decode.Define("rpki-rtr.pdu_type", "PDU type", decode.KindUint).As("type").At(1, 1).Means(rpkiType).InLine(", ")
	fRPKILength  = decode.Define("rpki-rtr.length", "Length", decode.KindUint).At(4, 4)
	fRPKISerial  = decode.Define("rpki-rtr.serial_number", "Serial number", decode.KindUint).As("serial").At(8, 4).InLine(" serial ")
	fRPKIPrefix4 = decode.Define("rpki-rtr.ipv4_prefix", "Prefix", decode.KindIP).As("prefix").At(12, 4).InLine(" prefix ")
	fRPKIPrefix6 = decode.Define("rpki-rtr.ipv6_prefix", "Prefix", decode.KindIP).As("prefix6").At(12, 16).InLine(" prefix ")
	fRPKIBits    = decode.Define("rpki-rtr.prefix_length", "Prefix length", decode.KindUint).At(9, 1).InLine("/")
	fRPKIMax     = decode.Define("rpki-rtr.max_length", "Max length", decode.KindUint).At(10, 1).InLine("-")
	fRPKIAS4     = decode.Define("rpki-rtr.as_number", "AS number", decode.KindUint).As("as").InLine(" AS ")
)

// rpkiFields describes a PDU (RFC 8210 section 5).
func rpkiFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fRPKIVersion, fRPKIType, fRPKILength)
	if len(data) < 12 {
		return
	}
	switch data[1] {
	case 0, 1, 7:
		w.Add(0, fRPKISerial)
	case 4:
		w.Add(0, fRPKIPrefix4, fRPKIBits, fRPKIMax)
		w.Uint(fRPKIAS4, 16, 4)
	case 6:
		w.Add(0, fRPKIPrefix6, fRPKIBits, fRPKIMax)
		w.Uint(fRPKIAS4, 28, 4)
	}
}

var rpkiType = decode.Names{
	0: "Serial Notify", 1: "Serial Query", 2: "Reset Query", 3: "Cache Response", 4: "IPv4 Prefix", 6: "IPv6 Prefix", 7: "End of Data",
	8: "Cache Reset", 9: "Router Key", 10: "Error Report",
}.Of
