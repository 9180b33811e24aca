package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypeENIP, "EtherNet/IP", enipFields)

var (
	fENIPCommand = decode.Define("enip.command", "Command", decode.KindHex).At(0, 2).Little().Means(enipCommand).InLine(" ")
	fENIPLength  = decode.Define("enip.length", "Length", decode.KindUint).At(2, 2).Little()
	fENIPSession = decode.Define("enip.session", "Session handle", decode.KindHex).At(4, 4).Little().InLine(" session ")
	fENIPStatus  = decode.Define("enip.status", "Status", decode.KindHex).At(8, 4).Little()
	fENIPOptions = decode.Define("enip.options", "Options", decode.KindHex).At(20, 4).Little()
	fCIPReply    = decode.Define("cip.rr", "Response", decode.KindBool).As("response").Bits(0, 1)
	fCIPService  = decode.Define("cip.sc", "CIP service", decode.KindHex).As("service").Bits(1, 7).Means(cipService).InLine(" ")
	fCIPStatus   = decode.Define("cip.genstat", "General status", decode.KindHex).As("general_status").At(2, 1).InLine(" status ")
)

// enipFields describes a command and the CIP service in it (ODVA volume 2, chapter 2).
func enipFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fENIPCommand, fENIPLength, fENIPSession, fENIPStatus, fENIPOptions)
	if len(data) < 32 || data[0] != 0x6f && data[0] != 0x70 {
		return
	}
	items := int(binary.LittleEndian.Uint16(data[30:]))
	for off := 32; items > 0 && items < 16 && off+4 <= len(data); items-- {
		kind, n := binary.LittleEndian.Uint16(data[off:]), int(binary.LittleEndian.Uint16(data[off+2:]))
		off += 4
		at := off
		if kind == 0xb1 { // connected: a sequence number first
			at += 2
		}
		if (kind == 0xb1 || kind == 0xb2) && at < off+n && at < len(data) {
			w.Within(at, off+n, func(w *decode.FieldWriter) {
				w.Add(0, fCIPReply, fCIPService)
				if w.Data()[0]&0x80 != 0 {
					w.Add(0, fCIPStatus)
				}
			})
			return
		}
		off += n
	}
}

var enipCommand = decode.Names{
	0: "NOP", 4: "List Services", 0x63: "List Identity", 0x64: "List Interfaces", 0x65: "Register Session", 0x66: "Unregister Session",
	0x6f: "Send RR Data", 0x70: "Send Unit Data", 0x72: "Indicate Status", 0x73: "Cancel",
}.Of

var cipService = decode.Names{
	1: "Get Attributes All", 2: "Set Attributes All", 3: "Get Attribute List", 4: "Set Attribute List", 5: "Reset", 6: "Start", 7: "Stop",
	8: "Create", 9: "Delete", 0xa: "Multiple Service Packet", 0xe: "Get Attribute Single", 0x10: "Set Attribute Single",
	0x4b: "Execute PCCC", 0x4c: "Read Tag", 0x4d: "Write Tag", 0x4e: "Forward Close or Read Modify Write", 0x52: "Unconnected Send or Read Tag Fragmented",
	0x53: "Write Tag Fragmented", 0x54: "Forward Open", 0x5b: "Large Forward Open",
}.Of
