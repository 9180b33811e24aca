package app

import (
	"bytes"

	"sockwire/capture/decode"
)

var (
	_ = describe(decode.TypeNBNS, "NBT UDP PACKET(137):", nbnsFields)
	_ = describe(decode.TypeNBDGM, "NBT UDP PACKET(138):", nbdgmFields)
	_ = describe(decode.TypeNBSS, "NBT", nbssFields)
)

var (
	fNBNSID        = decode.Define("nbns.id", "NAME_TRN_ID", decode.KindHex).At(0, 2)
	fNBNSResponse  = decode.Define("nbns.flags.response", "Response", decode.KindBool).As("response").Bits(16, 1).Means(nbnsDirection).InLine("; ")
	fNBNSOpcode    = decode.Define("nbns.flags.opcode", "Opcode", decode.KindUint).As("opcode").Bits(17, 4).Means(nbnsOpcode).InLine(" ")
	fNBNSBroadcast = decode.Define("nbns.flags.broadcast", "Broadcast", decode.KindBool).As("broadcast").Bits(27, 1).InLine("; BROADCAST")
	fNBNSRcode     = decode.Define("nbns.flags.rcode", "Rcode", decode.KindUint).As("rcode").Bits(28, 4).Means(nbnsRcode)
	fNBNSQueries   = decode.Define("nbns.count.queries", "QDCOUNT", decode.KindUint).As("qdcount").At(4, 2)
	fNBNSAnswers   = decode.Define("nbns.count.answers", "ANCOUNT", decode.KindUint).As("ancount").At(6, 2)
	fNBNSName      = decode.Define("nbns.name", "Name", decode.KindText).InLine("; ")
	fNBNSType      = decode.Define("nbns.type", "Type", decode.KindUint).InLine(" ")
	fNBNSAddr      = decode.Define("nbns.addr", "Address", decode.KindIP).As("addresses").Several().InLine(" ")

	fNBDGMType   = decode.Define("nbdgm.type", "Message type", decode.KindUint).At(0, 1).Means(nbdgmType).InLine(" ")
	fNBDGMID     = decode.Define("nbdgm.dgram_id", "Datagram ID", decode.KindHex).At(2, 2)
	fNBDGMIP     = decode.Define("nbdgm.src.ip", "Source IP", decode.KindIP).As("source_ip").At(4, 4)
	fNBDGMPort   = decode.Define("nbdgm.src.port", "Source port", decode.KindUint).As("source_port").At(8, 2)
	fNBDGMSource = decode.Define("nbdgm.source_name", "Source name", decode.KindText).InLine("; from ")
	fNBDGMDest   = decode.Define("nbdgm.destination_name", "Destination name", decode.KindText).InLine("; to ")

	fNBSSType    = decode.Define("nbss.type", "Message type", decode.KindUint).At(0, 1).Means(nbssType)
	fNBSSLength  = decode.Define("nbss.length", "Length", decode.KindUint)
	fNBSSCalled  = decode.Define("nbss.called_name", "Called name", decode.KindText).InLine(" called ")
	fNBSSCalling = decode.Define("nbss.calling_name", "Calling name", decode.KindText).InLine(" calling ")
	fNBSSKind    = decode.Define("nbss.kind", "Session service", decode.KindUint).Means(nbssType).InLine(" ")
)

// netbiosName decodes the name at off (RFC 1001 section 14.1) and returns where the next thing starts. The last byte
// says what the name is for, and stands in angle brackets.
func netbiosName(data []byte, off int) (name []byte, next int) {
	if off+34 > len(data) || data[off] != 32 {
		if off+2 <= len(data) && data[off]&0xc0 == 0xc0 { // a pointer to the first
			if off > 12 && data[12] == 32 {
				name, _ = netbiosName(data, 12)
			}
			return name, off + 2
		}
		return nil, len(data)
	}
	var b [16]byte
	for i := range b {
		hi, lo := data[off+1+2*i]-'A', data[off+2+2*i]-'A'
		if hi > 15 || lo > 15 {
			return nil, off + 34
		}
		b[i] = hi<<4 | lo
	}
	const digits = "0123456789abcdef"
	name = append(name, bytes.TrimRight(b[:15], " \x00")...)
	name = append(name, '<', digits[b[15]>>4], digits[b[15]&15], '>')
	for off += 33; off < len(data) && data[off] != 0; off += 1 + int(data[off]) { // the scope
	}
	return name, off + 1
}

func netbiosField(w *decode.FieldWriter, d *decode.Definition, off int) (next int) {
	name, next := netbiosName(w.Data(), off)
	if name != nil {
		w.Text(d, off, min(next, len(w.Data()))-off, name)
	}
	return next
}

// nbnsFields describes a message of the name service (RFC 1002 section 4.2).
func nbnsFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 12 {
		return
	}
	w.Add(0, fNBNSID, fNBNSOpcode, fNBNSResponse, fNBNSBroadcast)
	if data[2]&0x80 != 0 {
		w.Add(0, fNBNSRcode)
	}
	w.Add(0, fNBNSQueries, fNBNSAnswers)
	questions := int(data[4])<<8 | int(data[5])
	records := questions
	for off := 6; off < 12; off += 2 {
		records += int(data[off])<<8 | int(data[off+1])
	}
	off := 12
	for i := 0; i < min(records, 16) && off+10 <= len(data); i++ {
		if i > 0 {
			w.Group(fMessage, off, len(data)-off)
		}
		off = nbnsRecord(w, off, i < questions)
		if i > 0 {
			w.End()
		}
	}
}

// nbnsRecord describes a question or a record and returns where it ends.
func nbnsRecord(w *decode.FieldWriter, off int, question bool) int {
	data := w.Data()
	off = netbiosField(w, fNBNSName, off)
	t := w.Enum(fNBNSType, off, 2, nbnsType)
	if question || off+10 > len(data) {
		return off + 4
	}
	n := int(data[off+8])<<8 | int(data[off+9])
	if off += 10; t == 32 { // flags and an address each
		for at := off; at+6 <= off+n && at+6 <= len(data) && at < off+6*16; at += 6 {
			w.Bytes(fNBNSAddr, at+2, 4)
		}
	}
	return off + n
}

var nbnsType = decode.Names{1: "A", 10: "NULL", 32: "NB", 33: "NBSTAT"}.Of

func nbnsDirection(n uint64) string { return [...]string{"REQUEST", "RESPONSE"}[n&1] }

var nbnsOpcode = decode.Names{
	0: "QUERY", 5: "REGISTRATION", 6: "RELEASE", 7: "WACK", 8: "REFRESH", 9: "REFRESH(ALTERNATE)", 15: "MULTIHOMED REGISTRATION",
}.Of

var nbnsRcode = decode.Names{
	1: "format error", 2: "server failure", 3: "name error", 4: "not implemented", 5: "refused", 6: "active", 7: "conflict",
}.Of

// nbdgmFields describes a datagram (RFC 1002 section 4.4).
func nbdgmFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fNBDGMType, fNBDGMID, fNBDGMIP, fNBDGMPort)
	if len(data) < 14 || data[0] < 0x10 || data[0] > 0x12 {
		return
	}
	off := netbiosField(w, fNBDGMSource, 14)
	netbiosField(w, fNBDGMDest, off)
}

var nbdgmType = decode.Names{
	0x10: "direct unique", 0x11: "direct group", 0x12: "broadcast", 0x13: "error", 0x14: "query request", 0x15: "positive query response",
	0x16: "negative query response",
}.Of

// nbssFields describes a message of the session service (RFC 1002 section 4.3), which carries SMB.
func nbssFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 4 {
		return
	}
	w.Add(0, fNBSSType)
	w.Uint(fNBSSLength, 1, 3)
	if data[0] == 0 {
		return
	}
	if data[0] == 0x81 {
		off := netbiosField(w, fNBSSCalled, 4)
		netbiosField(w, fNBSSCalling, off)
	}
	w.Value(fNBSSKind, 0, 0, uint64(data[0]))
	w.Note(nbssType(uint64(data[0])))
}

var nbssType = decode.Names{
	0: "message", 0x81: "request", 0x82: "positive response", 0x83: "negative response", 0x84: "retarget response", 0x85: "keep-alive",
}.Of
