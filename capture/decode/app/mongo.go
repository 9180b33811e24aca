package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypeMongo, "MongoDB", mongoFields)

var (
	fMongoLength  = decode.Define("mongo.message_length", "Length", decode.KindUint).As("length").At(0, 4).Little()
	fMongoID      = decode.Define("mongo.request_id", "Request ID", decode.KindUint).At(4, 4).Little()
	fMongoTo      = decode.Define("mongo.response_to", "Response to", decode.KindUint).At(8, 4).Little()
	fMongoOpcode  = decode.Define("mongo.opcode", "Opcode", decode.KindUint).At(12, 4).Little().Means(mongoOpcode).InLine(" ")
	fMongoName    = decode.Define("mongo.full_collection_name", "Collection", decode.KindText).As("collection").InLine(" ")
	fMongoCommand = decode.Define("mongo.command", "Command", decode.KindText).InLine(" ")
	fMongoOf      = decode.Define("mongo.command_value", "Of", decode.KindText).As("of").InLine(" ")
)

// mongoFields describes a message; of a document its first element, which names the command.
func mongoFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 16 {
		return
	}
	w.Add(0, fMongoLength, fMongoID, fMongoTo, fMongoOpcode)
	switch op := binary.LittleEndian.Uint32(data[12:]); op {
	case 2001, 2002, 2004, 2005, 2006: // the name of a collection behind flags, or what was reserved
		name, next := zeroTerminated(data, 20)
		w.Bytes(fMongoName, 20, len(name))
		if op == 2004 {
			mongoElement(w, next+8)
		}
	case 1: // flags, cursor, from, number
		mongoElement(w, 36)
	case 2013: // flags and the kind of the section
		if len(data) > 20 && data[20] == 0 {
			mongoElement(w, 21)
		}
	}
}

// mongoElement describes the first element of the document at off.
func mongoElement(w *decode.FieldWriter, off int) {
	data := w.Data()
	if off+6 > len(data) {
		return
	}
	kind := data[off+4]
	name, next := zeroTerminated(data, off+5)
	if kind == 0 || len(name) == 0 || len(name) > 128 {
		return
	}
	w.Bytes(fMongoCommand, off+5, len(name))
	if kind == 2 && next+5 <= len(data) {
		if n := int(binary.LittleEndian.Uint32(data[next:])); n > 1 && n < 1024 {
			w.Bytes(fMongoOf, next+4, n-1)
		}
	}
}

var mongoOpcode = decode.Names{
	1: "Reply", 1000: "Message", 2001: "Update document", 2002: "Insert document", 2004: "Query", 2005: "Get More", 2006: "Delete document",
	2007: "Kill Cursors", 2010: "Command Request", 2011: "Command Reply", 2012: "Compressed Data", 2013: "Extensible Message Format",
}.Of
